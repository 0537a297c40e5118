"""What the ledger holds for a time goes when that is over (`ledger.keep_*`): once an hour, on each server.

Every book drops old rows a few thousand at a time, each in a transaction of its own, so that whoever writes
waits for none of it. Several gates on one database do the same at once without harm: a lease keeps all but
one from it. In a SQLite file the pages that became free are given back to the file system afterwards, a few
thousand at a time as well; a file that was made without that ability keeps them for what comes next, so it
does not grow beyond what it held at its fullest.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

from modgate.errors import ModgateError
from modgate.ledger.sql import SqlLedger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from modgate.config.firewall import LedgerConfig
    from modgate.model import Ledger
    from modgate.wiring.books import Books

__all__ = ["Retention"]

EVERY = 3600.0
_FIRST = 60.0
_LEASE = "retention"
_AUDIT_KEPT = 1000
_log = structlog.get_logger("modgate")


class Retention:
    """Drops from the books what is too old.

    Args:
        ledger: Has the lease; where it is a SQLite file, it is given the chance to shrink.
        books: What is swept.
        keep: The times in force.
        clock: Unix seconds.
        holder: By which this gate asks for the lease.
        every: Seconds between two times.
    """

    def __init__(
        self,
        ledger: Ledger,
        books: Books,
        keep: Callable[[], LedgerConfig],
        *,
        clock: Callable[[], float],
        holder: str,
        every: float = EVERY,
    ) -> None:
        self._ledger = ledger
        self._books = books
        self._keep = keep
        self._clock = clock
        self._holder = holder
        self._every = every

    @asynccontextmanager
    async def running(self, *, first: float = _FIRST) -> AsyncIterator[None]:
        """Do it beside whatever the context does, the first time after `first` seconds."""
        task = asyncio.create_task(self._go_on(first))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def once(self) -> dict[str, int] | None:
        """Drop what is too old: how many rows of each class went; None while it is another gate's turn.

        A class whose time is 0 is kept for ever, and of the audit the newest thousand rows always. Raises
        Unavailable.
        """
        # Longer than it ever takes, shorter than the pause: the next time another gate may have it.
        lease = await self._ledger.acquire(_LEASE, self._holder, ttl=self._every * 0.9)
        if lease is None:
            return None
        keep, books, now, gone = self._keep(), self._books, self._clock(), dict[str, int]()
        if keep.keep_fetches:
            gone["fetches"] = await books.consumers.forget(before=now - keep.keep_fetches)
        if keep.keep_decisions:
            gone["decisions"] = await books.decisions.forget(before=now - keep.keep_decisions)
        if keep.keep_messages:
            gone["messages"] = await books.outbox.forget(before=now - keep.keep_messages)
        if keep.keep_audit:
            gone["audit"] = await books.audit.prune(before=now - keep.keep_audit, keep=_AUDIT_KEPT)
        if isinstance(self._ledger, SqlLedger):
            await self._ledger.shrink()
        return {name: count for name, count in gone.items() if count}

    async def _go_on(self, first: float) -> None:
        await asyncio.sleep(first)
        while True:
            try:
                gone = await self.once()
                if gone:
                    _log.info("what was too old went from the ledger", **gone)
            except ModgateError as error:
                _log.warning("what is too old stays in the ledger for now", reason=str(error))
            except Exception as error:  # noqa: BLE001  a defect must not end it for as long as the server runs
                _log.error("internal error", exc_info=error)
            await asyncio.sleep(self._every)
