"""Counting what was given to whom, where every nanosecond is paid by each hit.

A hit costs one look into a dictionary: a connection holds the `Account` of its consumer, an answer carries
its `mark`, and `count` adds one. Nothing here waits. What was counted is gathered and written to the book of
consumers by `flush`, which a task calls every few seconds; until the book has taken it, it is kept and shown
by `since_flush`. A book that cannot be written to for long costs bounded memory: what was counted first is
dropped first, and how much is counted.

The time of a first fetch is exact, that of the last one to the interval of flushing.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import structlog

from modgate.errors import Unavailable
from modgate.gomod.types import Version
from modgate.model.consumers import Fetches

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath
    from modgate.model.consumers import ConsumerBook

__all__ = ["Account", "Tally", "mark_of"]

_ACCOUNTS = 16_384
_ENTRIES = 200_000
_BATCH = 1000


def mark_of(kind: str, path: str, version: str) -> str:
    """What is counted of an answer: neither a path nor a version has a blank or an @ in it."""
    return f"{kind} {path}@{version}"


class _Key(NamedTuple):
    consumer: str
    path: str
    version: str
    kind: str


class Account:
    """What one consumer was given since it was gathered last: times by mark, and the first moment."""

    __slots__ = ("_firsts", "_tally", "consumer", "counts")

    def __init__(self, consumer: str, tally: Tally) -> None:
        self.consumer = consumer
        self.counts: dict[str, int] = {}
        self._firsts: dict[str, float] = {}
        self._tally = tally

    def count(self, mark: str) -> None:
        """One more. The hot path has these lines written out."""
        times = self.counts.get(mark)
        if times is None:
            self.begin(mark)
        else:
            self.counts[mark] = times + 1

    def begin(self, mark: str) -> None:
        """The first of a mark since it was gathered last."""
        moment = self._tally.opened(self)
        self.counts[mark] = 1
        self._firsts[mark] = moment

    def take(self, now: float) -> list[Fetches]:
        """What was counted, and begin anew."""
        rows = []
        for mark, times in self.counts.items():
            kind, _, rest = mark.partition(" ")
            path, _, version = rest.partition("@")
            first = self._firsts[mark]
            last = first if times == 1 else max(first, now)
            rows.append(Fetches(self.consumer, path, version, kind, times, first, last))
        self.counts.clear()
        self._firsts.clear()
        return rows


class Tally:
    """The accounts of all consumers. Belongs to one event loop.

    Args:
        clock: Unix seconds.
        entries: How many counts are held at most while the book takes none.
    """

    def __init__(self, *, clock: Callable[[], float], entries: int = _ENTRIES) -> None:
        self._clock = clock
        self._limit = entries
        self._accounts: dict[str, Account] = {}
        self._open: dict[str, list[Account]] = {}
        self._fresh = 0
        self._waiting: dict[_Key, Fetches] = {}
        self._writing: dict[_Key, Fetches] = {}
        self._by_consumer: dict[str, dict[_Key, None]] = {}
        self._flushing = asyncio.Lock()
        self._failing = False
        self._told: list[Callable[[list[Fetches]], None]] = []
        self._log = structlog.get_logger("modgate.consumers")
        self.dropped = 0
        self.written = 0

    @property
    def waiting(self) -> int:
        """How many counts the book has not taken yet."""
        return self._fresh + len(self._waiting) + len(self._writing)

    @property
    def failing(self) -> bool:
        """Whether the book could not be written to last time."""
        return self._failing

    def tell_written(self, told: Callable[[list[Fetches]], None]) -> None:
        """Tell `told` of each batch that the book took."""
        self._told.append(told)

    def account(self, consumer: str) -> Account:
        """Where a consumer's fetches are counted; to be held as long as its connection."""
        account = self._accounts.get(consumer)
        if account is None:
            if len(self._accounts) >= _ACCOUNTS:
                # Those that connections hold, or that have counts, live on without being found here.
                self._accounts.clear()
            account = self._accounts[consumer] = Account(consumer, self)
        return account

    def opened(self, account: Account) -> float:
        """An account counts a mark that is new to it: the moment. For accounts only."""
        if self._fresh >= self._limit:
            self._gather()
        if not account.counts:
            self._open.setdefault(account.consumer, []).append(account)
        self._fresh += 1
        return self._clock()

    def since_flush(self, consumer: str, path: ModulePath) -> frozenset[Version]:
        """The versions of a module that a consumer was given and that its book does not know yet."""
        inside = f" {path}@"
        found = [
            mark.rpartition("@")[2]
            for account in self._open.get(consumer, ())
            for mark in account.counts
            if inside in mark
        ]
        found += [key.version for key in self._by_consumer.get(consumer, ()) if key.path == path]
        return frozenset(map(Version, found))

    def forget(self, consumer: str) -> None:
        """Drop what was not written of a consumer, who is erased."""
        for account in self._open.pop(consumer, ()):
            self._fresh -= len(account.take(0.0))
        for key in self._by_consumer.pop(consumer, {}):
            self._waiting.pop(key, None)
            self._writing.pop(key, None)

    async def flush(self, book: ConsumerBook) -> bool:
        """Write what was counted; False where the book could not take it, and it is kept."""
        async with self._flushing:
            self._gather()
            while self._waiting:
                keys = list(islice(self._waiting, _BATCH))
                self._writing = {key: self._waiting.pop(key) for key in keys}
                batch = list(self._writing.values())
                try:
                    await book.add(batch)
                except Unavailable as error:
                    self._put_back()
                    if not self._failing:
                        self._failing = True
                        self._log.warning("counts of fetches are not written", why=error.what)
                    return False
                except BaseException:
                    self._put_back()
                    raise
                self._wrote(batch)
            if self._failing:
                self._failing = False
                self._log.info("counts of fetches are written again", dropped=self.dropped)
            return True

    def _wrote(self, batch: list[Fetches]) -> None:
        for told in self._told:
            told(batch)
        for key in self._writing:
            if key not in self._waiting:
                self._unlist(key)
        self._writing = {}
        self.written += sum(row.times for row in batch)

    def _put_back(self) -> None:
        """What was not taken goes back in front, for it is the oldest."""
        newer, self._waiting = self._waiting, self._writing
        self._writing = {}
        for row in newer.values():
            self._merge(row)

    def _gather(self) -> None:
        """Take everything out of the accounts, and drop the oldest of what is too much."""
        now = self._clock()
        opened, self._open, self._fresh = self._open, {}, 0
        for accounts in opened.values():
            for account in accounts:
                for row in account.take(now):
                    self._merge(row)
        while len(self._waiting) > self._limit:
            key = next(iter(self._waiting))
            self.dropped += self._waiting.pop(key).times
            if key not in self._writing:
                self._unlist(key)

    def _merge(self, row: Fetches) -> None:
        key = _Key(row.consumer, row.path, row.version, row.kind)
        held = self._waiting.get(key)
        if held is None:
            self._waiting[key] = row
            self._by_consumer.setdefault(row.consumer, {})[key] = None
        else:
            self._waiting[key] = held._replace(times=held.times + row.times, last=max(held.last, row.last))

    def _unlist(self, key: _Key) -> None:
        keys = self._by_consumer.get(key.consumer, {})
        keys.pop(key, None)
        if not keys:
            self._by_consumer.pop(key.consumer, None)
