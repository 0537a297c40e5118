"""The words of a go.mod: identifiers, quoted strings, brackets, line ends and `//` comments.

Almost every printable character may stand in an identifier, so that paths need no quotes; only
space, brackets and comma end one, and `//`. Bytes that are not UTF-8 are read as U+FFFD, as Go
does, and not refused: old files carry them in comments. Source: golang.org/x/mod/modfile/read.go;
strconv.Unquote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from modgate.errors import Invalid
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["GO_SPACE", "Token", "TokenKind", "tokens", "unquote"]

GO_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # noqa: E501  one set
"""The characters for which Go's unicode.IsSpace holds (str.isspace knows four more)."""

TokenKind = Literal["eof", "eol", "suffix", "comment", "word", "string", "punctuation"]


class Token(NamedTuple):
    """One word: its text, and the lines (from 1) on which it starts and ends.

    `suffix` is a comment behind something on its line; `comment` has its line for itself. Both
    include the line end, which their text does not.
    """

    kind: TokenKind
    text: str
    line: int
    end_line: int


_BLANK = re.compile(r"[ \t\r]+")
_COMMENT = re.compile(r"//[^\n]*\n?")
_STRING = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|`[^`\n]*+`', re.DOTALL)
# Printable ASCII without space ( ) [ ] { } and comma; beyond ASCII, what is printable.
_WORD = re.compile(r"(?:[!-'*+\-.0-Z\\^-z|~\x80-\U0010ffff]++|/(?![/*]))++")


def tokens(text: str, name: str) -> Iterator[Token]:
    """The words of `text`, ending with one `eof`. Raises Invalid, which says `name:line`."""
    at = 0
    line = 1
    while True:
        blank = _BLANK.match(text, at)
        if blank is not None:
            at = blank.end()
        if at == len(text):
            yield Token("eof", "", line, line)
            return
        kind, end = _next(text, at, f"{name}:{line}")
        word = text[at:end]
        start_line = line
        line += word.count("\n")
        if kind in {"comment", "suffix"}:
            word = word.removesuffix("\n")
            if end - at > len(word):
                word = word.removesuffix("\r")
        yield Token(kind, word, start_line, line)
        at = end


def _next(text: str, at: int, where: str) -> tuple[TokenKind, int]:
    char = text[at]
    if char == "\n":
        return "eol", at + 1
    if char in "()[]{},":
        return "punctuation", at + 1
    if char in {'"', "`"}:
        match = _STRING.match(text, at)
        if match is None:
            raise Invalid("string does not end on its line", where=where)
        return "string", match.end()
    if (match := _COMMENT.match(text, at)) is not None:
        before = text[text.rfind("\n", 0, at) + 1 : at]
        return ("suffix" if before.strip(GO_SPACE) else "comment"), match.end()
    match = _WORD.match(text, at)
    end = at if match is None else match.end()
    if text.startswith("/*", end):
        raise Invalid("mod files must use // comments (not /* */ comments)", where=where)
    if match is None or not match[0].isprintable():
        raise Invalid(f"unexpected input character in {shown(text[at : max(end, at + 1)])}", where=where)
    return "word", end


_SIMPLE_ESCAPES: Final = {
    "a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v",
    "\\": b"\\", '"': b'"',
}  # fmt: skip
_ESCAPE = re.compile(
    r'\\(?:([abfnrtv\\"])|x([0-9A-Fa-f]{2})|([0-7]{3})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8}))|\\|"|\n|[^\\"\n]+'
)


def unquote(quoted: str) -> str:
    """The value of a Go string literal in double quotes or backquotes. Raises Invalid."""
    if len(quoted) < 2 or quoted[0] != quoted[-1]:
        raise Invalid(f"invalid quoted string {shown(quoted)}")
    inner = quoted[1:-1]
    if quoted[0] == "`":
        if "`" in inner:
            raise Invalid(f"invalid quoted string {shown(quoted)}")
        return inner.replace("\r", "")
    value = bytearray()
    for match in _ESCAPE.finditer(inner):
        simple, *numbers = match.groups()
        number = next((text for text in numbers if text is not None), None)
        if simple is not None:
            value += _SIMPLE_ESCAPES[simple]
        elif number is not None:
            value += _code(number, octal=match[3] is not None, quoted=quoted)
        elif match[0] in {"\\", '"', "\n"}:
            raise Invalid(f"invalid quoted string {shown(quoted)}")
        else:
            value += match[0].encode()
    return value.decode("utf-8", "replace")


def _code(digits: str, *, octal: bool, quoted: str) -> bytes:
    code = int(digits, 8 if octal else 16)
    if octal or len(digits) == 2:
        if code <= 0xFF:
            return bytes([code])
    elif code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
        return chr(code).encode()
    raise Invalid(f"invalid quoted string {shown(quoted)}")
