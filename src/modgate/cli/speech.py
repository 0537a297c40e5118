"""How commands speak: the language, the terminal, and the same few options on each of them.

The language is known before the options are parsed, because `--help` speaks it too: `--lang` is looked for
in the arguments first. Colours appear on terminals only, and never where NO_COLOR is set; `--json` prints
one document on standard output and nothing else there.

Here is the last gate for what came from outside: a terminal never gets a control character or one that turns
the direction of the text, and no document a secret that its form gives away.
"""

from __future__ import annotations

import json
import os
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated

from modgate.gomod.harmless import harmless
from modgate.messages import Catalogue, Message, language_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

__all__ = ["AsJson", "Lang", "catalogue", "console", "errors_console", "print_json", "text"]

if TYPE_CHECKING:
    Lang = str | None
    AsJson = bool


def __getattr__(name: str) -> object:
    """`Lang` and `AsJson`, the options that every command has: made for those who import them, because the
    option parser costs more than all else here.
    """
    if name not in {"Lang", "AsJson"}:
        raise AttributeError(name)
    import typer  # noqa: PLC0415  see above

    if name == "Lang":
        option = typer.Option("--lang", metavar="en|zh", help="Language of the output. [LC_ALL, LANG]")
        return Annotated[str | None, option]
    return Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


class _Careful(Catalogue):
    """A catalogue whose values are said without their secrets."""

    def say(self, message: Message) -> str:
        values = {
            name: harmless(value) if isinstance(value, str) else value
            for name, value in message.values.items()
        }
        return super().say(Message(message.key, values))


def catalogue(asked: str | None = None) -> Catalogue:
    """The texts in the language of `--lang`, else of the arguments or the environment."""
    return _Careful(language_from(os.environ, asked or _asked_in(sys.argv)))


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


def print_json(document: object, *, indent: int | None = 2) -> None:
    """One document on standard output, in ASCII where that takes nothing else; without `indent` one line."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    written = json.dumps(_without_secrets(document), indent=indent, ensure_ascii=not utf8)
    sys.stdout.write(_OBEYED.sub(_escaped, written) + "\n")


# C1 controls, marks that turn the direction, separators of lines, halves of pairs: a terminal obeys some,
# UTF-8 cannot hold others; JSON can write all of them as escapes. ASCII's own controls it escapes by itself.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ALSO_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f]|{_OBEYED.pattern}")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _without_secrets(value: object) -> object:
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def _console(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415  rich stays off --help
    from rich.segment import Segment  # noqa: PLC0415  likewise

    class Guarded(Console):
        """A terminal that obeys nobody but rich."""

        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterator[Segment]:
            for segment in super().render(renderable, options):
                text, style, control = segment
                if control is None and _ALSO_CONTROLS.search(text):
                    yield Segment(_ALSO_CONTROLS.sub("?", text), style)
                else:
                    yield segment

    made = Guarded(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if not made.is_terminal:
        made.width = _columns()
    made.width = max(20, min(made.width, 100))
    return made


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isascii() and given.isdecimal() and int(given) else 80


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
