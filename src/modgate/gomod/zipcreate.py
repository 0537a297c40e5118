"""Makes module zips: the same files always give the same bytes.

Files are written in the order of their names, with no time, mode or owner, so the zip depends on
names and contents alone (and on the zlib in use, as far as bytes go; the h1 does not). Sizes stand
behind the data, so that nothing has to be held in memory or written twice. Source:
golang.org/x/mod/zip, Create; APPNOTE.TXT 6.3.10.
"""

from __future__ import annotations

import errno
import hashlib
import zlib
from struct import Struct
from typing import TYPE_CHECKING, Final

from modgate.errors import Invalid, Unavailable
from modgate.gomod.dirhash import hash1
from modgate.gomod.texts import shown
from modgate.gomod.zipcheck import ZipFacts
from modgate.gomod.zipfiles import check_files
from modgate.gomod.zipformat import MAX_ENTRIES, METHOD_DEFLATE, PIECE
from modgate.gomod.zippaths import MAX_ZIP_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from modgate.errors import UnavailableKind
    from modgate.gomod.types import ModuleVersion
    from modgate.gomod.zipfiles import FileEntry

__all__ = ["create_zip"]

_LOCAL: Final = Struct("<4s5H3L2H")
_CENTRAL: Final = Struct("<4s6H3L5H2L")
_DESCRIPTOR: Final = Struct("<4s3L")
_END: Final = Struct("<4s4H2LH")
_END64: Final = Struct("<4sQ2H2L4Q")
_END64_LOCATOR: Final = Struct("<4sLQL")

_VERSION_20: Final = 20
_VERSION_45: Final = 45
_DESCRIPTOR_FLAG: Final = 0x8
_UTF8_FLAG: Final = 0x800
_FIRST_OF_JANUARY_1980: Final = 0x21
_LEVEL: Final = 6


def create_zip(version: ModuleVersion, files: Iterable[FileEntry], out: BinaryIO) -> ZipFacts:
    """Write the zip of a version to `out`, leaving out what `check_files` omits; returns its facts.

    Raises Invalid where the files make no module zip or change while they are read, and Unavailable
    where one cannot be read or `out` not be written (`storage-full` where it is full).
    """
    checked = check_files(files)
    checked.check()
    if len(checked.valid) > MAX_ENTRIES:
        raise Invalid(f"module has too many files (at most {MAX_ENTRIES})")
    writer = _Writer(out)
    hashes: list[tuple[str, str]] = []
    go_mod: bytes | None = None
    for entry in sorted(checked.valid, key=lambda entry: entry.path):
        name = f"{version.path}@{version.version}/{entry.path}"
        digest = hashlib.sha256()
        kept: list[bytes] | None = [] if entry.path == "go.mod" else None
        writer.add(name.encode(), _hashed(_content(entry), digest.update, kept))
        hashes.append((name, digest.hexdigest()))
        if kept is not None:
            go_mod = b"".join(kept)
    writer.close()
    return ZipFacts(hash1(hashes), go_mod, len(hashes), sum(entry.size for entry in checked.valid))


def _content(entry: FileEntry) -> Iterator[bytes]:
    """The content of a file, which must be exactly as long as it said."""
    left = entry.size
    try:
        with entry.open() as file:
            while piece := file.read(min(PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    except OSError as err:
        raise Unavailable(f"file {shown(entry.path)} cannot be read: {err}") from err
    if left != 0:
        raise Invalid(f"file {shown(entry.path)} is not as long as it was said to be ({entry.size} bytes)")


def _hashed(
    pieces: Iterable[bytes], update: Callable[[bytes], None], kept: list[bytes] | None
) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        if kept is not None:
            kept.append(piece)
        yield piece


class _Writer:
    """Writes a zip to a stream that need not be seekable."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._at = 0
        self._directory: list[bytes] = []

    def add(self, name: bytes, pieces: Iterable[bytes]) -> None:
        flags = _DESCRIPTOR_FLAG if name.isascii() else _DESCRIPTOR_FLAG | _UTF8_FLAG
        about = (flags, METHOD_DEFLATE, 0, _FIRST_OF_JANUARY_1980)
        offset = self._at
        self._write(_LOCAL.pack(b"PK\x03\x04", _VERSION_20, *about, 0, 0, 0, len(name), 0) + name)
        start = self._at
        deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        crc32 = size = 0
        for piece in pieces:
            crc32 = zlib.crc32(piece, crc32)
            size += len(piece)
            self._write(deflater.compress(piece))
        self._write(deflater.flush())
        sums = (crc32, self._at - start, size)
        self._write(_DESCRIPTOR.pack(b"PK\x07\x08", *sums))
        versions = (_VERSION_20, _VERSION_20)
        self._directory.append(
            _CENTRAL.pack(b"PK\x01\x02", *versions, *about, *sums, len(name), 0, 0, 0, 0, 0, offset) + name
        )

    def close(self) -> None:
        start = self._at
        for header in self._directory:
            self._write(header)
        size, count, end_at = self._at - start, len(self._directory), self._at
        if count >= 0xFFFF:
            versions = (_VERSION_45, _VERSION_45)
            self._write(_END64.pack(b"PK\x06\x06", 44, *versions, 0, 0, count, count, size, start))
            self._write(_END64_LOCATOR.pack(b"PK\x06\x07", 0, end_at, 1))
            count = 0xFFFF
        self._write(_END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, 0))

    def _write(self, data: bytes) -> None:
        self._at += len(data)
        if self._at > MAX_ZIP_FILE:
            raise Invalid(f"module zip is too large (limit is {MAX_ZIP_FILE} bytes)")
        try:
            self._out.write(data)
        except OSError as err:
            kind: UnavailableKind = "storage-full" if err.errno == errno.ENOSPC else "unreachable"
            raise Unavailable(f"zip cannot be written: {err}", kind=kind) from err
