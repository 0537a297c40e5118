"""Old rows go a few thousand at a time: one long transaction would hold up everybody who writes."""

from __future__ import annotations

from functools import partial
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

    `names` are the parameters by which `drop` takes the columns of one found row, beside `values`: it looks
    again whether the row is to go, since rows are found before anybody is kept from writing.
    """
    gone = 0
    while True:
        found = await ledger.query(find, {**values, "most": SWEEP})
        rows = [{**values, **dict(zip(names, row, strict=True))} for row in found]
        if rows:
            gone += await ledger.transact(partial(_drop, drop=drop, rows=rows))
        if len(rows) < SWEEP:
            return gone


def _drop(connection: Connection, *, drop: Any, rows: Sequence[Mapping[str, object]]) -> int:
    return connection.execute(drop, rows).rowcount
