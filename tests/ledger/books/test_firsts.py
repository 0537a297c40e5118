"""Each first sight has one row in the audit, however often it is told, and those without one are found."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.firewall.witness import sight_event
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.books import firsts
from modgate.model.audit import AuditFilter
from modgate.model.ledger import VerificationRecord
from modgate.wiring.books import build_books
from tests.ledger.books.writer import open_ledger
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.ledger.sql import SqlLedger
    from modgate.wiring.books import Books

__all__ = ["fresh_database"]


@pytest.fixture(params=["file", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "ledger.db")
    address: str = request.getfixturevalue("fresh_database")
    return address


@pytest.fixture
async def both(database: str) -> AsyncIterator[tuple[SqlLedger, SqlLedger]]:
    """Two gates on one database."""
    one, other = await open_ledger(database), await open_ledger(database)
    yield one, other
    await one.close()
    await other.close()


def _record(number: int, *, kind: str = "zip", at: float = 100.0) -> VerificationRecord:
    version = ModuleVersion(ModulePath(f"example.com/m{number % 3}"), Version(f"v1.{number}.0"))
    return VerificationRecord(version, kind, f"h1:{number}", "sumdb", at)


async def _missing(books: Books, since: float = 0.0, until: float = 1e12) -> list[VerificationRecord]:
    return [each async for some in books.audit.unwritten(since=since, until=until) for each in some]


async def _count(books: Books) -> int:
    return sum([len(page) async for page in books.audit.rows(AuditFilter())])


async def test_first_sights_without_a_row_are_found_among_many(
    both: tuple[SqlLedger, SqlLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firsts, "_BOUND", firsts._BOUND.offset(None).offset(6))
    ledger, books = both[0], build_books(both[0])
    records = [_record(number, kind=kind) for number in range(40) for kind in ("mod", "zip")]
    await asyncio.gather(*map(ledger.first_seen, records))
    known = [each for index, each in enumerate(records) if index % 7]
    await books.audit.append([sight_event(each, "file:///x") for each in known])
    found = await _missing(books)
    assert len(found) == len(set(found))
    assert set(found) == set(records) - set(known)
    await books.audit.append([sight_event(each, "file:///x") for each in found])
    assert await _missing(books) == []
    assert await books.audit.verify() == []


async def test_only_the_asked_time_is_looked_at(both: tuple[SqlLedger, SqlLedger]) -> None:
    ledger, books = both[0], build_books(both[0])
    for number in range(4):
        await ledger.first_seen(_record(number, at=100.0 + number))
    assert [each.first_seen for each in await _missing(books, since=101.0, until=103.0)] == [101.0, 102.0]


async def test_two_gates_that_write_the_same_write_it_once(both: tuple[SqlLedger, SqlLedger]) -> None:
    books = [build_books(each) for each in both]
    events = [sight_event(_record(number), "file:///x") for number in range(100)]
    await asyncio.gather(*(each.audit.append([event]) for event in events for each in books))
    assert await _count(books[0]) == len(events)
    await books[1].audit.append([*events, *events])
    assert await _count(books[0]) == len(events)
    assert await books[0].audit.verify() == []


async def test_the_go_mod_the_zip_and_what_is_no_first_sight_are_not_taken_for_each_other(
    both: tuple[SqlLedger, SqlLedger],
) -> None:
    books = build_books(both[0])
    told = [sight_event(_record(1, kind=kind), "", kind="published") for kind in ("mod", "zip")]
    alert = sight_event(_record(1), "", kind="tampered")
    await books.audit.append([*told, alert, alert])
    assert await _count(books) == 4
    await books.audit.append([sight_event(_record(1), "")])
    assert await _count(books) == 4


async def test_what_was_pruned_is_not_missing(both: tuple[SqlLedger, SqlLedger]) -> None:
    ledger, books = both[0], build_books(both[0])
    records = [_record(number, at=number * 10_000.0) for number in range(10)]
    for each in records:
        await ledger.first_seen(each)
    await books.audit.append([sight_event(each, "") for each in records[:-1]])
    assert await books.audit.prune(before=50_000.0, keep=0) == 5
    assert await _missing(books) == [records[-1]]
