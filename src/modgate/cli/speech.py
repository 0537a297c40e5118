"""How commands speak: the language, the terminal, and the same few options on each of them.

The language is known before the options are parsed, because `--help` speaks it too: `--lang` is looked for
in the arguments first. Colours appear on terminals only, and never where NO_COLOR is set; `--json` prints
one document on standard output and nothing else there.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated

import typer

from modgate.messages import Catalogue, language_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["AsJson", "Lang", "catalogue", "console", "errors_console", "print_json", "text"]

Lang = Annotated[
    str | None, typer.Option("--lang", metavar="en|zh", help="Language of the output. [LC_ALL, LANG]")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def catalogue(asked: str | None = None) -> Catalogue:
    """The texts in the language of `--lang`, else of the arguments or the environment."""
    return Catalogue(language_from(os.environ, asked or _asked_in(sys.argv)))


@cache
def _spoken() -> Catalogue:
    return catalogue()


def text(key: str) -> str:
    """A text for an option's help, in the language of this run."""
    return _spoken()(key)


def console() -> Console:
    """Standard output: at most 100 columns wide, and the terminal's width where that is narrower."""
    return _console(stderr=False)


def errors_console() -> Console:
    """Standard error: progress and warnings."""
    return _console(stderr=True)


def print_json(document: object) -> None:
    """One document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _console(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415  rich stays off --help

    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = int(os.environ.get("COLUMNS") or 80)
    made.width = min(made.width, 100)
    return made


def _asked_in(arguments: Sequence[str]) -> str | None:
    """The value of `--lang` among the arguments of modgate itself, before any `--`."""
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument.startswith("--lang="):
            return argument.removeprefix("--lang=")
        if argument == "--lang" and index + 1 < len(arguments):
            return arguments[index + 1]
    return None
