"""`modgate policy decisions` and `history`: what was decided here, and by which policies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import FAILED
from modgate.cli.books_ask import Asked, moment, show_table
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, tell
from modgate.cli.speech import AsJson, Lang, catalogue, print_json, text

if TYPE_CHECKING:
    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Put the commands into the group."""
    app.command(context_settings=CONTEXT, help=text("policy.help.decisions"))(decisions)
    app.command(context_settings=CONTEXT, help=text("policy.help.history"))(history)


def decisions(
    ctx: typer.Context,
    identifier: Annotated[
        str | None, typer.Argument(metavar="ID", help=text("policy.help.decision"), show_default=False)
    ] = None,
    *,
    module: Annotated[str, typer.Option("--module", metavar="PATH", help=text("policy.help.module"))] = "",
    consumer: Annotated[
        str, typer.Option("--consumer", metavar="NAME", help=text("policy.help.met_by"))
    ] = "",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=text("policy.help.met_since"))
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help=text("policy.help.limit"))
    ] = 100,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Look up decisions."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    if identifier is not None:
        _, summary = _found(asked, "policy-decision", {"id": identifier})
        if as_json:
            print_json({"schema": 1, **summary.facts})
        else:
            _show_one(summary.facts, say)
        return
    params = {"module": module, "consumer": consumer, "since": moment(say, since, 0.0), "limit": limit}
    items, summary = asked.run("policy-decisions", params)
    if as_json:
        print_json({"schema": 1, **summary.facts, "rows": [each.facts for each in items]})
        return
    if items:
        heads = [say(f"policy.head.{name}") for name in ("id", "effect", "last", "times", "what")]
        show_table(heads, [_row(each.facts) for each in items])
    else:
        print(say("policy.decisions.none"))
    print(say("policy.decisions.allowed", count=sum(summary.facts["allowed"].values())))


def _show_one(facts: dict[str, Any], say: Catalogue) -> None:
    from modgate.cli.wide import cells  # noqa: PLC0415  not needed for --help
    from modgate.gomod.harmless import harmless  # noqa: PLC0415  likewise

    owner = ", ".join(filter(None, (facts["team"], facts["owner"])))
    consumer = f"{facts['consumer']} ({owner})" if owner else facts["consumer"]
    mode = "" if facts["mode"] == "enforce" else f" ({facts['mode']}, {facts['would']})"
    lines = {
        "effect": f"{facts['effect']}{mode}",
        "consumer": consumer,
        "rule": facts["rule"] or say("policy.text.default"),
        "reason": facts["reason"],
        "advisories": ", ".join(facts["advisories"]),
        "severity": facts["severity"] if facts["advisories"] else "",
        "fixed": facts["fixed"],
        "waiver": facts["waiver"],
        "unknown": facts["unknown"],
        "revision": facts["revision"],
        "first": _second(facts["first"]),
        "last": _second(facts["last"]),
        "times": str(facts["count"]),
    }
    told = {say(f"policy.head.{name}"): words for name, words in lines.items() if words}
    width = max(map(cells, told))
    print(harmless(f"{facts['id']}  {facts['module']}@{facts['version']}"))
    for head, words in told.items():
        print(harmless(f"{head}{' ' * (width - cells(head))}  {words}"))


def history(
    ctx: typer.Context,
    revision: Annotated[
        str | None, typer.Argument(metavar="REVISION", help=text("policy.help.revision"), show_default=False)
    ] = None,
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """List the policies that were in force."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    items, summary = _found(asked, "policy-history", {"revision": revision or ""})
    rows = [each.facts for each in items]
    if as_json:
        print_json({"schema": 1, **summary.facts, "rows": rows})
    elif revision:
        print(rows[0]["text"], end="" if rows[0]["text"].endswith("\n") else "\n")
    elif rows:
        show_table(
            [say("policy.head.revision"), say("policy.head.since")],
            [[each["revision"], _second(each["at"])] for each in rows],
        )
    else:
        print(say("policy.show.none"))


def _row(facts: dict[str, Any]) -> list[str]:
    about = f"{facts['module']}@{facts['version']} {facts['consumer']}"
    return [facts["id"], facts["effect"], _second(facts["last"])[:16], str(facts["count"]), about.rstrip()]


def _found(asked: Asked, name: str, params: dict[str, Any]) -> tuple[list[Item], Summary]:
    """As it is asked; what is not there is told, with exit status 1."""
    from modgate.errors import Absent  # noqa: PLC0415  not needed for --help

    try:
        return asked.run(name, params)
    except Absent as error:
        tell(error)
        raise typer.Exit(FAILED) from None


def _second(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(at))
