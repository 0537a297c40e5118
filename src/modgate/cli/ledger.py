"""`modgate ledger`: what a gate remembers, moved into another database.

Exit status of `copy`: 0 it is there, or would be; 1 it is not, and nothing is; 2 the command line is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import USAGE
from modgate.cli.operate import Store  # noqa: TC001  typer reads the annotations
from modgate.cli.options import CONTEXT, ConfigFile, Settings, load_config, run_app, tell
from modgate.cli.speech import AsJson, Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

_File = str | None


@app.callback(context_settings={"max_content_width": 80}, help=text("ledger.help.group"))
def group() -> None:
    """The ledger."""


@app.command(context_settings=CONTEXT, help=text("ledger.help.copy"))
def copy(
    ctx: typer.Context,
    *,
    to: Annotated[str, typer.Option("--to", metavar="URL", help=text("ledger.help.to"))],
    source: Annotated[
        str | None, typer.Option("--from", metavar="URL", help=text("ledger.help.from"))
    ] = None,
    to_password: Annotated[
        _File, typer.Option("--to-password-file", metavar="FILE", help=text("ledger.help.to_password"))
    ] = None,
    from_password: Annotated[
        _File, typer.Option("--from-password-file", metavar="FILE", help=text("ledger.help.from_password"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("ledger.help.dry_run"))] = False,
    store: Store = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Copy it."""
    from modgate.cli.ledger_show import as_document, bar, show  # noqa: PLC0415  rich stays off --help
    from modgate.errors import Invalid  # noqa: PLC0415  likewise
    from modgate.wiring.ledger_move import move_ledger, place_of  # noqa: PLC0415  likewise

    say = catalogue(lang)
    loaded = load_config({"--store": store}, settings=settings or [], config_file=config, extra=ctx.args)
    try:
        origin = place_of(loaded.config, source, _path(from_password), option="--from")
        target = place_of(loaded.config, to, _path(to_password), option="--to")
        with bar(say, quiet=as_json) as told:
            moved = move_ledger(origin, target, dry_run=dry_run, told=told)
    except Invalid as error:
        tell(error)
        raise typer.Exit(USAGE) from None
    if as_json:
        as_document(moved, dry_run=dry_run)
    else:
        show(moved, say, dry_run=dry_run)


def _path(given: str | None) -> Path | None:
    return None if given is None else Path(given).expanduser()


def run(args: Sequence[str]) -> int:
    """Run `modgate ledger` with these arguments."""
    return run_app(app, "ledger", args)
