"""Many small writes, few transactions.

A durable commit costs a disk flush, however little it holds. So one transaction runs at a time, and
everything that is asked for meanwhile waits for the next and goes into it together: alone, a write
starts at once; six hundred at once cost two or three flushes. If the transaction fails, everyone in
it is told so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

__all__ = ["GroupCommit"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Collects items while `write_all` runs.

    Args:
        write_all: Does all items of a group durably, and returns their results in order.
        limit: The largest group.
    """

    def __init__(
        self, write_all: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]], *, limit: int = 500
    ) -> None:
        self._write_all = write_all
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def write(self, item: Item) -> Result:
        """Have one item written; returns when it is durable. A caller that goes away does not stop it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Wait until nothing is being written."""
        while self._runner is not None:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._write_group(group)
        finally:
            self._runner = None
            for _, future in self._waiting:  # only if this task was cancelled
                future.cancel()
            self._waiting = []

    async def _write_group(self, group: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write_all([item for item, _ in group])
        except asyncio.CancelledError:
            for _, future in group:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001  handed to everyone who waits
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)
