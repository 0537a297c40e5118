"""The log book in the ledger: records in the order they were numbered, and the signed heads.

Numbers are given inside one transaction that holds the database's one write lock from its start, so that
two processes cannot give one number twice or leave a gap; the table's keys refuse what would break that all
the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, tuple_

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import schema
from modgate.ledger.dialect import PerDialect
from modgate.model.logbook import LogEntry, LogHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from modgate.ledger.sql import SqlLedger

__all__ = ["MemoryLogBook", "SqlLogBook"]

_RECORD = schema.log_record.c
_HEAD = schema.log_head.c
_ENTRY = (_RECORD.number, _RECORD.path, _RECORD.version, _RECORD.text)

# Statements that are built once: building one costs more than running it.
_OF_LOG = _RECORD.log == bindparam("of_log")
_FIND = select(*_ENTRY).where(
    _OF_LOG, _RECORD.path == bindparam("of_path"), _RECORD.version == bindparam("of_version")
)
_FIND_ALL = select(*_ENTRY).where(
    _OF_LOG, tuple_(_RECORD.path, _RECORD.version).in_(bindparam("of_versions", expanding=True))
)
_BETWEEN = (
    select(*_ENTRY)
    .where(_OF_LOG, _RECORD.number >= bindparam("first"), _RECORD.number < bindparam("stop"))
    .order_by(_RECORD.number)
)
_LAST = select(func.max(_RECORD.number)).where(_OF_LOG)
_ADD = insert(schema.log_record)
_ADD_HEAD = PerDialect(lambda into: into(schema.log_head).on_conflict_do_nothing())
_OF_HEADS = select(_HEAD.size, _HEAD.note).where(_HEAD.log == bindparam("of_log"))
_HEAD_OF = _OF_HEADS.where(_HEAD.size == bindparam("of_size"))
_NEWEST = _OF_HEADS.order_by(_HEAD.size.desc()).limit(1)

_AT_ONCE = 400  # older SQLite takes 999 parameters


class SqlLogBook:
    """A log book in the database of a ledger, which it does not close."""

    def __init__(self, ledger: SqlLedger) -> None:
        self._ledger = ledger

    async def append(self, log: str, records: Sequence[tuple[ModuleVersion, bytes]]) -> list[LogEntry]:
        """Number the records after the last one, durably and in one step, in their order."""

        def number(connection: Connection) -> list[LogEntry]:
            wanted = list(dict.fromkeys((version.path, version.version) for version, _ in records))
            known: dict[ModuleVersion, LogEntry] = {}
            for some in (wanted[i : i + _AT_ONCE] for i in range(0, len(wanted), _AT_ONCE)):
                rows = connection.execute(_FIND_ALL, {"of_log": log, "of_versions": some})
                known |= {entry.version: entry for entry in (_entry(*row) for row in rows)}
            size = _after(connection.execute(_LAST, {"of_log": log}).scalar_one())
            new: list[LogEntry] = []
            for version, text in records:
                if version not in known:
                    known[version] = LogEntry(size + len(new), version, text)
                    new.append(known[version])
            if new:
                connection.execute(_ADD, [_row(log, entry) for entry in new])
            return [known[version] for version, _ in records]

        return await self._ledger.transact(number) if records else []

    async def find(self, log: str, version: ModuleVersion) -> LogEntry | None:
        """The record of a version."""
        values = {"of_log": log, "of_path": version.path, "of_version": version.version}
        rows = await self._ledger.query(_FIND, values)
        return _entry(*rows[0]) if rows else None

    async def records(self, log: str, start: int, stop: int) -> list[LogEntry]:
        """The records `start:stop` in order, as far as there are."""
        rows = await self._ledger.query(_BETWEEN, {"of_log": log, "first": start, "stop": stop})
        return [_entry(*row) for row in rows]

    async def size(self, log: str) -> int:
        """How many records there are."""
        return _after((await self._ledger.query(_LAST, {"of_log": log}))[0][0])

    async def set_head(self, log: str, head: LogHead) -> LogHead:
        """Keep a signed head; the first one of a size stands and is returned."""

        def keep(connection: Connection) -> LogHead:
            if head.size > _after(connection.execute(_LAST, {"of_log": log}).scalar_one()):
                raise Unavailable(f"the log {log} has no {head.size} records to sign", where="the log book")
            connection.execute(_ADD_HEAD.on(connection), {"log": log, "size": head.size, "note": head.note})
            found = connection.execute(_HEAD_OF, {"of_log": log, "of_size": head.size}).one()
            return _head(*tuple(found))

        return await self._ledger.transact(keep)

    async def head(self, log: str) -> LogHead | None:
        """The head of the largest size."""
        rows = await self._ledger.query(_NEWEST, {"of_log": log})
        return _head(*tuple(rows[0])) if rows else None


class MemoryLogBook:
    """A log book for the life of the process: for tests, and for a gate that keeps nothing."""

    def __init__(self) -> None:
        self._entries: dict[str, list[LogEntry]] = {}
        self._numbers: dict[tuple[str, ModuleVersion], int] = {}
        self._heads: dict[str, dict[int, LogHead]] = {}

    async def append(self, log: str, records: Sequence[tuple[ModuleVersion, bytes]]) -> list[LogEntry]:
        """Number the records after the last one, in their order."""
        entries = self._entries.setdefault(log, [])
        result: list[LogEntry] = []
        for version, text in records:
            number = self._numbers.setdefault((log, version), len(entries))
            if number == len(entries):
                entries.append(LogEntry(number, version, text))
            result.append(entries[number])
        return result

    async def find(self, log: str, version: ModuleVersion) -> LogEntry | None:
        """The record of a version."""
        number = self._numbers.get((log, version))
        return None if number is None else self._entries[log][number]

    async def records(self, log: str, start: int, stop: int) -> list[LogEntry]:
        """The records `start:stop` in order, as far as there are."""
        return self._entries.get(log, [])[start:stop]

    async def size(self, log: str) -> int:
        """How many records there are."""
        return len(self._entries.get(log, []))

    async def set_head(self, log: str, head: LogHead) -> LogHead:
        """Keep a signed head; the first one of a size stands and is returned."""
        if head.size > await self.size(log):
            raise Unavailable(f"the log {log} has no {head.size} records to sign", where="the log book")
        return self._heads.setdefault(log, {}).setdefault(head.size, head)

    async def head(self, log: str) -> LogHead | None:
        """The head of the largest size."""
        heads = self._heads.get(log)
        return heads[max(heads)] if heads else None


def _after(last: int | None) -> int:
    return 0 if last is None else last + 1


def _entry(number: int, path: str, version: str, text: object) -> LogEntry:
    return LogEntry(number, ModuleVersion(ModulePath(path), Version(version)), _bytes(text))


def _head(size: int, note: object) -> LogHead:
    return LogHead(size, _bytes(note))


def _bytes(value: object) -> bytes:
    """A blob, also where a person's shell wrote it as text: what it is worth is for the proofs to say."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def _row(log: str, entry: LogEntry) -> dict[str, object]:
    return {
        "log": log,
        "number": entry.number,
        "path": entry.version.path,
        "version": entry.version.version,
        "text": entry.text,
    }
