"""Work that several tasks want at once is done once; it belongs to nobody who waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

__all__ = ["Joined"]

T = TypeVar("T")


class Joined:
    """Tasks by key. A waiter that is cancelled leaves the work to the others, or to its end."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._running)

    async def __call__(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for the work of this key, started now unless it is under way.

        Raises what it raises, and Unavailable when closed.
        """
        task = self.start(key, work)
        try:
            return cast("T", await asyncio.shield(task))
        except asyncio.CancelledError:
            if task.cancelled():
                raise _stopping() from None
            raise

    def start(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """The task of this key, for nobody to wait for. Raises Unavailable when closed."""
        if self._closed:
            raise _stopping()
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(_of(work))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))
        return task

    def _finished(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            # Seen here, in case nobody waits any more.
            task.exception()

    async def close(self) -> None:
        """Cancel what runs, and wait for its end."""
        self._closed = True
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _of(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _stopping() -> Unavailable:
    return Unavailable("the repository is being closed", next_step="try again", kind="stopping")
