"""`modgate run -- COMMAND`: start a program with the chosen network.

Exit status: the command's own; 127 not found, 126 not executable, 124 out of time, 125 not started because
the system forbids what was asked for; 1 refused values; 2 the command line is wrong.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import USAGE
from modgate.cli.options import run_app
from modgate.cli.speech import Lang, catalogue, text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.command(
    "run",
    context_settings={"max_content_width": 80, "allow_interspersed_args": False},
    help=text("run.help.command"),
)
def run_command(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND ...", help=text("run.help.argv"))
    ] = None,
    *,
    proxy: Annotated[
        str | None, typer.Option("--proxy", metavar="MIRROR|URL|CHAIN", help=text("run.help.proxy"))
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="VAR=VALUE", help=text("run.help.set"))
    ] = None,
    http_proxy: Annotated[
        str | None, typer.Option("--http-proxy", metavar="URL", help=text("run.help.http_proxy"))
    ] = None,
    isolate: Annotated[bool, typer.Option("--isolate", help=text("run.help.isolate"))] = False,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="HOST:PORT", help=text("run.help.allow"))
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="TIME", help=text("run.help.timeout"))
    ] = None,
    desktop: Annotated[bool, typer.Option("--desktop", help=text("run.help.desktop"))] = False,
    report: Annotated[str | None, typer.Option("--json", metavar="FILE", help=text("run.help.json"))] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help=text("run.help.verbose"))] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=text("run.help.dry_run"))] = False,
    force: Annotated[bool, typer.Option("--force", help=text("run.help.force"))] = False,
    lang: Lang = None,
) -> None:
    """Start a program."""
    from modgate.cli.run_wish import Misused, Wish  # noqa: PLC0415  not needed for --help

    say = catalogue(lang)
    try:
        wish = Wish(
            command=tuple(command or ()),
            proxy=proxy,
            settings=tuple(settings or ()),
            web=http_proxy,
            isolate=isolate,
            allow=tuple(allow or ()),
            time=timeout,
            desktop=desktop,
            report=report,
            verbose=verbose,
            dry_run=dry_run,
            force=force,
        )
    except Misused as error:
        print(f"modgate: {say.say(error.why)}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    from modgate.cli.run_start import started  # noqa: PLC0415  likewise

    raise typer.Exit(started(wish, say))


def run(args: Sequence[str]) -> int:
    """Run `modgate run` with these arguments."""
    return run_app(app, "run", args)
