"""The ledger in one SQLite file.

Write-ahead logging, so that readers never wait; `synchronous=FULL`, so that a write is durable when
it returns; `BEGIN IMMEDIATE` for everything that writes, so that two processes on one file queue
for the lock instead of failing half way. Writes go in groups (see `groupcommit`).
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import event, insert, select, tuple_, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from modgate.errors import ModgateError, Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import schema
from modgate.ledger.failures import FOREIGN, explain
from modgate.ledger.groupcommit import GroupCommit
from modgate.ledger.leases import grant, holds
from modgate.model import Alert, Lease, TreeHead, VerificationRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Row
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    Step = Callable[[AsyncConnection], Awaitable[object]]

__all__ = ["SqliteLedger"]

T = TypeVar("T")

_RECORD = (
    schema.first_seen.c.path,
    schema.first_seen.c.version,
    schema.first_seen.c.kind,
    schema.first_seen.c.h1,
    schema.first_seen.c.verified,
    schema.first_seen.c.first_seen,
)
_LEASE = (schema.lease.c.name, schema.lease.c.holder, schema.lease.c.token, schema.lease.c.expires_at)


class SqliteLedger:
    """Made by `open`."""

    def __init__(self, engine: AsyncEngine, path: Path, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._path = path
        self._clock = clock
        self._writes: GroupCommit[Any, Any] = GroupCommit(self._write_group)
        self._reads: set[asyncio.Task[Any]] = set()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, clock: Callable[[], float], busy_timeout: float = 5.0) -> SqliteLedger:
        """Open or make the file, and its tables if they are missing.

        Args:
            path: The file; its folder must exist.
            clock: Unix seconds, for leases.
            busy_timeout: Seconds to wait for a lock that another process holds.

        Raises:
            Unavailable: The file cannot be opened, is locked, corrupt, or of a newer modgate.
        """
        try:
            await asyncio.to_thread(_touch, path, busy_timeout)
        except FOREIGN as error:
            raise explain(error, str(path)) from error
        url = URL.create("sqlite+aiosqlite", database=str(path))
        engine = create_async_engine(url, connect_args={"timeout": busy_timeout})
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        ledger = cls(engine, path, clock=clock)
        try:
            await ledger._make_tables()
        except BaseException:
            await engine.dispose()
            raise
        return ledger

    # --- the promises of model/ledger.py

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """Add the record unless (version, kind) has one; return the one that stands."""
        return await self._write(record)

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """The standing record."""
        table = schema.first_seen.c
        query = select(*_RECORD).where(
            table.path == version.path, table.version == version.version, table.kind == kind
        )
        rows = await self._read(query)
        return _record(rows[0]) if rows else None

    async def add_tree_head(self, head: TreeHead) -> None:
        """Append to the history of a database; a size already there is kept as it is."""
        values = {
            "database": head.database,
            "size": head.size,
            "root_hash": head.root_hash,
            "seen_at": head.seen_at,
        }

        async def add(connection: AsyncConnection) -> None:
            await connection.execute(sqlite_insert(schema.tree_head).values(values).on_conflict_do_nothing())

        await self._write(add)

    async def tree_heads(self, database: str, *, limit: int = 100) -> list[TreeHead]:
        """The largest, which is the newest, first."""
        table = schema.tree_head.c
        query = (
            select(table.database, table.size, table.root_hash, table.seen_at)
            .where(table.database == database)
            .order_by(table.size.desc())
            .limit(limit)
        )
        return [TreeHead(*tuple(row)) for row in await self._read(query)]

    async def add_alert(self, alert: Alert) -> None:
        """Append an alert."""
        values = {
            "kind": _plain(alert.kind),
            "subject": _plain(alert.subject),
            "text": _plain(alert.text),
            "at": alert.at,
        }

        async def add(connection: AsyncConnection) -> None:
            await connection.execute(insert(schema.alert).values(values))

        await self._write(add)

    async def alerts(self, *, limit: int = 100) -> list[Alert]:
        """The newest alerts first."""
        table = schema.alert.c
        query = select(table.kind, table.subject, table.text, table.at).order_by(table.id.desc()).limit(limit)
        return [Alert(*tuple(row)) for row in await self._read(query)]

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        """Take or renew the lease. None while another holds it."""

        async def take(connection: AsyncConnection) -> Lease | None:
            # The clock is read under the write lock: whoever waited for it must not use an old time.
            present = await _present(connection, name)
            lease = grant(present, name, holder, now=self._clock(), ttl=ttl)
            if lease is not None:
                values = {"holder": lease.holder, "token": lease.token, "expires_at": lease.expires_at}
                await connection.execute(
                    sqlite_insert(schema.lease)
                    .values(name=name, **values)
                    .on_conflict_do_update(index_elements=["name"], set_=values)
                )
            return lease

        return await self._write(take)

    async def release(self, lease: Lease) -> bool:
        """Give it back early; False if it was no longer this holder's under this token."""

        async def give_back(connection: AsyncConnection) -> bool:
            if not holds(await _present(connection, lease.name), lease, now=self._clock()):
                return False
            await connection.execute(
                update(schema.lease).where(schema.lease.c.name == lease.name).values(expires_at=0.0)
            )
            return True

        return await self._write(give_back)

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now."""
        self._check_open()
        if not await asyncio.to_thread(self._path.exists):
            raise Unavailable(
                "the ledger's file is gone",
                where=str(self._path),
                next_step="Restore it, or start modgate anew.",
            )

        async def probe() -> None:
            async with self._writing.connect() as connection, connection.begin() as transaction:
                await connection.execute(
                    update(schema.meta).values(value=schema.meta.c.value).where(schema.meta.c.key == "schema")
                )
                await transaction.rollback()

        await self._shielded(probe())

    async def close(self) -> None:
        """Finish what is being written, then release the connections."""
        self._closed = True
        await self._writes.drain()
        if self._reads:
            await asyncio.wait(self._reads)
        with suppress(*FOREIGN):
            await self._engine.dispose()

    # --- parts

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the ledger is closed", where=str(self._path), kind="stopping")

    async def _make_tables(self) -> None:
        async def make() -> str:
            async with self._writing.begin() as connection:
                await connection.run_sync(schema.metadata.create_all)
                version = sqlite_insert(schema.meta).values(key="schema", value=str(schema.SCHEMA_VERSION))
                await connection.execute(version.on_conflict_do_nothing())
                query = select(schema.meta.c.value).where(schema.meta.c.key == "schema")
                return str((await connection.execute(query)).scalar_one())

        found = await self._shielded(make())
        if found != str(schema.SCHEMA_VERSION):
            raise Unavailable(
                f"the ledger has schema {found}, and this modgate knows {schema.SCHEMA_VERSION}",
                where=str(self._path),
                next_step="Run the modgate that wrote it, or name another file.",
            )

    async def _write_group(self, items: Sequence[VerificationRecord | Step]) -> Sequence[object]:
        """One transaction: all records by one statement, then the other steps in their order."""
        records = [item for item in items if isinstance(item, VerificationRecord)]
        try:
            async with self._writing.begin() as connection:
                standing = await _add_records(connection, records) if records else {}
                return [
                    standing[item.version, item.kind]
                    if isinstance(item, VerificationRecord)
                    else await item(connection)
                    for item in items
                ]
        except FOREIGN as error:
            raise explain(error, str(self._path)) from error

    @overload
    async def _write(self, item: VerificationRecord) -> VerificationRecord: ...
    @overload
    async def _write(self, item: Callable[[AsyncConnection], Awaitable[T]]) -> T: ...
    async def _write(self, item: Any) -> Any:
        self._check_open()
        return await self._writes.write(item)

    async def _read(self, query: Any) -> Sequence[Row[*tuple[Any, ...]]]:
        self._check_open()

        async def read() -> Sequence[Row[*tuple[Any, ...]]]:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()

        return await self._shielded(read())

    async def _shielded(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end even if the caller goes away: a connection is not left in mid-air."""
        task = asyncio.create_task(work)
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)
        try:
            return await asyncio.shield(task)
        except ModgateError:
            raise
        except FOREIGN as error:
            raise explain(error, str(self._path)) from error


