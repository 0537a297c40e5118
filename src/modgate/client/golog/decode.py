"""From the bytes of a log to lines: whatever wrote them, and however large they are.

Logs come from shells that write UTF-16 (PowerShell's `2>`), from consoles in Chinese code pages (several
encodings may stand in one file), through terminals that colour, and from CI systems. They are read in pieces,
so that a log of any size takes little memory; a line longer than a megabyte is cut.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["read_lines"]

_PIECE = 1 << 18
_LONGEST = 1 << 20
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a log, without their ends; what cannot be decoded is shown as U+FFFD.

    A carriage return alone ends a line too (progress lines), NUL bytes are dropped. Raises OSError as the
    stream does.
    """
    first = stream.read(_PIECE)
    encoding = _WIDE.get(first[:2]) or _wide_without_mark(first[:4096])
    pieces = _bytes_of(first, stream)
    if encoding:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        pieces = (decoder.decode(piece).encode("utf-8", "surrogatepass") for piece in pieces)
    for line in _split(pieces):
        yield _decoded(line).replace("\x00", "").removeprefix("\ufeff")


def _bytes_of(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    while first:
        yield first
        first = stream.read(_PIECE)


def _split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        rest += piece
        # A carriage return at the very end may belong to a line feed that is still to come.
        held = b"\r" if rest.endswith(b"\r") else b""
        whole = rest.removesuffix(held) if held else rest
        *lines, rest = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        yield from (line[:_LONGEST] for line in lines)
        rest = rest[:_LONGEST] + held
    if rest:
        yield rest.removesuffix(b"\r")


def _decoded(line: bytes) -> str:
    """UTF-8, else what Chinese Windows consoles write, else UTF-8 with what is broken replaced."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("gb18030")
    except UnicodeDecodeError:
        return line.decode(errors="replace")


def _wide_without_mark(first: bytes) -> str:
    """The kind of UTF-16, by where the zero bytes of its Latin letters stand."""
    if first[1::2].count(0) * 4 > len(first):
        return "utf-16-le"
    if first[0::2].count(0) * 4 > len(first):
        return "utf-16-be"
    return ""
