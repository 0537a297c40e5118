"""JSON with comments and trailing commas, as VS Code keeps its settings: values, and where each stands.

A person who is told of a setting must find it, so every value knows its line. Whoever changes one value must
leave the rest as it is, comments and all, so every value knows its place in the text (`jsonc_edit`). Read
here and not by a library: json-five needs 0.9 s for 2,000 lines, tree-sitter refuses trailing commas. What
JavaScript does holds: of duplicate keys the last wins, numbers without end are infinite, half a surrogate
pair becomes U+FFFD when it is handed to a program. Source: VS Code's
jsonc-parser (scanner, `allowTrailingComma`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Document", "Flaw", "Json", "Malformed", "Node", "parse"]

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_DEEPEST = 200
_MOST_DIGITS = 400
_BOM = "\ufeff"
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v\u00a0\ufeff\u2028\u2029]+ | //[^\r\n]* | /\*.*?\*/)
    | (?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
    | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<word>(?:true|false|null)\b)
    | (?P<mark>[{}\[\]:,])
    """,
    re.VERBOSE | re.DOTALL,
)
_LINE_END = re.compile(r"\r\n|\r|\n")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
_NONE: Mapping[str, Node] = MappingProxyType({})


class Flaw(StrEnum):
    """What is wrong with a text; the words for it stand in the message catalogue (`desktop.flaw`)."""

    ENCODING = "encoding"
    STRING = "string"
    COMMENT = "comment"
    CHARACTER = "character"
    COMMA = "comma"
    COLON = "colon"
    KEY = "key"
    VALUE = "value"
    END = "end"
    AFTER = "after"
    DEPTH = "depth"
    OBJECT = "object"
    UNREADABLE = "unreadable"


class Malformed(Invalid):
    """The text is no JSON with comments; `line` counts from 1."""

    def __init__(self, flaw: Flaw, line: int) -> None:
        super().__init__(f"no JSON with comments ({flaw.value})", where=f"line {line}")
        self.flaw = flaw
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place.

    Attributes:
        value: As Python has it.
        start: Index of its first character in the text, `end` one past its last.
        end: See start.
        key_start: Of a member: where its key begins; else `start`.
        members: Of an object: the values by key; of duplicates the last.
        items: Of an array; of an object every member in turn, hidden duplicates as well.
        last_end: Of an object: one past its last member's value, or past the comma after it (then
            `trailing` is true); one past the brace where it has no members.
        trailing: A comma follows the last member.
    """

    value: Json
    start: int
    end: int
    key_start: int
    members: Mapping[str, Node] = field(default_factory=lambda: _NONE)
    items: tuple[Node, ...] = ()
    last_end: int = 0
    trailing: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A settings file as read.

    Attributes:
        text: The whole, decoded; line ends and a byte order mark as they are.
        root: None for a file that holds nothing but space and comments: VS Code takes it for `{}`.
    """

    text: str
    root: Node | None

    @property
    def value(self) -> Json:
        """The whole as a value."""
        return {} if self.root is None else self.root.value

    def find(self, path: Sequence[str]) -> Node | None:
        """The value under these keys, one after the other; None where there is none."""
        node = self.root
        for key in path:
            node = node.members.get(key) if node is not None else None
        return node

    def line(self, node: Node) -> int:
        """The line, from 1, in which the key of this value (or the value itself) begins."""
        return _line(self.text, node.key_start)


def parse(source: bytes) -> Document:
    """Read a file. Raises Malformed for what is no JSON with comments, or not UTF-8."""
    try:
        text = source.decode("utf-8")
    except UnicodeDecodeError as error:
        before = source[: error.start].decode("utf-8")
        raise Malformed(Flaw.ENCODING, _line(before, len(before))) from error
    return Document(text, _Reader(text).whole())


