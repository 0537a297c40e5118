"""The entries of one database in one file: what is served on, what is compared, what a start begins with.

    line        `modgate advisories 1`
    entries     each compressed on its own (gzip), one behind the other
    directory   JSON: what the pack is, and where each entry lies
    end         the directory's length (8 bytes) and the SHA-256 of everything before

One file because it is swapped as one: a folder of four thousand files is neither written to the disk nor
replaced in one step. Each entry is compressed by itself because that is what `ID/<id>.json.gz` is, so that
serving one is reading a piece of the file. In memory stands the directory alone, about 200 bytes an entry.

A pack is written beside and renamed, so there is never a half one under its name; one that was damaged later
is told by the SHA-256 when it is opened, and then is none. An open pack goes on being read after another
took its name. Everything here blocks.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import weakref
import zlib
from typing import TYPE_CHECKING, Final

import msgspec

from modgate.errors import Invalid, Unavailable
from modgate.feeds.advisories.entries import MAX_ENTRIES, MAX_ENTRY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Self

__all__ = ["Pack", "PackWriter", "Place", "digest_of"]

_MAGIC: Final = b"modgate advisories 1\n"
_CHUNK = 1 << 20
_MAX_PACK = 4 << 30
_MAX_DIRECTORY = 256 << 20
_LENGTH = 8
_SUM = 32


def digest_of(data: bytes) -> str:
    """Names the bytes of one entry."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where an entry lies: its compressed bytes, and the digest of what they inflate to."""

    offset: int
    size: int
    digest: str


class _Directory(msgspec.Struct):
    source: str
    digest: str
    changed_at: float
    entries: dict[str, Place]


class PackWriter:
    """Writes a pack under a temporary name; `finish` gives it its own, `discard` takes it away."""

    def __init__(self, folder: Path, name: str, source: str) -> None:
        self._target = folder / name
        self._path = folder / f"{name}.{os.getpid()}.{id(self):x}.tmp"
        self._source = source
        self._sum = hashlib.sha256()
        self._at = 0
        self._entries: dict[str, Place] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("xb")
            self._put(_MAGIC)
        except OSError as error:
            raise _broken(error, self._target) from error

    def add(self, identifier: str, data: bytes) -> bool:
        """Add an entry; False where there is one of that id already, which stays. Raises Unavailable."""
        if identifier in self._entries or len(self._entries) >= MAX_ENTRIES:
            return False
        return self._add(identifier, gzip.compress(data, 6, mtime=0), digest_of(data))

    def carry(self, pack: Pack, identifier: str) -> bool:
        """Take over an entry of another pack as it is. Raises Unavailable."""
        if identifier in self._entries:
            return False
        return self._add(identifier, pack.compressed(identifier), pack.entries[identifier].digest)

    def finish(self, changed_at: float) -> Pack:
        """Write it to the disk, put it in the place of the one before, and open it. Raises Unavailable."""
        try:
            entries = dict(sorted(self._entries.items()))
            content = hashlib.blake2b(digest_size=16)
            for identifier, place in entries.items():
                content.update(f"{identifier} {place.digest}\n".encode())
            directory = _Directory(self._source, content.hexdigest(), changed_at, entries)
            data = msgspec.json.encode(directory)
            self._put(data)
            self._put(len(data).to_bytes(_LENGTH, "big"))
            self._file.write(self._sum.digest())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._path.replace(self._target)
            _sync_folder(self._target.parent)
            return Pack(os.open(self._target, os.O_RDONLY | os.O_CLOEXEC), directory, str(self._target))
        except OSError as error:
            raise _broken(error, self._target) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Nothing stays of it. After `finish` it does nothing."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _add(self, identifier: str, compressed: bytes, digest: str) -> bool:
        if self._at + len(compressed) > _MAX_PACK:
            raise Invalid(f"its entries take more than {_MAX_PACK >> 30} GiB", where=self._source)
        place = Place(self._at, len(compressed), digest)
        try:
            self._put(compressed)
        except OSError as error:
            raise _broken(error, self._target) from error
        self._entries[identifier] = place
        return True

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._sum.update(data)
        self._at += len(data)


class Pack:
    """A pack that is open for reading, for as long as anybody has it."""

    def __init__(self, descriptor: int, directory: _Directory, where: str) -> None:
        self._descriptor = descriptor
        self._directory = directory
        self._where = where
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> Pack | None:
        """The pack of that name; None where there is none. Raises Invalid for a damaged one, Unavailable."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _broken(error, path) from error
        try:
            directory = _checked(descriptor, str(path))
        except OSError as error:
            os.close(descriptor)
            raise _broken(error, path) from error
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor, directory, str(path))

    @property
    def source(self) -> str:
        """The database, as configured, without secrets."""
        return self._directory.source

    @property
    def digest(self) -> str:
        """Names the content, whatever order it came in."""
        return self._directory.digest

    @property
    def changed_at(self) -> float:
        """When the content last changed."""
        return self._directory.changed_at

    @property
    def entries(self) -> Mapping[str, Place]:
        """Where each entry lies, by id."""
        return self._directory.entries

    def compressed(self, identifier: str) -> bytes:
        """An entry as gzip. Raises KeyError for one that is not there, Unavailable for a broken disk."""
        place = self.entries[identifier]
        try:
            data = os.pread(self._descriptor, place.size, place.offset)
        except OSError as error:
            raise Unavailable(f"it cannot be read: {error.strerror}", where=self._where) from error
        if len(data) != place.size:
            raise Unavailable("the file of kept advisories ends too early", where=self._where)
        return data

    def read(self, identifier: str) -> bytes:
        """An entry. Raises as `compressed`, and Unavailable where its bytes are not what they were."""
        inflate = zlib.decompressobj(wbits=31)
        try:
            data = inflate.decompress(self.compressed(identifier), MAX_ENTRY + 1)
        except zlib.error:
            data = b""
        if digest_of(data) != self.entries[identifier].digest:
            raise Unavailable(f"the kept entry {identifier} is damaged", where=self._where)
        return data


def _checked(descriptor: int, where: str) -> _Directory:
    size = os.fstat(descriptor).st_size
    body = size - _SUM
    if body < len(_MAGIC) + _LENGTH or os.pread(descriptor, len(_MAGIC), 0) != _MAGIC:
        raise Invalid("it is no file of kept advisories", where=where)
    content, at = hashlib.sha256(), 0
    while at < body:
        piece = os.pread(descriptor, min(_CHUNK, body - at), at)
        if not piece:
            break
        content.update(piece)
        at += len(piece)
    if at != body or os.pread(descriptor, _SUM, body) != content.digest():
        raise Invalid("the file of kept advisories is damaged", where=where)
    length = int.from_bytes(os.pread(descriptor, _LENGTH, body - _LENGTH), "big")
    if length > min(_MAX_DIRECTORY, body - _LENGTH - len(_MAGIC)):
        raise Invalid("the file of kept advisories is damaged", where=where)
    try:
        return msgspec.json.decode(os.pread(descriptor, length, body - _LENGTH - length), type=_Directory)
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid("the file of kept advisories is of another version", where=where) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _broken(error: OSError, path: Path) -> Unavailable:
    return Unavailable(f"kept advisories: {error.strerror or error}", where=str(path))
