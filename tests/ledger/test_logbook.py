"""The log book in a file: two processes on it."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model.logbook import LogEntry, LogHead
from tests.contract.ledger import SetClock
from tests.contract.log_book import LOG, version

if TYPE_CHECKING:
    from pathlib import Path


async def test_two_connections_on_one_file_number_without_gaps_or_twins(tmp_path: Path) -> None:
    ledgers = [await SqlLedger.open(tmp_path / "l.db", clock=SetClock()) for _ in range(2)]
    books = [SqlLogBook(ledger) for ledger in ledgers]
    entries = await asyncio.gather(
        *(books[n % 2].append(LOG, [(version(n // 2), b"%d\n" % n)]) for n in range(120))
    )
    assert await books[0].size(LOG) == 60
    assert sorted({entry.number for one in entries for entry in one}) == list(range(60))
    for ledger in ledgers:
        await ledger.close()


async def test_records_are_there_after_a_restart(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    await SqlLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    await ledger.close()
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    assert await SqlLogBook(ledger).find(LOG, version(1)) == LogEntry(0, version(1), b"text\n")
    await ledger.close()


async def test_what_a_shell_wrote_as_text_is_read_as_bytes(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    book = SqlLogBook(ledger)
    await book.append(LOG, [(version(1), b"wrong\n")])
    await book.set_head(LOG, LogHead(1, b"wrong"))
    with sqlite3.connect(tmp_path / "l.db") as connection:
        connection.execute("UPDATE log_record SET text = 'text\n'")
        connection.execute("UPDATE log_head SET note = 'note'")
    connection.close()
    assert await book.find(LOG, version(1)) == LogEntry(0, version(1), b"text\n")
    assert await book.head(LOG) == LogHead(1, b"note")
    await ledger.close()


@pytest.mark.parametrize("schema", ["5", "99", "x", "0", "-1"])
async def test_nothing_is_added_to_a_ledger_of_another_schema(tmp_path: Path, schema: str) -> None:
    connection = sqlite3.connect(tmp_path / "l.db")
    connection.execute("CREATE TABLE meta (key VARCHAR PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (schema,))
    connection.commit()
    with pytest.raises(Unavailable, match="schema"):
        await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("meta",)]
    connection.close()


async def test_the_files_own_keys_refuse_a_second_number_and_a_second_record(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    await SqlLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    connection = sqlite3.connect(tmp_path / "l.db")
    for row in ((LOG, 0, "other", "v1.0.0", b"x"), (LOG, 1, version(1).path, version(1).version, b"x")):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO log_record VALUES (?, ?, ?, ?, ?)", row)
    connection.close()
    await ledger.close()
