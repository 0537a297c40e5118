"""`modgate audit`: what happened, and whether anybody changed the record of it.

Exit status of `verify`: 0 the chain holds, 1 it does not.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from modgate.cli import FAILED
from modgate.cli.books_ask import Asked, moment
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modgate.model.operations import Item

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.callback(
    invoke_without_command=True, context_settings={"max_content_width": 80}, help=text("audit.help.group")
)
def rows(
    ctx: typer.Context,
    *,
    module: Annotated[str, typer.Option("--module", metavar="PATH", help=text("audit.help.module"))] = "",
    version: Annotated[str, typer.Option("--version", metavar="V", help=text("audit.help.version"))] = "",
    consumer: Annotated[
        str, typer.Option("--consumer", metavar="NAME", help=text("audit.help.consumer"))
    ] = "",
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help=text("audit.help.kind"))] = "",
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help=text("audit.help.since"))
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help=text("audit.help.until"))
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, help=text("audit.help.limit"))] = 0,
    form: Annotated[
        Literal["text", "csv", "jsonl"],
        typer.Option("--format", metavar="text|csv|jsonl", help=text("audit.help.format")),
    ] = "text",
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Rows."""
    if ctx.invoked_subcommand is not None:
        return
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file)
    params: dict[str, Any] = {
        "module": module, "version": version, "consumer": consumer, "kind": kind, "limit": limit,
        "since": moment(say, since, 0.0),
    }  # fmt: skip
    if until is not None:
        params["until"] = moment(say, until, 0.0)
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        items, summary = asked.run("audit", params)
        print_json({"schema": 1, **summary.facts, "rows": [each.facts for each in items]})
        return
    if form == "csv":
        from modgate.operations.audit import csv_line  # noqa: PLC0415  likewise

        sys.stdout.write(csv_line(None))
    _, summary = asked.run("audit", params, item=_printer(form))
    if form == "text" and not summary.facts["rows"]:
        print(say("audit.text.none"))


def _printer(form: str) -> Callable[[Item], None]:
    from modgate.gomod.harmless import harmless  # noqa: PLC0415  likewise

    if form == "csv":
        from modgate.operations.audit import csv_line  # noqa: PLC0415

        return lambda item: _write(csv_line(item.facts))
    if form == "jsonl":
        import msgspec  # noqa: PLC0415

        return lambda item: _write(msgspec.json.encode(item.facts).decode() + "\n")
    return lambda item: _write(harmless(_line(item.facts)) + "\n")


def _write(line: str) -> None:
    sys.stdout.write(line)


def _line(facts: Mapping[str, Any]) -> str:
    """A row for people: the number, when, what, about which version, then what is known of it."""
    told = dict(facts["facts"])
    shown = [str(told.pop("kind"))] if facts["kind"] in {"verified", "published"} and "kind" in told else []
    for name in ("verified", "h1", "source", "decision", "owner", "consumer"):
        told.pop(name, None)
        if facts[name]:
            shown.append(f"{name}={facts[name]}")
    shown += [f"{name}={_short(value)}" for name, value in sorted(told.items())]
    subject = facts["module"] + (f"@{facts['version']}" if facts["version"] else "")
    return "  ".join(filter(None, (f"{facts['number']:>6}", facts["time"], facts["kind"], subject, *shown)))


def _short(value: object) -> str:
    told = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return told if len(told) <= 120 else f"{told[:119]}…"


@app.command(context_settings=CONTEXT, help=text("audit.help.verify"))
def verify(
    ctx: typer.Context,
    *,
    head: Annotated[str, typer.Option("--head", metavar="NUMBER:HASH", help=text("audit.help.known"))] = "",
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Check the chain."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    items, summary = asked.run("audit-verify", {"head": head})
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        print_json({"schema": 1, "ok": summary.ok, **summary.facts, "rows": [each.subject for each in items]})
    elif summary.ok:
        print(say("audit.text.holds", number=summary.facts["number"]))
        print(f"  {summary.facts['head']}")
    else:
        print(say("audit.text.broken", count=len(items)))
        for each in items:
            print(f"  {each.subject}")
    raise typer.Exit(0 if summary.ok else FAILED)


@app.command("head", context_settings=CONTEXT, help=text("audit.help.head"))
def head_(
    ctx: typer.Context,
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """The last row."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    _, summary = asked.run("audit-head", {})
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        print_json({"schema": 1, **summary.facts})
    else:
        print(summary.facts["head"])


def run(args: Sequence[str]) -> int:
    """Run `modgate audit` with these arguments."""
    return run_app(app, "audit", args)
