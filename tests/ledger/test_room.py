"""A ledger that is over its size lets the oldest go that may go, and says so where that is not enough."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from modgate.cli.status_show import _ledger
from modgate.config.firewall import LedgerConfig
from modgate.gomod.types import ModulePath, Version
from modgate.ledger.sql import SqlLedger
from modgate.messages import Catalogue, Language
from modgate.model import Alert
from modgate.model.audit import Event
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded, Waiver
from modgate.model.outbox import Message
from modgate.wiring.books import build_books
from modgate.wiring.retention import FULL, Retention
from tests.contract.ledger import SetClock, record
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.wiring.books import Books

__all__ = ["fresh_database"]

DAY = 86400.0
NOW = 1000 * DAY
M = ModulePath("example.com/m")


@pytest.fixture(params=["sqlite", "memory", "postgresql"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlLedger]:
    clock = SetClock()
    clock.now = NOW
    if request.param == "sqlite":
        ledger = await SqlLedger.open(tmp_path / "l.db", clock=clock)
    elif request.param == "memory":
        ledger = await SqlLedger.open_memory(clock=clock)
    else:
        ledger = await SqlLedger.open_url(request.getfixturevalue("fresh_database"), clock=clock)
    yield ledger
    await ledger.close()


def _retention(ledger: SqlLedger, books: Books, size: int, alerts: list[str] | None = None) -> Retention:
    clock = SetClock()
    clock.now = NOW
    told = [] if alerts is None else alerts
    keep = LedgerConfig(max_size=size)
    return Retention(
        ledger,
        books,
        lambda: keep,
        clock=clock,
        holder="me",
        alert=lambda kind, _subject, said: told.append(f"{kind}: {said}"),
    )


async def _uses(
    books: Books, count: int, *, start: int = 0, first: float = 0.0, each: float = 0.05 * DAY
) -> None:
    """So many uses of versions from the number `start` on, each later than the one before."""
    times = [first + each * number for number in range(count)]
    await books.consumers.add(
        [
            Fetches("team", M, f"v1.{n:05}.0-{'x' * 100}", "zip", 1, at, at)
            for n, at in enumerate(times, start)
        ]
    )


async def _left(books: Books) -> list[float]:
    return sorted(use.last for use in await books.consumers.users(M))


async def test_the_oldest_uses_go_until_it_is_small_enough(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 8000)
    await ledger.settle()
    before = await books.room.held()
    assert before > 8000 * 200
    limit = before * 6 // 10
    gone = await _retention(ledger, books, limit).bound()
    held = await books.room.held(above=limit // 2)
    left = await _left(books)
    assert gone == {"fetches": 8000 - len(left)}
    assert limit * 0.75 < held <= limit * 0.93  # not more than needed, bar a few rows and an estimate
    assert left == [0.05 * DAY * number for number in range(8000 - len(left), 8000)]
    assert await _retention(ledger, books, limit).bound() is None  # and it does not begin again at once


async def test_within_its_size_or_without_one_nothing_goes(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 500)
    held = await books.room.held()
    for size in (0, held + 10_000):
        assert await _retention(ledger, books, size).bound() is None
    assert len(await _left(books)) == 500


async def test_of_all_three_classes_the_oldest_go_first(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    long = "x" * 400
    await _uses(books, 1500, first=300 * DAY, each=0.01 * DAY)
    for number in range(1500):
        at = (number % 500) * DAY
        decision = Decision(Effect.DENY, M, Version("v1.0.0"), reason=long, id=f"d-{number}")
        message = Message("hook", f"key-{number}", "denied", at, "", {"text": long})
        await books.decisions.record([Recorded(decision, at, (message,))]) if number % 3 == 0 else None
        if number % 3 == 1:
            await books.outbox.enqueue([message])
            (waiting,) = await books.outbox.waiting("hook", limit=1)
            await books.outbox.delivered(waiting.number, at=at)
    kept = len(await books.outbox.waiting("hook", limit=10_000))
    await ledger.settle()
    before = await books.room.held()
    gone = await _retention(ledger, books, before * 9 // 10).bound()
    assert gone is not None
    assert gone.get("decisions", 0) > 0
    oldest = min(each.last for each in await books.decisions.decisions(limit=10_000))
    assert oldest > 0
    # What is as old went from the other two as well, and nothing that is younger than by a day.
    assert min(await _left(books)) >= min(oldest, 300 * DAY)
    assert len(await books.outbox.waiting("hook", limit=10_000)) == kept


async def test_what_must_stay_never_goes_and_an_alert_tells_once_a_day(ledger: SqlLedger) -> None:
    books, alerts = build_books(ledger), list[str]()
    for number in range(5):
        await ledger.first_seen(record(number))
    await books.waivers.grant(Waiver("w-1", "example.com/*", "owner", "reason", 2e9))
    await books.audit.append([Event(1.0, "operation", facts={"text": "x" * 500}) for _ in range(1000)])
    await books.outbox.enqueue([Message("hook", f"k{n}", "denied", 1.0, "", {}) for n in range(100)])
    await _uses(books, 300)
    await _uses(books, 10, start=300, first=NOW - 0.5 * DAY, each=1.0)
    head = await books.audit.head()
    retention = _retention(ledger, books, 100_000, alerts)
    assert await retention.bound() == {"fetches": 300}
    assert len(alerts) == 1
    assert alerts[0].startswith(f"{FULL}: what must stay in the ledger takes ")
    assert "ledger.max_size is 100000" in alerts[0]
    assert len(await _left(books)) == 10  # used in the last day
    assert len(await books.outbox.waiting("hook", limit=1000)) == 100
    assert len(await books.waivers.waivers()) == 1
    assert await ledger.seen(record(1).version, "zip") == record(1)
    assert (await books.audit.head(), await books.audit.verify(head)) == (head, [])
    await ledger.add_alert(Alert(FULL, "the ledger", alerts[0], NOW))
    assert await retention.bound() == {}
    assert len(alerts) == 1


async def test_uses_of_one_and_the_same_moment_go_together(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 3000, first=5.0, each=0.0)
    await ledger.settle()
    limit = await books.room.held() * 8 // 10
    assert await _retention(ledger, books, limit).bound() == {"fetches": 3000}


async def test_while_another_gate_makes_room_this_one_does_not(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 2000)
    lease = await ledger.acquire("retention-size", "another", ttl=900.0)
    assert lease is not None
    assert await _retention(ledger, books, 1000).bound() is None
    await ledger.release(lease)
    assert await _retention(ledger, books, 1000).bound()


async def test_the_file_is_smaller_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = await SqlLedger.open(path, clock=SetClock())
    books = build_books(ledger)
    await _uses(books, 8000)
    await ledger.settle()
    before = path.stat().st_size
    await _retention(ledger, books, before // 2).bound()
    await ledger.settle()
    assert path.stat().st_size + (tmp_path / "l.db-wal").stat().st_size <= before // 2
    await ledger.close()


async def test_postgresql_fills_the_room_again_before_it_grows(fresh_database: str) -> None:
    ledger = await SqlLedger.open_url(fresh_database, clock=SetClock())
    books = build_books(ledger)
    await _uses(books, 8000)
    whole = text("SELECT pg_total_relation_size('consumer_use')")
    before = (await ledger.query(whole, {}))[0][0]
    for turn in range(8):  # as much again as there was
        await _retention(ledger, books, before * 8 // 10).bound()
        start = 8000 + turn * 1000
        await _uses(books, 1000, start=start, first=0.05 * DAY * start)
    after = (await ledger.query(whole, {}))[0][0]
    assert after <= before * 1.15
    await ledger.close()


async def test_what_is_in_use_is_estimated_well(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 5000)
    await ledger.settle()
    exact, estimate = await books.room.held(), await books.room.held(above=0)
    assert 0.85 * exact < estimate <= exact


async def test_a_running_gate_looks_by_itself(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await _uses(books, 100)
    async with _retention(ledger, books, 1000).running(first=0.0), asyncio.timeout(60):
        while await _left(books):
            await asyncio.sleep(0.01)


def test_status_tells_the_size_and_that_it_is_over() -> None:
    told = {
        language: [
            str(line)
            for line in _ledger(
                {"ok": True, "error": "", "size": 2_000_000, "limit": 1_000_000}, Catalogue(language)
            )
        ]
        for language in Language
    }
    assert "2.0 MB of 1.0 MB" in told[Language.ENGLISH][0]
    assert told[Language.ENGLISH][1].startswith("! larger than ledger.max_size")
    assert "上限" in told[Language.CHINESE][0]
    within = {"ok": True, "error": "", "size": 2_000_000, "limit": 0}
    assert [str(line) for line in _ledger(within, Catalogue(Language.ENGLISH))] == ["ok · 2.0 MB"]
