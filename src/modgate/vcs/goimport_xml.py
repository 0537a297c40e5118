"""The tokens of a page, read as the go command reads it: XML that forgives, not HTML.

What one reader takes for a tag and another for text leads the two to different repositories, so this
follows encoding/xml's RawToken with Strict off, faults and all: attributes may lack quotes or values,
unknown entities stay as they are; a `--` within a comment, `]]>` in text, `a < b` in a script and
what is not UTF-8 end the reading. Only starts and ends of elements matter here.
Source: encoding/xml/xml.go (rawToken, text, nsname, procInst); cmd/go/internal/vcs/discovery.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Element", "PageError", "elements"]

_SPACE = re.compile(rb"[ \r\n\t]*")
_NAME = re.compile(rb"[A-Za-z0-9_:.\x80-\xff-]*")
_UNQUOTED = re.compile(rb"[A-Za-z0-9_:-]*")
_DIGITS = {10: re.compile(rb"[0-9]*"), 16: re.compile(rb"[0-9A-Fa-f]*")}
_TEXT = {
    b"": re.compile(rb"[^<&]*"),
    b'"': re.compile(rb'[^<&"]*'),
    b"'": re.compile(rb"[^<&']*"),
}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE = re.compile(rb"""[^'"<>]*""")
_ENTITIES = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"apos": b"'", b"quot": b'"'}
_CHARSETS = frozenset({"utf-8", "ascii"})


class PageError(Exception):
    """Here the go command stops reading; `at_end` where the page ended too early."""

    def __init__(self, text: str, *, at_end: bool = False) -> None:
        super().__init__(text)
        self.at_end = at_end


@dataclass(frozen=True, slots=True)
class Element:
    """The start of an element, or its end; names without their namespace prefix, as written."""

    name: str
    end: bool = False
    attributes: tuple[tuple[str, str], ...] = ()


