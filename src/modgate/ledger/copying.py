"""A whole ledger goes into another database, or nothing of it does.

1. The source is held by a transaction in which nobody else writes, is lifted to the present schema there,
   and in the end everything in it is undone: the source stays as it was, of whatever schema.
2. The destination is one transaction from its tables to its last row: whoever looks, or finds it after a
   crash, sees it as it was before or whole. It must hold no row, or what it knows would be mixed with what
   comes.
3. Rows go table by table, in the order of their keys, a few hundred at a time; numbers that are given out go
   on after the last one that the source gave.
4. Before it is kept the destination is read back: every row is what the source's was (a hash over each table
   in the order of its keys, which is the same everywhere), the audit's chain holds up to the same head, and
   each own log's signed head is that of its records. What was already wrong in the source is told, and goes
   along as it is: a ledger must not stay where it is because somebody changed a row of it.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.ledger import schema, tables
from modgate.ledger.books.chain import head_of
from modgate.ledger.books.proof import verify
from modgate.ledger.failures import FOREIGN, explain, is_of_one_step
from modgate.ledger.migrate import lift, standing
from modgate.ledger.numbering import go_on_after, last_given
from modgate.sumdb.log import EMPTY_EDGE, grow_hashes
from modgate.sumdb.records import parse_tree
from modgate.sumdb.tlog import record_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Row, Table

    from modgate.ledger.database import Database
    from modgate.model.audit import AuditHead

__all__ = ["MOVED", "Copied", "LogState", "copy_ledger", "rehearse"]

_ = tables  # what it defines belongs to the metadata
_OWN = {schema.meta.name, schema.alembic_version.name}
MOVED = tuple(table for table in schema.metadata.tables.values() if table.name not in _OWN)
"""The tables whose rows are moved: all but those that say of which schema a database is."""

_IN_PIECES = {"yield_per": 500}
_FAULTS = 5


@dataclass(frozen=True, slots=True)
class LogState:
    """One own log: how many records, the size of its newest signed head (0: none), and whether that head is
    the one of its records.
    """

    name: str
    records: int
    head: int
    agrees: bool


@dataclass(frozen=True, slots=True)
class Copied:
    """What was moved, or would be.

    Attributes:
        schema: Of which schema the source is.
        rows: How many rows of each table.
        audit: The last row of the audit.
        faults: What is wrong with the audit's chain, in the source as in the destination.
        logs: The own logs.
    """

    schema: str
    rows: Mapping[str, int]
    audit: AuditHead
    faults: tuple[str, ...]
    logs: tuple[LogState, ...]


def rehearse(source: Database, destination: Database | None) -> Copied:
    """What a copy would move; raises what it would raise before the first row. Nothing is changed.

    `destination` is None where there is no such database yet. Raises Unavailable, Invalid.
    """
    if destination is not None:
        with _at(destination):
            destination.look(lambda connection: _check_empty(connection, destination.where))
    found = source.look(standing)

    def count(connection: Connection) -> Copied:
        before = _lift_source(connection, source)
        rows = {table.name: _count(connection, table) for table in MOVED}
        faults = tuple(asyncio.run(verify(_Held(connection), None)))
        return Copied(before, rows, head_of(connection), faults, _logs(connection))

    if found == str(schema.SCHEMA_VERSION):
        return source.look(count)
    return source.write(count, patient=True, keep=False)


def copy_ledger(source: Database, destination: Database, *, told: Callable[[str, int, int], None]) -> Copied:
    """Move everything. It blocks, in a thread where no event loop runs.

    `told` is called now and then with `copy` or `compare`, rows done, and rows in all. Raises Unavailable
    where the source is no ledger or the destination holds rows, and for what either database says; Invalid
    for a row that the destination does not take. Nothing is kept then.
    """

    def from_source(origin: Connection) -> Copied:
        with _at(source):
            before = _lift_source(origin, source)
            _hold(origin)
        return destination.write(
            lambda target: _move(source, destination, origin, target, before, told), patient=True
        )

    return source.write(from_source, patient=True, keep=False)


def _move(  # noqa: PLR0917  two databases, a connection to each
    source: Database,
    destination: Database,
    origin: Connection,
    target: Connection,
    before: str,
    told: Callable[[str, int, int], None],
) -> Copied:
    _check_empty(target, destination.where)
    lift(target, destination.where)
    with _at(source):
        counts = {table.name: _count(origin, table) for table in MOVED}
    total, done = sum(counts.values()), 0
    digests: dict[str, bytes] = {}
    for table in MOVED:
        digest = hashlib.sha256()
        for rows in _rows(source, origin, table):
            _add(target, table, rows, destination.where)
            _feed(digest, rows)
            done += len(rows)
            told("copy", done, total)
        with _at(source):
            last = last_given(origin, table)
        go_on_after(target, table, last)
        digests[table.name] = digest.digest()
    done, moved = 0, dict[str, int]()
    for table in MOVED:
        digest, moved[table.name] = hashlib.sha256(), 0
        for rows in _rows(destination, target, table):
            _feed(digest, rows)
            moved[table.name] += len(rows)
            done += len(rows)
            told("compare", done, total)
        if (moved[table.name], digest.digest()) != (counts[table.name], digests[table.name]):
            raise _unlike(destination, f"the table {table.name}")
    with _at(source):
        head, logs = head_of(origin), _logs(origin)
    faults = asyncio.run(verify(_Held(target), head))
    if faults:
        with _at(source):
            known = asyncio.run(verify(_Held(origin), head))
        if faults != known:
            raise _unlike(destination, f"the audit ({'; '.join(faults[:_FAULTS])})")
    if logs != _logs(target):
        raise _unlike(destination, "the own log")
    return Copied(before, moved, head, tuple(faults), logs)


def _lift_source(connection: Connection, source: Database) -> str:
    """Of which schema it is; afterwards it is of the present one, until that is undone."""
    found = standing(connection)
    if found is None:
        raise Unavailable(
            "there is no ledger to copy: its tables are missing",
            where=source.where,
            next_step="Name the database of a gate: --from URL, or the file in its store.",
            kind="bad-answer",
        )
    lift(connection, source.where)
    return found


def _hold(connection: Connection) -> None:
    """SQLite's write lock keeps everybody from writing; on PostgreSQL the turn keeps gates alone from it."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in schema.metadata.tables.values())
        connection.execute(text(f"LOCK TABLE {names} IN SHARE MODE"))


