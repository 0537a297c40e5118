"""Every database under the contracts of the books."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.ledger import tables
from modgate.ledger.sql import SqlLedger
from modgate.wiring.books import build_books
from tests.contract.audit_book import AuditBookContract
from tests.contract.consumer_book import ConsumerBookContract
from tests.contract.decision_book import DecisionBookContract, WaiverBookContract
from tests.contract.ledger import SetClock
from tests.contract.outbox import OutboxContract
from tests.contract.sighting_book import SightingBookContract
from tests.support.postgres import cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from modgate.wiring.books import Books


@pytest.fixture(scope="module")
def shared_database() -> Iterator[str]:
    """One database for all, since making one takes longer than a test."""
    name = f"books_{os.getpid()}"
    cluster().run(f"CREATE DATABASE {name}")
    yield name
    cluster().run(f"DROP DATABASE {name} WITH (FORCE)")


def _emptied(name: str) -> str:
    """The address of the shared database, whose books are empty."""
    tables_here = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    there = {table for (table,) in cluster().run(tables_here, database=name)}
    books = there & {getattr(tables, each).name for each in tables.__all__}
    if books:
        cluster().run(f"TRUNCATE {', '.join(sorted(books))}", database=name)
    return cluster().url(name)


@pytest.fixture(params=["file", "memory", "postgresql"])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    clock = SetClock()
    if request.param == "file":
        ledger = await SqlLedger.open(tmp_path / "ledger.db", clock=clock)
    elif request.param == "postgresql":
        ledger = await SqlLedger.open_url(_emptied(request.getfixturevalue("shared_database")), clock=clock)
    else:
        ledger = await SqlLedger.open_memory(clock=clock)
    yield build_books(ledger, clock=clock)
    await ledger.close()


class TestConsumerBook(ConsumerBookContract):
    pass


class TestAuditBook(AuditBookContract):
    pass


class TestDecisionBook(DecisionBookContract):
    pass


class TestWaiverBook(WaiverBookContract):
    pass


class TestOutbox(OutboxContract):
    pass


class TestSightingBook(SightingBookContract):
    pass
