"""The log book in the ledger: records in the order they were numbered, and the signed heads.

Numbers are given inside one transaction that holds the file's write lock from its start (`BEGIN
IMMEDIATE`), so that two processes cannot give one number twice or leave a gap; the table's keys refuse
what would break that all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import schema
from modgate.model.logbook import LogEntry, LogHead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select

    from modgate.ledger.sqlite import SqliteLedger

__all__ = ["MemoryLogBook", "SqliteLogBook"]

_RECORD = schema.log_record.c
_HEAD = schema.log_head.c
_ENTRY = (_RECORD.number, _RECORD.path, _RECORD.version, _RECORD.text)


class SqliteLogBook:
    """A log book in the file of a SQLite ledger, which it does not close."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger = ledger

    async def append(self, log: str, records: Sequence[tuple[ModuleVersion, bytes]]) -> list[LogEntry]:
        """Number the records after the last one, durably and in one step, in their order."""

        def number(connection: Connection) -> list[LogEntry]:
            size = _size(connection, log)
            entries: list[LogEntry] = []
            for version, text in records:
                entry = _find(connection, log, version)
                if entry is None:
                    entry = LogEntry(size, version, text)
                    size += 1
                    row = {"log": log, "number": entry.number, "text": text}
                    row |= {"path": version.path, "version": version.version}
                    connection.execute(insert(schema.log_record), row)
                entries.append(entry)
            return entries

        return await self._ledger.transact(number) if records else []

    async def find(self, log: str, version: ModuleVersion) -> LogEntry | None:
        """The record of a version."""
        rows = await self._ledger.query(_of_version(log, version))
        return _entry(*rows[0]) if rows else None

    async def records(self, log: str, start: int, stop: int) -> list[LogEntry]:
        """The records `start:stop` in order, as far as there are."""
        where = (_RECORD.log == log) & (_RECORD.number >= start) & (_RECORD.number < stop)
        rows = await self._ledger.query(select(*_ENTRY).where(where).order_by(_RECORD.number))
        return [_entry(*row) for row in rows]

    async def size(self, log: str) -> int:
        """How many records there are."""
        rows = await self._ledger.query(select(func.max(_RECORD.number)).where(_RECORD.log == log))
        return _after(rows[0][0])

    async def set_head(self, log: str, head: LogHead) -> LogHead:
        """Keep a signed head; the first one of a size stands and is returned."""

        def keep(connection: Connection) -> LogHead:
            if head.size > _size(connection, log):
                raise Unavailable(f"the log {log} has no {head.size} records to sign", where="the log book")
            values = {"log": log, "size": head.size, "note": head.note}
            connection.execute(sqlite_insert(schema.log_head).values(values).on_conflict_do_nothing())
            standing = select(_HEAD.size, _HEAD.note).where(_HEAD.log == log, _HEAD.size == head.size)
            return LogHead(*tuple(connection.execute(standing).one()))

        return await self._ledger.transact(keep)

    async def head(self, log: str) -> LogHead | None:
        """The head of the largest size."""
        query = select(_HEAD.size, _HEAD.note).where(_HEAD.log == log).order_by(_HEAD.size.desc()).limit(1)
        rows = await self._ledger.query(query)
        return LogHead(*tuple(rows[0])) if rows else None


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


def _size(connection: Connection, log: str) -> int:
    return _after(
        connection.execute(select(func.max(_RECORD.number)).where(_RECORD.log == log)).scalar_one_or_none()
    )


def _after(last: int | None) -> int:
    return 0 if last is None else last + 1


def _of_version(log: str, version: ModuleVersion) -> Select[int, str, str, bytes]:
    return select(*_ENTRY).where(
        _RECORD.log == log, _RECORD.path == version.path, _RECORD.version == version.version
    )


def _find(connection: Connection, log: str, version: ModuleVersion) -> LogEntry | None:
    row = connection.execute(_of_version(log, version)).first()
    return None if row is None else _entry(*row)


def _entry(number: int, path: str, version: str, text: bytes) -> LogEntry:
    return LogEntry(number, ModuleVersion(ModulePath(path), Version(version)), text)
