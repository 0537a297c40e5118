"""Waivers in the ledger. Their rows in the audit name the waiver; its people stand in its own row alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, select, update

from modgate.ledger import tables
from modgate.ledger.books.base import plain, readable, seconds, to_json
from modgate.ledger.books.chain import append_events
from modgate.ledger.dialect import PerDialect
from modgate.model.audit import Event
from modgate.model.decisions import Waiver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Executable, Row

    from modgate.ledger.books.base import Database

__all__ = ["EVERY_WAIVER", "SqlWaiverBook", "body_of", "waiver_of"]

_ROW = tables.waiver.c
_BODY = ("pattern", "owner", "reason", "versions", "advisory", "rule", "consumers")
_TOLD = ("pattern", "versions", "advisory", "rule")
EVERY_WAIVER = select(_ROW.id, _ROW.body, _ROW.expires, _ROW.created, _ROW.revoked).order_by(
    _ROW.expires, _ROW.id
)
_IN_FORCE = EVERY_WAIVER.where(
    _ROW.expires > bindparam("of_time"), (_ROW.revoked == 0.0) | (_ROW.revoked > bindparam("of_time"))
)
_ONE = select(_ROW.id, _ROW.body, _ROW.expires, _ROW.created, _ROW.revoked).where(
    _ROW.id == bindparam("of_id")
)
_REVOKE = update(tables.waiver).where(_ROW.id == bindparam("of_id")).values(revoked=bindparam("of_time"))


def _put(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.waiver)
    names = ("body", "expires", "created", "revoked")
    result: Executable = statement.on_conflict_do_update(
        index_elements=["id"], set_={name: statement.excluded[name] for name in names}
    )
    return result


_PUT = PerDialect(_put)


class SqlWaiverBook:
    """Keeps waivers in a ledger, which it does not close."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger

    async def grant(self, waiver: Waiver) -> None:
        """Record it, with its row in the audit; one of the same id is replaced."""
        row = {
            "id": plain(waiver.id),
            "body": body_of(waiver),
            "expires": seconds(waiver.expires),
            "created": seconds(waiver.created),
            "revoked": seconds(waiver.revoked),
        }
        event = _event(waiver, "granted", waiver.created)

        def put(connection: Connection) -> None:
            connection.execute(_PUT.on(connection), row)
            append_events(connection, [event])

        await self._ledger.transact(put)

    async def revoke(self, identifier: str, *, at: float) -> bool:
        """End it now; False if it is not there or has ended."""
        name, now = plain(identifier), seconds(at)

        def end(connection: Connection) -> bool:
            row = connection.execute(_ONE, {"of_id": name}).first()
            if row is None:
                return False
            waiver = waiver_of(row)
            if waiver.revoked or waiver.expires <= now:
                return False
            connection.execute(_REVOKE, {"of_id": name, "of_time": now})
            append_events(connection, [_event(waiver, "revoked", now)])
            return True

        return await self._ledger.transact(end)

    async def waivers(self, *, at: float | None = None) -> list[Waiver]:
        """All, by expiry; those in force at `at` where it is given."""
        rows: Sequence[Row[*tuple[Any, ...]]]
        if at is None:
            rows = await self._ledger.query(EVERY_WAIVER, {})
        else:
            rows = await self._ledger.query(_IN_FORCE, {"of_time": seconds(at)})
        return [waiver_of(row) for row in rows]


def body_of(waiver: Waiver) -> str:
    """What of a waiver stands in the column `body`."""
    return to_json({name: getattr(waiver, name) for name in _BODY})


def waiver_of(row: Row[*tuple[Any, ...]]) -> Waiver:
    """A row of the queries here."""
    identifier, body, expires, created, revoked = row
    with readable(f"the waiver {identifier}"):
        rest = msgspec.json.decode(body)
        rest["consumers"] = tuple(rest["consumers"])
        return Waiver(id=identifier, expires=expires, created=created, revoked=revoked, **rest)


def _event(waiver: Waiver, what: str, at: float) -> Event:
    told = {name: value for name in _TOLD if (value := getattr(waiver, name))}
    facts = {"waiver": waiver.id, "what": what, "expires": seconds(waiver.expires), **told}
    return Event(at, "waiver", facts=facts)
