"""The ledger stays within a size: when it is over, what was used longest ago goes first.

1. Only what retention would drop in time anyway may go: uses of versions, decisions, and messages that were
   delivered or given up. First sights, the audit, waivers, the own log and waiting messages never do.
2. The oldest go first, whichever of the three they are, until nine tenths of the size are held, so that it
   is not done again at once. In each round at most about half of what is missing goes, then it is measured
   again: nobody knows beforehand what a row takes.
3. What was met lately stays whatever the size: a decision that went while its cause goes on would be recorded
   anew each time, with a row in the audit, which never goes.
4. Each book drops a few thousand rows in one transaction (`sweep`), so whoever writes waits for none of it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from sqlalchemy import bindparam, select

from modgate.ledger import tables
from modgate.ledger.books.base import Database
from modgate.ledger.measure import bytes_held, reuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

__all__ = ["MadeRoom", "Measured", "SqlRoom"]

T = TypeVar("T")

_ROW = 1024
"""More than most rows take with their indexes, so that a round rather drops too few."""
_LEAST, _MOST = 64, 20_000


def _nth(column: Any, *conditions: Any) -> Any:
    """The time of the row that so many are older than."""
    query = select(column).where(column < bindparam("before"), *conditions)
    return query.order_by(column).limit(1).offset(bindparam("after"))


_NTH = (
    _nth(tables.consumer_use.c.last),
    _nth(tables.decision.c.last),
    _nth(tables.outbox.c.moved, tables.outbox.c.state != "waiting"),
)


class Measured(Database, Protocol):
    """A ledger whose size can be asked."""

    async def look(self, work: Callable[[Connection], T]) -> T:
        """Do work that only reads, or that is in no transaction. Raises Unavailable."""


class Forgetting(Protocol):
    """A book that drops what is older."""

    async def forget(self, *, before: float) -> int:
        """How many rows went. Raises Unavailable."""


class MadeRoom(NamedTuple):
    """How many rows went by class, and how many bytes are held then."""

    gone: Mapping[str, int]
    held: int


class SqlRoom:
    """Keeps a ledger within a size; it does not close it.

    Args:
        ledger: Whose size it is.
        books: What may go, by class.
    """

    def __init__(self, ledger: Measured, books: Mapping[str, Forgetting]) -> None:
        self._ledger = ledger
        self._books = books

    async def held(self, *, above: int = 1 << 62) -> int:
        """How many bytes are in use, exactly up to `above`. Raises Unavailable."""
        return await self._ledger.look(lambda connection: bytes_held(connection, above=above))

    async def make(self, limit: int, *, before: float) -> MadeRoom:
        """Where more than `limit` bytes are held, drop what was last used before then, the oldest first,
        until nine tenths of it are. Raises Unavailable.
        """
        gone = dict.fromkeys(self._books, 0)
        held = await self.held(above=limit)
        if held > limit:
            await self._ledger.settle()
            held = await self.held(above=limit)
        if held <= limit:
            return MadeRoom(gone, held)
        low = limit * 9 // 10
        while held > low:
            cut = await self._cut(max(_LEAST, min(_MOST, (held - low) // _ROW)), before)
            if cut is None:
                break
            went = {name: await book.forget(before=cut) for name, book in self._books.items()}
            gone = {name: gone[name] + count for name, count in went.items()}
            await self._ledger.settle()
            held = await self.held(above=low)
            if not any(went.values()):
                break
        await self._ledger.look(reuse)
        return MadeRoom(gone, held)

    async def _cut(self, most: int, before: float) -> float | None:
        """A time before which some rows are, of each class about `most` at most; None where none are."""
        found, any_there = before, False
        for query in _NTH:
            oldest = await self._ledger.query(query, {"before": before, "after": 0})
            any_there = any_there or bool(oldest)
            last = await self._ledger.query(query, {"before": before, "after": most - 1})
            if last:
                # Rows of one and the same time go together, or nothing might go at all.
                found = min(found, math.nextafter(last[0][0], math.inf))
        return found if any_there else None
