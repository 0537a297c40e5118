"""SQLite as a ledger's database: a file, or memory.

A file: write-ahead logging, so that readers never wait; `synchronous=FULL`, so that a write is durable when
it returns; `BEGIN IMMEDIATE` for everything that writes, so that two processes on one file queue for the lock
instead of failing half way. Pages that retention frees are given back to the file system by
`incremental_vacuum`, which a file can do only if it was made so.

Memory: one connection, used by one thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from modgate.errors import Unavailable
from modgate.ledger.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

__all__ = ["sqlite_file", "sqlite_memory"]

_WAL_KEPT = 16 << 20
_FREED_AT_ONCE = 1000  # pages of 4 KiB
_BEGIN_WRITING = "BEGIN IMMEDIATE"


def sqlite_file(path: Path, *, busy_timeout: float) -> Database:
    """A file, made if it is missing; its folder must exist. `busy_timeout`: seconds to wait for a lock that
    another process holds.
    """
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": busy_timeout})
    opened: list[tuple[int, int]] = []

    def prepare(connection: Any, record: Any) -> None:
        _prepare(connection, record)
        if not opened:
            opened.append(_identity(path))

    def present() -> None:
        """What is written to an unlinked file is nowhere; connecting anew would make an empty one."""
        if not opened:
            return
        try:
            changed = _identity(path) != opened[0]
        except FileNotFoundError:
            raise Unavailable(
                "the ledger's file is gone",
                where=str(path),
                next_step="Stop modgate, restore the file, and start modgate again.",
            ) from None
        if changed:
            raise Unavailable(
                "the ledger's file was replaced by another", where=str(path), next_step="Start modgate again."
            )

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin)

    return Database(
        engine,
        engine.execution_options(begin=_BEGIN_WRITING),
        str(path),
        present=present,
        free=_free,
        settle=_settle,
    )


def sqlite_memory() -> Database:
    """A database that goes with the process."""
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False, "isolation_level": None}
    )
    event.listen(engine, "begin", _begin)
    return Database(engine, engine.execution_options(begin=_BEGIN_WRITING), "the ledger in memory", readers=0)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _prepare(connection: Any, _record: Any) -> None:
    """On each new connection: our own BEGIN, write-ahead log, flush at each commit."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # taken by a file that has no page yet
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA journal_size_limit={_WAL_KEPT}")
        cursor.execute("PRAGMA secure_delete=ON")  # what was erased is in no free page; builds differ
    finally:
        cursor.close()


def _settle(connection: Any) -> None:
    """Move what the log holds into the file, as far as readers let it, and empty the log."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        cursor.close()


def _free(connection: Connection) -> bool:
    def pages() -> int:
        return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())

    before = pages()
    # Each row that this is asked for is one page: without reading them nothing is freed.
    connection.exec_driver_sql(f"PRAGMA incremental_vacuum({_FREED_AT_ONCE})").close()
    after = pages()
    return 0 < after < before


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
