"""Older ledgers are lifted, newer ones refused, and what the steps make is what the tables declare."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event

from modgate.errors import Unavailable
from modgate.ledger import migrate, schema
from modgate.ledger.logbook import SqlLogBook
from modgate.ledger.sql import SqlLedger
from modgate.model import Alert
from tests.contract.ledger import SetClock, pin, record
from tests.contract.log_book import LOG, version
from tests.ledger.older import older_ledger

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

_SEEN = (
    "INSERT INTO first_seen VALUES (?, ?, 'zip', 'h1:old=', 'sumdb', 5.5)",
    (record().version.path, record().version.version),
)
_ALERT = ("INSERT INTO alert (kind, subject, text, at) VALUES ('bit-rot', 's', 'a ␀ in it', 7.0)", ())


def _shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every table's columns, keys and indexes."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")
        return {
            name: connection.execute(f'PRAGMA table_info("{name}")').fetchall()
            + sorted(row[2:] for row in connection.execute(f'PRAGMA index_list("{name}")').fetchall())
            + connection.execute(f'PRAGMA index_info("{name}")').fetchall()
            for (name,) in names.fetchall()
        }


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_an_older_ledger_is_lifted_and_keeps_what_it_holds(tmp_path: Path, number: int) -> None:
    path = tmp_path / "l.db"
    older_ledger(path, number, _SEEN, _ALERT)
    ledger = await SqlLedger.open(path, clock=SetClock())
    assert await ledger.first_seen(record(h1="h1:new=")) == record(h1="h1:old=")
    assert await ledger.alerts() == [Alert("bit-rot", "s", "a ␀ in it", 7.0)]
    assert await ledger.add_pin(pin("example.com/m"))
    assert await SqlLogBook(ledger).append(LOG, [(version(1), b"text\n")])
    await ledger.close()
    made = await SqlLedger.open(tmp_path / "new.db", clock=SetClock())
    await made.close()
    assert _shape(path) == _shape(tmp_path / "new.db")
    with contextlib.closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT value FROM meta WHERE key = 'schema'").fetchall() == [
            (str(schema.SCHEMA_VERSION),)
        ]
        assert other.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (migrate.revision(schema.SCHEMA_VERSION),)
        ]


def drift(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, schema.metadata))


def test_the_steps_make_what_the_tables_declare() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate.upgrade(connection, 0)
        assert drift(connection) == []
    engine.dispose()


async def test_a_step_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    older_ledger(path, 2, _SEEN, ("CREATE TABLE waiver (mine TEXT)", ()))  # in the way of the last step
    before = _shape(path)
    with pytest.raises(Unavailable, match="waiver"):
        await SqlLedger.open(path, clock=SetClock())
    assert _shape(path) == before
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("DROP TABLE waiver")
        other.commit()
    ledger = await SqlLedger.open(path, clock=SetClock())
    assert await ledger.seen(record().version, "zip") == record(h1="h1:old=")
    await ledger.close()


async def test_of_many_who_open_an_older_ledger_at_once_all_find_it_lifted(tmp_path: Path) -> None:
    older_ledger(tmp_path / "l.db", 1, _SEEN)
    ledgers = await asyncio.gather(*(SqlLedger.open(tmp_path / "l.db", clock=SetClock()) for _ in range(4)))
    for ledger in ledgers:
        assert await ledger.seen(record().version, "zip") == record(h1="h1:old=")
        await ledger.close()


def test_a_ledger_of_the_present_schema_is_opened_without_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from pathlib import Path; from modgate.ledger.sql import SqlLedger\n"
        "async def main():\n"
        "    for _ in range(2):\n"
        "        ledger = await SqlLedger.open(Path(sys.argv[1]), clock=lambda: 0.0)\n"
        "        await ledger.close()\n"
        "    await (await SqlLedger.open_memory(clock=lambda: 0.0)).close()\n"
        "asyncio.run(main())\n"
        "print([name for name in ('alembic', 'mako', 'psycopg') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path / "l.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


async def test_nothing_is_written_to_a_ledger_of_the_present_schema(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    writes: list[str] = []
    event.listen(
        ledger._database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: writes.append(statement),
    )
    await asyncio.to_thread(migrate.bring_up, ledger._database)
    assert writes
    assert all(statement.startswith(("PRAGMA", "SELECT", "BEGIN")) for statement in writes)
    await ledger.close()
