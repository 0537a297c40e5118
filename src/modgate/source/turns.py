"""A client may have only so many fills under way: one hungry client must not starve the others.

Hits are not limited. Who is above the limit waits for a while, and then hears that the gate is busy.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Turns"]


class _Client:
    """The slots of one client, and how many hold or await one."""

    def __init__(self, slots: int) -> None:
        self.semaphore = asyncio.Semaphore(slots)
        self.users = 0


class Turns:
    """`slots` fills at a time and client; who waits longer than `patience` seconds is refused."""

    def __init__(self, *, slots: int, patience: float) -> None:
        self._slots = slots
        self._patience = patience
        self._clients: dict[str, _Client] = {}

    @asynccontextmanager
    async def slot(self, consumer: str) -> AsyncIterator[None]:
        """Hold one of the client's slots. Raises Unavailable (`overloaded`) after the patience."""
        client = self._clients.setdefault(consumer, _Client(self._slots))
        client.users += 1
        try:
            try:
                async with asyncio.timeout(self._patience):
                    await client.semaphore.acquire()
            except TimeoutError:
                raise Unavailable(
                    f"{self._slots} fetches are under way for this client already",
                    kind="overloaded",
                    retry_after=2.0,
                ) from None
            try:
                yield
            finally:
                client.semaphore.release()
        finally:
            client.users -= 1
            if not client.users:
                self._clients.pop(consumer, None)
