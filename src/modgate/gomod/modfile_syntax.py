"""The shape of a go.mod: lines of words, blocks of lines, and the comments that belong to each.

Comments carry meaning here: `// indirect` behind a requirement, `// Deprecated:` before the module
line, the reason for a retraction. A comment on its own belongs to what follows without a blank
line, a comment behind something to that. Source: golang.org/x/mod/modfile/read.go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.modfile_lex import GO_SPACE, tokens

if TYPE_CHECKING:
    from modgate.gomod.modfile_lex import Token

__all__ = ["Block", "Line", "comment_text", "parse_syntax"]

_ENDS = frozenset(["eof", "eol", "suffix"])


@dataclass(slots=True)
class Line:
    """A line of words; quoted strings keep their quotes.

    Attributes:
        words: At least one.
        number: Its line in the file, from 1.
        before: The comments above it; in a block, an empty one stands for a blank line.
        suffix: The comments behind it.
    """

    words: list[str]
    number: int
    before: list[str] = field(default_factory=list)
    suffix: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Block:
    """Words and a bracket that holds lines; `before` are the comments above it."""

    words: list[str]
    number: int
    before: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


def comment_text(line: Line, block: Block | None) -> str:
    """The comments of a line without their slashes, or of its block if it has none of its own."""
    comments = line.before + line.suffix
    if block is not None and not comments:
        comments = block.before
    return "\n".join(text[2:].strip(GO_SPACE) for text in comments if text.startswith("//"))


def parse_syntax(text: str, name: str) -> list[Line | Block]:
    """The lines and blocks of a go.mod. Raises Invalid, which says `name:line`."""
    return _Parser(text, name).file()


class _Parser:
    """Reads with one word of look-ahead, as the grammar needs."""

    def __init__(self, text: str, name: str) -> None:
        self._tokens = tokens(text, name)
        self._name = name
        self._next = next(self._tokens)
        # Where a comment at a line's end goes: to the last thing that began and ended on one line.
        self._suffix: list[str] = []

    def _take(self) -> Token:
        token = self._next
        if token.kind != "eof":
            self._next = next(self._tokens)
        return token

    def _take_end(self) -> None:
        token = self._take()
        if token.kind == "suffix":
            self._suffix.append(token.text)

    def file(self) -> list[Line | Block]:
        found: list[Line | Block] = []
        comments: list[str] = []
        while self._next.kind != "eof":
            if self._next.kind == "eol":
                self._take()
                if comments:
                    comments, self._suffix = [], []
            elif self._next.kind == "comment":
                comments.append(self._take().text)
            else:
                statement = self._statement()
                statement.before, comments = comments, []
                found.append(statement)
        return found

    def _statement(self) -> Line | Block:
        first = self._take()
        words = [first.text]
        end_line = first.end_line
        while self._next.kind not in _ENDS:
            token = self._take()
            if token.kind == "punctuation" and token.text == "(":
                if self._next.kind in _ENDS:
                    return self._block(Block(words, first.line))
                words.append("(")
                if self._next.kind == "punctuation" and self._next.text == ")":
                    self._take()
                    if self._next.kind in _ENDS:
                        self._suffix = []
                        self._take_end()
                        return Block(words[:-1], first.line)
                    words.append(")")
            else:
                words.append(token.text)
                end_line = token.end_line
        return self._end_line(Line(words, first.line), end_line)

    def _end_line(self, line: Line, end_line: int) -> Line:
        if line.number == end_line:
            self._suffix = line.suffix
        self._take_end()
        return line

    def _block(self, block: Block) -> Block:
        self._suffix = []
        comments: list[str] = []
        while True:
            kind = self._next.kind
            if kind == "suffix":
                self._take_end()
            elif kind == "eol":
                self._take()
                if (comments[-1] != "") if comments else bool(block.lines):
                    comments.append("")
            elif kind == "comment":
                comments.append(self._take().text)
            elif kind == "eof":
                raise Invalid("the block is not closed", where=f"{self._name}:{block.number}")
            elif kind == "punctuation" and self._next.text == ")":
                return self._end_block(block)
            else:
                line = self._block_line()
                line.before, comments = comments, []
                block.lines.append(line)

    def _block_line(self) -> Line:
        first = self._take()
        words = [first.text]
        end_line = first.end_line
        while self._next.kind not in _ENDS:
            token = self._take()
            words.append(token.text)
            end_line = token.end_line
        return self._end_line(Line(words, first.line), end_line)

    def _end_block(self, block: Block) -> Block:
        closing = self._take()
        if self._next.kind not in _ENDS:
            raise Invalid(
                "expected a new line after the closing bracket", where=f"{self._name}:{closing.line}"
            )
        self._suffix = []
        self._take_end()
        return block
