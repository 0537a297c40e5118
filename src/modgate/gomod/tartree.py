"""A tree of files in a tar, read strictly: what two readers could unpack differently is refused.

Tar has grown in layers (v7, ustar, pax, GNU), and readers differ in which they believe: names in three
places, sizes in two, a later member in place of an earlier one. Here each name stands once, a name is plain
and relative, and nothing may follow the end but zeros. A symbolic link and a device are passed on as what
they are, so that they are left out as Go leaves them out of a folder; a hard link is refused, since a
folder would have its content. Counts and sizes of the archive never size anything in memory.
Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; tar(5) of GNU tar.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from modgate.errors import Invalid
from modgate.gomod.texts import shown
from modgate.gomod.zipfiles import FileEntry, FileKind
from modgate.gomod.zippaths import MAX_NAMES, MAX_ZIP_FILE

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["MAX_TAR", "read_tar"]

MAX_TAR: Final = MAX_ZIP_FILE + (128 << 20)
"""Bytes of a tar: what a module may hold, and its headers."""

_BLOCK: Final = 512
_MAX_HEADER: Final = 1 << 20
_ZEROS: Final = bytes(_BLOCK)
_REGULAR: Final = frozenset([b"0", b"\0", b"7"])
_KINDS: Final = {b"2": FileKind.SYMLINK, b"3": FileKind.OTHER, b"4": FileKind.OTHER, b"6": FileKind.OTHER}


def read_tar(file: BinaryIO) -> list[FileEntry]:
    """The members of a seekable tar; their contents are read from it when they are opened.

    Raises Invalid for an archive that is damaged, cut short or ambiguous, and for a member that is no
    plain file, folder, symbolic link or device.
    """
    reader = _Reader(file)
    entries: dict[str, FileEntry] = {}
    parents: set[str] = set()
    while (member := reader.member()) is not None:
        path, entry = member
        if not path:
            continue
        known = entries.get(path)
        if known is not None and not (known.kind is entry.kind is FileKind.FOLDER):
            raise Invalid(f"the tar holds {shown(path)} twice")
        if len(entries) >= MAX_NAMES:
            raise Invalid(f"the tar holds too many files and folders (at most {MAX_NAMES})")
        entries[path] = entry
        parts = path.split("/")
        parents.update("/".join(parts[:count]) for count in range(1, len(parts)))
        if len(parents) > MAX_NAMES:
            raise Invalid(f"the tar holds too many files and folders (at most {MAX_NAMES})")
    for path in parents:
        found = entries.get(path)
        if found is not None and found.kind is not FileKind.FOLDER:
            raise Invalid(f"{shown(path)} is both a file and a folder in the tar")
    return list(entries.values())


class _Reader:
    """Goes from header to header."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0
        self._size = file.seek(0, 2)

    def member(self) -> tuple[str, FileEntry] | None:
        """The next member that is a file of some kind; None at the end."""
        long_name = ""
        extended: dict[str, str] = {}
        while (header := self._block()) is not None:
            kind = header[156:157]
            size = _number(header[124:136])
            if kind == b"x":
                extended = _records(self._content(size))
                continue
            if kind == b"g":
                if {"path", "size"} & _records(self._content(size)).keys():
                    raise Invalid("the tar gives all its files one name or size")
                continue
            if kind in {b"L", b"K"}:
                text = self._content(size)
                long_name = _text(text.rstrip(b"\0")) if kind == b"L" else long_name
                continue
            return self._file_member(header, kind, size, extended, long_name)
        if long_name or extended:
            raise Invalid("the tar is cut short: a header without its file")
        return None

    def _file_member(
        self, header: bytes, kind: bytes, size: int, extended: dict[str, str], long_name: str
    ) -> tuple[str, FileEntry]:
        name = extended.get("path") or long_name or _name(header)
        if "size" in extended:
            size = _decimal(extended["size"])
        folder = kind == b"5" or (kind in _REGULAR and name.endswith("/"))
        path = _plain(name)
        if folder:
            if size:
                raise Invalid(f"the folder {shown(path)} of the tar has content")
            return path, FileEntry(path, 0, io.BytesIO, FileKind.FOLDER)
        if not path:
            raise Invalid("the tar holds a file without a name")
        if kind == b"1":
            raise Invalid(
                f"{shown(path)} is a hard link in the tar",
                next_step="Write its content: tar --hard-dereference.",
            )
        if kind in _KINDS:
            self._skip(size)
            return path, FileEntry(path, 0, io.BytesIO, _KINDS[kind])
        if kind not in _REGULAR:
            raise Invalid(
                f"{shown(path)} is of a kind ({shown(kind.decode('latin-1'))}) that no module holds"
            )
        start = self._at
        self._skip(size)
        return path, FileEntry(path, size, lambda: _opened(self._file, start, size))

    def _block(self) -> bytes | None:
        block = self._read(_BLOCK)
        if block == _ZEROS:
            self._check_end()
            return None
        if _number(block[148:156]) != sum(block[:148]) + sum(block[156:]) + 8 * 0x20:
            raise Invalid("the tar is damaged: a header has a wrong checksum")
        return block

    def _check_end(self) -> None:
        while self._at < self._size:
            if any(self._read(min(1 << 20, self._size - self._at))):
                raise Invalid("data stands behind the end of the tar")

    def _content(self, size: int) -> bytes:
        if size > _MAX_HEADER:
            raise Invalid(f"a header of the tar is too large ({size} bytes)")
        data = self._read(size)
        self._skip_to_block()
        return data

    def _skip(self, size: int) -> None:
        self._at += size
        if self._at > self._size:
            raise Invalid("the tar is cut short")
        self._skip_to_block()

    def _skip_to_block(self) -> None:
        self._at += -self._at % _BLOCK

    def _read(self, size: int) -> bytes:
        self._file.seek(self._at)
        data = self._file.read(size)
        if len(data) < size:
            raise Invalid("the tar is cut short")
        self._at += size
        return data


