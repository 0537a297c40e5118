"""Refreshing the kept answers of modules that were announced.

Rules: a module is asked for once at a time, however often it is announced, and once more if that happened
meanwhile; so many modules at a time and no more; what fails because something is broken is tried again with
the next round, what is refused (or proved absent) is not; a list that does not name the announced version
yet, because the upstream's own copy is old or the question was on its way before, is asked for again a few
times, each time after twice as long. A pseudo-version is in no list: it can only be the newest version.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.feeds.bookmark import Awaited
from modgate.gomod import pseudo
from modgate.gomod.protocol import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.gomod.types import ModulePath
    from modgate.telemetry import IndexResult, Metrics

__all__ = ["Lists", "Refresher"]

_LATE_TRIES = 5
_VERSIONS = 64
_LONGEST_WAIT = 300.0


class Lists(Protocol):
    """The kept answers that can change."""

    async def held(self, path: ModulePath) -> frozenset[Kind]:
        """Which of LIST and LATEST are kept of a module, or being fetched. Raises Unavailable."""

    async def refresh(self, path: ModulePath, kind: Kind) -> bytes:
        """Ask the source now; what is kept after that. Raises what the source raises."""


@dataclass(slots=True)
class _Waiting:
    """A module to refresh.

    Attributes:
        versions: Tagged ones that the list ought to name.
        since: When the first of them was announced (nanoseconds).
        due: Not before (the clock's seconds).
        late: How often the answer was without them.
        again: It was announced while it was being refreshed.
        task: What refreshes it now.
    """

    path: ModulePath
    since: int
    versions: dict[str, None] = field(default_factory=dict)
    due: float = 0.0
    late: int = 0
    again: bool = False
    task: asyncio.Task[None] | None = None


class Refresher:
    """The bounded set of modules to refresh, and the work on it. Belongs to one event loop.

    Args:
        lists: What is refreshed.
        clock: Unix seconds.
        interval: Seconds between two rounds.
        metrics: Where refreshes are counted.
        concurrency: At most so many modules at a time.
        patience: Seconds for one answer.
        limit: At most so many modules wait.
    """

    def __init__(
        self,
        lists: Lists,
        *,
        clock: Callable[[], float],
        interval: float,
        metrics: Metrics,
        concurrency: int = 4,
        patience: float = 60.0,
        limit: int = 4096,
    ) -> None:
        self._lists = lists
        self._clock = clock
        self._interval = interval
        self._metrics = metrics
        self._slots = asyncio.Semaphore(concurrency)
        self._patience = patience
        self._limit = limit
        self._waiting: dict[ModulePath, _Waiting] = {}
        self._log = structlog.get_logger("modgate.index")
        self.refreshed = 0
        self.failed = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def knows(self, path: ModulePath) -> bool:
        """Whether the module waits already."""
        return path in self._waiting

    def add(self, path: ModulePath, versions: Iterable[str], since: int) -> bool:
        """Announce versions of a module; False where no more modules can wait."""
        waiting = self._waiting.get(path)
        if waiting is None:
            if len(self._waiting) >= self._limit:
                return False
            waiting = self._waiting[path] = _Waiting(path, since)
        for version in versions:
            if not pseudo.is_pseudo_version(version) and len(waiting.versions) < _VERSIONS:
                waiting.versions[version] = None
        if waiting.late:
            # What it was late for is from another announcement.
            waiting.since, waiting.late = since, 0
        waiting.since = min(waiting.since, since)
        waiting.due = 0.0
        waiting.again = waiting.task is not None
        return True

    def forget_before(self, at: int) -> None:
        """Let go of what was announced before `at`."""
        for waiting in list(self._waiting.values()):
            if waiting.since < at and waiting.task is None:
                del self._waiting[waiting.path]
                self._metrics.index_refresh("dropped")

    def start(self) -> None:
        """Begin with whatever is due."""
        now = self._clock()
        for waiting in self._waiting.values():
            if waiting.task is None and waiting.due <= now:
                waiting.task = asyncio.create_task(self._run(waiting))

    def oldest(self) -> int | None:
        """When the oldest announcement was made that nothing was done about; None without one."""
        return min((each.since for each in self._waiting.values() if not each.late), default=None)

    def awaited(self) -> tuple[Awaited, ...]:
        """What waits, to be kept over a restart."""
        return tuple(Awaited(each.path, tuple(each.versions), each.since) for each in self._waiting.values())

    async def settled(self) -> None:
        """Wait until nothing is being refreshed."""
        while tasks := [each.task for each in self._waiting.values() if each.task is not None]:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """End what runs; it waits as before."""
        tasks = [each.task for each in self._waiting.values() if each.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, waiting: _Waiting) -> None:
        """One turn of a module: it goes, or waits for another."""
        try:
            async with self._slots:
                # What is announced from here on may be too new for the answers that are asked for now.
                waiting.again = False
                missing = await self._refresh(waiting)
            if waiting.again:
                waiting.task = None
                waiting.task = asyncio.create_task(self._run(waiting))
                return
            if missing and waiting.late < _LATE_TRIES:
                waiting.late += 1
                waiting.due = self._clock() + self._interval * 2 ** (waiting.late - 1)
            else:
                del self._waiting[waiting.path]
        except Unavailable as error:
            self._broke(waiting, error.what)
            waiting.due = self._clock() + min(error.retry_after or 0.0, _LONGEST_WAIT)
        except ModgateError as error:
            self._metrics.index_refresh("refused")
            self._log.debug("index: not refreshed", module=waiting.path, why=error.what)
            if not waiting.again:
                del self._waiting[waiting.path]
        except TimeoutError:
            self._broke(waiting, f"no answer within {self._patience:g} s")
        except Exception:  # noqa: BLE001  nothing may end the follower
            self._broke(waiting, "a fault of this program")
            self._log.exception("index: a refresh failed", module=waiting.path)
        finally:
            if waiting.task is asyncio.current_task():
                waiting.task = None

    def _broke(self, waiting: _Waiting, why: str) -> None:
        self.failed += 1
        self._metrics.index_refresh("failed")
        self._log.debug("index: a refresh is tried again", module=waiting.path, why=why)

    async def _refresh(self, waiting: _Waiting) -> bool:
        """Refresh what is kept; whether the list is still without a version that was announced."""
        versions = tuple(waiting.versions)
        held = await self._lists.held(waiting.path)
        missing = False
        if versions and Kind.LIST in held:
            async with asyncio.timeout(self._patience):
                listed = await self._lists.refresh(waiting.path, Kind.LIST)
            names = set(listed.decode("utf-8", "replace").split())
            missing = not names.issuperset(versions)
            self._done("late" if missing else "done")
        if Kind.LATEST in held:
            async with asyncio.timeout(self._patience):
                await self._lists.refresh(waiting.path, Kind.LATEST)
            self._done("late" if missing else "done")
        return missing

    def _done(self, result: IndexResult) -> None:
        self.refreshed += 1
        self._metrics.index_refresh(result)
