"""Filling the store with what is wanted, many objects at a time, each once.

A go.mod comes before all else, because it may announce more; then zips, then `.info`. But half of the
workers prefer zips from the start: the largest one may take longer than all the rest together, and nobody
knows which it is. One object that fails fails its version, whose other objects are not asked for any more,
and nothing else. What may have been a passing failure is tried once more when everything else is done.

What stands in the store already costs a look. Its record in the checksum database is made sure of all the
same: a `file://` client that has no go.sum reads it there when no server runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod.protocol import Kind, Request
from modgate.model.context import Context
from modgate.model.operations import Item, Progress
from modgate.source.bodies import small_body

if TYPE_CHECKING:
    from modgate.gomod.types import ModuleVersion
    from modgate.operations.works import Works

__all__ = ["ASKING", "Filler"]

ASKING = Context(background=True)
"""What a gate asks for by itself: nobody's turn, nobody's rights."""

_ORDERS = ((Kind.MOD, Kind.ZIP, Kind.INFO), (Kind.ZIP, Kind.MOD, Kind.INFO))
_PAUSE = 5.0
_LOOK = 0.05


@dataclass(slots=True)
class _Job:
    """One object on its way; `optional` where its absence is no failure."""

    request: Request
    optional: bool
    ended: asyncio.Future[None]
    tried: bool = False


class Filler:
    """Workers that fill; close it to end them. `jobs` objects are under way at a time."""

    def __init__(self, works: Works, jobs: int) -> None:
        self._works = works
        self._jobs: dict[Request, _Job] = {}
        self._queues: dict[Kind, deque[_Job]] = {kind: deque() for kind in _ORDERS[0]}
        self._waiting = asyncio.Semaphore(0)
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._failed: dict[ModuleVersion, ModgateError] = {}
        self._subjects: set[str] = set()
        self._passing: dict[ModuleVersion, list[_Job]] = {}
        self.items: deque[Item] = deque()
        self.filled = self.stood = self.absent = self.failed = self.size = 0
        self._now = ""
        self._versions: set[ModuleVersion] = set()
        self._workers = [
            asyncio.create_task(self._work(_ORDERS[number % len(_ORDERS)])) for number in range(jobs)
        ]

    def want(self, kind: Kind, version: ModuleVersion, *, optional: bool = False) -> asyncio.Future[None]:
        """Have an object filled; what is returned is done when it is there or failed."""
        request = Request.exact(kind, version)
        job = self._jobs.get(request)
        if job is None:
            self._versions.add(version)
            job = self._jobs[request] = _Job(request, optional, asyncio.get_running_loop().create_future())
            self._put(job)
        job.optional = job.optional and optional
        return job.ended

    def want_all(self, version: ModuleVersion, *, optional: bool = False) -> None:
        """Have `.mod`, `.zip` and `.info` of a version filled."""
        for kind in (Kind.MOD, Kind.ZIP, Kind.INFO):
            self.want(kind, version, optional=optional)

    async def go_mod(self, version: ModuleVersion) -> bytes | None:
        """Fill a go.mod and read it; None where it failed, which is noted."""
        request = Request.exact(Kind.MOD, version)
        await self.want(Kind.MOD, version)
        if version in self._failed:
            return None
        try:
            return await small_body(await self._works.way.fetch(ASKING, request))
        except ModgateError as error:
            self.fault(version, error, Kind.MOD)
            return None

    def fault(self, version: ModuleVersion, error: ModgateError, kind: Kind) -> None:
        """A version that will not be there."""
        if version not in self._failed:
            self._failed[version] = error
            self.items.append(fault_item(str(version), error, kind))

    def fail(self, item: Item) -> None:
        """Something that is no version, or not known to be one, cannot be had."""
        if item.subject not in self._subjects:
            self._subjects.add(item.subject)
            self.items.append(item)

    @property
    def faults(self) -> int:
        """How many versions and queries failed."""
        return len(self._failed) + len(self._subjects)

    async def settled(self, feeding: asyncio.Task[int]) -> None:
        """Wait until `feeding` wants no more, and all that is wanted is there or has failed; what may pass
        is tried once more in between.
        """
        while True:
            await self._drained()
            if self._passing:
                await self._try_again()
            elif feeding.done():
                return
            else:
                # It is about to want more: it waited for what has just ended.
                await asyncio.wait({feeding}, timeout=_LOOK)

    def progress(self, *, known: bool) -> Progress:
        """How far it is; the total is only told when it is `known`."""
        return Progress(
            done=self.filled + self.stood + self.absent + self.failed,
            total=len(self._jobs) if known else None,
            size=self.size,
            failed=self.failed,
            now=self._now,
        )

    def facts(self) -> dict[str, int]:
        """What was done, counted."""
        return {
            "modules": len({version.path for version in self._versions}),
            "versions": len(self._versions),
            "failed_versions": self.faults,
            "fetched": self.filled,
            "there": self.stood,
            "absent": self.absent,
            "failed": self.failed,
            "bytes": self.size,
        }

    async def close(self) -> None:
        """End the workers."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def _drained(self) -> None:
        """Wait until no object is under way; a defect that ended a worker is raised."""
        join = asyncio.create_task(self._idle.wait())
        try:
            await asyncio.wait({join, *self._workers}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            join.cancel()
        for worker in self._workers:
            if worker.done():
                worker.result()

    def _put(self, job: _Job) -> None:
        self._queues[job.request.kind].append(job)
        self._open += 1
        self._idle.clear()
        self._waiting.release()

    async def _work(self, order: tuple[Kind, ...]) -> None:
        while True:
            await self._waiting.acquire()
            job = next(self._queues[kind].popleft() for kind in order if self._queues[kind])
            try:
                await self._fill(job)
            finally:
                self._open -= 1
                if not self._open:
                    self._idle.set()

    async def _try_again(self) -> None:
        passing, self._passing = self._passing, {}
        if self.filled:
            # The breaker of an upstream opens for a while, and a failed fill is remembered for a moment.
            await asyncio.sleep(_PAUSE)
        for jobs in passing.values():
            for job in jobs:
                job.tried = True
                self._put(job)

    async def _fill(self, job: _Job) -> None:
        version = job.request.module_version
        if version in self._passing:
            self._passing[version].append(job)
            return
        if await self._ended(job, version):
            job.ended.set_result(None)

    async def _ended(self, job: _Job, version: ModuleVersion) -> bool:
        """Fill one object; False where it is to be tried once more."""
        request = job.request
        if version in self._failed:
            self.failed += 1
            return True
        self._now = str(version)
        try:
            size = await self._works.way.ensure(ASKING, request)
            if size is None and request.kind is Kind.MOD and self._works.database.covers(version.path):
                await self._works.database.sums(ASKING, version)
        except ModgateError as error:
            if isinstance(error, Unavailable) and error.kind != "storage-full" and not job.tried:
                self._passing.setdefault(version, []).append(job)
                return False
            if isinstance(error, Absent) and job.optional:
                self.absent += 1
                return True
            self.failed += 1
            self.fault(version, error, request.kind)
        else:
            self.filled += size is not None
            self.stood += size is None
            self.size += size or 0
        return True


def fault_item(subject: str, error: ModgateError, kind: str = "") -> Item:
    """The result for what could not be had."""
    facts = {
        "kind": str(kind),
        "error": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "next_step": error.next_step,
    }
    return Item(kind="failed", subject=subject, facts={name: fact for name, fact in facts.items() if fact})
