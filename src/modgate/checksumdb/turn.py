"""Whose turn it is among the processes that share a log: a lease that is held while there is work.

It is kept for a moment after the work is done, since the next work often follows at once and a lease costs
a transaction; then it is given back, so that another process need not wait until it ends by itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import ModgateError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.model.ledger import Lease, Ledger

__all__ = ["Turn"]

_IDLE = 0.02


class Turn:
    """The lease of one name for one holder."""

    def __init__(self, ledger: Ledger, name: str, holder: str, *, ttl: float) -> None:
        self._ledger = ledger
        self._name = name
        self._holder = holder
        self._ttl = ttl
        self._lease: Lease | None = None
        self._until = 0.0
        self._waiting: asyncio.Task[None] | None = None
        self._then: Callable[[], None] | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours for at least half of its time more, by this process's own clock."""
        return self._lease is not None and asyncio.get_running_loop().time() < self._until

    async def take(self) -> bool:
        """Take or renew it; False while another holds it. Raises Unavailable."""
        began = asyncio.get_running_loop().time()
        self._lease = await self._ledger.acquire(self._name, self._holder, ttl=self._ttl)
        self._until = began + self._ttl / 2
        return self._lease is not None

    def busy(self) -> None:
        """There is work: it is not given back before `idle` says so."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def idle(self, then: Callable[[], None] | None = None) -> None:
        """Give it back when nothing more is done for a moment, and do the last `then` that was asked for."""
        self._then = then or self._then
        self.busy()
        self._waiting = asyncio.create_task(self._wait())

    async def give_back(self) -> None:
        """Do now what waits for the moment."""
        self.busy()
        await self._end()

    async def _wait(self) -> None:
        await asyncio.sleep(_IDLE)
        self._waiting = None
        await self._end()

    async def _end(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()
        lease, self._lease = self._lease, None
        if lease is not None:
            try:
                await self._ledger.release(lease)
            except ModgateError:
                return  # it ends by itself
