"""First sights and their rows in the audit: each has one, whoever writes it and however often it is told.

A first sight is durable before its row is: rows come in batches, and a process that is killed leaves some
unwritten. Whoever finds those later may meet the one that held them, still alive. So a row of a first sight
is looked for under the write lock, before it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import bindparam, select, tuple_

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger import schema, tables
from modgate.ledger.books.base import pieces, plain, readable
from modgate.model.ledger import VerificationRecord

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Sequence

    from sqlalchemy import Connection, Row

    from modgate.ledger.books.base import Database
    from modgate.model.audit import Event

__all__ = ["new_firsts", "unwritten"]

_KINDS = frozenset({"verified", "published"})
_OBJECTS = frozenset({"mod", "zip"})
_STEP = 5000
_LATE = 3600.0
"""Seconds by which rows may stand out of the order of their times."""

_ROW = tables.audit.c
_SEEN = schema.first_seen.c
_KEY = tuple_(_SEEN.path, _SEEN.version, _SEEN.kind)
_AFTER = tuple_(bindparam("after_path"), bindparam("after_version"), bindparam("after_kind"))
_UPTO = tuple_(bindparam("upto_path"), bindparam("upto_version"), bindparam("upto_kind"))
# By path alone: an index of kinds would lead through half of the audit.
_WRITTEN = select(_ROW.path, _ROW.version, _ROW.kind, _ROW.facts).where(
    _ROW.path.in_(bindparam("paths", expanding=True)),
    _ROW.version.in_(bindparam("versions", expanding=True)),
)
_BOUND = (
    select(_SEEN.path, _SEEN.version, _SEEN.kind)
    .where(_KEY > _AFTER)
    .order_by(_SEEN.path, _SEEN.version, _SEEN.kind)
    .offset(_STEP - 1)
    .limit(1)
)
_SIGHTS = (
    select(_SEEN.path, _SEEN.version, _SEEN.kind, _SEEN.h1, _SEEN.verified, _SEEN.first_seen)
    .where(_KEY > _AFTER, _SEEN.first_seen >= bindparam("since"), _SEEN.first_seen < bindparam("until"))
    .order_by(_SEEN.path, _SEEN.version, _SEEN.kind)
)
_SIGHTS_UPTO = _SIGHTS.where(_KEY <= _UPTO)
_OLDEST = select(_ROW.number, _ROW.at).order_by(_ROW.number).limit(1)


class _First(NamedTuple):
    path: str
    version: str
    object: str


def new_firsts(connection: Connection, events: Sequence[Event]) -> Sequence[Event]:
    """The events without those of first sights that have their row, or have it twice among these."""
    firsts = {index: first for index, event in enumerate(events) if (first := _first_of(event))}
    if not firsts:
        return events
    have: set[_First] = set()
    for some in pieces(sorted(set(firsts.values()))):
        have |= _found(connection.execute(_WRITTEN, _names(some)).all())
    kept = []
    for index, event in enumerate(events):
        first = firsts.get(index)
        if first is None or first not in have:
            kept.append(event)
        if first is not None:
            have.add(first)
    return kept


async def unwritten(
    ledger: Database, *, since: float, until: float
) -> AsyncGenerator[list[VerificationRecord], None]:
    """First sights from `since` on and before `until` (Unix seconds) that have no row, in small batches.

    What was pruned is not missing: of a pruned audit, what is older than its oldest row is left out.
    """
    oldest = await ledger.query(_OLDEST, {})
    if oldest and oldest[0][0] > 1:
        since = max(since, oldest[0][1] + _LATE)
    span: dict[str, object] = {"since": since, "until": until}
    after = {"after_path": "", "after_version": "", "after_kind": ""}
    while True:
        bound = await ledger.query(_BOUND, after)
        if bound:
            path, version, kind = bound[0]
            upto = {"upto_path": path, "upto_version": version, "upto_kind": kind}
            seen = await ledger.query(_SIGHTS_UPTO, {**span, **after, **upto})
        else:
            seen = await ledger.query(_SIGHTS, {**span, **after})
        for some in pieces(seen):
            firsts = {_First(plain(row[0]), plain(row[1]), row[2]): row for row in some}
            have = _found(await ledger.query(_WRITTEN, _names(firsts)))
            missing = [_record(row) for first, row in firsts.items() if first not in have]
            if missing:
                yield missing
        if not bound:
            return
        after = {"after_path": path, "after_version": version, "after_kind": kind}


def _first_of(event: Event) -> _First | None:
    kind = event.facts.get("kind")
    if event.kind not in _KINDS or not isinstance(kind, str) or kind not in _OBJECTS:
        return None
    return _First(plain(event.path), plain(event.version), kind)


def _names(firsts: Iterable[_First]) -> dict[str, object]:
    paths, versions = {each.path for each in firsts}, {each.version for each in firsts}
    return {"paths": sorted(paths), "versions": sorted(versions)}


def _found(rows: Sequence[Row[*tuple[Any, ...]]]) -> set[_First]:
    found = set()
    for path, version, kind, facts in rows:
        if kind in _KINDS:
            with readable("a row of the audit"):
                said = msgspec.json.decode(facts)
            found.add(_First(path, version, str(said.get("kind", "")) if isinstance(said, dict) else ""))
    return found


def _record(row: Row[*tuple[Any, ...]]) -> VerificationRecord:
    path, version, kind, h1, verified, at = row
    return VerificationRecord(ModuleVersion(ModulePath(path), Version(version)), kind, h1, verified, at)
