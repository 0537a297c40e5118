"""The outbox that these tests use keeps the promises of the real one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.contract.outbox import OutboxContract
from tests.support.outbox import MemoryOutbox


class TestMemoryOutbox(OutboxContract):
    @pytest.fixture
    def books(self) -> SimpleNamespace:
        return SimpleNamespace(outbox=MemoryOutbox())
