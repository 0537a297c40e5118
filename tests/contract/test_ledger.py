"""Every ledger under the one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from tests.contract.ledger import LedgerContract, SetClock
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import Ledger

__all__ = ["fresh_database"]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ledger]:
        ledger = await SqlLedger.open(tmp_path / "ledger.db", clock=clock)
        yield ledger
        await ledger.close()


class TestPostgresLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, fresh_database: str, clock: SetClock) -> AsyncIterator[Ledger]:
        ledger = await SqlLedger.open_url(fresh_database, clock=clock)
        yield ledger
        await ledger.close()


class TestSqliteMemoryLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, clock: SetClock) -> AsyncIterator[Ledger]:
        ledger = await SqlLedger.open_memory(clock=clock)
        yield ledger
        await ledger.close()


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, clock: SetClock) -> AsyncIterator[Ledger]:
        ledger = MemoryLedger(clock=clock)
        yield ledger
        await ledger.close()
