"""The words of a go.mod: identifiers, quoted strings, brackets, line ends and `//` comments.

Almost every printable character may stand in an identifier, so that paths need no quotes; only
space, brackets and comma end one, and `//`. Bytes that are not UTF-8 are read as U+FFFD, as Go
does, and not refused: old files carry them in comments. Source: golang.org/x/mod/modfile/read.go;
strconv.Unquote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

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


# A word is printable ASCII without space ( ) [ ] { } and comma, and what is printable beyond ASCII.
_TOKEN = re.compile(
    r"""[ \t\r]*+(?:
      (?P<eol>\n)
    | (?P<punctuation>[()\[\]{},])
    | (?P<comment>//[^\n]*+\n?)
    | (?P<string>"(?:[^"\\\n]++|\\.)*+"|`[^`\n]*+`)
    | (?P<word>(?:[!#-'*+\-.0-Z\\^_a-z|~\x80-\U0010ffff]|/(?![/*]))
               (?:[!-'*+\-.0-Z\\^-z|~\x80-\U0010ffff]++|/(?![/*]))*+)
    | (?P<eof>\Z)
    )""",
    re.DOTALL | re.VERBOSE,
)


def tokens(text: str, name: str) -> Iterator[Token]:
    """The words of `text`, ending with one `eof`. Raises Invalid, which says `name:line`."""
    at = 0
    line = 1
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unexpected(text, at, f"{name}:{line}")
        kind = cast("TokenKind", match.lastgroup)
        word = match[kind]
        start_line = line
        at = match.end()
        if kind == "comment":
            begin = match.start("comment")
            if text[text.rfind("\n", 0, begin) + 1 : begin].strip(GO_SPACE):
                kind = "suffix"
            if word.endswith("\n"):
                line += 1
                word = word[:-1].removesuffix("\r")
        elif kind == "word":
            if text.startswith("/*", at) or not word.isprintable():
                raise _unexpected(text, match.start("word"), f"{name}:{line}")
        elif kind != "punctuation":
            line += word.count("\n")
        yield Token(kind, word, start_line, line)
        if kind == "eof":
            return


def _unexpected(text: str, at: int, where: str) -> Invalid:
    rest = text[at : text.find("\n", at) + 1 or None].strip(" \t\r\n")
    if rest[:1] in {'"', "`"}:
        return Invalid("string does not end on its line", where=where)
    if "/*" in rest:
        return Invalid("mod files must use // comments (not /* */ comments)", where=where)
    return Invalid(f"unexpected input character in {shown(rest)}", where=where)


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
