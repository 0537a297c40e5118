"""Events on their way into the audit: noted at once, written in batches beside.

Nothing that serves waits for the audit. What the ledger cannot take is kept, in order, up to a bound, and
written when it can again; a process that is killed loses what it had not written yet, at most a few seconds.
Decisions and waivers do not come this way: their rows are written with them, in one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from modgate.model.audit import AuditBook, Event

__all__ = ["Scribe"]

_HELD = 50_000
_BATCH = 200


class Scribe:
    """Holds events until the book of the audit has them. `held`: how many at most; the oldest go first."""

    def __init__(self, *, held: int = _HELD) -> None:
        self._limit = held
        self._waiting: deque[Event] = deque()
        self._flushing = asyncio.Lock()
        self._failing = False
        self._log = structlog.get_logger("modgate.audit")
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many events are not written yet."""
        return len(self._waiting)

    def note(self, event: Event) -> None:
        """Have an event written soon."""
        self._waiting.append(event)
        if len(self._waiting) > self._limit:
            self._waiting.popleft()
            self.dropped += 1

    async def flush(self, book: AuditBook) -> bool:
        """Write what was noted; False where the book could not take it, and it is kept."""
        async with self._flushing:
            while self._waiting:
                batch = list(islice(self._waiting, _BATCH))
                dropped = self.dropped
                try:
                    await book.append(batch)
                except Unavailable as error:
                    if not self._failing:
                        self._failing = True
                        self._log.warning("the audit is not written", why=error.what)
                    return False
                # What was dropped meanwhile went in front, out of this batch.
                for _ in range(len(batch) - min(len(batch), self.dropped - dropped)):
                    self._waiting.popleft()
            if self._failing:
                self._failing = False
                self._log.info("the audit is written again", dropped=self.dropped)
            return True
