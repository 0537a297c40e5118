"""How old rows leave the audit: from the front alone, and not without being looked at once more.

A row `pruned` tells up to which number and hash, and what was wrong with the rows that went: what was done
to them is not forgotten. A few thousand rows go in one transaction, with a row that tells of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select

from modgate.ledger import tables
from modgate.ledger.books.chain import append_events, head_of
from modgate.ledger.books.proof import PAGE, PAGES, Walk, pruned_to
from modgate.model.audit import Event

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["PIECE", "prune_end", "prune_some"]

PIECE = 5000
_FAULTS = 5
"""How many faults are named."""

_ROW = tables.audit.c
_FIRST = select(func.min(_ROW.number)).where(_ROW.number >= 1)
_YOUNG = (
    select(_ROW.number).where(_ROW.number >= 1, _ROW.at >= bindparam("before")).order_by(_ROW.number).limit(1)
)
_LAST = select(func.max(_ROW.number)).where(_ROW.number <= bindparam("end"))
_DROP = delete(tables.audit).where(_ROW.number >= 1, _ROW.number <= bindparam("last"))


def prune_end(connection: Connection, *, before: float, keep: int) -> int:
    """The number up to which rows may go: all older than `before`, none of the newest `keep`."""
    end = head_of(connection).number - keep
    young = connection.execute(_YOUNG, {"before": before}).scalar()
    return end if young is None else min(end, young - 1)


def prune_some(connection: Connection, *, end: int, now: float) -> int:
    """Drop the oldest rows up to `end`, `PIECE` at most, in this transaction; how many went."""
    first = connection.execute(_FIRST).scalar()
    if first is None or first > end:
        return 0
    stop = connection.execute(_LAST, {"end": min(end, first + PIECE - 1)}).scalar_one()
    walk = Walk(pruned_to(connection))
    after = 0
    while True:
        rows = connection.execute(PAGES, {"after": after, "last": stop}).all()
        walk.page(rows, ())
        if len(rows) < PAGE:
            break
        after = rows[-1][0]
    facts: dict[str, object] = {"number": walk.last.number, "hash": walk.last.hash.hex()}
    if walk.faults:
        more = len(walk.faults) - _FAULTS
        facts["faults"] = "; ".join(walk.faults[:_FAULTS] + ([f"and {more} more"] if more > 0 else []))
    append_events(connection, [Event(now, "pruned", facts=facts)])
    return connection.execute(_DROP, {"last": stop}).rowcount
