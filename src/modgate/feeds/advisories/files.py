"""Databases of advisories that lie on a disk: a folder, a zip, a JSON, JSONL or JSONL.gz file of OSV entries.

Whoever wrote them is not trusted with this process's memory or with its other files:

1. A folder is read as it stands: `*.json` at any depth (so `ID/*.json` of the Go database's layout too, where
   its `index` is no entry), `*.json.gz` where the plain one is missing. Symbolic links are passed over.
2. Nothing is unpacked to the disk. One entry has at most `MAX_ENTRY` bytes: a larger one is a fault of its
   own. What a database inflates to is limited, and so is the directory of a zip, before it is read.
3. A file that ends too early or whose check sum is wrong is no database: half of it would be a database in
   which the other half is harmless.

Reading blocks: call it in a thread.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Protocol

import msgspec

from modgate.errors import Absent, Invalid, Unavailable
from modgate.feeds.advisories.entries import MAX_ENTRY, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_TOTAL", "read_path"]

MAX_TOTAL: Final = 2 << 30
"""Bytes that a database may inflate to."""

_MAX_LIST = 256 << 20
_MAX_DIRECTORY = 32 << 20
_MAX_DEPTH = 16
_TOO_LARGE = f"it has more than {MAX_ENTRY >> 20} MiB"
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, UnicodeDecodeError)
"""What zipfile says of a file that it cannot read; NotImplementedError is a RuntimeError."""
_GZIP = b"\x1f\x8b"


def read_path(path: Path) -> Iterator[Entry]:
    """The entries of a folder or a file, as they come.

    Raises Absent where there is nothing, Invalid where it is no database or is broken as a whole,
    Unavailable where the system refuses it. An entry that cannot be had carries its fault.
    """
    try:
        if path.is_dir():
            yield from _folder(path)
            return
        with _opened(path) as file:
            head = file.read(4)
            file.seek(0)
            if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
                yield from _zip(path, file)
            elif head.startswith(_GZIP):
                with gzip.GzipFile(fileobj=file) as inflated:
                    yield from _stream(path.name.removesuffix(".gz"), inflated)
            else:
                yield from _stream(path.name, file)
    except FileNotFoundError:
        raise Absent("there is no such file or folder", where=str(path)) from None
    except (EOFError, *_BROKEN, gzip.BadGzipFile) as error:
        raise Invalid(f"the file is broken: {error}", where=str(path)) from None
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror or error}", where=str(path)) from None


def _opened(path: Path) -> IO[bytes]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Invalid("it is neither a file nor a folder", where=str(path))
    return os.fdopen(descriptor, "rb")


def _folder(root: Path) -> Iterator[Entry]:
    budget = _Budget(str(root))
    for file, depth in _files(root, 0):
        shown = file.relative_to(root).as_posix()
        if depth == 1 and file.parent.name == "index":
            continue
        if file.name.endswith(".json.gz") and file.with_suffix("").is_file():
            continue
        name = file.name.removesuffix(".gz").removesuffix(".json")
        try:
            data = _whole(file)
        except (OSError, EOFError, zlib.error) as error:
            yield Entry(name, b"", shown, f"it cannot be read: {getattr(error, 'strerror', None) or error}")
            continue
        budget.take(len(data))
        if len(data) > MAX_ENTRY:
            yield Entry(name, b"", shown, _TOO_LARGE)
        else:
            yield Entry(name, data, shown)


def _files(folder: Path, depth: int) -> Iterator[tuple[Path, int]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda each: each.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if depth < _MAX_DEPTH:
                yield from _files(Path(entry.path), depth + 1)
        elif entry.is_file(follow_symlinks=False) and entry.name.endswith((".json", ".json.gz")):
            yield Path(entry.path), depth


def _whole(file: Path) -> bytes:
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if file.name.endswith(".gz"):
            with gzip.GzipFile(fileobj=opened) as inflated:
                return inflated.read(MAX_ENTRY + 1)
        return opened.read(MAX_ENTRY + 1)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class _Budget:
    """What a database may still inflate to."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._left = MAX_TOTAL

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Invalid(f"its entries have more than {MAX_TOTAL >> 30} GiB", where=self._where)


def _zip(path: Path, file: IO[bytes]) -> Iterator[Entry]:
    _check_directory(path, file)
    budget = _Budget(str(path))
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            parts = member.filename.split("/")
            if member.is_dir() or not member.filename.endswith(".json") or "index" in parts[:-1]:
                continue
            name, where = parts[-1].removesuffix(".json"), f"{path.name}: {member.filename}"
            try:
                with archive.open(member) as opened:
                    data = opened.read(MAX_ENTRY + 1)
            except (EOFError, OSError, *_BROKEN) as error:
                yield Entry(name, b"", where, f"it cannot be read: {error}")
                continue
            budget.take(len(data))
            if len(data) > MAX_ENTRY:
                yield Entry(name, b"", where, _TOO_LARGE)
            else:
                yield Entry(name, data, where)


def _check_directory(path: Path, file: IO[bytes]) -> None:
    """A directory of any size is read by zipfile at once, and takes some ten times its size in memory."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _END.size - _LOCATOR.size - 0xFFFF)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise zipfile.BadZipFile("it has no directory, so its end is missing")
    directory = _END.unpack_from(tail, at)[5]
    if at >= _LOCATOR.size and tail[at - _LOCATOR.size :].startswith(b"PK\x06\x07"):
        file.seek(min(_LOCATOR.unpack_from(tail, at - _LOCATOR.size)[2], size))
        record = file.read(_END_64.size)
        if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
            directory = _END_64.unpack(record)[8]
    if directory > _MAX_DIRECTORY:
        raise Invalid(f"its directory has more than {_MAX_DIRECTORY >> 20} MiB", where=str(path))
    file.seek(0)


def _stream(name: str, stream: _Stream) -> Iterator[Entry]:
    if name.endswith(".json"):
        data = stream.read(_MAX_LIST + 1)
        if len(data) > _MAX_LIST:
            raise Invalid(
                f"it has more than {_MAX_LIST >> 20} MiB: write one entry a line (.jsonl)", where=name
            )
        yield from _document(name, data)
    else:
        yield from _lines(name, stream)


def _document(name: str, data: bytes) -> Iterator[Entry]:
    if data.lstrip()[:1] != b"[":
        if len(data) > MAX_ENTRY:
            yield Entry("", b"", name, _TOO_LARGE)
        else:
            yield Entry("", data, name)
        return
    try:
        entries = msgspec.json.decode(data, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"it is no JSON: {error}", where=name) from None
    for number, entry in enumerate(entries, 1):
        where = f"{name}: entry {number}"
        yield Entry("", b"", where, _TOO_LARGE) if len(entry) > MAX_ENTRY else Entry("", bytes(entry), where)


def _lines(name: str, stream: _Stream) -> Iterator[Entry]:
    budget = _Budget(name)
    number = 0
    while line := stream.readline(MAX_ENTRY + 1):
        number += 1
        budget.take(len(line))
        where = f"{name}: line {number}"
        if len(line) > MAX_ENTRY:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_ENTRY)
                budget.take(len(line))
            yield Entry("", b"", where, _TOO_LARGE)
        elif line.strip():
            yield Entry("", line, where)
