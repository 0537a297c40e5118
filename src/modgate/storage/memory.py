"""Objects in memory, under a bound, and nothing on disk.

The bound counts stored bytes and those still being written. Room is made by forgetting immutable
objects, the longest unused first; what `replace` wrote (a tree head, say) is never forgotten,
because nothing could bring it back.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections import OrderedDict
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from modgate.errors import Tampered, Unavailable
from modgate.model.blob import StoredObject, StoreUsage
from modgate.storage.files import PIECE
from modgate.storage.keys import check_folder, check_key, check_prefix

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from modgate.model.blob import BlobMeta

__all__ = ["MemoryBlob", "MemoryStore", "MemoryWriter"]

T = TypeVar("T")

_BATCH = 500
_QUICK = 64 * 1024  # up to this size hashing is cheaper than a trip to a thread


class MemoryBlob:
    """A stored object."""

    def __init__(self, store: MemoryStore, key: str, data: bytes, meta: BlobMeta, *, mutable: bool) -> None:
        self._store = store
        self._key = key
        self._meta = meta
        self.data = data
        self.mutable = mutable
        self.used_at = 0.0
        self._sound: bool | None = None

    @property
    def key(self) -> str:
        """The key it was stored under."""
        return self._key

    @property
    def meta(self) -> BlobMeta:
        """What is known beside the bytes."""
        return self._meta

    @property
    def path(self) -> Path | None:
        """None: there is no file."""
        return None

    async def read(self) -> bytes:
        """The whole object. Raises Tampered if it does not have its SHA-256."""
        await self.verify()
        return self.data

    async def verify(self) -> None:
        """Prove the bytes, once."""
        if self._sound is None:
            hashed = hashlib.sha256()
            if len(self.data) <= _QUICK:
                hashed.update(self.data)
            else:
                await asyncio.to_thread(hashed.update, self.data)
            self._sound = hashed.hexdigest() == self._meta.sha256
        if not self._sound:
            self._store.forget(self)
            raise Tampered(
                "the stored bytes do not have the SHA-256 they were stored with",
                where=self._key,
                next_step="They were dropped and will be fetched again.",
            )

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `start:stop` in pieces of at most 256 KiB."""
        end = len(self.data) if stop is None else min(stop, len(self.data))
        for offset in range(start, end, PIECE):
            yield self.data[offset : min(end, offset + PIECE)]


