"""What the ledger holds for a time goes when that is over (`ledger.keep_*`): once an hour, on each server.
Once a minute its size is looked at, and where it is over `ledger.max_size` the oldest go before their time.

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
    from collections.abc import AsyncIterator, Awaitable, Callable

    from modgate.config.firewall import LedgerConfig
    from modgate.model import Ledger
    from modgate.wiring.books import Books

__all__ = ["Retention"]

EVERY = 3600.0
_FIRST = 60.0
_LOOK = 60.0
_LEASE = "retention"
_ROOM_LEASE = "retention-size"
_ROOM_TTL = 900.0
_DAY = 86400.0
_LATELY = _DAY
"""What was met since stays, whatever the size."""

FULL = "ledger-size"
"""The kind of the alert that what must stay is larger than the ledger may be."""

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
        alert: Told of what a person must hear: kind, subject, text.
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
        alert: Callable[[str, str, str], None] = lambda _kind, _subject, _text: None,
    ) -> None:
        self._ledger = ledger
        self._books = books
        self._keep = keep
        self._clock = clock
        self._holder = holder
        self._every = every
        self._alert = alert

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

    async def bound(self) -> dict[str, int] | None:
        """Make room where the ledger is over its size: how many rows of each class went; None where it is not
        over, or it is another gate's turn.

        What was met in the last day stays. Where all else went and it is still over, an alert is raised, once
        a day. Raises Unavailable.
        """
        limit, room = self._keep().max_size, self._books.room
        if not limit or await room.held(above=limit) <= limit:
            return None
        lease = await self._ledger.acquire(_ROOM_LEASE, self._holder, ttl=_ROOM_TTL)
        if lease is None:
            return None
        try:
            made = await room.make(limit, before=self._clock() - _LATELY)
            if isinstance(self._ledger, SqlLedger):
                await self._ledger.shrink()
                await self._ledger.settle()
            if made.held > limit:
                await self._tell_full(made.held, limit)
        finally:
            await self._ledger.release(lease)
        return {name: count for name, count in made.gone.items() if count}

    async def _tell_full(self, held: int, limit: int) -> None:
        since = self._clock() - _DAY
        if any(each.kind == FULL and each.at > since for each in await self._ledger.alerts()):
            return
        self._alert(
            FULL,
            "the ledger",
            f"what must stay in the ledger takes {held} bytes, and ledger.max_size is {limit}: raise it, or "
            "let the audit end (ledger.keep_audit)",
        )

    async def _go_on(self, first: float) -> None:
        await asyncio.sleep(first)
        pause = min(_LOOK, self._every)
        left = 0.0
        while True:
            if left <= 0:
                left = self._every
                await self._try(self.once, "what was too old went from the ledger")
            await self._try(self.bound, "the ledger was over its size, and what was oldest went")
            await asyncio.sleep(pause)
            left -= pause

    @staticmethod
    async def _try(work: Callable[[], Awaitable[dict[str, int] | None]], told: str) -> None:
        try:
            gone = await work()
            if gone:
                _log.info(told, **gone)
        except ModgateError as error:
            _log.warning("what may go stays in the ledger for now", reason=str(error))
        except Exception as error:  # noqa: BLE001  a defect must not end it for as long as the server runs
            _log.error("internal error", exc_info=error)
