"""Whether the audit's chain holds, and if not, where.

1. The first row follows nothing (number 1), or the row up to which a row `pruned` says that it was pruned.
2. Each row has the number after that of the row before it, names that row's hash as its previous one, and its
   own hash is that of what it says. Columns are read as bytes: what was made no text at all is told too.
3. The last row is the one that the chain's head names, and nothing stands after it.
4. Where an earlier head is known, the row of its number still has its hash.

Rows are read a page at a time while others write: the head is read first, rows up to it are looked at, and a
gap is only one if it was not pruned meanwhile.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, select

from modgate.ledger import tables
from modgate.ledger.books.base import to_json
from modgate.ledger.books.chain import HEAD, LAST
from modgate.ledger.dialect import TextBytes
from modgate.model.audit import GENESIS, AuditHead, Event, row_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from modgate.ledger.books.base import Database

__all__ = ["PAGE", "PAGES", "Walk", "pruned_to", "verify"]

PAGE = 500
_MOST = 100
"""How many lines are told: whoever changed every row is not told of each."""

_BEFORE_ALL = -(1 << 63)
_ROW = tables.audit.c
_TEXTS = (_ROW.kind, _ROW.path, _ROW.version, _ROW.ref, _ROW.decision, _ROW.facts)
PAGES = (
    select(_ROW.number, _ROW.at, *map(TextBytes, _TEXTS), TextBytes(_ROW.previous), TextBytes(_ROW.hash))
    .where(_ROW.number > bindparam("after"), _ROW.number <= bindparam("last"))
    .order_by(_ROW.number)
    .limit(PAGE)
)
_BEYOND = (
    select(_ROW.number)
    .where(_ROW.number > select(tables.audit_head.c.number).scalar_subquery())
    .order_by(_ROW.number)
    .limit(1)
)
_PRUNED = select(TextBytes(_ROW.facts)).where(_ROW.kind == "pruned").order_by(_ROW.number.desc()).limit(20)


class Walk:
    """Looks at rows in their order, after the place where it starts, and writes down what is wrong."""

    def __init__(self, start: AuditHead, known: AuditHead | None = None) -> None:
        self.last = start
        self.known = known
        self.met_known = known is None or known.number <= 0
        self.faults: list[str] = []

    def page(self, rows: Sequence[Row[*tuple[Any, ...]]], notes: Sequence[AuditHead]) -> None:
        """Steps 2 and 4 for some rows. `notes` are the places up to which rows were pruned."""
        for row in rows:
            number, previous, digest = row[0], bytes(row[-2]), bytes(row[-1])
            if number < 1:
                self.faults.append(f"row {number} is none of the chain, which begins at 1")
                continue
            if number != self.last.number + 1:
                if not any(note == (number - 1, previous) for note in notes):
                    self.faults.append(_missing(self.last.number + 1, number - 1))
            elif previous != self.last.hash:
                self.faults.append(_unlike(number))
            event = _said(row)
            if event is None or row_hash(previous, number, event) != digest:
                self.faults.append(f"row {number} was changed: its hash is not that of what it says")
            elif event.kind == "pruned" and "faults" in event.facts:
                told = event.facts["faults"]
                self.faults.append(f"as row {number} tells, this was wrong with what was pruned: {told}")
            self.last = AuditHead(number, digest)
            if self.known is not None and number == self.known.number:
                self.met_known = True
                if digest != self.known.hash:
                    self.faults.append(f"row {number} is not the one that was known: its hash is another")


async def verify(ledger: Database, known: AuditHead | None) -> list[str]:
    """What is wrong with the chain, one line each, at most a hundred; none where it holds."""
    walk = Walk(AuditHead(0, GENESIS), known)
    noted = await ledger.query(HEAD, {})
    found = noted or await ledger.query(LAST, {})
    head = AuditHead(found[0][0], bytes(found[0][1])) if found else AuditHead(0, GENESIS)
    if found and not noted:
        walk.faults.append("the note of which row is the last is gone")
    notes = await _pruned(ledger)
    after = _BEFORE_ALL
    while True:
        rows = await ledger.query(PAGES, {"after": after, "last": head.number})
        if rows and rows[0][0] != walk.last.number + 1:
            notes += await _pruned(ledger)
        # Hashing a page takes milliseconds, which whoever is being served need not wait for.
        await asyncio.to_thread(walk.page, rows, notes)
        if len(rows) < PAGE or len(walk.faults) > _MOST:
            break
        after = rows[-1][0]
    if len(walk.faults) > _MOST:
        return [*walk.faults[:_MOST], "and more: nothing was looked at beyond"]
    return walk.faults + await _end(ledger, walk, head)


async def _end(ledger: Database, walk: Walk, head: AuditHead) -> list[str]:
    """Steps 3 and 4 for the end of the chain."""
    notes = await _pruned(ledger)
    faults: list[str] = []
    if walk.last.number < head.number:
        if not any(note.number >= head.number for note in notes):
            faults.append(_missing(walk.last.number + 1, head.number) + ": the end was cut off")
    elif walk.last.hash != head.hash:
        faults.append(f"row {head.number} is not the one that was written last")
    faults += [
        f"row {number} stands after the last one that was written, {head.number}"
        for (number,) in await ledger.query(_BEYOND, {})
    ]
    known = walk.known
    if known is not None and not walk.met_known:
        pruned = [note for note in notes if note.number >= known.number]
        if not pruned:
            faults.append(f"row {known.number}, which was known, is missing: the chain ends at {head.number}")
        elif any(note.number == known.number and note.hash != known.hash for note in pruned):
            faults.append(f"row {known.number}, which was pruned, is not the one that was known")
    return faults


async def _pruned(ledger: Database) -> list[AuditHead]:
    """Up to which rows the newest prunings went: rows that were just read may be from before the last one."""
    return [note for row in await ledger.query(_PRUNED, {}) for note in _note([row])]


def pruned_to(connection: Connection) -> AuditHead:
    """What the first row that is there follows."""
    return (_note(connection.execute(_PRUNED).all()) or [AuditHead(0, GENESIS)])[0]


def _note(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[AuditHead]:
    try:
        facts = msgspec.json.decode(bytes(rows[0][0]))
        return [AuditHead(int(facts["number"]), bytes.fromhex(facts["hash"]))]
    except (IndexError, ValueError, TypeError, KeyError):
        return []


def _said(row: Row[*tuple[Any, ...]]) -> Event | None:
    """What a row says; None where it says nothing that the books could have written."""
    at, *texts = row[1:-2]
    try:
        kind, path, version, ref, decision, facts = (bytes(text).decode("utf-8") for text in texts)
        said = msgspec.json.decode(facts)
        if to_json(said) != facts or not isinstance(at, float) or not isinstance(said, dict):
            return None
        return Event(at, kind, path, version, ref, decision, said)
    except (ValueError, TypeError):
        return None


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"


def _unlike(number: int) -> str:
    return f"row {number} does not follow row {number - 1}: one of them was replaced"
