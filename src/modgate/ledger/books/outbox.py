"""The outbox in the ledger: messages by number, which grows and is never given twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, func, select, update

from modgate.ledger import tables
from modgate.ledger.books.base import free, plain, readable, seconds
from modgate.ledger.books.letters import put_messages
from modgate.ledger.books.names import name_of
from modgate.ledger.books.sweep import sweep
from modgate.ledger.dialect import PerDialect
from modgate.model.outbox import Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Executable, Row

    from modgate.ledger.books.base import Database

__all__ = ["SqlOutbox", "delivery_of", "every_delivery"]

_ROW = tables.outbox.c
_SOME = (
    select(
        _ROW.number,
        _ROW.target,
        _ROW.key,
        _ROW.event,
        _ROW.at,
        name_of(_ROW.ref),
        _ROW.body,
        _ROW.attempts,
        _ROW.next_at,
        _ROW.error,
        _ROW.state,
    )
    .select_from(tables.outbox)
    .outerjoin(tables.consumer, tables.consumer.c.ref == _ROW.ref)
)
_WAITING = (
    _SOME.where(_ROW.target == bindparam("of_target"), _ROW.state == "waiting")
    .order_by(_ROW.number)
    .limit(bindparam("most"))
)
_COUNTS = select(_ROW.target, _ROW.state, func.count()).group_by(_ROW.target, _ROW.state)
_MARK = select(tables.outbox_mark.c.value).where(tables.outbox_mark.c.name == bindparam("of_name"))
_OF_NUMBER = (_ROW.number == bindparam("of_number"), _ROW.state == "waiting")
_DELIVERED = (
    update(tables.outbox).where(*_OF_NUMBER).values(state="delivered", moved=bindparam("moved_at"), error="")
)
_AGAIN = (
    update(tables.outbox)
    .where(*_OF_NUMBER)
    .values(
        attempts=_ROW.attempts + 1,
        error=bindparam("of_error"),
        next_at=bindparam("again_at"),
        moved=bindparam("again_at"),
    )
)
_DEAD = (
    update(tables.outbox)
    .where(*_OF_NUMBER)
    .values(attempts=_ROW.attempts + 1, error=bindparam("of_error"), state="dead")
)
_OLD = (
    select(_ROW.number)
    .where(_ROW.state != "waiting", _ROW.moved < bindparam("before"))
    .limit(bindparam("most"))
)
_DROP = delete(tables.outbox).where(
    _ROW.number == bindparam("of_number"), _ROW.state != "waiting", _ROW.moved < bindparam("before")
)


def _set_mark(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.outbox_mark)
    result: Executable = statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": statement.excluded.value}
    )
    return result


_SET_MARK = PerDialect(_set_mark)


class SqlOutbox:
    """Keeps messages in a ledger, which it does not close."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger

    async def enqueue(self, messages: Sequence[Message], *, mark: tuple[str, str] | None = None) -> int:
        """Put messages in, and a mark in the same transaction; how many were new."""
        if not messages and mark is None:
            return 0

        def put(connection: Connection) -> int:
            new = put_messages(connection, messages)
            if mark is not None:
                name, value = map(plain, mark)
                connection.execute(_SET_MARK.on(connection), {"name": name, "value": value})
            return new

        return await self._ledger.transact(put)

    async def mark(self, name: str) -> str:
        """The value of a mark; empty where there is none."""
        rows = await self._ledger.query(_MARK, {"of_name": plain(name)})
        return rows[0][0] if rows else ""

    async def waiting(self, target: str, *, limit: int = 100) -> list[Delivery]:
        """The oldest messages of a target that wait, in order."""
        rows = await self._ledger.query(_WAITING, {"of_target": plain(target), "most": limit})
        return [delivery_of(row) for row in rows]

    async def delivered(self, number: int, *, at: float) -> None:
        """It was taken."""
        values = {"of_number": number, "moved_at": seconds(at)}
        await self._ledger.transact(lambda connection: _run(connection, _DELIVERED, values))

    async def failed(self, number: int, *, error: str, next_at: float | None) -> None:
        """It was not: again at `next_at`, or never (None: dead)."""
        values: dict[str, object] = {"of_number": number, "of_error": free(error)}
        if next_at is None:
            await self._ledger.transact(lambda connection: _run(connection, _DEAD, values))
        else:
            values["again_at"] = seconds(next_at)
            await self._ledger.transact(lambda connection: _run(connection, _AGAIN, values))

    async def replay(self, *, target: str = "", number: int | None = None, at: float) -> int:
        """Dead messages wait again, with no attempts; how many."""
        statement = update(tables.outbox).where(_ROW.state == "dead")
        if target:
            statement = statement.where(_ROW.target == plain(target))
        if number is not None:
            statement = statement.where(_ROW.number == number)
        again = statement.values(state="waiting", attempts=0, next_at=seconds(at), moved=seconds(at))
        return await self._ledger.transact(lambda connection: _run(connection, again, {}))

    async def delivery(self, number: int) -> Delivery | None:
        """The message of a number; None where there is none."""
        rows = await self._ledger.query(_SOME.where(_ROW.number == number), {})
        return delivery_of(rows[0]) if rows else None

    async def deliveries(self, *, state: str = "", target: str = "", limit: int = 100) -> list[Delivery]:
        """The newest first."""
        query = _SOME.order_by(_ROW.number.desc()).limit(limit)
        if state:
            query = query.where(_ROW.state == state)
        if target:
            query = query.where(_ROW.target == plain(target))
        return [delivery_of(row) for row in await self._ledger.query(query, {})]

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many messages there are, by target and state."""
        return {(target, state): count for target, state, count in await self._ledger.query(_COUNTS, {})}

    async def forget(self, *, before: float) -> int:
        """Drop delivered and dead ones from before then; their keys stay taken. How many."""
        return await sweep(self._ledger, _OLD, _DROP, {"before": before}, ["of_number"])


def every_delivery(ref: str) -> Any:
    """The query for the messages about a consumer."""
    return _SOME.where(_ROW.ref == ref).order_by(_ROW.number)


def delivery_of(row: Row[*tuple[Any, ...]]) -> Delivery:
    """A row of the queries here."""
    number, target, key, event, at, consumer, body, attempts, next_at, error, state = row
    with readable(f"message {number}"):
        message = Message(target, key, event, at, consumer, msgspec.json.decode(body))
    return Delivery(number, message, attempts, next_at, error, state)


def _run(connection: Connection, statement: Any, values: Mapping[str, object]) -> int:
    return connection.execute(statement, values).rowcount
