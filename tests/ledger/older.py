"""Ledgers of the time before: SQLite files with the tables as earlier schemas declared them."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["older_ledger"]

_TABLES = {
    1: (
        'CREATE TABLE meta ("key" VARCHAR NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key"))',
        (
            "CREATE TABLE first_seen (path VARCHAR NOT NULL, version VARCHAR NOT NULL, kind VARCHAR NOT NULL,"
            " h1 VARCHAR NOT NULL, verified VARCHAR NOT NULL, first_seen DOUBLE NOT NULL, "
            "PRIMARY KEY (path, version, kind))"
        ),
        (
            'CREATE TABLE tree_head ("database" VARCHAR NOT NULL, size BIGINT NOT NULL, '
            'root_hash BLOB NOT NULL, seen_at DOUBLE NOT NULL, PRIMARY KEY ("database", size))'
        ),
        (
            "CREATE TABLE alert (id INTEGER NOT NULL, kind VARCHAR NOT NULL, subject VARCHAR NOT NULL, "
            "text TEXT NOT NULL, at DOUBLE NOT NULL, PRIMARY KEY (id))"
        ),
        "CREATE INDEX alert_kind ON alert (kind)",
        (
            "CREATE TABLE lease (name VARCHAR NOT NULL, holder VARCHAR NOT NULL, token BIGINT NOT NULL, "
            "expires_at DOUBLE NOT NULL, PRIMARY KEY (name))"
        ),
    ),
    2: (
        (
            "CREATE TABLE log_record (log VARCHAR NOT NULL, number BIGINT NOT NULL, path VARCHAR NOT NULL, "
            "version VARCHAR NOT NULL, text BLOB NOT NULL, PRIMARY KEY (log, number), "
            "UNIQUE (log, path, version))"
        ),
        (
            "CREATE TABLE log_head (log VARCHAR NOT NULL, size BIGINT NOT NULL, note BLOB NOT NULL, "
            "PRIMARY KEY (log, size))"
        ),
    ),
    3: (
        (
            "CREATE TABLE pin (path VARCHAR NOT NULL, version VARCHAR NOT NULL, note TEXT NOT NULL, "
            "pinned_at DOUBLE NOT NULL, PRIMARY KEY (path, version))"
        ),
    ),
}


def older_ledger(path: Path, schema: int, *rows: tuple[str, tuple[object, ...]]) -> None:
    """Make a file of that schema, with rows: statements with their values."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for number in range(1, schema + 1):
            for statement in _TABLES[number]:
                connection.execute(statement)
        connection.execute("INSERT INTO meta VALUES ('schema', ?)", (str(schema),))
        for statement, values in rows:
            connection.execute(statement, values)
        connection.commit()
