"""Operations that run in the server, each in a task of its own.

The framework ends a response whose client has gone by raising at every `await` of its task. An operation that
tidies up there would be cut short again and again, so it runs beside: it is told to end once, and takes the
time it needs, also when the whole server stops.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import structlog

from modgate.model.operations import Failure, encode_event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from modgate.model.operations import Event

__all__ = ["Running"]

_AHEAD = 64
_log = structlog.get_logger("modgate.admin")


class Running:
    """All of them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._tasks)

    async def lines(self, name: str, events: AsyncGenerator[Event, None]) -> AsyncGenerator[bytes, None]:
        """The events of an operation as lines; closing this ends the operation, without waiting for that."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_AHEAD)
        task = asyncio.create_task(_run(name, events, queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (line := await queue.get()) is not None:
                yield line
        finally:
            task.cancel()

    async def close(self) -> None:
        """End them all, and wait until they have."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(name: str, events: AsyncGenerator[Event, None], queue: asyncio.Queue[bytes | None]) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(encode_event(event))
    except asyncio.CancelledError:
        while queue.full():
            queue.get_nowait()
        queue.put_nowait(None)  # somebody may still be listening
        raise
    except Exception as error:  # noqa: BLE001  a defect must not look like a broken connection
        # Its text may hold what clients must not see: it belongs into the log.
        _log.error("internal error", operation=name, exc_info=error)
        what = f"an unexpected error in the server ({type(error).__name__}); its log has more"
        await queue.put(encode_event(Failure(error="Unavailable", what=what)))
    await queue.put(None)
