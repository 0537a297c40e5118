"""Doing something with each of many, some at a time, and telling the results as they come."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
    from typing import Any

__all__ = ["in_thread", "to_the_end", "together"]

T = TypeVar("T")
R = TypeVar("R")

_BATCH = 200
_ending: set[asyncio.Task[None]] = set()


async def together(
    items: AsyncIterator[T], work: Callable[[T], Coroutine[Any, Any, R]], *, at_once: int
) -> AsyncGenerator[R, None]:
    """The results of `work`, in no order, `at_once` under way. An error ends it, as closing it does: what is
    under way is cancelled and waited for.
    """
    running: set[asyncio.Task[R]] = set()
    done: set[asyncio.Task[R]] = set()
    more = True
    try:
        while more or running:
            while more and len(running) < at_once:
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    more = False
                else:
                    running.add(asyncio.create_task(work(item)))
            if running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                while done:
                    yield done.pop().result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, *done, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Give something back, whole, whatever cancels who waits for it: a server whose client has gone cancels
    at each `await` anew, and what is half given back would stay.
    """
    task = asyncio.create_task(work)
    _ending.add(task)
    task.add_done_callback(_ending.discard)
    await asyncio.shield(task)


async def in_thread(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """What a blocking iterator yields, taken in a thread, so many at a time."""
    iterator = make()

    while batch := await asyncio.to_thread(lambda: list(islice(iterator, _BATCH))):
        for item in batch:
            yield item
