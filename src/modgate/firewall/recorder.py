"""Writing down what was decided, beside the requests.

What is noted is written at once where nothing was written within the last moment, else with everything that
comes within that moment: a batch costs about the same for one decision as for ten, and the hits pay for it.
So a kill loses what came within some milliseconds; a refusal waits for that (`written`), and only while the
ledger works, because its text names a decision that the reader will look up. While the ledger is dead
decisions are kept in memory, so many and no more; the log says so once, and a number says how many were
dropped. Plain allows are only counted.

The go command asks twice for what is refused (GOAUTH): the same decision within a moment is one.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

import structlog

from modgate.errors import Unavailable
from modgate.model.decisions import Recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.model.decision import Decision
    from modgate.model.decisions import DecisionBook
    from modgate.model.outbox import Message

__all__ = ["Recorder"]

_WAITING = 20_000
_BATCH = 500
_APART = 0.03
"""Seconds between the beginnings of two batches."""
_PAUSE = 2.0
_FOLD = 2.0
_FOLDED = 4096
_AT_ONCE = 4
_COUNTS_EVERY = 5.0
_PATIENCE = 0.25


def _no_messages(_decision: Decision) -> tuple[Message, ...]:
    return ()


class Recorder:
    """Keeps decisions until the book has them. Belongs to one event loop.

    Args:
        book: The book; None: nothing is written down.
        clock: Unix seconds.
        monotonic: Seconds.
        messages_for: What is told of a decision that is new.
        waiting: Bound on what is kept while the book takes nothing.
    """

    def __init__(
        self,
        book: DecisionBook | None,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        messages_for: Callable[[Decision], tuple[Message, ...]] = _no_messages,
        waiting: int = _WAITING,
    ) -> None:
        self._book = book
        self._clock = clock
        self._monotonic = monotonic
        self.messages_for = messages_for
        self._limit = waiting
        self._queue: deque[Recorded] = deque()
        self._allowed: Counter[str] = Counter()
        self._lately: OrderedDict[str, float] = OrderedDict()
        self._task: asyncio.Task[None] | None = None
        self._counting: asyncio.TimerHandle | None = None
        self._rounds: list[asyncio.Event] = []
        self._failing = False
        self._began = -_APART
        self._log = structlog.get_logger("modgate.firewall")
        self.dropped = 0
        self.recorded = 0

    @property
    def waiting(self) -> int:
        """How many decisions the book has not taken yet."""
        return len(self._queue)

    @property
    def failing(self) -> bool:
        """Whether the book could not be written to last time."""
        return self._failing

    def note(self, decision: Decision) -> None:
        """It was carried out."""
        if self._book is None:
            return
        if not decision.notable:
            self._allowed[decision.rule] += 1
            if self._counting is None:
                self._counting = asyncio.get_running_loop().call_later(_COUNTS_EVERY, self._wake)
            return
        now = self._monotonic()
        if now - self._lately.get(decision.id, -_FOLD) < _FOLD:
            return
        self._lately[decision.id] = now
        self._lately.move_to_end(decision.id)
        while len(self._lately) > _FOLDED:
            self._lately.popitem(last=False)
        if len(self._queue) >= self._limit:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append(Recorded(decision, self._clock(), self.messages_for(decision)))
        self._wake()

    async def written(self) -> None:
        """Wait until what was noted is in the book, for a short while and only if it takes any."""
        if self._book is None or self._failing or not self._queue:
            return
        done = asyncio.Event()
        self._rounds.append(done)
        self._wake()
        try:
            async with asyncio.timeout(_PATIENCE):
                await done.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Write what is left, if the book takes it now."""
        if self._counting is not None:
            self._counting.cancel()
        if self._book is None:
            return
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(_PAUSE):
                await self._write(self._book)
        except (Unavailable, TimeoutError) as error:
            self._log.warning("decisions are lost", count=len(self._queue), why=str(error))

    def _wake(self) -> None:
        if self._book is not None and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(self._book))

    async def _run(self, book: DecisionBook) -> None:
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
        while self._queue or self._allowed:
            try:
                await self._write(book)
            except Unavailable as error:
                if not self._failing:
                    self._failing = True
                    self._log.error("decisions are not written down, and kept in memory", why=error.what)
                self._release()
                await asyncio.sleep(_PAUSE)
                continue
            if self._failing:
                self._failing = False
                self._log.info("decisions are written down again", dropped=self.dropped)

    async def _write(self, book: DecisionBook) -> None:
        while self._queue:
            await self._gather()
            waiting, self._rounds = self._rounds, []
            taken = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH))]
            try:
                await book.record(taken)
            except BaseException:
                self._queue.extendleft(reversed(taken))
                self._rounds = waiting + self._rounds
                raise
            self.recorded += len(taken)
            if self._queue and len(taken) == _BATCH:
                # Whoever waits may stand behind this batch.
                self._rounds = waiting + self._rounds
            else:
                await self._release_slowly(waiting)
        self._release()
        if self._allowed:
            counts, self._allowed = self._allowed, Counter()
            try:
                await book.add_allowed(counts, at=self._clock())
            except BaseException:
                self._allowed.update(counts)
                raise

    async def _gather(self) -> None:
        """Let those come who come in the moment after the last batch began, unless a batch is full."""
        wait = self._began + _APART - self._monotonic()
        if 0.0 < wait <= _APART and len(self._queue) < _BATCH:
            await asyncio.sleep(wait)
        self._began = self._monotonic()

    async def _release_slowly(self, waiting: list[asyncio.Event]) -> None:
        """A few at a time: all at once they would be answered, and ask again, in one turn of the loop."""
        few = max(_AT_ONCE, len(waiting) // 8)
        try:
            for at in range(0, len(waiting), few):
                if at:
                    await asyncio.sleep(_APART / 12)
                for done in waiting[at : at + few]:
                    done.set()
        finally:
            for done in waiting:
                done.set()

    def _release(self) -> None:
        waiting, self._rounds = self._rounds, []
        for done in waiting:
            done.set()
