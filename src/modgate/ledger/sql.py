"""The ledger in a SQL database: one SQLite file, SQLite in memory, or PostgreSQL.

Writes go in groups (see `groupcommit`), one transaction each (see `database`). The database is spoken to
from threads of the ledger's own, a whole transaction each trip (see docs/adr/0006).

A step that fails for what it is, such as text that no database takes, fails alone: the group it was in is
halved until it stands by itself. So a step may run more than once, and changes nothing but the database.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from sqlalchemy import insert, select, update

from modgate.errors import Unavailable
from modgate.ledger import pins, schema, sights
from modgate.ledger.dialect import PerDialect
from modgate.ledger.failures import FOREIGN, is_of_one_step
from modgate.ledger.groupcommit import GroupCommit
from modgate.ledger.leases import grant, holds
from modgate.ledger.migrate import bring_up
from modgate.ledger.sqlite import sqlite_file, sqlite_memory
from modgate.model import Alert, Lease, TreeHead, VerificationRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Row

    from modgate.gomod.types import ModulePath, ModuleVersion, Version
    from modgate.ledger.database import Database
    from modgate.ledger.postgres import Patience
    from modgate.model import Pin
    from modgate.model.credentials import Secret

    Step = Callable[[Connection], object]

__all__ = ["SqlLedger"]

T = TypeVar("T")

_ADD_HEAD = PerDialect(lambda into: into(schema.tree_head).on_conflict_do_nothing())
_GRANT = PerDialect(
    lambda into: (adding := into(schema.lease)).on_conflict_do_update(
        index_elements=["name"],
        set_={name: adding.excluded[name] for name in ("holder", "token", "expires_at")},
    )
)
_LEASE = (schema.lease.c.name, schema.lease.c.holder, schema.lease.c.token, schema.lease.c.expires_at)


@dataclass(frozen=True, slots=True)
class _Failed:
    """What became of one step of a group."""

    error: Exception


class SqlLedger:
    """Made by `open`, `open_url` and `open_memory`."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._writes: GroupCommit[Any, Any] = GroupCommit(self._write_group)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="modgate-ledger-write")
        self._readers = (
            ThreadPoolExecutor(database.readers, thread_name_prefix="modgate-ledger-read")
            if database.readers
            else self._writer
        )
        self._closed = False
        self._lifting = threading.Lock()
        self._lifted = False
        self.absent: Unavailable | None = None

    @classmethod
    async def open(cls, path: Path, *, clock: Callable[[], float], busy_timeout: float = 5.0) -> SqlLedger:
        """Open or make a SQLite file, and lift it to the present schema.

        Args:
            path: The file; its folder must exist.
            clock: Unix seconds, for leases.
            busy_timeout: Seconds to wait for a lock that another process holds.

        Raises:
            Unavailable: The file cannot be opened, is locked, corrupt, or of a newer modgate.
        """
        return await cls._opened(sqlite_file(path, busy_timeout=busy_timeout), clock)

    @classmethod
    async def open_memory(cls, *, clock: Callable[[], float]) -> SqlLedger:
        """One that goes with the process."""
        return await cls._opened(sqlite_memory(), clock)

    @classmethod
    async def open_url(
        cls,
        url: str,
        *,
        clock: Callable[[], float],
        password: Callable[[], Secret] | None = None,
        patience: Patience | None = None,
        later: bool = False,
    ) -> SqlLedger:
        """Reach a PostgreSQL database, and make its tables or lift them to the present schema.

        Args:
            url: `postgresql://user@host:port/name`, with the parameters that libpq takes.
            clock: Unix seconds, for leases.
            password: Read for each new connection; without it libpq looks in its own places.
            patience: How long to wait for what.
            later: Whether a server that is away is waited for: the ledger is open then, says why in `absent`,
                and everything raises Unavailable until the server is back. What it refuses is told at once.

        Raises:
            Unavailable: It cannot be reached, refuses, or is of a newer modgate; the driver is missing.
            Invalid: The address cannot be read.
        """
        try:
            from modgate.ledger.postgres import postgres  # noqa: PLC0415  the driver is an extra
        except ImportError as error:
            raise Unavailable(
                "PostgreSQL needs the package psycopg, which is not installed",
                where="ledger.url",
                next_step="pip install 'modgate[postgresql]'",
            ) from error
        return await cls._opened(postgres(url, password=password, patience=patience), clock, later=later)

    @classmethod
    async def _opened(
        cls, database: Database, clock: Callable[[], float], *, later: bool = False
    ) -> SqlLedger:
        ledger = cls(database, clock=clock)
        try:
            await ledger._run(ledger._writer, lambda: None)
        except Unavailable as error:
            if not later or error.kind not in {"unreachable", "timeout"}:
                await ledger.close()
                raise
            ledger.absent = error
        except BaseException:
            await ledger.close()
            raise
        database.opened()
        return ledger

    # --- the promises of model/ledger.py

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """Add the record unless (version, kind) has one; return the one that stands."""
        return await self._write(record)

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """The standing record."""
        rows = await self._read(sights.STANDING, sights.names_of(version, kind))
        return sights.record_of(rows[0]) if rows else None

    async def add_tree_head(self, head: TreeHead) -> None:
        """Append to the history of a database; a size already there is kept as it is."""
        values = {
            "database": head.database,
            "size": head.size,
            "root_hash": head.root_hash,
            "seen_at": head.seen_at,
        }

        def add(connection: Connection) -> None:
            connection.execute(_ADD_HEAD.on(connection), values)

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
            "kind": alert.kind,
            "subject": alert.subject,
            "text": alert.text,
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
                values = {
                    "name": name,
                    "holder": lease.holder,
                    "token": lease.token,
                    "expires_at": lease.expires_at,
                }
                connection.execute(_GRANT.on(connection), values)
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

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads, or that is in no transaction."""
        self._check_open()
        return await self._run(self._readers, lambda: self._database.look(work))

    async def shrink(self) -> None:
        """Give free pages back to the file system, some at a time; PostgreSQL uses its own again."""
        self._check_open()
        while await self._run(self._writer, self._database.free_some):
            self._check_open()

    async def settle(self) -> None:
        """Have the database's log hold nothing of what was deleted, as far as that can be had at once."""
        self._check_open()
        await self._run(self._writer, self._database.settle)

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now."""
        self._check_open()
        await asyncio.to_thread(self._database.present)

        def probe(connection: Connection) -> None:
            connection.execute(
                update(schema.meta).values(value=schema.meta.c.value).where(schema.meta.c.key == "schema")
            )

        await self._run(self._writer, lambda: self._database.write(probe, keep=False))

    async def close(self) -> None:
        """Finish what is being written, then release the connections."""
        self._closed = True
        await self._writes.drain()

        def release() -> None:
            self._writer.shutdown()
            self._readers.shutdown()
            with suppress(*FOREIGN):
                self._database.close()

        await asyncio.to_thread(release)

    # --- parts

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the ledger is closed", where=self._database.where, kind="stopping")

    async def _write_group(self, items: Sequence[VerificationRecord | Step]) -> Sequence[object]:
        return await self._run(self._writer, lambda: self._write_together(items))

    def _write_together(self, items: Sequence[VerificationRecord | Step]) -> Sequence[object]:
        """One transaction: all records by one statement, then the other steps in their order."""
        records = [item for item in items if isinstance(item, VerificationRecord)]
        culprit: list[Exception] = []

        def work(connection: Connection) -> Sequence[object]:
            try:
                if records:
                    sights.add(connection, records)
                return [
                    sights.standing(connection, item.version, item.kind)
                    if isinstance(item, VerificationRecord)
                    else item(connection)
                    for item in items
                ]
            except Exception as error:
                if is_of_one_step(error):
                    culprit.append(error)
                raise

        try:
            return self._database.write(work)
        except Exception as error:
            if not culprit:
                raise
            if len(items) == 1:
                return [_Failed(error)]
        half = len(items) // 2
        return [*self._write_together(items[:half]), *self._write_together(items[half:])]

    @overload
    async def _write(self, item: VerificationRecord) -> VerificationRecord: ...
    @overload
    async def _write(self, item: Callable[[Connection], T]) -> T: ...
    async def _write(self, item: Any) -> Any:
        self._check_open()
        result = await self._writes.write(item)
        if isinstance(result, _Failed):
            raise result.error
        return result

    async def _read(
        self, query: Any, values: Mapping[str, object] | None = None
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        self._check_open()
        return await self._run(self._readers, lambda: self._database.read(query, values))

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """One trip to a thread; it runs to its end even if the caller goes away."""

        def go() -> T:
            if not self._lifted:
                self._lift()
            return work()

        return await asyncio.get_running_loop().run_in_executor(threads, go)

    def _lift(self) -> None:
        with self._lifting:
            if not self._lifted:
                bring_up(self._database)
                self._lifted, self.absent = True, None


def _present(connection: Connection, name: str) -> Lease | None:
    row = connection.execute(select(*_LEASE).where(schema.lease.c.name == name)).first()
    return None if row is None else Lease(*row)
