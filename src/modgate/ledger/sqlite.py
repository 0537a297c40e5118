"""The ledger in one SQLite file.

Write-ahead logging, so that readers never wait; `synchronous=FULL`, so that a write is durable when
it returns; `BEGIN IMMEDIATE` for everything that writes, so that two processes on one file queue
for the lock instead of failing half way. Writes go in groups (see `groupcommit`). The database is
spoken to from threads of its own, a whole transaction each trip (see docs/adr/0006).
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import bindparam, create_engine, event, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import URL

from modgate.errors import ModgateError, Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import pins, schema
from modgate.ledger.failures import FOREIGN, explain
from modgate.ledger.groupcommit import GroupCommit
from modgate.ledger.leases import grant, holds
from modgate.model import Alert, Lease, TreeHead, VerificationRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Row

    from modgate.model import Pin

    Step = Callable[[Connection], object]

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
_ADD_RECORD = sqlite_insert(schema.first_seen).on_conflict_do_nothing()
_STANDING = select(*_RECORD).where(
    schema.first_seen.c.path == bindparam("of_path"),
    schema.first_seen.c.version == bindparam("of_version"),
    schema.first_seen.c.kind == bindparam("of_kind"),
)
_LEASE = (schema.lease.c.name, schema.lease.c.holder, schema.lease.c.token, schema.lease.c.expires_at)


class SqliteLedger:
    """Made by `open`."""

    def __init__(self, engine: Engine, path: Path, *, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._writing = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._path = path
        self._clock = clock
        self._writes: GroupCommit[Any, Any] = GroupCommit(self._write_group)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="modgate-ledger-write")
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="modgate-ledger-read")
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
        url = URL.create("sqlite", database=str(path))
        engine = create_engine(url, connect_args={"timeout": busy_timeout})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        ledger = cls(engine, path, clock=clock)
        try:
            await ledger._run(ledger._writer, ledger._make_tables)
        except BaseException:
            await ledger.close()
            raise
        return ledger

    # --- the promises of model/ledger.py

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """Add the record unless (version, kind) has one; return the one that stands."""
        return await self._write(record)

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """The standing record."""
        names = {"of_path": version.path, "of_version": version.version, "of_kind": kind}
        rows = await self._read(_STANDING.params(names))
        return _record(rows[0]) if rows else None

    async def add_tree_head(self, head: TreeHead) -> None:
        """Append to the history of a database; a size already there is kept as it is."""
        values = {
            "database": head.database,
            "size": head.size,
            "root_hash": head.root_hash,
            "seen_at": head.seen_at,
        }

        def add(connection: Connection) -> None:
            connection.execute(sqlite_insert(schema.tree_head).values(values).on_conflict_do_nothing())

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

        def add(connection: Connection) -> None:
            connection.execute(insert(schema.alert).values(values))

        await self._write(add)

    async def alerts(self, *, limit: int = 100) -> list[Alert]:
        """The newest alerts first."""
        table = schema.alert.c
        query = select(table.kind, table.subject, table.text, table.at).order_by(table.id.desc()).limit(limit)
        return [Alert(*tuple(row)) for row in await self._read(query)]

    async def add_pin(self, pin: Pin) -> bool:
        """Pin; True if it was not pinned. One that was keeps its time and takes the new note."""
        return await self._write(lambda connection: pins.add_pin(connection, pin))

    async def remove_pin(self, path: ModulePath, version: Version | None) -> bool:
        """Take this very pin back; True if it was there."""
        return await self._write(lambda connection: pins.remove_pin(connection, path, version))

    async def pins(self) -> list[Pin]:
        """All of them, by path, a whole module before its versions."""
        return [pins.pin_of(*tuple(row)) for row in await self._read(pins.ALL_PINS)]

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        """Take or renew the lease. None while another holds it."""

        def take(connection: Connection) -> Lease | None:
            # The clock is read under the write lock: whoever waited for it must not use an old time.
            present = _present(connection, name)
            lease = grant(present, name, holder, now=self._clock(), ttl=ttl)
            if lease is not None:
                values = {"holder": lease.holder, "token": lease.token, "expires_at": lease.expires_at}
                connection.execute(
                    sqlite_insert(schema.lease)
                    .values(name=name, **values)
                    .on_conflict_do_update(index_elements=["name"], set_=values)
                )
            return lease

        return await self._write(take)

    async def release(self, lease: Lease) -> bool:
        """Give it back early; False if it was no longer this holder's under this token."""

        def give_back(connection: Connection) -> bool:
            if not holds(_present(connection, lease.name), lease, now=self._clock()):
                return False
            connection.execute(
                update(schema.lease).where(schema.lease.c.name == lease.name).values(expires_at=0.0)
            )
            return True

        return await self._write(give_back)

    async def transact(self, step: Callable[[Connection], T]) -> T:
        """Run a step inside a transaction that writes, with what else waits; durable when it returns."""
        return await self._write(step)

    async def query(self, query: Any, values: Mapping[str, object]) -> Sequence[Row[*tuple[Any, ...]]]:
        """The rows of a query with these values for its parameters."""
        return await self._read(query, values)

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now."""
        self._check_open()
        if not await asyncio.to_thread(self._path.exists):
            raise Unavailable(
                "the ledger's file is gone",
                where=str(self._path),
                next_step="Restore it, or start modgate anew.",
            )

        def probe() -> None:
            with self._writing.connect() as connection, connection.begin() as transaction:
                connection.execute(
                    update(schema.meta).values(value=schema.meta.c.value).where(schema.meta.c.key == "schema")
                )
                transaction.rollback()

        await self._run(self._writer, probe)

    async def close(self) -> None:
        """Finish what is being written, then release the connections."""
        self._closed = True
        await self._writes.drain()

        def release() -> None:
            self._writer.shutdown()
            self._readers.shutdown()
            with suppress(*FOREIGN):
                self._engine.dispose()

        await asyncio.to_thread(release)

    # --- parts

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the ledger is closed", where=str(self._path), kind="stopping")

    def _make_tables(self) -> None:
        with self._writing.begin() as connection:
            schema.meta.create(connection, checkfirst=True)
            query = select(schema.meta.c.value).where(schema.meta.c.key == "schema")
            found = connection.execute(query).scalar()
            # Nothing is added to a ledger that a newer modgate wrote.
            if found is not None and not _is_known(str(found)):
                raise Unavailable(
                    f"the ledger has schema {found}, and this modgate knows {schema.SCHEMA_VERSION}",
                    where=str(self._path),
                    next_step="Run the modgate that wrote it, or name another file.",
                )
            schema.metadata.create_all(connection)
            version = sqlite_insert(schema.meta).values(key="schema", value=str(schema.SCHEMA_VERSION))
            replaced = {"value": version.excluded.value}
            connection.execute(version.on_conflict_do_update(index_elements=["key"], set_=replaced))

    async def _write_group(self, items: Sequence[VerificationRecord | Step]) -> Sequence[object]:
        """One transaction: all records by one statement, then the other steps in their order."""
        records = [item for item in items if isinstance(item, VerificationRecord)]

        def write() -> Sequence[object]:
            with self._writing.begin() as connection:
                if records:
                    connection.execute(_ADD_RECORD, [_row(record) for record in records])
                return [
                    _standing(connection, item.version, item.kind)
                    if isinstance(item, VerificationRecord)
                    else item(connection)
                    for item in items
                ]

        return await self._run(self._writer, write)

    @overload
    async def _write(self, item: VerificationRecord) -> VerificationRecord: ...
    @overload
    async def _write(self, item: Callable[[Connection], T]) -> T: ...
    async def _write(self, item: Any) -> Any:
        self._check_open()
        return await self._writes.write(item)

    async def _read(
        self, query: Any, values: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        self._check_open()

        def read() -> Sequence[Row[*tuple[Any, ...]]]:
            with self._engine.connect() as connection:
                return connection.execute(query, values).all()

        return await self._run(self._readers, read)

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """One trip to a thread; it runs to its end even if the caller goes away."""
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except ModgateError:
            raise
        except FOREIGN as error:
            raise explain(error, str(self._path)) from error


def _prepare(connection: Any, _record: Any) -> None:
    """On each new connection: our own BEGIN, write-ahead log, flush at each commit."""
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
    finally:
        cursor.close()


def _is_known(version: str) -> bool:
    """Whether a ledger of this schema can be read, or be made so that it can."""
    return version.isascii() and version.isdecimal() and 1 <= int(version) <= schema.SCHEMA_VERSION


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _row(record: VerificationRecord) -> dict[str, object]:
    return {
        "path": record.version.path,
        "version": record.version.version,
        "kind": record.kind,
        "h1": record.h1,
        "verified": record.verified,
        "first_seen": record.first_seen,
    }


def _standing(connection: Connection, version: ModuleVersion, kind: str) -> VerificationRecord:
    names = {"of_path": version.path, "of_version": version.version, "of_kind": kind}
    return _record(connection.execute(_STANDING, names).one())


def _present(connection: Connection, name: str) -> Lease | None:
    row = connection.execute(select(*_LEASE).where(schema.lease.c.name == name)).first()
    return None if row is None else Lease(*row)


def _record(row: Row[*tuple[Any, ...]]) -> VerificationRecord:
    path, version, kind, h1, verified, first_seen = row
    module_version = ModuleVersion(ModulePath(path), Version(version))
    return VerificationRecord(module_version, kind, h1, verified, first_seen)


def _plain(text: str) -> str:
    """Text that a database takes: what an attacker sent may hold lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")
