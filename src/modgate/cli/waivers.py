"""`modgate waivers`: exemptions from the policy, each with an owner, a reason and an end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED
from modgate.cli.books_ask import Asked, day, ends, show_table
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback(context_settings={"max_content_width": 80}, help=text("waivers.help.group"))
def group() -> None:
    """Exemptions."""


@app.command("list", context_settings=CONTEXT, help=text("waivers.help.list"))
def list_(
    ctx: typer.Context,
    *,
    ended: Annotated[bool, typer.Option("--ended", help=text("waivers.help.ended"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """List."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=ctx.args)
    items, summary = asked.run("waivers-list", {"ended": ended})
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        print_json({"schema": 1, **summary.facts, "rows": [each.facts for each in items]})
        return
    if not items:
        print(say("waivers.text.none"))
        return
    heads = [say(f"waivers.head.{name}") for name in ("id", "what", "expires", "owner", "reason")]
    rows = []
    for each in items:
        facts = each.facts
        what = facts["pattern"] + (f"@{facts['versions']}" if facts["versions"] else "")
        more = [facts["advisory"], facts["rule"], *facts["consumers"]]
        until = day(facts["expires"]) if not facts["revoked"] else say("waivers.text.was_revoked")
        rows.append(
            [facts["id"], " ".join(filter(None, (what, *more))), until, facts["owner"], facts["reason"]]
        )
    show_table(heads, rows)


@app.command(context_settings=CONTEXT, help=text("waivers.help.grant"))
def grant(
    subject: Annotated[str, typer.Argument(metavar="MODULE[@RANGE]", help=text("waivers.help.subject"))],
    *,
    owner: Annotated[str, typer.Option("--owner", metavar="NAME", help=text("waivers.help.owner"))],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=text("waivers.help.reason"))],
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help=text("waivers.help.expires"))],
    advisory: Annotated[
        str, typer.Option("--advisory", metavar="ID", help=text("waivers.help.advisory"))
    ] = "",
    rule: Annotated[str, typer.Option("--rule", metavar="ID", help=text("waivers.help.rule"))] = "",
    consumer: Annotated[
        list[str] | None, typer.Option("--consumer", metavar="NAME", help=text("waivers.help.consumer"))
    ] = None,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Grant."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=[subject])
    pattern, _, versions = subject.partition("@")
    params = {
        "pattern": pattern, "versions": versions, "owner": owner, "reason": reason,
        "expires": ends(say, expires), "advisory": advisory, "rule": rule, "consumers": consumer or [],
    }  # fmt: skip
    items, _ = asked.run("waivers-grant", params)
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        print_json({"schema": 1, **items[0].facts})
        return
    print(say("waivers.text.granted", id=items[0].subject, day=day(items[0].facts["expires"])))


@app.command(context_settings=CONTEXT, help=text("waivers.help.revoke"))
def revoke(
    identifier: Annotated[str, typer.Argument(metavar="ID", help=text("waivers.help.id"))],
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    lang: Lang = None,
) -> None:
    """Revoke."""
    say = catalogue(lang)
    asked = Asked(
        say, config, settings, store=store, server=server, token_file=token_file, words=[identifier]
    )
    _, summary = asked.run("waivers-revoke", {"id": identifier})
    if not summary.ok:
        print(f"modgate: {say('waivers.text.unknown', id=identifier)}", file=sys.stderr)
        raise typer.Exit(FAILED)
    print(say("waivers.text.revoked", id=identifier))


def run(args: Sequence[str]) -> int:
    """Run `modgate waivers` with these arguments."""
    return run_app(app, "waivers", args)