def _check_empty(connection: Connection, where: str) -> None:
    if standing(connection) is None:
        return
    there = [table for table in MOVED if connection.dialect.has_table(connection, table.name)]
    held = {table.name: count for table in there if (count := _count(connection, table))}
    if held:
        told = ", ".join(f"{name} {count}" for name, count in sorted(held.items()))
        raise Unavailable(
            f"the destination is not empty: {told}",
            where=where,
            next_step="Name an empty database, or make one; what two ledgers know is not mixed.",
            kind="bad-answer",
        )


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _rows(database: Database, connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """All rows by their keys, some at a time."""
    query = select(table).order_by(*table.primary_key.columns)
    with _at(database):
        pieces = connection.execute(query, execution_options=_IN_PIECES).partitions()
    while True:
        with _at(database):
            rows = next(pieces, None)
        if not rows:
            return
        yield rows


def _add(connection: Connection, table: Table, rows: Sequence[Row[Any]], where: str) -> None:
    try:
        connection.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001  its public name
    except FOREIGN as error:
        if not is_of_one_step(error):
            raise
        keys = [column.name for column in table.primary_key.columns]
        first, last = ([getattr(row, key) for key in keys] for row in (rows[0], rows[-1]))
        said = str(error.orig if isinstance(error, DBAPIError) else error).partition("\n")[0]
        raise Invalid(
            f"a row of {table.name} is not taken: {said}",
            where=where,
            next_step=f"It is one of those from {first!r} to {last!r} in the source.",
        ) from error


def _feed(digest: Any, rows: Sequence[Row[Any]]) -> None:
    for row in rows:
        digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))


def _logs(connection: Connection) -> tuple[LogState, ...]:
    """Each own log, its records hashed up to its newest head."""
    records, heads = schema.log_record.c, schema.log_head.c
    names = select(records.log).union(select(heads.log))
    found: list[LogState] = []
    for (name,) in sorted(map(tuple, connection.execute(names))):
        count = select(func.count()).where(records.log == name)
        number = int(connection.execute(count).scalar_one())
        newest = select(heads.size, heads.note).where(heads.log == name).order_by(heads.size.desc()).limit(1)
        head = connection.execute(newest).first()
        if head is None:
            found.append(LogState(name, number, 0, agrees=True))
            continue
        found.append(LogState(name, number, head.size, agrees=_agrees(connection, name, *head)))
    return tuple(found)


def _agrees(connection: Connection, name: str, size: int, note: object) -> bool:
    records = schema.log_record.c
    query = select(records.number, records.text).where(records.log == name, records.number < size)
    edge = EMPTY_EDGE
    result = connection.execute(query.order_by(records.number), execution_options=_IN_PIECES)
    for rows in result.partitions():
        if [row.number for row in rows] != list(range(edge.size, edge.size + len(rows))):
            result.close()
            return False
        edge = grow_hashes(edge, [record_hash(_bytes(row.text)) for row in rows]).edge
    try:
        return edge.tree == parse_tree(_bytes(note))
    except Invalid:
        return False


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class _Held:
    """The database as the books' proof sees it: inside a transaction that is under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def query(self, query: Any, values: Mapping[str, object]) -> Sequence[Row[Any]]:
        return self._connection.execute(query, values).all()

    async def transact(self, step: Callable[[Connection], Any]) -> Any:
        return step(self._connection)

    async def settle(self) -> None:
        """It is the transaction's owner who does that."""


@contextmanager
def _at(database: Database) -> Iterator[None]:
    """What fails in here fails in this database, whichever transaction is around it."""
    try:
        yield
    except ModgateError:
        raise
    except FOREIGN as error:
        raise explain(error, database.where) from error


def _unlike(destination: Database, what: str) -> Unavailable:
    return Unavailable(
        f"read back it is not what was copied, so nothing is kept: {what}",
        where=destination.where,
        next_step="Does something else write to the destination? Copy into a database of its own.",
        kind="bad-answer",
    )
