"""First sights whose row was lost with a process are written after the next start, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.firewall.afterwards import Afterwards
from modgate.firewall.scribe import Scribe
from modgate.firewall.witness import sight_event
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.sql import SqlLedger
from modgate.model.audit import AuditFilter
from modgate.model.ledger import VerificationRecord
from modgate.wiring.books import build_books

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model.audit import AuditRow
    from modgate.wiring.books import Books

NOW = 1_800_000_000.0
DAY = 86_400.0


@pytest.fixture
async def ledger() -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open_memory(clock=lambda: NOW)
    yield ledger
    await ledger.close()


def _record(number: int, at: float) -> VerificationRecord:
    version = ModuleVersion(ModulePath("example.com/m"), Version(f"v1.{number}.0"))
    return VerificationRecord(version, "zip", f"h1:{number}", "sumdb", at)


def _work(books: Books, *, now: float = NOW, keep: float = 0.0, again: float = 0.0) -> Afterwards:
    def source(_path: ModulePath) -> tuple[str, str]:
        return "https://proxy.example", "verified"

    return Afterwards(
        books.audit, books.outbox, source, clock=lambda: now, keep=lambda: keep, breath=0.0, again=again
    )


async def _rows(books: Books) -> list[AuditRow]:
    return [row async for page in books.audit.rows(AuditFilter()) for row in page]


async def test_what_is_missing_is_written_with_its_own_time_and_marked(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    first = await ledger.first_seen(_record(1, NOW - 60))
    await ledger.first_seen(_record(2, NOW + 60))  # after the start: its row is on its way
    assert await _work(books).run() == 1
    (row,) = await _rows(books)
    assert row.event.at == first.first_seen
    assert row.event.facts == {
        "kind": "zip",
        "h1": first.h1,
        "verified": "sumdb",
        "source": "https://proxy.example",
        "afterwards": NOW,
    }
    assert await books.audit.verify() == []
    assert await _work(books).run() == 0


async def test_whoever_still_holds_the_event_writes_no_second_row(ledger: SqlLedger) -> None:
    books, scribe = build_books(ledger), Scribe()
    record = await ledger.first_seen(_record(1, NOW - 60))
    scribe.note(sight_event(record, "https://proxy.example"))
    assert await _work(books).run() == 1
    assert await scribe.flush(books.audit)
    assert scribe.waiting == 0
    assert len(await _rows(books)) == 1


async def test_the_next_start_looks_at_a_day_and_a_clock_that_was_set_back_at_all(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    assert await _work(books).run() == 0
    await ledger.first_seen(_record(1, NOW - DAY - 1))
    await ledger.first_seen(_record(2, NOW - DAY + 1))
    assert await _work(books).run() == 1
    assert await _work(books, now=NOW - 3 * DAY).once(until=NOW) == 1


async def test_what_retention_would_drop_is_not_written(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    for number in range(4):
        await ledger.first_seen(_record(number, NOW - number * DAY - 1))
    assert await _work(books, keep=2 * DAY).run() == 2


async def test_a_mark_that_is_no_number_is_none(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await books.outbox.enqueue((), mark=("audit.first-sights", "yesterday"))
    await ledger.first_seen(_record(1, NOW - 60))
    assert await _work(books).run() == 1


async def test_it_is_tried_until_the_ledger_takes_it(ledger: SqlLedger) -> None:
    books = build_books(ledger)
    await ledger.first_seen(_record(1, NOW - 60))
    away = Afterwards(
        books.audit,
        _Away(books, times=2),  # type: ignore[arg-type]  # the two methods that are asked
        lambda _path: ("", "verified"),
        clock=lambda: NOW,
        again=0.0,
    )
    assert await away.run() == 1


class _Away:
    """Marks in a ledger that is away the first times."""

    def __init__(self, books: Books, *, times: int) -> None:
        self._books = books
        self._times = times

    async def mark(self, name: str) -> str:
        if self._times:
            self._times -= 1
            raise Unavailable("away")
        return await self._books.outbox.mark(name)

    async def enqueue(self, messages: tuple[()], *, mark: tuple[str, str]) -> int:
        return await self._books.outbox.enqueue(messages, mark=mark)
