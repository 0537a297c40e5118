"""Numbers that the database gives out, and the last one given: when rows come from another database, it goes
on after that.

The last one given may be larger than any that stands: rows go, and their numbers are not given again where
that was promised (`outbox`). SQLite keeps it for tables made with AUTOINCREMENT and counts from the largest
row for others; PostgreSQL keeps it in a sequence, which does not notice rows that bring their numbers along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

__all__ = ["go_on_after", "last_given"]

_SEQUENCE = "pg_get_serial_sequence(:of_table, :of_column)"
_GIVEN = text(f"SELECT pg_sequence_last_value({_SEQUENCE}::regclass)")
_GO_ON = text(f"SELECT setval({_SEQUENCE}, :last)")
_GIVEN_LITE = text("SELECT seq FROM sqlite_sequence WHERE name = :of_table")
_GO_ON_LITE = text("UPDATE sqlite_sequence SET seq = :last WHERE name = :of_table")
_BEGIN_LITE = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:of_table, :last)")


def last_given(connection: Connection, table: Table) -> int:
    """The last number that this table was given; 0 where it gives none, or gave none yet."""
    column = table.autoincrement_column
    if column is None:
        return 0
    names = {"of_table": table.name, "of_column": column.name}
    largest = connection.execute(select(func.max(column))).scalar() or 0
    given = 0
    if connection.dialect.name == "postgresql":
        given = connection.execute(_GIVEN, names).scalar() or 0
    elif _remembers(table):
        given = connection.execute(_GIVEN_LITE, {"of_table": table.name}).scalar() or 0
    return max(int(largest), int(given))


def go_on_after(connection: Connection, table: Table, last: int) -> None:
    """Have the next number be larger than `last`; 0: nothing was given."""
    column = table.autoincrement_column
    if column is None or not last:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_GO_ON, {"of_table": table.name, "of_column": column.name, "last": last})
    elif _remembers(table):
        values = {"of_table": table.name, "last": last}
        if not connection.execute(_GO_ON_LITE, values).rowcount:
            connection.execute(_BEGIN_LITE, values)


def _remembers(table: Table) -> bool:
    return bool(table.dialect_options["sqlite"]["autoincrement"])