def _line(text: str, index: int) -> int:
    return 1 + sum(1 for _ in _LINE_END.finditer(text, 0, index))


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Reader:
    """Reads a text once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._token = next(self._tokens)

    def whole(self) -> Node | None:
        if self._token.kind == "end":
            return None
        node = self._value(0)
        if self._token.kind != "end":
            raise self._refuse(Flaw.AFTER)
        return node

    def _split(self) -> Iterator[_Token]:
        text, position, length = self._text, 0, len(self._text)
        match_at = _TOKEN.match
        while position < length:
            match = match_at(text, position)
            if match is None:
                raise self._unreadable(position)
            kind = match.lastgroup or ""
            if kind != "space":
                yield _Token(kind, match.group(), position, match.end())
            position = match.end()
        yield _Token("end", "", length, length)

    def _unreadable(self, position: int) -> Malformed:
        rest = self._text[position : position + 2]
        if rest.startswith('"'):
            return self._refuse(Flaw.STRING, position)
        if rest == "/*":
            return self._refuse(Flaw.COMMENT, position)
        return self._refuse(Flaw.CHARACTER, position)

    def _refuse(self, flaw: Flaw, position: int | None = None) -> Malformed:
        at = self._token.start if position is None else position
        return Malformed(flaw, _line(self._text, at))

    def _take(self) -> _Token:
        taken = self._token
        self._token = next(self._tokens)
        return taken

    def _at(self, mark: str) -> bool:
        return self._token.kind == "mark" and self._token.text == mark

    def _value(self, depth: int, key_start: int | None = None) -> Node:
        if depth > _DEEPEST:
            raise self._refuse(Flaw.DEPTH)
        if self._at("{"):
            return self._object(depth, key_start)
        if self._at("["):
            return self._array(depth, key_start)
        token = self._token
        if token.kind == "string":
            value: Json = _string(token.text)
        elif token.kind == "number":
            value = _number(token.text)
        elif token.kind == "word":
            value = _WORDS[token.text]
        else:
            raise self._refuse(Flaw.END if token.kind == "end" else Flaw.VALUE)
        self._take()
        return Node(value, token.start, token.end, token.start if key_start is None else key_start)

    def _object(self, depth: int, key_start: int | None) -> Node:
        opening = self._take()
        members: dict[str, Node] = {}
        entries: list[Node] = []
        last_end, trailing = opening.end, False
        while not self._at("}"):
            if members and not trailing:
                raise self._refuse(Flaw.END if self._token.kind == "end" else Flaw.COMMA)
            key = self._token
            if key.kind != "string":
                raise self._refuse(Flaw.END if key.kind == "end" else Flaw.KEY)
            self._take()
            if not self._at(":"):
                raise self._refuse(Flaw.COLON)
            self._take()
            node = self._value(depth + 1, key.start)
            name = _string(key.text)
            members[name] = node
            entries.append(node)
            last_end, trailing = node.end, self._at(",")
            if trailing:
                last_end = self._take().end
        closing = self._take()
        value: dict[str, Json] = {name: node.value for name, node in members.items()}
        start = opening.start if key_start is None else key_start
        return Node(value, opening.start, closing.end, start, members, tuple(entries), last_end, trailing)

    def _array(self, depth: int, key_start: int | None) -> Node:
        opening = self._take()
        items: list[Node] = []
        comma = True
        while not self._at("]"):
            if not comma:
                raise self._refuse(Flaw.END if self._token.kind == "end" else Flaw.COMMA)
            items.append(self._value(depth + 1))
            comma = self._at(",")
            if comma:
                self._take()
        closing = self._take()
        value: list[Json] = [node.value for node in items]
        start = opening.start if key_start is None else key_start
        return Node(value, opening.start, closing.end, start, items=tuple(items))


def _string(literal: str) -> str:
    inner = literal[1:-1]
    if "\\" not in inner:
        return inner
    read = str(json.loads(literal))
    return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(literal: str) -> int | float:
    if literal.lstrip("-").isdigit() and len(literal) <= _MOST_DIGITS:
        return int(literal)
    return float(literal)
