"""What was given to whom: counted exactly, kept while the book is dead, within bounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.firewall.tally import Tally, mark_of
from modgate.gomod.types import ModulePath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.consumers import Fetches

M = ModulePath("example.com/a")
MOD, ZIP = mark_of("mod", M, "v1.0.0"), mark_of("zip", M, "v1.0.0")


@dataclass
class Written:
    """A book that remembers what it was given, and can be dead."""

    rows: list[Fetches] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    dead: bool = False
    gate: asyncio.Event | None = None

    async def add(self, fetches: Sequence[Fetches]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.dead:
            raise Unavailable("the ledger is dead")
        self.rows += fetches
        self.batches.append(len(fetches))

    def times(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for row in self.rows:
            found[row.consumer, row.kind] = found.get((row.consumer, row.kind), 0) + row.times
        return found


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_counts_add_up_and_times_are_of_the_first_and_the_flush() -> None:
    clock, book = Clock(), Written()
    tally = Tally(clock=clock)
    account = tally.account("a")
    account.count(MOD)
    account.count(ZIP)
    clock.now = 1001.0
    account.count(MOD)
    clock.now = 1002.0
    assert await tally.flush(book)  # type: ignore[arg-type]
    assert [(row.kind, row.times, row.first, row.last) for row in book.rows] == [
        ("mod", 2, 1000.0, 1002.0),
        ("zip", 1, 1000.0, 1000.0),
    ]
    assert (book.rows[0].consumer, book.rows[0].path, book.rows[0].version) == ("a", M, "v1.0.0")
    assert await tally.flush(book)  # type: ignore[arg-type]
    assert len(book.rows) == 2
    account.count(MOD)
    await tally.flush(book)  # type: ignore[arg-type]
    assert book.times() == {("a", "mod"): 3, ("a", "zip"): 1}
    assert tally.written == 4


async def test_what_was_given_is_seen_at_once_and_until_it_is_written() -> None:
    book = Written(gate=asyncio.Event())
    tally = Tally(clock=Clock())
    told: list[str] = []
    tally.tell_written(lambda rows: told.extend(row.consumer for row in rows))
    tally.account("a").count(ZIP)
    tally.account("b").count(mark_of("mod", "example.com/ab", "v2.0.0"))
    assert tally.since_flush("a", M) == {"v1.0.0"}
    assert tally.since_flush("b", M) == frozenset()
    flushing = asyncio.create_task(tally.flush(book))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert tally.since_flush("a", M) == {"v1.0.0"}
    assert book.gate is not None
    book.gate.set()
    await flushing
    assert tally.since_flush("a", M) == frozenset()
    assert sorted(told) == ["a", "b"]


async def test_a_dead_book_loses_nothing_and_is_told_of_once() -> None:
    book = Written(dead=True)
    tally = Tally(clock=Clock())
    for _ in range(3):
        tally.account("a").count(MOD)
        assert not await tally.flush(book)  # type: ignore[arg-type]
        assert tally.failing
    assert tally.since_flush("a", M) == {"v1.0.0"}
    assert tally.waiting == 1
    book.dead = False
    assert await tally.flush(book)  # type: ignore[arg-type]
    assert book.times() == {("a", "mod"): 3}
    assert tally.waiting == 0
    assert not tally.failing


async def test_the_oldest_counts_are_dropped_when_the_book_stays_dead() -> None:
    book = Written(dead=True)
    tally = Tally(clock=Clock(), entries=100)
    account = tally.account("a")
    for number in range(1000):
        account.count(mark_of("zip", M, f"v1.0.{number}"))
    await tally.flush(book)  # type: ignore[arg-type]
    assert tally.waiting == 100
    assert tally.dropped == 900
    assert tally.since_flush("a", M) == {f"v1.0.{number}" for number in range(900, 1000)}
    book.dead = False
    await tally.flush(book)  # type: ignore[arg-type]
    assert {row.version for row in book.rows} == {f"v1.0.{number}" for number in range(900, 1000)}
    assert tally.since_flush("a", M) == frozenset()


async def test_what_is_counted_while_it_is_written_is_written_next() -> None:
    book = Written(gate=asyncio.Event())
    tally = Tally(clock=Clock())
    account = tally.account("a")
    account.count(MOD)
    flushing = asyncio.create_task(tally.flush(book))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    account.count(MOD)
    assert book.gate is not None
    book.gate.set()
    await flushing
    await tally.flush(book)  # type: ignore[arg-type]
    assert [row.times for row in book.rows] == [1, 1]


async def test_a_flush_that_is_cancelled_loses_nothing() -> None:
    book = Written(gate=asyncio.Event())
    tally = Tally(clock=Clock())
    tally.account("a").count(MOD)
    flushing = asyncio.create_task(tally.flush(book))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    flushing.cancel()
    await asyncio.wait({flushing})
    assert book.gate is not None
    book.gate.set()
    await tally.flush(book)  # type: ignore[arg-type]
    assert book.times() == {("a", "mod"): 1}


async def test_more_consumers_than_are_held_are_counted_all_the_same() -> None:
    book = Written()
    tally = Tally(clock=Clock())
    held = tally.account("first")
    for number in range(20_000):
        tally.account(f"c{number}").count(MOD)
    held.count(MOD)
    tally.account("first").count(MOD)
    assert tally.since_flush("first", M) == {"v1.0.0"}
    await tally.flush(book)  # type: ignore[arg-type]
    assert sum(row.times for row in book.rows) == 20_002
    assert book.times()["first", "mod"] == 2
    assert max(book.batches) <= 1000


async def test_a_forgotten_consumer_is_written_no_more() -> None:
    book = Written(dead=True)
    tally = Tally(clock=Clock())
    tally.account("a").count(MOD)
    await tally.flush(book)  # type: ignore[arg-type]
    tally.account("a").count(ZIP)
    tally.account("b").count(ZIP)
    tally.forget("a")
    assert tally.since_flush("a", M) == frozenset()
    book.dead = False
    await tally.flush(book)  # type: ignore[arg-type]
    assert book.times() == {("b", "zip"): 1}