class MemoryWriter:
    """An object on its way in."""

    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store = store
        self._key = key
        self._bytes = io.BytesIO()
        # The same buffer as bytes, once it is whole: looking into a BytesIO that shares its buffer
        # would copy it.
        self._whole: bytes | None = None
        self._written = 0
        self._over = False
        self._dropped = False
        self._blob: MemoryBlob | None = None

    def __del__(self) -> None:
        if not self._over:
            self._store.give_back(self._written)

    @property
    def written(self) -> int:
        """How many bytes can be read along by now."""
        return self._written

    async def write(self, data: bytes) -> None:
        """Append. Raises Unavailable (`storage-full` when the bound is exhausted)."""
        self._check_open()
        self._store.reserve(len(data))
        self._whole = None
        self._bytes.write(data)
        self._written += len(data)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of what is `written`. Raises Unavailable after `abort`."""
        if self._dropped:
            raise Unavailable("the object was not stored", where=self._key, next_step="Ask again.")
        if self._whole is not None:
            return self._whole[offset : offset + size]
        with self._bytes.getbuffer() as view:
            return bytes(view[offset : offset + size])

    async def check(self, function: Callable[[BinaryIO], T]) -> T:
        """Run a pure function over the whole temporary object in a thread; its errors pass through."""
        self._check_open()
        whole = self._whole = self._bytes.getvalue()
        return await asyncio.to_thread(function, io.BytesIO(whole))  # shares the buffer as well

    async def commit(self, meta: BlobMeta) -> MemoryBlob:
        """Make it visible under its key, unless another is there. Raises Unavailable, Tampered."""
        if self._blob is not None:
            return self._blob
        self._check_open()
        if meta.size != self._written:
            await self.abort()
            raise Tampered(f"{self._written} bytes came, {meta.size} were announced", where=self._key)
        self._store.check_open()
        self._over = True
        self._whole = self._bytes.getvalue()
        self._blob = self._store.admit(self._key, self._whole, meta)
        return self._blob

    async def abort(self) -> None:
        """Drop it. Does nothing after `commit` or a second time; never raises."""
        if not self._over:
            self._over = self._dropped = True
            self._store.give_back(self._written)
            self._whole = None
            self._bytes = io.BytesIO()

    async def aclose(self) -> None:
        """No reader is left. Aborts if not committed; never raises."""
        await self.abort()
        self._dropped = True
        self._whole = None

    def _check_open(self) -> None:
        if self._over:
            raise Unavailable("the object is no longer being written", where=self._key)
        self._store.check_open()


class MemoryStore:
    """A blob store of at most `limit` bytes, for one event loop."""

    def __init__(self, limit: int, *, clock: Callable[[], float] = lambda: 0.0) -> None:
        self._limit = limit
        self._clock = clock
        self._used = 0
        self._objects: OrderedDict[str, MemoryBlob] = OrderedDict()
        self._generation = 0
        self._closed = False
        self._evictions = 0
        self._evicted = 0

    @property
    def generation(self) -> int:
        """Grows whenever a stored object is removed, set aside or forgotten."""
        return self._generation

    @property
    def used(self) -> int:
        """Bytes held: stored and being written."""
        return self._used

    async def get(self, key: str) -> MemoryBlob | None:
        """The object, or None where there is none. Raises Invalid."""
        check_key(key)
        self.check_open()
        blob = self._objects.get(key)
        if blob is not None:
            self._objects.move_to_end(key)
            blob.used_at = self._clock()
        return blob

    def usage(self) -> StoreUsage:
        """How full it is."""
        return StoreUsage(self._limit, self._used, 0, len(self._objects), self._evictions, self._evicted)

    async def create(self, key: str, *, size: int | None = None) -> MemoryWriter:  # noqa: ARG002  the protocol's
        """Begin a new immutable object. Raises Unavailable, Invalid."""
        check_key(key)
        self.check_open()
        return MemoryWriter(self, key)

    async def put(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        """Store a small immutable object in one step; the first writer wins."""
        check_key(key)
        self.check_open()
        _check_bytes(key, data, meta)
        standing = self._objects.get(key)
        if standing is not None:
            return standing
        self.reserve(len(data))
        return self.admit(key, data, meta)

    async def replace(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        """Store or swap a mutable object."""
        check_key(key)
        self.check_open()
        _check_bytes(key, data, meta)
        before = self._objects.get(key)
        self.reserve(len(data), instead_of=before)
        blob = MemoryBlob(self, key, data, meta, mutable=True)
        self._objects[key] = blob
        self._objects.move_to_end(key)
        return blob

    async def names(self, folder: str) -> list[str]:
        """The sorted names of objects directly in a folder; empty if none."""
        check_folder(folder)
        self.check_open()
        parents = (key.rpartition("/") for key in self._objects)
        return sorted(name for parent, _, name in parents if parent == folder)

    async def walk(self, prefix: str = "") -> AsyncGenerator[list[StoredObject], None]:
        """Everything whose key begins with `prefix`, folder by folder. Raises Invalid, Unavailable."""
        check_prefix(prefix)
        self.check_open()
        keys = [key for key in self._objects if key.startswith(prefix)]
        keys.sort(key=_place)
        for start in range(0, len(keys), _BATCH):
            self.check_open()
            batch = [self._objects[key] for key in keys[start : start + _BATCH] if key in self._objects]
            if batch:
                yield [_met(blob) for blob in batch]

    async def remove(self, key: str) -> bool:
        """Delete; True if it was there."""
        check_key(key)
        self.check_open()
        blob = self._objects.get(key)
        if blob is None:
            return False
        self.forget(blob)
        return True

    async def set_aside(self, key: str, reason: str) -> None:  # noqa: ARG002  the protocol's
        """Drop an object whose bytes no longer match: memory keeps no quarantine."""
        await self.remove(key)

    async def ready(self) -> None:
        """Raises Unavailable when closed, or when nothing could be forgotten to make room."""
        self.check_open()
        if self._used >= self._limit and all(_kept(blob) for blob in self._objects.values()):
            raise self._full(1)

    async def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._objects.clear()
        self._used = 0

    # --- for blobs and writers

    def check_open(self) -> None:
        """Raise Unavailable once closed."""
        if self._closed:
            raise Unavailable("the store is closed", kind="stopping")

    def reserve(self, count: int, *, instead_of: MemoryBlob | None = None) -> None:
        """Count bytes in, forgetting what is longest unused to make room. Raises Unavailable."""
        count -= len(instead_of.data) if instead_of is not None else 0
        if self._used + count > self._limit:
            spare = [blob for blob in self._objects.values() if not _kept(blob) and blob is not instead_of]
            # Nothing is forgotten in vain: an object that cannot fit leaves the others alone.
            if self._used + count - sum(len(blob.data) for blob in spare) > self._limit:
                raise self._full(count)
            for blob in spare:
                if self._used + count <= self._limit:
                    break
                self._evictions += 1
                self._evicted += len(blob.data)
                self.forget(blob)
        self._used += count

    def give_back(self, count: int) -> None:
        """Count bytes out that were reserved and not stored."""
        if not self._closed:
            self._used -= count

    def admit(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        """Store bytes already reserved, or give them back where another was first."""
        standing = self._objects.get(key)
        if standing is not None:
            self.give_back(len(data))
            return standing
        blob = self._objects[key] = MemoryBlob(self, key, data, meta, mutable=False)
        return blob

    def forget(self, blob: MemoryBlob) -> None:
        """Drop this very object if it is still the one that is stored."""
        if self._objects.get(blob.key) is blob:
            del self._objects[blob.key]
            self._used -= len(blob.data)
            self._generation += 1

    def _full(self, count: int) -> Unavailable:
        return Unavailable(
            f"the memory store is full: {count} more bytes do not fit into its {self._limit}",
            next_step="Raise its bound, or store in a folder.",
            kind="storage-full",
        )


def _place(key: str) -> tuple[list[str], str]:
    """Where a walk meets it: as in folders, and what belongs to one module together."""
    *folders, name = key.split("/")
    return ["" if each == "@v" else each for each in folders], name


def _met(blob: MemoryBlob) -> StoredObject:
    meta = blob.meta
    used_at = max(meta.stored_at, blob.used_at)
    return StoredObject(blob.key, meta.size, meta.stored_at, used_at, blob.mutable, meta.verified)


def _kept(blob: MemoryBlob) -> bool:
    """What is never forgotten to make room: the tree heads that were served, which must not go back."""
    return blob.mutable and blob.key.startswith("sumdb/")


def _check_bytes(key: str, data: bytes, meta: BlobMeta) -> None:
    if hashlib.sha256(data).hexdigest() != meta.sha256:
        raise Tampered("the bytes do not have the SHA-256 they are to be stored with", where=key)
