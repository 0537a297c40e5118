"""First sights whose row the audit never got, because whoever held it was killed: written afterwards.

A first sight is durable at once, its row in the audit within seconds. What was lost in between is found by
comparing both, once after a start, beside what is being served, and such a row says when it was written
(`afterwards`). How far back was compared is noted, with a day to spare for gates that share the ledger, so
that the next start looks at little. What retention would drop at once is not written.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from modgate.errors import Unavailable
from modgate.firewall.witness import sight_event

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath
    from modgate.model.audit import AuditBook, Event
    from modgate.model.ledger import VerificationRecord
    from modgate.model.outbox import Outbox

__all__ = ["Afterwards"]

_MARK = "audit.first-sights"
_SPARE = 86_400.0
_BREATH = 0.02
_AGAIN = 30.0
_log = structlog.get_logger("modgate.audit")


class Afterwards:
    """Finds and writes what is missing.

    Args:
        audit: Where rows are missing.
        marks: Keeps how far was compared.
        source: Where the routes say that a module comes from, and the kind of the event.
        clock: Unix seconds.
        keep: Seconds for which rows are kept, 0 for ever.
        breath: Seconds to leave to others between two batches.
        again: Seconds after which it is tried again where the ledger cannot be read or written.
    """

    def __init__(
        self,
        audit: AuditBook,
        marks: Outbox,
        source: Callable[[ModulePath], tuple[str, str]],
        *,
        clock: Callable[[], float],
        keep: Callable[[], float] = lambda: 0.0,
        breath: float = _BREATH,
        again: float = _AGAIN,
    ) -> None:
        self._audit = audit
        self._marks = marks
        self._source = source
        self._clock = clock
        self._keep = keep
        self._breath = breath
        self._again = again

    async def run(self) -> int:
        """Do it, as soon as the ledger lets it be done: how many rows were missing."""
        began = self._clock()
        failing = False
        while True:
            try:
                return await self.once(until=began)
            except Unavailable as error:
                if not failing:
                    failing = True
                    _log.warning("whether the audit has every first sight is looked at later", why=error.what)
            await asyncio.sleep(self._again)

    async def once(self, *, until: float) -> int:
        """Write the rows of first sights before `until` that have none; how many. Raises Unavailable."""
        since = await self._since()
        count = 0
        async with aclosing(self._audit.unwritten(since=since, until=until)) as batches:
            async for batch in batches:
                await self._audit.append([self._event(record) for record in batch])
                count += len(batch)
                await asyncio.sleep(self._breath)
        await self._marks.enqueue((), mark=(_MARK, repr(until - _SPARE)))
        if count:
            _log.info("first sights that the audit did not have were written into it", count=count)
        return count

    async def _since(self) -> float:
        now, keep = self._clock(), self._keep()
        try:
            mark = float(await self._marks.mark(_MARK) or 0.0)
        except ValueError:
            mark = 0.0
        # A mark in the future is from before the clock was set back.
        return max(mark if mark < now else 0.0, now - keep if keep else 0.0)

    def _event(self, record: VerificationRecord) -> Event:
        source, kind = self._source(record.version.path)
        event = sight_event(record, source, kind=kind)
        return replace(event, facts={**event.facts, "afterwards": self._clock()})
