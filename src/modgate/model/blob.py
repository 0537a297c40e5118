"""The promises of a blob store.

Keys are paths in the GOPROXY file layout, relative, with `/` (`<escaped path>/@v/<version>.zip`,
`sumdb/<name>/tile/…`). A store refuses any key that could leave its folder (`Invalid`).

Promises of every store:

1. An object is visible whole or not at all, also after SIGKILL; the first writer wins.
2. `None` means proved absent. Anything broken raises `Unavailable` (a full disk: kind
   `storage-full`), never `None`.
3. What `replace` writes (list, @latest, query results, a tree head) is swapped atomically.
4. Temporary data never shows up under a key and counts against a size bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol, TypeVar

import msgspec

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

__all__ = ["Blob", "BlobMeta", "BlobStore", "BlobWriter", "NoRoom", "StoreUsage", "StoredObject"]

T = TypeVar("T")


class BlobMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a stored object beside its bytes.

    Attributes:
        sha256: Hex SHA-256 of the bytes (not h1: recompression keeps h1); the strong ETag.
        size: Bytes.
        stored_at: Unix seconds when the bytes were written (for a `replace`d object: last confirmed).
        verified: A `Verification` value: how the bytes were proved when they were stored.
        h1: The `h1:…` directory hash where the object has one, else empty.
    """

    sha256: str
    size: int
    stored_at: float
    verified: str = "none"
    h1: str = ""


class NoRoom(Unavailable):
    """The limit set for a store leaves no room, and nothing there may make way.

    Its disk is sound: what was verified and cannot be kept may still be passed on.
    """

    def __init__(self, what: str, *, where: str = "") -> None:
        super().__init__(
            what,
            where=where,
            next_step="Raise cache.limit, or unpin or remove something (modgate store).",
            kind="storage-full",
        )


class StoreUsage(NamedTuple):
    """How full a store is, in bytes as its disk gives them.

    Attributes:
        limit: The most that it may hold; 0 where there is no limit.
        used: What it holds; None where nobody counts (no limit), or not yet.
        in_flight: What is being written beside that.
        objects: How many objects it holds; None as with `used`.
        evictions: Objects that had to go since the start.
        evicted: Their bytes.
    """

    limit: int = 0
    used: int | None = None
    in_flight: int = 0
    objects: int | None = None
    evictions: int = 0
    evicted: int = 0


class StoredObject(NamedTuple):
    """An object as a walk meets it: what is told of it, not what its bytes say.

    Attributes:
        key: The key it is stored under.
        size: Bytes.
        stored_at: As in `BlobMeta`.
        used_at: Unix seconds of its last use as far as that is known; never before `stored_at`.
        mutable: Whether `replace` wrote it.
        verified: As in `BlobMeta`; `none` where nothing is known of it yet.
    """

    key: str
    size: int
    stored_at: float
    used_at: float
    mutable: bool
    verified: str


class Blob(Protocol):
    """A stored object, opened: reads stay valid even if the key is replaced or removed meanwhile,
    or raise `Unavailable`; they never return other bytes.
    """

    @property
    def key(self) -> str:
        """The key it was stored under."""

    @property
    def meta(self) -> BlobMeta:
        """What is known beside the bytes."""

    @property
    def path(self) -> Path | None:
        """The file that holds the bytes, where there is one (for sendfile)."""

    async def read(self) -> bytes:
        """The whole object. Raises Unavailable; Tampered if it no longer has its SHA-256."""

    async def verify(self) -> None:
        """Raise Tampered, and set the object aside, if it no longer has its SHA-256.

        Remembered per process while the file is the same, so that only the first hit pays.
        """

    def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `start:stop` in pieces of at most 256 KiB. Raises Unavailable."""


class BlobWriter(Protocol):
    """An object on its way in: temporary until `commit`. One owner writes; any number read along."""

    @property
    def written(self) -> int:
        """How many bytes can be read along by now."""

    async def write(self, data: bytes) -> None:
        """Append. Raises Unavailable (`storage-full` when disk or bound is exhausted)."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of what is `written`, without waiting. Raises Unavailable.

        Keeps working while and after `commit` runs (readers that began before it finish through it),
        until `aclose`.
        """

    async def check(self, function: Callable[[BinaryIO], T]) -> T:
        """Run a pure function over the whole temporary object in a thread; its errors pass through."""

    async def commit(self, meta: BlobMeta) -> Blob:
        """Make it durable under its key. The first writer wins: an object that is already there is
        kept and returned. Raises Unavailable, or Tampered where the meta names another size than was
        written; nothing is stored then. After Unavailable the bytes can be read along until `aclose`.
        """

    async def abort(self) -> None:
        """Drop it. Does nothing after `commit` or a second time; never raises."""

    async def aclose(self) -> None:
        """No reader is left: give descriptors back. Aborts if not committed; never raises."""


class BlobStore(Protocol):
    """Where module versions are kept. See the promises at the top of this module."""

    @property
    def generation(self) -> int:
        """Grows whenever a stored object is removed or set aside (new objects do not count)."""

    async def get(self, key: str) -> Blob | None:
        """The object, or None where it is proved absent. Raises Unavailable, Invalid."""

    def usage(self) -> StoreUsage:
        """How full it is; costs nothing."""

    async def create(self, key: str, *, size: int | None = None) -> BlobWriter:
        """Begin a new immutable object, of `size` bytes where that is known. Raises Unavailable, Invalid."""

    async def put(self, key: str, data: bytes, meta: BlobMeta) -> Blob:
        """Store a small immutable object in one step; the first writer wins, as with `commit`.
        Raises Tampered where the bytes do not have the SHA-256 of the meta (so does `replace`).
        """

    async def replace(self, key: str, data: bytes, meta: BlobMeta) -> Blob:
        """Store or swap a mutable object atomically. Raises Unavailable, Invalid."""

    async def names(self, folder: str) -> list[str]:
        """The sorted names of objects directly in a folder (no sub-folders); empty if none."""

    def walk(self, prefix: str = "") -> AsyncGenerator[list[StoredObject], None]:
        """Everything whose key begins with `prefix`, in batches of at most some hundred.

        Objects of one folder come in a row, sorted by name, and those of an `@v` next to the files of the
        folder that it lies in: a module comes in one piece. What is stored all the while is met exactly
        once; what comes or goes meanwhile may be met or not. Bounded in memory by the largest folder.
        Raises Unavailable; Invalid for a prefix that no key can have.
        """

    async def remove(self, key: str) -> bool:
        """Delete; True if it was there."""

    async def set_aside(self, key: str, reason: str) -> None:
        """Quarantine an object whose bytes no longer match, so that it is fetched again."""

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now (full, read-only, gone)."""

    async def close(self) -> None:
        """Release locks and descriptors."""
