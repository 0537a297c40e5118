"""Decisions in the ledger: each once, counted from then on; a new one with its audit row and its messages.

A decision's row in the audit says what it came from, without its `reason` and `contact`: those are words that
somebody wrote, may name people, and stand in the policy whose revision the row names.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, case, delete, func, insert, select, update

from modgate.ledger import tables
from modgate.ledger.books.base import free, pieces, plain, readable, seconds, to_json
from modgate.ledger.books.chain import append_events
from modgate.ledger.books.letters import put_messages
from modgate.ledger.books.names import make_refs, met_at, name_of
from modgate.ledger.books.sweep import sweep
from modgate.ledger.dialect import PerDialect
from modgate.ledger.groupcommit import GroupCommit
from modgate.model.audit import Event
from modgate.model.decision import Decision
from modgate.model.decisions import PolicyRevision, Recorded, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Executable, Row

    from modgate.ledger.books.base import Database

__all__ = ["SqlDecisionBook", "decisions_about", "standing_of"]

_DAY = 86_400
_ROW = tables.decision.c
_ALLOWED = tables.allowed.c
_POLICY = tables.policy.c

_SOME = (
    select(_ROW.body, name_of(_ROW.ref), _ROW.first, _ROW.last, _ROW.count)
    .select_from(tables.decision)
    .outerjoin(tables.consumer, tables.consumer.c.ref == _ROW.ref)
)
_ONE = _SOME.where(_ROW.id == bindparam("of_id"))
_NEWEST = _SOME.where(_ROW.last >= bindparam("since")).order_by(_ROW.last.desc(), _ROW.id)
_KNOWN = select(_ROW.id).where(_ROW.id.in_(bindparam("ids", expanding=True)))
_ADD = insert(tables.decision)
_MET = (
    update(tables.decision)
    .where(_ROW.id == bindparam("of_id"))
    .values(
        count=_ROW.count + bindparam("more"),
        first=case((_ROW.first > bindparam("met_first"), bindparam("met_first")), else_=_ROW.first),
        last=case((_ROW.last < bindparam("met_last"), bindparam("met_last")), else_=_ROW.last),
    )
)
_OLD = select(_ROW.id).where(_ROW.last < bindparam("before")).limit(bindparam("most"))
_DROP = delete(tables.decision).where(_ROW.id == bindparam("of_id"), _ROW.last < bindparam("before"))
_COUNTS = (
    select(_ALLOWED.rule, func.sum(_ALLOWED.count))
    .where(_ALLOWED.day >= bindparam("since"))
    .group_by(_ALLOWED.rule)
)
_POLICIES = (
    select(_POLICY.revision, _POLICY.text, _POLICY.at)
    .order_by(_POLICY.number.desc())
    .limit(bindparam("most"))
)
_ADD_POLICY = insert(tables.policy)


def _count(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.allowed)
    result: Executable = statement.on_conflict_do_update(
        index_elements=["day", "rule"], set_={"count": _ALLOWED.count + statement.excluded.count}
    )
    return result


_COUNT = PerDialect(_count)


class SqlDecisionBook:
    """Records decisions and policies in a ledger, which it does not close."""

    def __init__(self, ledger: Database) -> None:
        self._ledger = ledger
        # Whoever records while a batch is being written shares the next one, its look-ups and its inserts.
        self._writes: GroupCommit[Sequence[Recorded], list[bool]] = GroupCommit(self._record_all)

    async def record(self, items: Sequence[Recorded]) -> list[bool]:
        """Write a batch in one transaction: whether each was new."""
        return await self._writes.write(items) if items else []

    async def decision(self, identifier: str) -> Standing | None:
        """A decision by its id."""
        rows = await self._ledger.query(_ONE, {"of_id": plain(identifier)})
        return standing_of(rows[0]) if rows else None

    async def decisions(
        self, *, path: str = "", consumer: str = "", since: float = 0.0, limit: int = 100
    ) -> list[Standing]:
        """The newest first: by when they were last met."""
        query = _NEWEST.limit(limit)
        if path:
            query = query.where(_ROW.path == plain(path))
        if consumer:
            refs = select(tables.consumer.c.ref).where(tables.consumer.c.name == plain(consumer))
            query = query.where(_ROW.ref == refs.scalar_subquery())
        return [standing_of(row) for row in await self._ledger.query(query, {"since": since})]

    async def add_allowed(self, counts: Mapping[str, int], *, at: float) -> None:
        """Count plain allows, by rule, on the day of `at`."""
        day = int(seconds(at) // _DAY)
        rows = [{"day": day, "rule": plain(rule), "count": count} for rule, count in sorted(counts.items())]

        def add(connection: Connection) -> None:
            connection.execute(_COUNT.on(connection), rows)

        if rows:
            await self._ledger.transact(add)

    async def allowed(self, *, since: float = 0.0) -> Mapping[str, int]:
        """Plain allows by rule, from the day of `since` on."""
        rows = await self._ledger.query(_COUNTS, {"since": int(seconds(since) // _DAY)})
        return {rule: int(count) for rule, count in rows}

    async def adopt(self, policy: PolicyRevision) -> bool:
        """A policy came into force: recorded and audited if it is another than the last one."""
        revision, text, at = plain(policy.revision), free(policy.text), seconds(policy.at)

        def adopt(connection: Connection) -> bool:
            last = connection.execute(_POLICIES, {"most": 1}).first()
            if last is not None and last[0] == revision:
                return False
            connection.execute(_ADD_POLICY, {"revision": revision, "text": text, "at": at})
            digest = hashlib.sha256(text.encode()).hexdigest()
            append_events(connection, [Event(at, "policy", facts={"revision": revision, "sha256": digest})])
            return True

        return await self._ledger.transact(adopt)

    async def policies(self, *, limit: int = 20) -> list[PolicyRevision]:
        """The newest first."""
        rows = await self._ledger.query(_POLICIES, {"most": limit})
        return [PolicyRevision(*tuple(row)) for row in rows]

    async def forget(self, *, before: float) -> int:
        """Drop decisions last met before then, and the counts of allows of days that ended before."""

        def drop_counts(connection: Connection) -> None:
            day = int(seconds(before) // _DAY)
            connection.execute(delete(tables.allowed).where(_ALLOWED.day < day))

        gone = await sweep(self._ledger, _OLD, _DROP, {"before": before}, ["of_id"])
        await self._ledger.transact(drop_counts)
        return gone

    async def _record_all(self, batches: Sequence[Sequence[Recorded]]) -> list[list[bool]]:
        items = [item for batch in batches for item in batch]
        new = await self._ledger.transact(lambda connection: _record(connection, items))
        told = iter(new)
        return [[next(told) for _ in batch] for batch in batches]


def decisions_about(ref: str) -> Any:
    """The query for the decisions about a consumer."""
    return _SOME.where(_ROW.ref == ref).order_by(_ROW.first, _ROW.id)


def standing_of(row: Row[*tuple[Any, ...]]) -> Standing:
    """A row of the queries here."""
    body, consumer, first, last, count = row
    with readable("a decision"):
        said = {**msgspec.json.decode(body), "consumer": consumer}
        return Standing(msgspec.convert(said, Decision), first, last, count)


def _record(connection: Connection, items: Sequence[Recorded]) -> list[bool]:
    ids = [plain(item.decision.id) for item in items]
    known: set[str] = set()
    for some in pieces(list(dict.fromkeys(ids))):
        known.update(found for (found,) in connection.execute(_KNOWN, {"ids": some}))
    new: dict[str, Recorded] = {}
    told: list[bool] = []
    met: dict[str, list[float]] = {}
    for identifier, item in zip(ids, items, strict=True):
        told.append(identifier not in known)
        if identifier in known:
            met.setdefault(identifier, []).append(seconds(item.at))
        else:
            known.add(identifier)
            new[identifier] = item
    if new:
        _add(connection, new)
    if met:
        connection.execute(
            _MET,
            [
                {"of_id": identifier, "more": len(at), "met_first": min(at), "met_last": max(at)}
                for identifier, at in sorted(met.items())
            ],
        )
    return told


def _add(connection: Connection, new: Mapping[str, Recorded]) -> None:
    refs = make_refs(connection, met_at((item.decision.consumer, seconds(item.at)) for item in new.values()))
    rows = []
    for identifier, item in new.items():
        body = msgspec.to_builtins(item.decision)
        del body["consumer"]
        at = seconds(item.at)
        rows.append(
            {
                "id": identifier,
                "ref": refs[item.decision.consumer],
                "path": plain(item.decision.path),
                "body": to_json(body),
                "first": at,
                "last": at,
                "count": 1,
            }
        )
    connection.execute(_ADD, rows)
    append_events(connection, [_event(item) for item in new.values()])
    put_messages(connection, [message for item in new.values() for message in item.messages])


def _event(item: Recorded) -> Event:
    decision = item.decision
    facts = {
        "effect": decision.effect,
        "rule": decision.rule,
        "mode": decision.mode,
        "would": decision.would,
        "advisories": decision.advisories,
        "severity": decision.severity,
        "fixed": decision.fixed,
        "waiver": decision.waiver,
        "unknown": decision.unknown,
        "revision": decision.revision,
    }
    told = {name: value for name, value in facts.items() if value}
    return Event(item.at, "decision", decision.path, decision.version, decision.consumer, decision.id, told)
