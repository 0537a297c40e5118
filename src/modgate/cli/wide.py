"""Help in Chinese: lines are measured in a terminal's cells, of which an ideograph takes two.

The option parser counts characters and breaks lines at blanks only, so a Chinese sentence would run out of
the window. Here a line may break on either side of an ideograph, but never before a mark that closes
something (GB/T 15834). Only help in Chinese comes here; English costs nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from unicodedata import east_asian_width

from modgate.messages import Catalogue, Language

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["cells", "speak_chinese", "wrapped"]

_CLOSING = "，。、；：？！）】》”’…"
_OPENING = "（【《“‘"
_WORDS = {
    "Usage: ": "usage",
    "Options": "options",
    "Arguments": "arguments",
    "Commands": "commands",
    "Show this message and exit.": "help",
    "Print one JSON document and nothing else.": "json",
    "Language of the output. [LC_ALL, LANG]": "lang",
}
"""What the parser, and options that every command has, say in English."""

_PIECE = re.compile(rf"\s+|[{_OPENING}]*(?:[\u2e80-\u9fff]|[\x21-\x7e]+|[^\s])[{_CLOSING}]*")


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The lines of one paragraph, none wider than `width` cells but for a single word that is."""
    lines = [""]
    for found in _PIECE.finditer(text):
        piece = found[0]
        if lines[-1].strip() and cells(lines[-1] + piece.rstrip()) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def speak_chinese(command: Any) -> None:
    """Let a command of typer's, and those below it, write help by cells, the parser's words in Chinese."""
    say = Catalogue(Language.CHINESE)
    context = command.context_class
    parser: Any = context.formatter_class
    words = {english: say(f"cli.parser.{name}") for english, name in _WORDS.items()}

    class Formatter(parser):  # type: ignore[misc]  # which one is typer's business
        """The parser's own, with another measure and other words."""

        def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
            super().write_usage(prog, args, prefix or words["Usage: "])

        def write_heading(self, heading: str) -> None:
            self.write(f"{words.get(heading, heading)}：\n")

        def write_text(self, text: str) -> None:
            paragraphs = [" ".join(part.split("\n")) for part in text.split("\n\n")]
            indent = " " * self.current_indent
            for number, paragraph in enumerate(paragraphs):
                lines = wrapped(paragraph, self.width - self.current_indent)
                self.write("\n" if number else "")
                self.write("".join(f"{indent}{line}\n" for line in lines))

        def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
            column = min(max(cells(first) for first, _ in rows), col_max) + col_spacing
            for first, second in rows:
                shown = words.get(second, second)
                self.write("".join(_entry(first, shown, self.current_indent, column, self.width)))

    command.context_class = type("Context", (context,), {"formatter_class": Formatter})
    for below in getattr(command, "commands", {}).values():
        speak_chinese(below)


def _entry(first: str, second: str, indent: int, column: int, width: int) -> Iterator[str]:
    left = " " * indent + first
    lines = wrapped(" ".join(second.split("\n")), max(width - indent - column, 10))
    if cells(first) + 2 > column or not lines[0]:
        yield f"{left}\n"
    else:
        yield f"{left}{' ' * (column - cells(first))}{lines.pop(0)}\n"
    for line in lines:
        if line:
            yield f"{' ' * (indent + column)}{line}\n"
