"""Which objects make way for others, and how they go.

1. What is longest unused goes first, a chunk at a time, until 95 % of the limit is left. The generation of
   the store, which empties the table of ready answers, moves once for all of them.
2. Never evicted: what the wiring spares (pins; private, restricted and published modules), what is no object
   of a version (lists are tiny; the proofs of a checksum database lean on one another), and a large object
   that somebody is about to open.
3. What is spared is asked anew before each chunk, so that a pin counts at once. Where that cannot be known,
   nothing goes: broken is not absent.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING

import structlog

from modgate.errors import Invalid, ModgateError
from modgate.gomod import module
from modgate.gomod.types import Version

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.types import ModulePath
    from modgate.storage.diskblob import DiskBlob
    from modgate.storage.hands import Hands
    from modgate.storage.tree import Tree
    from modgate.storage.usage import Candidate, Usage

    Spared = Callable[[ModulePath, Version], bool]

__all__ = ["Eviction"]

_log = structlog.get_logger(__name__)

_CHUNK = 64
"""Objects removed in one trip to the thread; writers and pins are looked at in between."""

_CANDIDATES = 20_000
_READING = 3.0
"""Seconds within which whoever looked a large object up opens it."""

_PAUSE = 5.0
"""Seconds after which a look that found nothing is repeated at the latest."""


class Eviction:
    """Makes room when it is told to, one eviction at a time. Belongs to one event loop.

    Args:
        tree: The folder.
        spared: What says now which versions must not go. Raises ModgateError where that cannot be known.
        monotonic: Seconds.
        hands: The thread that looks and removes.
        excess: How many bytes must go yet.
        tell: Called after each step.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        spared: Callable[[], Awaitable[Spared]],
        monotonic: Callable[[], float],
        hands: Hands,
        excess: Callable[[], int],
        tell: Callable[[], None],
    ) -> None:
        self._tree = tree
        self._spared = spared
        self._monotonic = monotonic
        self._hands = hands
        self._excess = excess
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._candidates: deque[Candidate] = deque()
        self._fixed: int | None = None  # bytes that could not go at the last look for candidates
        self._looked = 0.0  # until when that look need not be repeated
        self._spent = False  # whether the last eviction ended without room enough
        self._failed = False  # whether that was because it could not be known what is spared
        self._reading: deque[tuple[float, str, weakref.ref[DiskBlob]]] = deque()
        self._closing = False
        self.leaving: frozenset[str] = frozenset()
        self.generation = 0
        self.count = 0
        self.size = 0

    def begin(self) -> None:
        """Have it run, unless it does."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End it after its present step."""
        self._closing = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    def lent(self, key: str, blob: DiskBlob) -> None:
        """Somebody is about to open this large object."""
        now = self._monotonic()
        while self._reading and self._reading[0][0] < now - _READING:
            self._reading.popleft()
        self._reading.append((now, key, weakref.ref(blob)))

    def nothing_left(self) -> bool:
        """Whether nothing more could go at the last eviction, and that was just now."""
        return self._spent and self._monotonic() < self._looked

    async def hopeless(self, size: int, limit: int) -> bool:
        """Whether an object of this size cannot fit, whatever may go."""
        if size > limit:
            return True
        recent = self._monotonic() < self._looked
        if self._failed and recent:
            return True
        if self._fixed is None or (self._fixed + size > limit and not recent):
            try:
                await self._look(_by_stem(await self._spared()))
            except ModgateError as error:
                self._stop(error)
                return True
        return self._fixed is None or self._fixed + size > limit

    async def _run(self) -> None:
        removed = 0
        self._spent = False
        try:
            while (excess := self._excess()) > 0 and not self._closing:
                gone = await self._remove(await self._batch(excess))
                if not gone:
                    self._spent = True
                    break
                removed += len(gone)
                self.count += len(gone)
                self.size += sum(each.cost for each in gone)
                self._tell()
        except ModgateError as error:
            self._stop(error)
        finally:
            self.leaving = frozenset()
            self._task = None
            if removed:
                self.generation += 1
                _log.debug("store_evicted", objects=removed)
            self._tell()

    def _stop(self, error: ModgateError) -> None:
        _log.warning("store_eviction_stopped", error=str(error))
        self._spent = self._failed = True
        self._looked = self._monotonic() + _PAUSE

    async def _batch(self, excess: int) -> list[Candidate]:
        """The next to go, of `excess` bytes at most by one object, none that is spared or in use."""
        spared = _by_stem(await self._spared())
        lent = self._lent_now()
        batch: list[Candidate] = []
        fresh = False
        while len(batch) < _CHUNK and excess > 0:
            if not self._candidates:
                if fresh or batch:
                    break
                fresh = True
                await self._look(spared)
                lent = self._lent_now()  # what was stored meanwhile may be among the candidates
                continue
            candidate = self._candidates.popleft()
            if self._usage.stands(candidate) and candidate.key not in lent and not spared(candidate.stem):
                batch.append(candidate)
                excess -= candidate.cost
        return batch

    def _lent_now(self) -> set[str]:
        after = self._monotonic() - _READING
        return {key for at, key, blob in self._reading if at > after and blob() is not None}

    @property
    def _usage(self) -> Usage:
        assert self._tree.usage is not None
        return self._tree.usage

    async def _look(self, spared: Callable[[str], bool]) -> None:
        """Look for candidates among everything. The longer that takes, the later it is done again."""
        usage = self._usage

        def look() -> tuple[list[Candidate], int, float]:
            began = self._monotonic()
            found, may_go = usage.oldest(_CANDIDATES, spared)
            return found, may_go, self._monotonic() - began

        found, may_go, seconds = await self._hands.submit(look)
        self._looked = self._monotonic() + min(_PAUSE, 10 * seconds)
        self._failed = False
        self._fixed = usage.stored - may_go
        self._candidates = deque(found)

    async def _remove(self, batch: list[Candidate]) -> list[Candidate]:
        """Those of the batch that are gone; one that nobody can remove does not stop the others."""
        if not batch:
            return []
        self.leaving = frozenset(each.key for each in batch)
        errors: list[ModgateError] = []

        def remove() -> list[Candidate]:
            gone = []
            for each in batch:
                try:
                    if not self._tree.remove(each.key, lasting=False):
                        self._usage.leave(each.key, 0)  # somebody took the file away behind our back
                except ModgateError as error:
                    errors.append(error)
                else:
                    gone.append(each)
            return gone

        gone = await self._hands.submit(remove)
        self.leaving = frozenset()
        if errors:
            _log.warning("store_eviction_failed", objects=len(errors), error=str(errors[0]))
        return gone


def _by_stem(spared: Spared) -> Callable[[str], bool]:
    """Whether a version is spared, by the part of the key that its files share; what is no module is."""

    @lru_cache(maxsize=4096)
    def path_of(escaped: str) -> ModulePath | None:
        if escaped.startswith("scope/"):
            escaped = escaped.split("/", 2)[2]
        try:
            return module.unescape_path(escaped)
        except Invalid:
            return None

    def by_stem(stem: str) -> bool:
        escaped, _, version = stem.rpartition("/@v/")
        path = path_of(escaped)
        if path is None:
            return True
        try:
            return spared(path, Version(module.unescape_version(version)))
        except Invalid:
            return True

    return by_stem
