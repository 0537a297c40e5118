"""Every ledger under the one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from tests.contract.ledger import LedgerContract, SetClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import Ledger


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


class TestSqliteLedger(LedgerContract):
    @pytest.fixture
    async def ledger(self, tmp_path: Path, clock: SetClock) -> AsyncIterator[Ledger]:
        ledger = await SqlLedger.open(tmp_path / "ledger.db", clock=clock)
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
