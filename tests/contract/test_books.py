"""Every database under the contracts of the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.ledger.sql import SqlLedger
from modgate.wiring.books import build_books
from tests.contract.audit_book import AuditBookContract
from tests.contract.consumer_book import ConsumerBookContract
from tests.contract.decision_book import DecisionBookContract, WaiverBookContract
from tests.contract.ledger import SetClock
from tests.contract.outbox import OutboxContract
from tests.contract.sighting_book import SightingBookContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.wiring.books import Books


@pytest.fixture(params=["file", "memory"])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    clock = SetClock()
    if request.param == "file":
        ledger = await SqlLedger.open(tmp_path / "ledger.db", clock=clock)
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
