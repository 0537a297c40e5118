"""The chain of the audit inside a transaction: rows are hashed where they are written, after the last one.

The number and the hash that the next row follows stand in a row of their own (`audit_head`), read and
written under the same lock: a tail that somebody cut off leaves a gap for ever instead of being overwritten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, insert, select

from modgate.ledger import tables
from modgate.ledger.books.base import plain, seconds, to_json
from modgate.ledger.books.names import make_refs, met_at
from modgate.ledger.dialect import PerDialect
from modgate.model.audit import GENESIS, AuditHead, Event, row_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Executable

__all__ = ["HEAD", "LAST", "append_events", "head_of"]

_ROW = tables.audit.c
HEAD = select(tables.audit_head.c.number, tables.audit_head.c.hash).where(tables.audit_head.c.id == 1)
LAST = select(_ROW.number, _ROW.hash).order_by(_ROW.number.desc()).limit(1)
_ADD = insert(tables.audit)


def _upsert(insert: Callable[[Any], Any]) -> Executable:
    statement = insert(tables.audit_head).values(
        id=1, number=bindparam("new_number"), hash=bindparam("new_hash")
    )
    new = statement.excluded
    result: Executable = statement.on_conflict_do_update(
        index_elements=["id"], set_={"number": new.number, "hash": new.hash}
    )
    return result


_MOVE = PerDialect(_upsert)


def head_of(connection: Connection) -> AuditHead:
    """What the next row follows."""
    found = connection.execute(HEAD).first() or connection.execute(LAST).first()
    return AuditHead(0, GENESIS) if found is None else AuditHead(found[0], bytes(found[1]))


def append_events(connection: Connection, events: Sequence[Event]) -> AuditHead:
    """Write events after the last row, in this transaction; their consumers are names, and stored as
    references.
    """
    head = head_of(connection)
    if not events:
        return head
    refs = make_refs(connection, met_at((event.consumer, seconds(event.at)) for event in events))
    rows: list[dict[str, object]] = []
    for event in events:
        facts = to_json(dict(event.facts))
        stored = Event(
            at=seconds(event.at),
            kind=plain(event.kind),
            path=plain(event.path),
            version=plain(event.version),
            consumer=refs[event.consumer],
            decision=plain(event.decision),
            facts=msgspec.json.decode(facts),
        )
        previous, number = head.hash, head.number + 1
        head = AuditHead(number, row_hash(previous, number, stored))
        rows.append(
            {
                "number": number,
                "at": stored.at,
                "kind": stored.kind,
                "path": stored.path,
                "version": stored.version,
                "ref": stored.consumer,
                "decision": stored.decision,
                "facts": facts,
                "previous": previous,
                "hash": head.hash,
            }
        )
    connection.execute(_ADD, rows)
    connection.execute(_MOVE.on(connection), {"new_number": head.number, "new_hash": head.hash})
    return head