def _opened(file: BinaryIO, start: int, size: int) -> BinaryIO:
    return io.BufferedReader(_Section(file, start, size), 1 << 16)


class _Section(io.RawIOBase):
    """Some bytes of a file as a file of their own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """The next bytes, as many as fit."""
        self._file.seek(self._at)
        data = self._file.read(min(len(buffer), self._end - self._at))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _number(field: bytes) -> int:
    """An octal number, ended by blanks or zeros."""
    text = field.strip(b" \0")
    if text.strip(b"01234567"):
        raise Invalid("the tar is damaged: a number is not octal")
    return int(text, 8) if text else 0


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise Invalid("the tar is damaged: a size is no number")
    return int(text)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Invalid("a file name in the tar is not UTF-8") from None


def _name(header: bytes) -> str:
    name = _text(header[:100].partition(b"\0")[0])
    # GNU tar keeps times where POSIX keeps the front of a long name.
    prefix = _text(header[345:500].partition(b"\0")[0]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name


def _records(data: bytes) -> dict[str, str]:
    """The `length key=value` lines of a pax header, those that say where and how long a file is."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        blank = data.find(b" ", at, at + 10)
        digits = data[at:blank] if blank > 0 else b""
        end = at + int(digits) if digits.isdigit() else 0
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if end <= blank or end > len(data) or data[end - 1 : end] != b"\n" or not equals:
            raise Invalid("the tar is damaged: a pax header is malformed")
        if key.startswith(b"GNU.sparse") or key == b"hdrcharset":
            raise Invalid("the tar holds sparse files or names in another character set")
        if key in {b"path", b"size"}:
            found[key.decode()] = _text(value)
        at = end
    return found


def _plain(name: str) -> str:
    """The name without `./` and the slash of a folder. Raises Invalid for one that leads elsewhere."""
    path = name.removeprefix("./").removesuffix("/")
    if path in {"", "."} and name in {".", "./"}:
        return ""
    if not path or any(element in {"", ".", ".."} for element in path.split("/")):
        raise Invalid(f"{shown(name)} in the tar is not a plain relative path")
    return path
