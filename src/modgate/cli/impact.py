"""`modgate impact`: who uses a version, or what an advisory affects, and the command that mends it.

Exit status: 0 nobody does, 1 somebody does, 2 the question is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED
from modgate.cli.books_ask import Asked, day
from modgate.cli.operate import Server, Store, TokenFile  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, run_app
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.messages import Catalogue
    from modgate.model.operations import Item, Summary

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_COLUMNS = (
    "module", "version", "consumer", "team", "owner", "contact", "channel", "zips", "mods", "first", "last",
    "fix",
)  # fmt: skip


@app.command(context_settings=CONTEXT, help=text("impact.help.about"))
def impact(
    ctx: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="ADVISORY|MODULE[@VERSION]", help=text("impact.help.subject"))
    ],
    *,
    mods: Annotated[bool, typer.Option("--mods", help=text("impact.help.mods"))] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=text("impact.help.csv"))] = False,
    store: Store = None,
    server: Server = None,
    token_file: TokenFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Who is hit."""
    say = catalogue(lang)
    asked = Asked(
        say, config, settings, store=store, server=server, token_file=token_file, words=[subject, *ctx.args]
    )
    items, summary = asked.run("impact", {"subject": subject, "mods": mods})
    if as_json:
        from modgate.cli.speech import print_json  # noqa: PLC0415  not needed for --help

        print_json({"schema": 1, "subject": subject, **summary.facts, "rows": [each.facts for each in items]})
    elif as_csv:
        _print_csv(items)
    else:
        _show(items, summary, say)
    raise typer.Exit(FAILED if items else 0)


def _print_csv(items: Sequence[Item]) -> None:
    import sys  # noqa: PLC0415  as above
    import time  # noqa: PLC0415

    from modgate.operations.cells import csv_record  # noqa: PLC0415

    sys.stdout.write(csv_record(_COLUMNS))
    for each in items:
        facts = dict(each.facts)
        for name in ("first", "last"):
            facts[name] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(facts[name]))
        sys.stdout.write(csv_record([facts[name] for name in _COLUMNS]))


def _show(items: Sequence[Item], summary: Summary, say: Catalogue) -> None:
    from rich.text import Text  # noqa: PLC0415  rich stays off --help

    from modgate.cli.speech import console  # noqa: PLC0415

    out = console()
    if "advisory" in summary.facts:
        told = summary.facts["advisory"]
        out.print(Text(f"{told['id']}  {told['severity']}  {told['summary']}".rstrip()), soft_wrap=True)
        out.print()
    if not items:
        out.print(say("impact.text.nobody"))
        return
    before = ""
    for each in items:
        facts = each.facts
        if each.subject != before:
            if before:
                out.print()
            before = each.subject
            out.print(Text(each.subject, style="bold"), soft_wrap=True)
            if facts["fix"]:
                out.print(Text(f"  {say('impact.text.fix')} {facts['fix']}"), soft_wrap=True)
        whose = ", ".join(filter(None, (facts["team"], facts["owner"], facts["contact"], facts["channel"])))
        times = say("impact.text.zips", count=facts["zips"])
        if not facts["zips"]:
            times = say("impact.text.mods", count=facts["mods"])
        span = f"{day(facts['first'])} – {day(facts['last'])}"
        out.print(Text(f"  {facts['consumer']}  {times}, {span}"), soft_wrap=True)
        if whose:
            out.print(Text(f"    {whose}"), soft_wrap=True)
    out.print()
    counts = {name: summary.facts[name] for name in ("consumers", "versions")}
    out.print(say("impact.text.total", **counts))


def run(args: Sequence[str]) -> int:
    """Run `modgate impact` with these arguments."""
    return run_app(app, "impact", args)
