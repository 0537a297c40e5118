"""Every log book under the one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.ledger.logbook import MemoryLogBook, SqlLogBook
from modgate.ledger.sql import SqlLedger
from tests.contract.ledger import SetClock
from tests.contract.log_book import LogBookContract
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model.logbook import LogBook

__all__ = ["fresh_database"]


class TestSqliteLogBook(LogBookContract):
    @pytest.fixture
    async def book(self, tmp_path: Path) -> AsyncIterator[LogBook]:
        ledger = await SqlLedger.open(tmp_path / "ledger.db", clock=SetClock())
        yield SqlLogBook(ledger)
        await ledger.close()


class TestPostgresLogBook(LogBookContract):
    @pytest.fixture
    async def book(self, fresh_database: str) -> AsyncIterator[LogBook]:
        ledger = await SqlLedger.open_url(fresh_database, clock=SetClock())
        yield SqlLogBook(ledger)
        await ledger.close()


class TestMemoryLogBook(LogBookContract):
    @pytest.fixture
    def book(self) -> LogBook:
        return MemoryLogBook()
