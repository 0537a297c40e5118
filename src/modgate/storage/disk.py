"""Objects in a folder that is itself a module proxy.

The layout under the root is the GOPROXY file layout, so `GOPROXY=file://<root>` works with the
server dead; what is modgate's own lies in `<root>/.modgate` (see `folder`). How an object comes to
be, and what is promised after a crash, stands in `tree`. This module only moves blocking work into
threads: one trip for each operation on a small object.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Unavailable
from modgate.model.blob import StoreUsage
from modgate.storage.diskblob import DiskBlob
from modgate.storage.diskwriter import DiskWriter
from modgate.storage.failures import translated
from modgate.storage.folder import take_folder
from modgate.storage.hands import Hands
from modgate.storage.keys import check_folder, check_key, check_prefix
from modgate.storage.room import Room
from modgate.storage.sweep import sweep
from modgate.storage.tree import Tree
from modgate.storage.walk import walk_tree

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from pathlib import Path

    from modgate.model.blob import BlobMeta, StoredObject
    from modgate.storage.eviction import Spared
    from modgate.storage.sidecar import Identity
    from modgate.storage.tree import Stored

__all__ = ["DiskStore"]

T = TypeVar("T")

_CHECKERS = 2
"""Threads for whole objects: apart, so that a look-up never waits behind the checking of a large zip."""


def _pass(stage: str) -> None:
    """Nobody watches the stages of a write."""


class DiskStore:
    """A blob store in one folder, which it alone uses. Made by `open`."""

    def __init__(self, tree: Tree, lock: int, *, clock: Callable[[], float], threads: int) -> None:
        self.tree = tree
        self._lock = lock
        self._clock = clock
        self._generation = 0
        self._threads = Hands(threads, "modgate-disk")
        self._checkers = Hands(_CHECKERS, "modgate-check")
        self._closed = False
        self._room: Room | None = None

    @classmethod
    async def open(
        cls,
        root: Path,
        *,
        clock: Callable[[], float],
        address: str = "",
        threads: int = 4,
        stages: Callable[[str], None] = _pass,
    ) -> DiskStore:
        """Make or adopt the folder, lock it, and sweep what a crash left.

        Args:
            root: The folder; made if it does not exist.
            clock: Unix seconds, for the quarantine.
            address: Where this server listens, for whoever finds the folder taken.
            threads: How many disk operations may wait at once.
            stages: Told the name of each step of a write when it is done (see `tree`).

        Raises:
            Unavailable: The folder is taken, no folder, not writable, or of a newer format.
        """

        def take() -> tuple[Path, int]:
            with translated("cannot open the store", str(root)):
                whole = root.absolute()
            lock = take_folder(whole, address=address)
            try:
                sweep(whole)
            except BaseException:
                os.close(lock)
                raise
            return whole, lock

        whole, lock = await asyncio.to_thread(take)
        return cls(Tree(whole, stages), lock, clock=clock, threads=threads)

    @property
    def generation(self) -> int:
        """Grows whenever a stored object is removed or set aside, and once for each eviction."""
        return self._generation + (0 if self._room is None else self._room.generation)

    def bound(
        self,
        limit: int,
        spared: Callable[[], Awaitable[Spared]],
        *,
        monotonic: Callable[[], float],
    ) -> None:
        """Hold at most `limit` bytes from now on. To be called once, before anything is written.

        What is longest unused makes way, never what is `spared`: versions that the function it gives says
        must stay. It raises ModgateError where that cannot be known, and then nothing makes way. Until the
        folder is counted nothing is written.
        """
        self._room = Room(self.tree, limit, spared=spared, clock=self._clock, monotonic=monotonic)

    def usage(self) -> StoreUsage:
        """How full it is, where it has a limit."""
        return StoreUsage() if self._room is None else self._room.usage()

    async def run(self, function: Callable[[], T]) -> T:
        """Run something that blocks in a thread of the store. Raises Unavailable when closed."""
        self._check_open()
        return await self._threads.submit(function)

    async def run_long(self, function: Callable[[], T]) -> T:
        """As `run`, for what takes as long as an object is large."""
        self._check_open()
        return await self._checkers.submit(function)

    async def get(self, key: str) -> DiskBlob | None:
        """The object, or None where it is proved absent. Raises Unavailable, Invalid."""
        check_key(key)
        used_ns = 0
        if self._room is not None:
            await self._room.settled(key)
            used_ns = self._room.touch(key)
        stored = await self.run(lambda: self.tree.load(key, used_ns))
        return None if stored is None else self.blob(key, stored)

    def blob(self, key: str, stored: Stored) -> DiskBlob:
        """An object as it was found or stored."""
        blob = DiskBlob(self, key, stored)
        if self._room is not None and stored.data is None:
            self._room.lent(key, blob)
        return blob

    async def create(self, key: str, *, size: int | None = None) -> DiskWriter:
        """Begin a new immutable object; nothing touches the disk before there is a piece to write."""
        return DiskWriter(self, check_key(key), self._room, size)

    async def put(self, key: str, data: bytes, meta: BlobMeta) -> DiskBlob:
        """Store a small immutable object in one step; the first writer wins, as with `commit`.

        Raises Unavailable, Invalid; Tampered where the bytes are not those of the meta.
        """
        return await self._store(key, data, meta, mutable=False)

    async def replace(self, key: str, data: bytes, meta: BlobMeta) -> DiskBlob:
        """Store or swap a mutable object atomically. Raises as `put` does."""
        return await self._store(key, data, meta, mutable=True)

    async def _store(self, key: str, data: bytes, meta: BlobMeta, *, mutable: bool) -> DiskBlob:
        check_key(key)
        room = self._room
        if room is None:
            return DiskBlob(
                self, key, await self.run(lambda: self.tree.store(key, data, meta, mutable=mutable))
            )
        reserved = room.begin()
        try:
            await room.admit(reserved, key, len(data), patient=not mutable)
            await room.settled(key)
            stored = await self.run(
                lambda: self.tree.store(key, data, meta, mutable=mutable, reserved=reserved)
            )
        finally:
            room.release(reserved)
        return self.blob(key, stored)

    async def names(self, folder: str) -> list[str]:
        """The sorted names of objects directly in a folder (no sub-folders); empty if none."""
        check_folder(folder)
        return await self.run(lambda: self.tree.names(folder))

    async def walk(self, prefix: str = "") -> AsyncGenerator[list[StoredObject], None]:
        """Everything whose key begins with `prefix`, folder by folder. Raises Invalid, Unavailable."""
        batches = walk_tree(self.tree, check_prefix(prefix))
        room = self._room
        while batch := await self.run_long(lambda: next(batches, None)):
            if room is not None:
                batch = [each._replace(used_at=max(each.used_at, room.last_use(each.key))) for each in batch]
            yield batch

    async def remove(self, key: str) -> bool:
        """Delete; True if it was there. Raises Unavailable, Invalid."""
        check_key(key)
        await self._counted()
        return await self._away(lambda: self.tree.remove(key))

    async def set_aside(self, key: str, reason: str) -> None:
        """Move an object into `.modgate/quarantine`, with the reason beside it."""
        check_key(key)
        await self._counted()
        await self._away(lambda: self.tree.set_aside(key, reason, self._clock()))

    async def distrust(self, key: str, reason: str, only: Identity) -> None:
        """Set aside one damaged file, and not what may have taken its place."""
        await self._counted()
        await self._away(lambda: self.tree.set_aside(key, reason, self._clock(), only))

    async def _away(self, take: Callable[[], bool]) -> bool:
        """Whether an object went. Where that failed, or nobody waited, it may have gone all the same."""
        gone = True
        try:
            gone = await self.run(take)
        finally:
            self._generation += gone
        return gone

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now (full, read-only, gone)."""
        await self.run(self.tree.probe)

    async def close(self) -> None:
        """Finish what threads are doing, then give the folder back. A second time does nothing."""
        if not self._closed:
            self._closed = True
            if self._room is not None:
                await self._room.close()
            await self._checkers.close()
            await self._threads.close()
            os.close(self._lock)

    async def _counted(self) -> None:
        """Nothing goes while it is being counted."""
        if self._room is not None:
            await self._room.counted()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed", where=str(self.tree.root), kind="stopping")
