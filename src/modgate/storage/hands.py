"""The threads of a store.

A thread pool of the standard library costs more than most of the disk operations it is given here:
a future with a condition of its own for each, and a wake-up of the event loop for each result. Here
a job is a pair in a queue, and results that come in while the loop is busy are handed over together.
All but the jobs themselves runs in the loop's thread. The threads are daemons: a process that ends
without `close` must not hang, and what they were at is safe against any kill.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Hands"]

T = TypeVar("T")


class Hands:
    """At most `limit` threads, begun when there is work for them, for one event loop."""

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self._threads: list[threading.Thread] = []
        self._jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._results: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._told = False
        self._under_way = 0

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Have it run in a thread; what is cancelled before its turn does not run."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((function, future))
        self._under_way += 1
        if self._under_way > len(self._threads) < self._limit:
            thread = threading.Thread(
                target=self._work, args=(loop,), name=f"{self._name}_{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return future

    async def close(self) -> None:
        """Finish what was handed over, end the threads."""
        for _ in self._threads:
            self._jobs.put(None)
        await asyncio.to_thread(self._join)
        self._deliver()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        while (job := self._jobs.get()) is not None:
            self._results.append(_done(*job))
            del job  # an idle thread holds on to nothing
            if not self._told:
                self._told = True
                with suppress(RuntimeError):  # the loop is closed: nobody waits
                    loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._told = False  # before the look: a result that comes after it tells again
        while self._results:
            future, result, error = self._results.popleft()
            self._under_way -= 1
            if future.cancelled():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _done(
    function: Callable[[], Any], future: asyncio.Future[Any]
) -> tuple[asyncio.Future[Any], Any, BaseException | None]:
    if future.cancelled():
        return future, None, None
    try:
        return future, function(), None
    except BaseException as error:  # noqa: BLE001  the waiter raises it
        return future, None, error
