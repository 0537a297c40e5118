"""A ledger in a file, its books, and the file itself, in which a test does what nobody should."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from modgate.ledger.sql import SqlLedger
from modgate.wiring.books import build_books
from tests.contract.ledger import SetClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from modgate.wiring.books import Books


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
async def ledger(file: Path) -> AsyncIterator[SqlLedger]:
    ledger = await SqlLedger.open(file, clock=SetClock())
    yield ledger
    await ledger.close()


@pytest.fixture
def books(ledger: SqlLedger) -> Books:
    return build_books(ledger, clock=SetClock())


@pytest.fixture
def meddle(file: Path) -> Callable[..., None]:
    """Runs statements on the file, past the books."""

    def run(statement: str, values: Sequence[object] = ()) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement, values)

    return run
