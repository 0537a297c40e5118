"""How many bytes a ledger takes, and making room that was freed usable again.

SQLite: the pages that hold something, and the write-ahead log beside the file. Free pages do not count: they
are given back to the file system, or filled before the file grows.

PostgreSQL: what its tables take on disk with their indexes. A row that is deleted leaves that as it is, since
its room is used again and not given back. So where that exceeds what is asked about, the part that is in use
is estimated from the rows in a sample of pages (all pages of a small table), and indexes are taken to be
filled as their table is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from modgate.ledger import schema, tables

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["bytes_held", "reuse"]

_ = tables  # what it defines belongs to the metadata
_PAGE, _PAGE_HEAD = 8192, 24
_SAMPLE = 16 << 20
_LONG = 600.0
_SIZES = text(
    "SELECT c.relname, pg_total_relation_size(c.oid), "
    "pg_relation_size(c.oid) + coalesce(pg_relation_size(nullif(c.reltoastrelid, 0)), 0) "
    "FROM pg_class c WHERE c.oid = ANY (SELECT to_regclass(quote_ident(name)) "
    "FROM unnest(CAST(:names AS text[])) AS name)"
)


def bytes_held(connection: Connection, *, above: int) -> int:
    """How many bytes are in use, exactly up to `above`; more than that may be an estimate."""
    if connection.dialect.name == "postgresql":
        return _postgresql(connection, above)
    pages, free, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size + _log_bytes(connection)


def reuse(connection: Connection) -> None:
    """Have PostgreSQL use the room of deleted rows now: autovacuum waits until a fifth of a table is dead.

    The connection is in no transaction. SQLite needs no word.
    """
    if connection.dialect.name != "postgresql":
        return
    names = ", ".join(
        f'"{table.name}"'
        for table in (tables.consumer_use, tables.consumer, tables.decision, tables.allowed, tables.outbox)
    )
    before = connection.exec_driver_sql("SHOW statement_timeout").scalar_one()
    driver: Any = connection.connection.dbapi_connection
    driver.each = _LONG
    connection.exec_driver_sql(f"SET statement_timeout = {round(_LONG * 1000)}")
    try:
        connection.exec_driver_sql(f"VACUUM {names}")
    finally:
        connection.exec_driver_sql(f"SET statement_timeout = '{before}'")


def _log_bytes(connection: Connection) -> int:
    (path,) = (row[2] for row in connection.exec_driver_sql("PRAGMA database_list").all() if row[1] == "main")
    if not path:
        return 0
    try:
        return Path(f"{path}-wal").stat().st_size
    except OSError:
        return 0


def _postgresql(connection: Connection, above: int) -> int:
    names = list(schema.metadata.tables)
    sizes = connection.execute(_SIZES, {"names": names}).all()
    whole = sum(total for _, total, _ in sizes)
    if whole <= above:
        return int(whole)
    return sum(_in_use(connection, name, total, rows) for name, total, rows in sizes)


def _in_use(connection: Connection, name: str, total: int, allotted: int) -> int:
    """How much of a table is in use; `allotted` is what its rows have without the indexes."""
    if not allotted:
        return total
    percent = min(100.0, 100.0 * _SAMPLE / allotted)
    # A row has a head as large as that of a value of its kind, is aligned to 8 bytes, and has 4 in its page.
    query = (
        f'SELECT coalesce(sum((pg_column_size(t) + 7) / 8 * 8 + 4), 0) FROM "{name}" t '  # noqa: S608  our own
        f"TABLESAMPLE SYSTEM ({percent:.6f})"
    )
    sampled = float(connection.exec_driver_sql(query).scalar_one())
    live = sampled * (100.0 / percent) * _PAGE / (_PAGE - _PAGE_HEAD)
    return round(total * min(1.0, live / allotted))
