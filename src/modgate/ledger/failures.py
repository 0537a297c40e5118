"""What a database's error means: always "broken", never "absent", with the next step in words.

SQLite's result codes are told apart by their primary code (the low byte of the extended one).
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from modgate.errors import Unavailable

__all__ = ["FOREIGN", "explain"]

FOREIGN = (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError, OverflowError)
"""What the database layer may raise."""

_MEANINGS = {
    sqlite3.SQLITE_BUSY: (
        "the ledger is locked by another process",
        "Look for a backup, a shell, or a second modgate that holds the file.",
    ),
    sqlite3.SQLITE_LOCKED: (
        "the ledger is locked by another process",
        "Look for a backup, a shell, or a second modgate that holds the file.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the ledger's file is corrupt",
        "Restore it from a backup, or move it away: a new one is made, which knows no first sights.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "the ledger's file is no SQLite database",
        "Name another file, or move this one away.",
    ),
    sqlite3.SQLITE_READONLY: (
        "the ledger's file is read-only",
        "Give the user that runs modgate the right to write it and its folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the ledger's file cannot be opened",
        "Its folder must exist and be writable.",
    ),
    sqlite3.SQLITE_FULL: ("the ledger's disk is full", "Free space on that disk."),
    sqlite3.SQLITE_IOERR: (
        "the ledger's disk reports an input/output error",
        "Look in the kernel log; the disk may be full or failing.",
    ),
}


def explain(error: BaseException, where: str) -> Unavailable:
    """The error to raise for what the database layer said."""
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int) and code & 0xFF in _MEANINGS:
        what, next_step = _MEANINGS[code & 0xFF]
        if code & 0xFF == sqlite3.SQLITE_FULL:
            return Unavailable(what, where=where, next_step=next_step, kind="storage-full")
        return Unavailable(what, where=where, next_step=next_step)
    text = str(cause).partition("\n")[0] or type(cause).__name__
    return Unavailable(f"the ledger failed: {text}", where=where)