def _touch(path: Path, busy_timeout: float) -> None:
    """Meet a hopeless file before the pool does: aiosqlite leaves a thread behind when it cannot connect."""
    with closing(sqlite3.connect(path, timeout=busy_timeout)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("SELECT count(*) FROM sqlite_master")


def _prepare(connection: Any, _record: Any) -> None:
    """On each new connection: our own BEGIN, write-ahead log, flush at each commit."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


async def _add_records(
    connection: AsyncConnection, records: Sequence[VerificationRecord]
) -> dict[tuple[ModuleVersion, str], VerificationRecord]:
    """Add what is new; returns what stands for each. The first of equals in a group wins."""
    rows = [
        {
            "path": record.version.path,
            "version": record.version.version,
            "kind": record.kind,
            "h1": record.h1,
            "verified": record.verified,
            "first_seen": record.first_seen,
        }
        for record in records
    ]
    await connection.execute(sqlite_insert(schema.first_seen).on_conflict_do_nothing(), rows)
    names = {(record.version.path, record.version.version, record.kind) for record in records}
    query = select(*_RECORD).where(tuple_(*_RECORD[:3]).in_(list(names)))
    standing = [_record(row) for row in await connection.execute(query)]
    return {(record.version, record.kind): record for record in standing}


async def _present(connection: AsyncConnection, name: str) -> Lease | None:
    row = (await connection.execute(select(*_LEASE).where(schema.lease.c.name == name))).first()
    return None if row is None else Lease(*row)


def _record(row: Row[*tuple[Any, ...]]) -> VerificationRecord:
    path, version, kind, h1, verified, first_seen = row
    module_version = ModuleVersion(ModulePath(path), Version(version))
    return VerificationRecord(module_version, kind, h1, verified, first_seen)


def _plain(text: str) -> str:
    """Text that a database takes: what an attacker sent may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")