def elements(data: bytes) -> Iterator[Element]:
    """Starts and ends of elements in order. Raises PageError where the reading stops before the end."""
    return _Reader(data).elements()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def elements(self) -> Iterator[Element]:
        while self._at < len(self._data):
            if self._data[self._at] != 0x3C:
                self._text(b"")
                continue
            self._at += 1
            mark = self._peek()
            if mark == b"/":
                self._at += 1
                yield self._end()
            elif mark == b"?":
                self._at += 1
                self._instruction()
            elif mark == b"!":
                self._at += 1
                self._declaration()
            else:
                element, empty = self._start()
                yield element
                if empty:
                    yield Element(element.name, end=True)

    def _peek(self) -> bytes:
        """The next byte, which must be there."""
        if self._at >= len(self._data):
            raise PageError("unexpected EOF", at_end=True)
        return self._data[self._at : self._at + 1]

    def _take(self) -> bytes:
        byte = self._peek()
        self._at += 1
        return byte

    def _past(self, mark: bytes) -> bytes:
        """What stands before the mark; the mark is passed."""
        found = self._data.find(mark, self._at)
        if found < 0:
            raise PageError("unexpected EOF", at_end=True)
        part = self._data[self._at : found]
        self._at = found + len(mark)
        return part

    def _match(self, pattern: re.Pattern[bytes]) -> bytes:
        found = pattern.match(self._data, self._at)
        if found is None:
            return b""
        self._at = found.end()
        return found[0]

    def _name(self) -> str:
        """A name, which must end before the page does."""
        raw = self._match(_NAME)
        self._peek()
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            raise PageError("invalid XML name") from None
        if not name or not (name[0] in "_:" or name[0].isalpha()):
            raise PageError("a name is missing")
        return name

    def _local_name(self) -> str:
        name = self._name()
        if name.count(":") > 1:
            raise PageError("a name is missing")
        space, _, local = name.partition(":")
        return local if space and local else name

    def _start(self) -> tuple[Element, bool]:
        name = self._local_name()
        attributes: list[tuple[str, str]] = []
        while True:
            self._match(_SPACE)
            byte = self._peek()
            if byte == b">":
                self._at += 1
                return Element(name, attributes=tuple(attributes)), False
            if byte == b"/":
                self._at += 1
                if self._take() != b">":
                    raise PageError("expected /> in element")
                return Element(name, attributes=tuple(attributes)), True
            key = self._local_name()
            self._match(_SPACE)
            value = key
            if self._peek() == b"=":
                self._at += 1
                value = self._value()
            attributes.append((key, value))

    def _value(self) -> str:
        self._match(_SPACE)
        quote = self._peek()
        if quote in {b'"', b"'"}:
            self._at += 1
            return self._text(quote)
        value = self._match(_UNQUOTED)
        self._peek()
        return value.decode("ascii")

    def _end(self) -> Element:
        name = self._local_name()
        self._match(_SPACE)
        if self._take() != b">":
            raise PageError("invalid characters at the end of an element")
        return Element(name, end=True)

    def _text(self, quote: bytes) -> str:
        """Text up to `<` or the end of the page, or within quotes up to the closing one."""
        parts: list[bytes] = []
        while True:
            part = self._match(_TEXT[quote])
            if not quote and b"]]>" in part:
                raise PageError("unescaped ]]> not in CDATA section")
            parts.append(part.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
            byte = self._data[self._at : self._at + 1]
            if byte == b"&":
                parts.append(self._entity())
                continue
            if quote:
                if byte == b"<":
                    raise PageError("unescaped < inside quoted string")
                self._take()
            return _characters(b"".join(parts))

    def _entity(self) -> bytes:
        """The character that an entity means, or the entity as it stands."""
        start = self._at
        self._at += 1
        meant: bytes | None = None
        if self._peek() == b"#":
            self._at += 1
            base = 10
            if self._peek() == b"x":
                self._at += 1
                base = 16
            digits = self._match(_DIGITS[base])
            if self._peek() == b";":
                self._at += 1
                meant = _code_point(digits, base)
        else:
            name = self._match(_NAME)
            if self._peek() == b";":
                self._at += 1
                meant = _ENTITIES.get(name)
        return self._data[start : self._at] if meant is None else meant

    def _instruction(self) -> None:
        target = self._name()
        self._match(_SPACE)
        content = self._past(b"?>")
        if target != "xml":
            return
        if (_parameter(b"version", content) or b"1.0") != b"1.0":
            raise PageError("only version 1.0 of XML is read")
        charset = _parameter(b"encoding", content).decode("latin-1")
        if charset and charset.lower() not in _CHARSETS:
            raise PageError("only UTF-8 is read")

    def _declaration(self) -> None:
        """A comment, CDATA, or a directive such as DOCTYPE."""
        byte = self._take()
        if byte == b"-":
            if self._take() != b"-":
                raise PageError("invalid sequence <!- not part of <!--")
            self._past(b"--")
            if self._take() != b">":
                raise PageError('"--" is not allowed in comments')
        elif byte == b"[":
            if self._data[self._at : self._at + 6] != b"CDATA[":
                raise PageError("invalid <![ sequence")
            self._at += 6
            _characters(self._past(b"]]>"))
        else:
            self._directive()

    def _directive(self) -> None:
        """Quoted brackets do not count, nested ones do, comments are passed."""
        depth = 0
        while True:
            self._match(_DIRECTIVE)
            byte = self._take()
            if byte == b">":
                if depth == 0:
                    return
                depth -= 1
            elif byte == b"<":
                if self._data.startswith(b"!--", self._at):
                    self._at += 3
                    self._past(b"-->")
                else:
                    depth += 1
            else:
                self._past(byte)


def _characters(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise PageError("invalid UTF-8") from None
    if _ILLEGAL.search(text):
        raise PageError("an illegal character")
    return text


def _code_point(digits: bytes, base: int) -> bytes | None:
    if not digits or len(digits.lstrip(b"0")) > 8:
        return None
    number = int(digits, base)
    if number > 0x10FFFF:
        return None
    return "\ufffd".encode() if 0xD800 <= number <= 0xDFFF else chr(number).encode()


def _parameter(name: bytes, content: bytes) -> bytes:
    """The quoted value of a parameter; empty where there is none."""
    found = re.search(name + rb"=(['\"])(.*?)\1", content, re.DOTALL)
    return found[2] if found else b""
