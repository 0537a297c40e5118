"""`modgate consumers`: who is known, what is held about one, and its erasure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.books_ask import Asked, agreed, day, show_table
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_Name = Annotated[str, typer.Argument(metavar="NAME", help=text("consumers.help.name"))]


@app.callback(context_settings={"max_content_width": 80}, help=text("consumers.help.group"))
def group() -> None:
    """Who asks."""


@app.command("list", context_settings=CONTEXT, help=text("consumers.help.list"))
def list_(
    ctx: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help=text("consumers.help.limit"))
    ] = 100,
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
    items, summary = asked.run("consumers-list", {"limit": limit})
    if as_json:
        _json(
            {"schema": 1, **summary.facts, "rows": [{"name": each.subject, **each.facts} for each in items]}
        )
        return
    if not items:
        print(say("consumers.text.nobody"))
        return
    heads = [say(f"consumers.head.{name}") for name in ("name", "team", "owner", "first", "last")]
    rows = [
        [
            each.subject,
            each.facts["team"],
            each.facts["owner"],
            day(each.facts["first"]),
            day(each.facts["last"]),
        ]
        for each in items
    ]
    show_table(heads, rows)
    if summary.facts["more"]:
        print(say("consumers.text.more"))


@app.command(context_settings=CONTEXT, help=text("consumers.help.show"))
def show(
    name: _Name,
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show one."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=[name])
    person = _person(asked, name, say)
    if as_json:
        _json(person)
        return
    records = person["records"]
    print(person["name"])
    for key in ("team", "owner", "contact", "channel"):
        if person[key]:
            print(f"  {say(f'consumers.head.{key}')}: {person[key]}")
    print(f"  {say('consumers.text.span', first=day(person['first']), last=day(person['last']))}")
    counts = {key: len(records.get(key, ())) for key in ("uses", "decisions", "waivers", "messages")}
    print(f"  {say('consumers.text.holds', **counts)}")
    uses = sorted(records.get("uses", ()), key=lambda use: -use["last"])[:20]
    if uses:
        print()
        heads = [say(f"consumers.head.{name}") for name in ("version", "zips", "mods", "last")]
        show_table(
            heads,
            [
                [f"{use['path']}@{use['version']}", str(use["zips"]), str(use["mods"]), day(use["last"])]
                for use in uses
            ],
        )


@app.command(context_settings=CONTEXT, help=text("consumers.help.export"))
def export(
    name: _Name,
    *,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    lang: Lang = None,
) -> None:
    """Export as JSON."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=[name])
    _json(_person(asked, name, say))


@app.command(context_settings=CONTEXT, help=text("consumers.help.erase"))
def erase(
    name: _Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=text("consumers.help.yes"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    lang: Lang = None,
) -> None:
    """Erase."""
    say = catalogue(lang)
    asked = Asked(say, config, settings, store=store, server=server, token_file=token_file, words=[name])
    if not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            print(f"modgate: {say('consumers.text.needs_yes')}", file=sys.stderr)
            raise typer.Exit(USAGE)
        if not agreed(say, say("consumers.text.ask", name=name)):
            raise typer.Exit(FAILED)
    _, summary = asked.run("consumers-erase", {"name": name})
    if not summary.ok:
        print(f"modgate: {say('consumers.text.unknown', name=name)}", file=sys.stderr)
        raise typer.Exit(FAILED)
    print(say("consumers.text.erased", name=name))


def _person(asked: Asked, name: str, say: Catalogue) -> dict[str, Any]:
    items, _ = asked.run("consumers-export", {"name": name})
    if not items:
        print(f"modgate: {say('consumers.text.unknown', name=name)}", file=sys.stderr)
        raise typer.Exit(FAILED)
    return {"schema": 1, "name": items[0].subject, **items[0].facts}


def _json(document: dict[str, Any]) -> None:
    from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

    print_json(document)


def run(args: Sequence[str]) -> int:
    """Run `modgate consumers` with these arguments."""
    return run_app(app, "consumers", args)
