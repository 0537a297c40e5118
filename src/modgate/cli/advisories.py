"""`modgate advisories`: what is known to be wrong with module versions, from a database that is at hand.

Exit status of `affects`: 0 nothing is affected, 1 something is, 2 the command line or the database is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.advisories_sync import sync
from modgate.cli.operate import Store  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.cli.advisories_ask import Opened, Wanted
    from modgate.config import Config
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_CONTEXT = {"max_content_width": 80}

Database = Annotated[str | None, typer.Option("--db", metavar="SOURCE", help=text("advisories.help.db"))]
Severities = Annotated[
    str | None, typer.Option("--severity", metavar="LEVEL[,…]", help=text("advisories.help.severity"))
]


@app.callback(context_settings=_CONTEXT, help=text("advisories.help.group"))
def group() -> None:
    """Known vulnerabilities."""


@app.command(context_settings=_CONTEXT, help=text("advisories.help.stats"))
def stats(
    *,
    db: Database = None,
    severity: Severities = None,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Count what a database holds."""
    from modgate.cli.advisories_show import counted, show_stats  # noqa: PLC0415  rich stays off --help

    say = catalogue(lang)
    opened, wanted = _opened(db, severity, say, _config(store, config, settings))
    document = counted(opened, wanted)
    if as_json:
        print_json(document)
    else:
        show_stats(document, say)


@app.command(context_settings=_CONTEXT, help=text("advisories.help.show"))
def show(
    identifiers: Annotated[list[str], typer.Argument(metavar="ID…", help=text("advisories.help.ids"))],
    *,
    db: Database = None,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Show advisories."""
    from modgate.cli.advisories_show import advisory_document, show_advisory  # noqa: PLC0415  rich

    say = catalogue(lang)
    opened, _ = _opened(db, None, say, _config(store, config, settings))
    found = [(each, opened.index.get(each)) for each in identifiers]
    if as_json:
        print_json([advisory_document(known) for _, known in found if known is not None])
    else:
        for number, (_, known) in enumerate(each for each in found if each[1] is not None):
            assert known is not None
            show_advisory(known, say, first=number == 0)
    missing = [identifier for identifier, known in found if known is None]
    for identifier in missing:
        message = say("advisories.show.unknown", id=identifier, source=opened.name)
        errors_console().print(f"modgate: {message}", soft_wrap=True)
    if missing:
        raise typer.Exit(FAILED)


@app.command(context_settings=_CONTEXT, help=text("advisories.help.affects"))
def affects(
    modules: Annotated[
        list[str], typer.Argument(metavar="MODULE@VERSION|-…", help=text("advisories.help.modules"))
    ],
    *,
    db: Database = None,
    severity: Severities = None,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Ask what affects module versions."""
    from modgate.cli.advisories_ask import questions  # noqa: PLC0415  not needed for --help
    from modgate.cli.advisories_show import affects_document, show_affects  # noqa: PLC0415  rich
    from modgate.errors import Invalid  # noqa: PLC0415  likewise

    say = catalogue(lang)
    try:
        asked = questions(modules, sys.stdin.buffer)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    opened, wanted = _opened(
        db, severity, say, _config(store, config, settings), modules=[path for path, _ in asked]
    )
    answers = [
        (
            path,
            version,
            tuple(hit for hit in opened.index.hits(path, version) if wanted(hit.advisory.severity)),
        )
        for path, version in asked
    ]
    if as_json:
        print_json(affects_document(answers))
    else:
        show_affects(answers, opened.index, say, chosen=severity is not None)
    if any(hits for *_, hits in answers):
        raise typer.Exit(FAILED)


def _config(store: str | None, file: str | None, settings: Sequence[str] | None) -> Callable[[], Config]:
    """Reads the configuration, for whoever names no database."""
    return lambda: load_config({"--store": store}, settings=settings or [], config_file=file, extra=[]).config


def _opened(
    db: str | None,
    severity: str | None,
    say: Catalogue,
    config: Callable[[], Config],
    *,
    modules: Sequence[str] = (),
) -> tuple[Opened, Wanted]:
    from modgate.cli.advisories_ask import open_database, wanted_levels  # noqa: PLC0415  not for --help
    from modgate.errors import ModgateError  # noqa: PLC0415  likewise

    try:
        wanted = wanted_levels(severity)
        opened = open_database(db, config, modules)
    except ModgateError as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if opened.broken:
        fault = say("advisories.broken", count=opened.broken, entries=opened.entries, first=opened.faults[0])
        errors_console().print(f"modgate: {fault}", style="yellow", soft_wrap=True)
    return opened, wanted


app.command("sync", context_settings={**CONTEXT, **_CONTEXT}, help=text("advsync.help.about"))(sync)


def run(args: Sequence[str]) -> int:
    """Run `modgate advisories` with these arguments."""
    return run_app(app, "advisories", args)
