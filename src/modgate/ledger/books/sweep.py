"""Old rows go a few thousand at a time: one long transaction would hold up everybody who writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from modgate.ledger.books.base import Database

__all__ = ["SWEEP", "sweep"]

SWEEP = 5000
"""How many rows go in one transaction."""


async def sweep(
    ledger: Database, find: Any, drop: Any, values: Mapping[str, object], names: Sequence[str]
) -> int:
    """Drop what `find` finds (with `values`, and the parameter `most`), until it finds no more; how many.

    `names` are the parameters by which `drop` takes the columns of one found row.
    """

    def some(connection: Connection) -> int:
        found = connection.execute(find, {**values, "most": SWEEP}).all()
        if found:
            connection.execute(drop, [dict(zip(names, row, strict=True)) for row in found])
        return len(found)

    gone = 0
    while True:
        count = await ledger.transact(some)
        gone += count
        if count < SWEEP:
            return gone
