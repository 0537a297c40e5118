"""Room in a store of limited size: who may write, and how much.

1. Nothing is written before the folder has been counted, and nobody's bytes reach the disk before they are
   reserved within the limit.
2. What does not fit sets an eviction off (see `eviction`); writers go on as soon as there is room for them.
3. Where nothing more can go, one writer alone may write beyond the limit: it does not count while the others
   go on within. The next who wants to waits for it, for a time. Its object takes its name once there is room
   for it as for any other; otherwise it is `NoRoom`: to be passed on without being kept. What cannot fit from
   the beginning takes this way without evicting anybody.
4. The files of a checksum database are never refused: without its tree head the gate could verify nothing.

Belongs to one event loop; what blocks runs in a thread of its own, so that no look-up waits behind it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING

import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.model.blob import NoRoom, StoreUsage
from modgate.storage.eviction import Eviction
from modgate.storage.hands import Hands
from modgate.storage.usage import BLOCK, Reserved, Usage, cost_of
from modgate.storage.walk import files_below

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.storage.diskblob import DiskBlob
    from modgate.storage.eviction import Spared
    from modgate.storage.tree import Tree

__all__ = ["Room"]

_log = structlog.get_logger(__name__)

_LOW = 0.95
_PATIENCE = 60.0
"""Seconds that a writer waits for one that is beyond the limit."""

_PATIENCE_AT_END = 10.0
"""Seconds that a small object waits for its place: its bytes are with the client already."""

_LOOK = 0.2

_BESIDE = 3 * BLOCK
"""What an object needs at most beside its bytes."""

_NEVER_REFUSED = "sumdb/"


class Room:
    """The room in one folder.

    Args:
        tree: The folder.
        limit: Bytes.
        spared: What says now which versions must not go. Raises ModgateError where that cannot be known.
        clock: Unix seconds, for the last use.
        monotonic: Seconds, for waiting.
    """

    def __init__(
        self,
        tree: Tree,
        limit: int,
        *,
        spared: Callable[[], Awaitable[Spared]],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._tree = tree
        self._limit = limit
        self._clock = clock
        self._monotonic = monotonic
        self._usage = tree.usage = Usage(limit)
        self._hands = Hands(1, "modgate-evict")
        self._eviction = Eviction(
            tree, spared=spared, monotonic=monotonic, hands=self._hands, excess=self._excess, tell=self._tell
        )
        self._moved = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._wanted = 0
        self._beyond: Reserved | None = None
        self._counted = False
        self._failed: ModgateError | None = None
        self._closing = False
        self._counting = asyncio.create_task(self._count())

    # --- for the store

    @property
    def generation(self) -> int:
        """Grows with each eviction."""
        return self._eviction.generation

    def usage(self) -> StoreUsage:
        """How full it is."""
        usage = self._usage
        return StoreUsage(
            self._limit,
            usage.stored if self._counted else None,
            usage.flight + usage.outside,
            usage.objects if self._counted else None,
            self._eviction.count,
            self._eviction.size,
        )

    async def close(self) -> None:
        """End what runs."""
        self._closing = True
        self._tell()
        await asyncio.gather(self._counting, return_exceptions=True)
        await self._eviction.close()
        await self._hands.close()

    async def counted(self) -> None:
        """Wait until it is known how much there is. Raises Unavailable where that cannot be known."""
        while not self._counted:
            self._check_open()
            if self._counting.done():
                self._counting = asyncio.create_task(self._count())
            await asyncio.shield(self._counting)
            if self._failed is not None:
                raise copy(self._failed)

    async def settled(self, key: str) -> None:
        """Wait while an object is on its way out."""
        while key in self._eviction.leaving:
            await self._moved.wait()

    def touch(self, key: str) -> int:
        """It is used; when (ns), if that is to be written down, else 0."""
        now = self._clock()
        return int(now * 1e9) if self._usage.touch(key, int(now * 1000)) else 0

    def last_use(self, key: str) -> float:
        """Unix seconds of the last use, 0.0 where nothing is known."""
        return self._usage.last_use(key) / 1000

    def lent(self, key: str, blob: DiskBlob) -> None:
        """Somebody is about to open this large object."""
        self._eviction.lent(key, blob)

    # --- for writers

    def begin(self) -> Reserved:
        """For one writer; to be released."""
        reserved = Reserved()
        reserved.used = int(self._clock() * 1000)
        return reserved

    async def reserve(self, reserved: Reserved, count: int, expected: int | None) -> None:
        """Have room for `count` more bytes of a temporary file whose object is `expected` to have so many.

        Raises Unavailable (`storage-full` where another is beyond the limit for too long).
        """
        if not reserved.held:
            count += _BESIDE
        if self._counted and self._usage.take(reserved, count):
            return
        await self.counted()
        whole = max((expected or 0) + _BESIDE, reserved.held + count)
        until = self._monotonic() + _PATIENCE
        while not self._usage.take(reserved, count):
            self._check_open()
            if reserved.beyond:
                self._usage.force(reserved, count)
                return
            if not self._eviction.nothing_left() and not await self._eviction.hopeless(whole, self._limit):
                await self._make_way(count)
            elif self._beyond is None:
                self._beyond = reserved
                self._usage.go_beyond(reserved)
            else:
                await self._wait(until)

    async def admit(self, reserved: Reserved, key: str, size: int, *, patient: bool = True) -> None:
        """Have the whole cost of an object reserved within the limit. Raises NoRoom, Unavailable."""
        await self.counted()
        cost = cost_of(key, size)
        count = cost - reserved.held
        until = self._monotonic() + (_PATIENCE_AT_END if patient else 0.0)
        while count > 0 and not self._usage.take(reserved, count):
            self._check_open()
            hopeless = await self._eviction.hopeless(cost, self._limit)
            if not hopeless and not self._eviction.nothing_left():
                await self._make_way(count)
            elif key.startswith(_NEVER_REFUSED):
                self._usage.force(reserved, count)
                return  # also of a writer that is beyond the limit, which has nothing held within
            elif hopeless or self._monotonic() >= until:
                raise NoRoom(
                    f"the store's limit of {self._limit} bytes leaves no room for {size} more", where=key
                )
            else:
                await self._pause()
                continue
            count = cost - reserved.held

    def release(self, reserved: Reserved) -> None:
        """A writer is done: what it reserved is stored or gone."""
        self._usage.release(reserved)
        if self._beyond is reserved:
            self._beyond = None
        self._tell()

    def forget(self, reserved: Reserved) -> None:
        """As `release`, for a writer that nobody closed: the collector may call from any thread at any
        moment, even from within what counts here.
        """
        if reserved.held or reserved.outside or reserved.beyond:
            with suppress(RuntimeError):  # the loop is closed: nobody counts any more
                self._loop.call_soon_threadsafe(self.release, reserved)

    # --- parts

    async def _count(self) -> None:
        """Count the folder; what keeps that from being known is in `_failed` afterwards."""
        began = self._monotonic()
        usage = Usage(self._limit)
        try:
            await self._hands.submit(lambda: usage.fill(files_below(self._tree, ""), lambda: self._closing))
            self._check_open()
        except ModgateError as error:
            self._failed = error
            if not self._closing:
                _log.warning("store_not_counted", error=str(error))
            return
        self._failed = None
        self._usage = self._tree.usage = usage
        self._counted = True
        seconds = round(self._monotonic() - began, 3)
        _log.info(
            "store_counted", objects=usage.objects, bytes=usage.stored, limit=self._limit, seconds=seconds
        )
        if usage.stored > self._limit:
            self._eviction.begin()

    def _excess(self) -> int:
        usage = self._usage
        return usage.held + self._wanted - int(self._limit * _LOW)

    async def _make_way(self, count: int) -> None:
        """Wait for the next step of an eviction that makes room for so much."""
        self._wanted += count
        try:
            self._eviction.begin()
            await self._moved.wait()
        finally:
            self._wanted -= count

    async def _wait(self, until: float) -> None:
        if self._monotonic() >= until:
            raise Unavailable(
                f"the store's limit of {self._limit} bytes leaves no room: a transfer is beyond it already",
                next_step="Ask again; raise cache.limit, or unpin or remove something (modgate store).",
                kind="storage-full",
            )
        await self._pause()

    async def _pause(self) -> None:
        """Until something moves, or it is time to look again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK):
                await self._moved.wait()

    def _check_open(self) -> None:
        if self._closing:
            raise Unavailable("the store is closed", where=str(self._tree.root), kind="stopping")

    def _tell(self) -> None:
        """Wake everybody who waits; each looks for himself."""
        self._moved.set()
        self._moved = asyncio.Event()
