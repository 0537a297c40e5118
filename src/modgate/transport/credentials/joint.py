"""One asking at a time for each secret, however many tasks want it, and its answer for a while.

The asking belongs to nobody who waits: a request that goes away does not end it for the others.
Failures are not kept; what several tasks wait for is raised as a copy in each.
"""

from __future__ import annotations

import asyncio
import copy
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from modgate.errors import ModgateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Joint"]

K = TypeVar("K")
V = TypeVar("V")


class Joint(Generic[K, V]):
    """Values by key. `clock` gives seconds in whatever time `ask` speaks of expiry in."""

    def __init__(self, clock: Callable[[], float], *, entries: int = 1024) -> None:
        self._clock = clock
        self._entries = entries
        self._kept: OrderedDict[K, tuple[V, float, float]] = OrderedDict()
        self._asking: dict[K, asyncio.Task[V]] = {}
        self._closed = False

    async def get(self, key: K, ask: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        """The kept value, else what `ask` says: a value and the moment until which it may be kept.

        Raises what `ask` raises, and Unavailable (`stopping`) when it is closed.
        """
        found = self._kept.get(key)
        if found is not None:
            value, since, until = found
            # A clock that was set back makes nothing last longer.
            if since <= self._clock() < until:
                return value
            del self._kept[key]
        if self._closed:
            raise _stopping()
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            return await asyncio.shield(task)
        except ModgateError as error:
            raise copy.copy(error) from None
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and me is not None and not me.cancelling():
                raise _stopping() from None
            raise

    async def close(self) -> None:
        """End what is being asked, forget everything."""
        self._closed = True
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._kept.clear()

    async def _ask(self, key: K, ask: Callable[[], Awaitable[tuple[V, float]]]) -> V:
        since = self._clock()
        value, until = await ask()
        self._kept[key] = (value, since, until)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)
        return value

    def _done(self, key: K, task: asyncio.Task[V]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()


def _stopping() -> Unavailable:
    return Unavailable("the gate is stopping", kind="stopping")
