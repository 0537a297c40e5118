"""`modgate log`: what recorded output of go, gopls and VS Code means.

Exit status 0 where nothing is wrong, 1 where a root cause was found, 2 where the file cannot be read or holds
nothing that is understood.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.cli import FAILED, USAGE
from modgate.cli.options import run_app
from modgate.cli.speech import AsJson, Lang, catalogue, console, errors_console, print_json, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.client.golog import Analysis
    from modgate.messages import Catalogue

__all__ = ["app", "run"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings={"max_content_width": 80}, help=text("log.help.about"))
def log(
    file: Annotated[str, typer.Argument(metavar="FILE", help=text("log.help.file"))],
    hung: Annotated[bool, typer.Option("--hung", help=text("log.help.hung"))] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help=text("log.help.verbose"))] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Analyse and print; the exit status is the verdict."""
    say = catalogue(lang)
    try:
        analysis = _analysis(file, hung=hung)
    except OSError as error:
        _tell(say("log.nothing.unreadable", file=file, why=error.strerror or type(error).__name__))
        raise typer.Exit(USAGE) from None
    if not analysis.kinds:
        _nothing(analysis, file, say)
        raise typer.Exit(USAGE)
    _print(analysis, say, as_json=as_json, verbose=verbose)
    raise typer.Exit(0 if analysis.root_cause is None else FAILED)


def _analysis(file: str, *, hung: bool) -> Analysis:
    from modgate.client.golog import Analyser  # noqa: PLC0415  not needed for --help

    analyser = Analyser("-" if file == "-" else Path(file).name)
    for line in _lines(file):
        analyser.feed(line)
    return analyser.finish(interrupted=hung)


def _lines(file: str) -> Iterator[str]:
    from modgate.client.golog.decode import read_lines  # noqa: PLC0415  not needed for --help

    if file == "-":
        yield from read_lines(sys.stdin.buffer)
        return
    with Path(file).open("rb") as stream:
        yield from read_lines(stream)


def _print(analysis: Analysis, say: Catalogue, *, as_json: bool, verbose: bool) -> None:
    from modgate.client.golog.drawing import document, drawing  # noqa: PLC0415  rich stays off --help

    if as_json:
        print_json(document(analysis, say))
        return
    out = console()
    for part in drawing(analysis, say, verbose=verbose):
        out.print(part)


def _nothing(analysis: Analysis, file: str, say: Catalogue) -> None:
    if not analysis.lines:
        _tell(say("log.nothing.empty", file=file))
        return
    _tell(say("log.nothing.understood", file=file, lines=analysis.lines))
    _tell(say("log.nothing.kinds"))
    _tell(say("log.nothing.record"))


def _tell(words: str) -> None:
    errors_console().print(words)


def run(args: Sequence[str]) -> int:
    """Run `modgate log` with these arguments."""
    return run_app(app, "log", args)
