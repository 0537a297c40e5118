"""One object as it stood: the file, its sidecar and its `.ziphash`, read under the lock of its key."""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: SLF001

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from modgate.storage.files import PIECE
from modgate.storage.sidecar import Sidecar, decode, identify

if TYPE_CHECKING:
    from modgate.model.blob import BlobMeta
    from modgate.model.inspection import Stamp
    from modgate.storage.inspect_pace import Pace
    from modgate.storage.sidecar import Identity
    from modgate.storage.tree import Tree

__all__ = ["FileLook", "Snapshot", "snapshot"]

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_MAX_SIDECAR = 64 * 1024
_MAX_ZIPHASH = 1024
_MAX_BESIDE = 20 * 1024 * 1024


class Snapshot(NamedTuple):
    """What stood together; `descriptor` is its owner's to close."""

    descriptor: int
    identity: Identity
    sidecar: bytes | None
    ziphash: bytes | None

    @property
    def stamp(self) -> Stamp:
        """Which file it is."""
        return self.identity.inode, self.identity.mtime_ns, self.identity.size

    def same(self, other: Snapshot) -> bool:
        """Whether nothing has changed, as far as names and stamps tell."""
        return (self.identity, self.sidecar, self.ziphash) == (other.identity, other.sidecar, other.ziphash)


def snapshot(tree: Tree, key: str) -> Snapshot | None:
    """The object and what belongs to it; None where no file stands. Raises OSError."""
    path = tree.path(key)
    with tree._lock(key):
        descriptor = _opened(path)
        if descriptor is None:
            return None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                os.close(descriptor)
                return None
            sidecar = _small(tree._sidecar_path(key), _MAX_SIDECAR)
            ziphash = _small(path + "hash", _MAX_ZIPHASH) if key.endswith(".zip") else None
        except BaseException:
            with suppress(OSError):
                os.close(descriptor)
            raise
    return Snapshot(descriptor, identify(status), sidecar, ziphash)


def _opened(path: str) -> int | None:
    """Neither a link nor a fifo may lead or hold this thread anywhere."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def _small(path: str, limit: int) -> bytes | None:
    """The beginning of a regular file; None where there is none."""
    try:
        descriptor = _opened(path)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    if descriptor is None:
        return None
    try:
        return os.pread(descriptor, limit, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


class FileLook:
    """One object, opened (`model.inspection.Look`)."""

    def __init__(self, tree: Tree, key: str, seen: Snapshot, pace: Pace) -> None:
        self._tree = tree
        self._key = key
        self._seen = seen
        self._pace = pace
        self._files: list[_Paced] = []
        noted = None if seen.sidecar is None else decode(seen.sidecar)
        self._noted: Sidecar | None = noted if noted is not None and noted.key == key else None

    @property
    def key(self) -> str:
        """Its key."""
        return self._key

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._seen.identity.size

    @property
    def meta(self) -> BlobMeta | None:
        """What the sidecar says."""
        return None if self._noted is None else self._noted.meta

    @property
    def torn(self) -> bool:
        """Whether there is a sidecar that cannot be read, or is of another object."""
        return self._noted is None and self._seen.sidecar is not None

    @property
    def ziphash(self) -> bytes | None:
        """What `.ziphash` holds."""
        return self._seen.ziphash

    def sha256(self) -> str:
        """Hex SHA-256 of the file."""
        hashed = hashlib.sha256()
        buffer = bytearray(PIECE)
        view = memoryview(buffer)
        offset = 0
        while count := os.preadv(self._seen.descriptor, [buffer], offset):
            hashed.update(view[:count])
            offset += count
            self._pace.took(count)
        return hashed.hexdigest()

    def body(self) -> bytes:
        """The whole file."""
        pieces: list[bytes] = []
        offset = 0
        while piece := os.pread(self._seen.descriptor, PIECE, offset):
            pieces.append(piece)
            offset += len(piece)
            self._pace.took(len(piece))
        return b"".join(pieces)

    def file(self) -> BinaryIO:
        """The file for reading and seeking."""
        opened = _Paced(self._seen.descriptor, self._pace)
        self._files.append(opened)
        return cast("BinaryIO", opened)

    def beside(self, key: str) -> bytes | None:
        """Another small object, if its bytes are those that its sidecar speaks of."""
        try:
            seen = snapshot(self._tree, key)
            if seen is None:
                return None
            other = FileLook(self._tree, key, seen, self._pace)
            try:
                if other.size > _MAX_BESIDE:
                    return None
                body = other.body()
            finally:
                other.close()
        except OSError:
            return None
        if other.torn or (other.meta and other.meta.sha256 != hashlib.sha256(body).hexdigest()):
            return None
        return body

    def close(self) -> None:
        """Give the descriptor back."""
        for each in self._files:
            each.close()
        os.close(self._seen.descriptor)


class _Paced(io.FileIO):
    """A file whose reading is counted."""

    def __init__(self, descriptor: int, pace: Pace) -> None:
        super().__init__(descriptor, closefd=False)
        self._pace = pace
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """At most `size` bytes."""
        data = super().read(-1 if size is None else size)
        self._pace.took(len(data))
        return data
