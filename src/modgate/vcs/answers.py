"""Answers that are asked for once, however many ask: joined while under way, kept for a while.

What fails is not kept. A value may be an `Absent`, which is an answer as well: that a path has no page
would otherwise be asked again for each of its versions.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Answers"]

T = TypeVar("T")


class Answers(Generic[T]):
    """The last `limit` answers by key, each for as many seconds of `clock` as `ttl` says (0: not kept)."""

    def __init__(self, clock: Callable[[], float], *, ttl: Callable[[T], float], limit: int) -> None:
        self._clock = clock
        self._ttl = ttl
        self._limit = limit
        self._kept: OrderedDict[str, tuple[float, T]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[T]] = {}
        self._closed = False

    def known(self, key: str) -> T | None:
        """The answer that is kept; None for none."""
        found = self._kept.get(key)
        if found is None or self._clock() >= found[0]:
            return None
        self._kept.move_to_end(key)
        return found[1]

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer that is kept or under way, else that of `ask`, which nobody's leaving cancels."""
        known = self.known(key)
        if known is not None:
            return known
        if self._closed:
            raise Unavailable("the gate is stopping", kind="stopping")
        task = self._asked.get(key)
        if task is None:
            task = asyncio.ensure_future(self._answer(key, ask))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Unavailable("the gate is stopping", kind="stopping") from None
            raise

    async def close(self) -> None:
        """End what is under way."""
        self._closed = True
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        answer = await ask()
        ttl = self._ttl(answer)
        if ttl <= 0:
            return answer
        self._kept[key] = (self._clock() + ttl, answer)
        self._kept.move_to_end(key)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return answer

    def _done(self, key: str, task: asyncio.Task[T]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen, though everybody who waited may have left
