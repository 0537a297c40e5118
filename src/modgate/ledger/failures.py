"""What a database's error means: always "broken", never "absent", with the next step in words.

SQLite's result codes are told apart by their primary code (the low byte of the extended one), what a
PostgreSQL server says by its SQLSTATE. An attempt to connect has no SQLSTATE that the driver hands on, so the
server's English words are looked for, and its own text is shown where they are others.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from modgate.errors import UnavailableKind

__all__ = ["FOREIGN", "explain", "is_of_one_step", "is_timeout"]

FOREIGN = (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError, OverflowError)
"""What the database layer may raise."""


class _Meaning(NamedTuple):
    what: str
    next_step: str
    kind: UnavailableKind = "unreachable"


_LOCKED = _Meaning(
    "the ledger is locked by another process",
    "Look for a backup, a shell, or a second modgate that holds the file.",
)
_SQLITE = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _Meaning(
        "the ledger's file is corrupt",
        "Restore it from a backup, or move it away: a new one is made, which knows no first sights.",
    ),
    sqlite3.SQLITE_NOTADB: _Meaning(
        "the ledger's file is no SQLite database",
        "Name another file, or move this one away.",
    ),
    sqlite3.SQLITE_READONLY: _Meaning(
        "the ledger's file is read-only",
        "Give the user that runs modgate the right to write it and its folder.",
    ),
    sqlite3.SQLITE_CANTOPEN: _Meaning(
        "the ledger's file cannot be opened",
        "Its folder must exist and be writable.",
    ),
    sqlite3.SQLITE_FULL: _Meaning("the ledger's disk is full", "Free space on that disk.", "storage-full"),
    sqlite3.SQLITE_IOERR: _Meaning(
        "the ledger's disk reports an input/output error",
        "Look in the kernel log; the disk may be full or failing.",
    ),
}

_PASSWORD = _Meaning(
    "the database refuses the user or its password",
    "Check the user in ledger.url and the password in ledger.password_file, and pg_hba.conf of the server.",
    "bad-answer",
)
_RIGHTS = _Meaning(
    "the database's user may not do what the ledger needs",
    "Make the user the database's owner: ALTER DATABASE name OWNER TO user.",
    "bad-answer",
)
_MISSING = _Meaning("the database does not exist", "Make it: createdb --owner=user name.", "bad-answer")
_FULL = _Meaning("the database's disk is full", "Free space on its disk.", "storage-full")
_READ_ONLY = _Meaning(
    "the database only reads",
    "It may be a standby: name the primary, or several hosts and ?target_session_attrs=read-write.",
)
_SLOW = _Meaning(
    "the database did not answer in time", "Look at its load, its disks and its locks.", "timeout"
)
_CROWDED = _Meaning("the database takes no more connections", "Each gate holds three: raise max_connections.")
_STATES = {
    "25006": _READ_ONLY,
    "28000": _PASSWORD,
    "28P01": _PASSWORD,
    "3D000": _MISSING,
    "42501": _RIGHTS,
    "53100": _FULL,
    "53300": _CROWDED,
    "55P03": _Meaning(
        "the ledger is locked by another writer",
        "Look in pg_stat_activity for a gate, a backup or a shell that holds it.",
    ),
    "57014": _SLOW,
    "25P03": _SLOW,
    "57P01": _Meaning("the database server is being stopped", ""),
    "57P02": _Meaning("the database server crashed and recovers", ""),
    "57P03": _Meaning("the database server is starting", ""),
}
_WORDS = {
    "password authentication failed": _PASSWORD,
    "no pg_hba.conf entry": _PASSWORD,
    "authentication failed": _PASSWORD,
    "role ": _PASSWORD,
    "database ": _MISSING,
    "permission denied for database": _RIGHTS,
    "too many": _CROWDED,
    "remaining connection slots": _CROWDED,
    "starting up": _STATES["57P03"],
    "shutting down": _STATES["57P01"],
    "in recovery mode": _STATES["57P02"],
    "session is read-only": _READ_ONLY,
}
_UNREACHED = "Check that it runs and that ledger.url names its host and port."
_OF_ONE_STEP = {"57014", "54000"}  # it took too long, or is too large for an index
_SLOW_NAMES = {"TransactionTooLong", "ConnectionTimeout"}


def explain(error: BaseException, where: str, *, committing: bool = False) -> Unavailable:
    """The error to raise for what the database layer said; `committing`: nobody knows whether the work was
    done.
    """
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    meaning = _meaning(cause)
    if meaning is None:
        text = str(cause).partition("\n")[0] or type(cause).__name__
        meaning = _Meaning(f"the ledger failed: {text}", "")
    next_step = meaning.next_step
    if committing and getattr(cause, "sqlstate", "") is None:
        next_step = f"What was being written may be there or not. {next_step}".rstrip()
    return Unavailable(meaning.what, where=where, next_step=next_step, kind=meaning.kind)


def is_timeout(error: DBAPIError) -> bool:
    """Whether it took too long: what is asked again would take as long again."""
    return type(error.orig).__name__ in _SLOW_NAMES or getattr(error.orig, "sqlstate", None) == "57014"


def is_of_one_step(error: BaseException) -> bool:
    """Whether a step of a transaction failed for what it is, and others would not."""
    if isinstance(error, DBAPIError):
        named = {"DataError", "IntegrityError", "ProgrammingError", "NotSupportedError"}
        return not error.connection_invalidated and (
            type(error.orig).__name__ in named
            or getattr(error.orig, "sqlstate", None) in _OF_ONE_STEP
            or any(base.__name__ in named for base in type(error.orig).__mro__)
        )
    return not isinstance(error, (SQLAlchemyError, sqlite3.Error, OSError))


def _meaning(cause: BaseException | None) -> _Meaning | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _SQLITE.get(code & 0xFF)
    state = getattr(cause, "sqlstate", "")
    if state is not None:  # a server's word, or no error of PostgreSQL
        return _STATES.get(state)
    if type(cause).__name__ in _SLOW_NAMES:
        return _SLOW
    text = str(cause)
    _, fatal, said = text.partition("FATAL:")
    if fatal:
        said = said.partition("\n")[0].strip()
        for words, meaning in _WORDS.items():
            if words in said and (words != "database " or "does not exist" in said):
                return meaning._replace(what=f"{meaning.what} ({said})")
        return _Meaning(f"the database refuses: {said}", "")
    reason = text.partition("\n")[0].rpartition(": ")[2]
    if reason == "no password supplied":
        return _PASSWORD._replace(what=f"{_PASSWORD.what} ({reason})")
    return _Meaning(f"the database cannot be reached ({reason})", _UNREACHED)
