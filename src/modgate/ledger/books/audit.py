"""The audit in the ledger: appended under one lock, read page by page, pruned from the front alone."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, or_, select

from modgate.ledger import tables
from modgate.ledger.books.base import plain, readable, seconds
from modgate.ledger.books.chain import HEAD, LAST, append_events
from modgate.ledger.books.firsts import new_firsts, unwritten
from modgate.ledger.books.names import name_of
from modgate.ledger.books.proof import verify
from modgate.ledger.books.pruning import prune_end, prune_some
from modgate.model.audit import GENESIS, AuditHead, AuditRow, Event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from sqlalchemy import Row

    from modgate.ledger.books.base import Database
    from modgate.model.audit import AuditFilter
    from modgate.model.ledger import VerificationRecord

__all__ = ["SqlAuditBook"]

_PAGE = 500
_ROW = tables.audit.c
_ROWS = (
    select(
        _ROW.number,
        _ROW.at,
        _ROW.kind,
        _ROW.path,
        _ROW.version,
        _ROW.ref,
        _ROW.decision,
        _ROW.facts,
        _ROW.previous,
        _ROW.hash,
        name_of(_ROW.ref),
    )
    .select_from(tables.audit)
    .outerjoin(tables.consumer, tables.consumer.c.ref == _ROW.ref)
    .where(_ROW.number > bindparam("after"))
    .order_by(_ROW.number)
    .limit(_PAGE)
)


class SqlAuditBook:
    """Keeps the audit in a ledger, which it does not close."""

    def __init__(self, ledger: Database, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock

    async def append(self, events: Sequence[Event]) -> AuditHead:
        """Write events after the last row, durably and in one step; no first sight a second time."""
        if not events:
            return await self.head()
        return await self._ledger.transact(
            lambda connection: append_events(connection, new_firsts(connection, events))
        )

    def unwritten(self, *, since: float, until: float) -> AsyncGenerator[list[VerificationRecord], None]:
        """First sights from `since` on and before `until` that have no row, in small batches."""
        return unwritten(self._ledger, since=since, until=until)

    async def rows(self, wanted: AuditFilter, *, after: int = 0) -> AsyncGenerator[list[AuditRow], None]:
        """Rows in order, in batches of at most some hundred. A consumer is named by name or reference."""
        query = _wanted(wanted)
        while True:
            rows = await self._ledger.query(query, {"after": after})
            if rows:
                yield [_audit_row(row) for row in rows]
                after = rows[-1][0]
            if len(rows) < _PAGE:
                return

    async def head(self) -> AuditHead:
        """The last row; number 0 and `GENESIS` where there is none."""
        rows = await self._ledger.query(HEAD, {}) or await self._ledger.query(LAST, {})
        return AuditHead(rows[0][0], bytes(rows[0][1])) if rows else AuditHead(0, GENESIS)

    async def verify(self, known: AuditHead | None = None) -> list[str]:
        """What is wrong with the chain, one line each, none where it holds."""
        return await verify(self._ledger, known)

    async def prune(self, *, before: float, keep: int) -> int:
        """Drop the oldest rows, older than `before` and never the newest `keep`; how many went."""
        old, kept = seconds(before), max(0, keep)
        end = await self._ledger.transact(partial(prune_end, before=old, keep=kept))
        gone = 0
        while count := await self._ledger.transact(partial(prune_some, end=end, now=self._clock())):
            gone += count
        return gone


def _wanted(wanted: AuditFilter) -> Any:
    query = _ROWS
    for column, value in ((_ROW.path, wanted.path), (_ROW.version, wanted.version), (_ROW.kind, wanted.kind)):
        if value:
            query = query.where(column == plain(value))
    if wanted.consumer:
        name = plain(wanted.consumer)
        refs = select(tables.consumer.c.ref).where(tables.consumer.c.name == name)
        query = query.where(or_(_ROW.ref.in_(refs), _ROW.ref == name.removeprefix("erased-")))
    if wanted.since > 0.0:
        query = query.where(_ROW.at >= wanted.since)
    if not math.isinf(wanted.until):
        query = query.where(_ROW.at <= wanted.until)
    return query


def _audit_row(row: Row[*tuple[Any, ...]]) -> AuditRow:
    number, at, kind, path, version, ref, decision, facts, previous, digest, name = row
    with readable(f"row {number} of the audit"):
        event = Event(at, kind, path, version, ref, decision, msgspec.json.decode(facts))
    return AuditRow(number, event, bytes(previous), bytes(digest), name)
