"""The log book in a file: two processes on it, and a ledger of the time before there was one."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.ledger.logbook import SqliteLogBook
from modgate.ledger.sqlite import SqliteLedger
from modgate.model.logbook import LogEntry, LogHead
from tests.contract.ledger import SetClock, record
from tests.contract.log_book import LOG, version

if TYPE_CHECKING:
    from pathlib import Path


async def test_two_connections_on_one_file_number_without_gaps_or_twins(tmp_path: Path) -> None:
    ledgers = [await SqliteLedger.open(tmp_path / "l.db", clock=SetClock()) for _ in range(2)]
    books = [SqliteLogBook(ledger) for ledger in ledgers]
    entries = await asyncio.gather(
        *(books[n % 2].append(LOG, [(version(n // 2), b"%d\n" % n)]) for n in range(120))
    )
    assert await books[0].size(LOG) == 60
    assert sorted({entry.number for one in entries for entry in one}) == list(range(60))
    for ledger in ledgers:
        await ledger.close()


async def test_records_are_there_after_a_restart(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    await SqliteLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    await ledger.close()
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    assert await SqliteLogBook(ledger).find(LOG, version(1)) == LogEntry(0, version(1), b"text\n")
    await ledger.close()


async def test_what_a_shell_wrote_as_text_is_read_as_bytes(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    book = SqliteLogBook(ledger)
    await book.append(LOG, [(version(1), b"wrong\n")])
    await book.set_head(LOG, LogHead(1, b"wrong"))
    with sqlite3.connect(tmp_path / "l.db") as connection:
        connection.execute("UPDATE log_record SET text = 'text\n'")
        connection.execute("UPDATE log_head SET note = 'note'")
    connection.close()
    assert await book.find(LOG, version(1)) == LogEntry(0, version(1), b"text\n")
    assert await book.head(LOG) == LogHead(1, b"note")
    await ledger.close()


def _older(path: Path) -> None:
    """Make a ledger what the first schema left behind."""
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE log_record")
        connection.execute("DROP TABLE log_head")
        connection.execute("DROP TABLE pin")
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    connection.close()


async def test_a_ledger_of_the_first_schema_opens_and_keeps_what_it_knew(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    await ledger.first_seen(record())
    await ledger.close()
    _older(tmp_path / "l.db")
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    assert await ledger.seen(record().version, "zip") == record()
    assert await SqliteLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    await ledger.close()
    connection = sqlite3.connect(tmp_path / "l.db")
    assert connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("3",)
    connection.close()


@pytest.mark.parametrize("schema", ["4", "99", "x", "0", "-1"])
async def test_nothing_is_added_to_a_ledger_of_another_schema(tmp_path: Path, schema: str) -> None:
    connection = sqlite3.connect(tmp_path / "l.db")
    connection.execute("CREATE TABLE meta (key VARCHAR PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (schema,))
    connection.commit()
    with pytest.raises(Unavailable, match="schema"):
        await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("meta",)]
    connection.close()


async def test_the_files_own_keys_refuse_a_second_number_and_a_second_record(tmp_path: Path) -> None:
    ledger = await SqliteLedger.open(tmp_path / "l.db", clock=SetClock())
    await SqliteLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    connection = sqlite3.connect(tmp_path / "l.db")
    for row in ((LOG, 0, "other", "v1.0.0", b"x"), (LOG, 1, version(1).path, version(1).version, b"x")):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO log_record VALUES (?, ?, ?, ?, ?)", row)
    connection.close()
    await ledger.close()
