"""The audit's chain notices what is done to it behind the books' back."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.ledger.books.base import to_json
from modgate.ledger.sql import SqlLedger
from modgate.model.audit import AuditHead, Event, row_hash
from modgate.wiring.books import build_books
from tests.contract.audit_book import event, rows_of
from tests.contract.ledger import SetClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.wiring.books import Books

    Meddle = Callable[..., None]

COPY = "SELECT ?, at, kind, path, version, ref, decision, facts, previous, hash FROM audit WHERE number = ?"
COLUMNS = ("at", "kind", "path", "version", "ref", "decision", "facts", "previous", "hash")


@pytest.fixture
async def known(books: Books) -> AuditHead:
    """Ten rows are there; their head is known."""
    await books.audit.append([event(i, consumer=f"team-{i}", decision=f"d-{i}") for i in range(1, 11)])
    return await books.audit.head()


CHANGES: list[tuple[str, object]] = [
    ("at", 6.0),
    ("at", "text"),
    ("kind", "verifies"),
    ("path", "example.com/n"),
    ("path", b"example.com/\xff"),
    ("version", "v1.5.1"),
    ("ref", ""),
    ("decision", "d-6"),
    ("facts", '{"h1":"h1:6=","n":5}'),
    ("facts", '{"h1":"h1:5=","n":5.0}'),
    ("facts", '{"h1": "h1:5=", "n": 5}'),
    ("facts", "{"),
    ("facts", b"\xff"),
    ("previous", bytes(32)),
    ("previous", "text"),
    ("hash", bytes(32)),
    ("hash", ""),
]


@pytest.mark.parametrize(("column", "value"), CHANGES)
async def test_a_changed_row_is_told(
    books: Books, known: AuditHead, meddle: Meddle, column: str, value: object
) -> None:
    meddle(f"UPDATE audit SET {column} = ? WHERE number = 5", (value,))
    assert "row 5 was changed: its hash is not that of what it says" in await books.audit.verify()
    assert await books.audit.verify(known) == await books.audit.verify()


async def test_a_removed_row_is_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    meddle("DELETE FROM audit WHERE number = 5")
    assert await books.audit.verify() == ["row 5 is missing"]
    meddle("DELETE FROM audit WHERE number IN (6, 7)")
    assert await books.audit.verify() == ["rows 5 to 7 are missing"]


async def test_removed_first_rows_are_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    meddle("DELETE FROM audit WHERE number <= 3")
    assert await books.audit.verify() == ["rows 1 to 3 are missing"]


async def test_more_removed_than_was_pruned_is_told(books: Books, meddle: Meddle) -> None:
    await books.audit.append([event(i, at=float(i)) for i in range(10)])
    assert await books.audit.prune(before=3.0, keep=0) == 3
    assert await books.audit.verify() == []
    meddle("DELETE FROM audit WHERE number = 4")
    assert await books.audit.verify() == ["rows 1 to 4 are missing"]


async def test_removing_the_row_that_tells_of_pruning_is_told(books: Books, meddle: Meddle) -> None:
    await books.audit.append([event(i, at=float(i)) for i in range(10)])
    await books.audit.prune(before=3.0, keep=0)
    meddle("DELETE FROM audit WHERE kind = 'pruned'")
    assert await books.audit.verify() == [
        "rows 1 to 3 are missing",
        "row 11 is missing: the end was cut off",
    ]


async def test_a_row_of_a_removed_ones_number_is_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    """A foreign row in place of one, whose hash is right for what it says."""
    rows = await rows_of(books.audit)
    forged = row_hash(rows[3].hash, 5, event(99))
    facts = to_json(dict(event(99).facts))
    meddle(
        "UPDATE audit SET facts = ?, version = 'v1.99.0', ref = '', decision = '', hash = ? WHERE number = 5",
        (facts, forged),
    )
    assert await books.audit.verify() == ["row 6 does not follow row 5: one of them was replaced"]


async def test_a_row_put_in_between_is_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    for number in range(10, 4, -1):
        meddle("UPDATE audit SET number = ? WHERE number = ?", (number + 1, number))
    meddle(f"INSERT INTO audit {COPY}", (5, 4))
    told = await books.audit.verify()
    assert "row 5 was changed: its hash is not that of what it says" in told
    assert "row 11 stands after the last one that was written, 10" in told


@pytest.mark.parametrize("number", [0, -7])
async def test_a_row_before_the_first_is_told(
    books: Books, known: AuditHead, meddle: Meddle, number: int
) -> None:
    meddle(f"INSERT INTO audit {COPY}", (number, 1))
    assert await books.audit.verify() == [f"row {number} is none of the chain, which begins at 1"]


async def test_a_row_after_the_last_is_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    forged = row_hash(known.hash, 11, event(99))
    meddle(
        "INSERT INTO audit VALUES (11, 5.0, 'verified', 'example.com/m', 'v1.99.0', '', '', ?, ?, ?)",
        (to_json(dict(event(99).facts)), known.hash, forged),
    )
    assert await books.audit.verify() == ["row 11 stands after the last one that was written, 10"]


async def test_reordered_rows_are_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    for old, new in ((5, 99), (6, 5), (99, 6)):
        meddle("UPDATE audit SET number = ? WHERE number = ?", (new, old))
    told = await books.audit.verify()
    assert "row 5 was changed: its hash is not that of what it says" in told
    assert "row 6 was changed: its hash is not that of what it says" in told


async def test_a_tail_that_was_cut_off_is_told_and_stays_a_gap(
    books: Books, known: AuditHead, meddle: Meddle
) -> None:
    meddle("DELETE FROM audit WHERE number > 8")
    assert "rows 9 to 10 are missing: the end was cut off" in await books.audit.verify()
    assert len(await books.audit.verify(known)) == 2
    await books.audit.append([event(11)])
    assert await books.audit.verify() == ["rows 9 to 10 are missing"]


async def test_a_tail_cut_off_with_the_note_of_it_is_told_to_who_knows_a_head(
    books: Books, known: AuditHead, meddle: Meddle
) -> None:
    meddle("DELETE FROM audit WHERE number > 8")
    meddle("UPDATE audit_head SET number = 8, hash = (SELECT hash FROM audit WHERE number = 8)")
    assert await books.audit.verify() == []
    assert await books.audit.verify(known) == ["row 10, which was known, is missing: the chain ends at 8"]


async def test_a_chain_written_anew_is_told_to_who_knows_a_head(books: Books, meddle: Meddle) -> None:
    known = await books.audit.append([event(1), event(2)])
    meddle("DELETE FROM audit")
    meddle("DELETE FROM audit_head")
    await books.audit.append([event(1), event(3), event(4)])
    assert await books.audit.verify() == []
    assert await books.audit.verify(known) == ["row 2 is not the one that was known: its hash is another"]


async def test_everything_removed_is_told(books: Books, known: AuditHead, meddle: Meddle) -> None:
    meddle("DELETE FROM audit")
    assert await books.audit.verify() == ["rows 1 to 10 are missing: the end was cut off"]


async def test_a_removed_note_of_the_last_row_is_told_and_the_chain_goes_on(
    books: Books, known: AuditHead, meddle: Meddle
) -> None:
    meddle("DELETE FROM audit_head")
    assert await books.audit.verify(known) == ["the note of which row is the last is gone"]
    assert (await books.audit.append([event(11)])).number == 11
    assert await books.audit.verify(known) == []


async def test_whoever_changed_every_row_is_told_a_hundred_lines(books: Books, meddle: Meddle) -> None:
    await books.audit.append([event(i) for i in range(1300)])
    meddle("UPDATE audit SET version = 'v0.0.0'")
    told = await books.audit.verify()
    assert len(told) == 101
    assert told[-1] == "and more: nothing was looked at beyond"


async def test_what_was_wrong_with_pruned_rows_is_not_pruned_away(
    books: Books, known: AuditHead, meddle: Meddle
) -> None:
    meddle("DELETE FROM audit WHERE number = 3")
    meddle("UPDATE audit SET version = 'v0.0.0' WHERE number = 5")
    told = await books.audit.verify()
    assert await books.audit.prune(before=1e12, keep=2) == 7
    assert await books.audit.verify(known) == [
        f"as row 11 tells, this was wrong with what was pruned: {'; '.join(told)}"
    ]


async def test_pruning_in_many_pieces_leaves_a_chain_that_holds(books: Books) -> None:
    known = await books.audit.append([event(i) for i in range(12_000)])
    assert await books.audit.prune(before=1e12, keep=100) == 11_900
    assert await books.audit.verify(known) == []
    assert len(await rows_of(books.audit)) == 103


async def test_a_chain_holds_while_others_write_and_prune(books: Books) -> None:
    await books.audit.append([event(i, at=float(i)) for i in range(3000)])
    going = True

    async def write() -> None:
        number = 3000
        while going:
            await books.audit.append([event(number, at=float(number))])
            number += 1

    async def prune() -> None:
        limit = 0.0
        while going:
            limit += 150.0
            await books.audit.prune(before=min(limit, 2900.0), keep=0)

    tasks = [asyncio.create_task(write()), asyncio.create_task(prune())]
    try:
        for _ in range(15):
            assert await books.audit.verify() == []
    finally:
        going = False
        await asyncio.gather(*tasks)


@given(data=st.data())
def test_any_one_changed_byte_is_found(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 4))
    column = data.draw(st.sampled_from([column for column in COLUMNS if column != "at"]))
    place, bit = data.draw(st.integers(0, 10_000)), data.draw(st.integers(0, 7))

    def change(connection: sqlite3.Connection) -> None:
        ((kind, value),) = connection.execute(
            f"SELECT typeof({column}), CAST({column} AS BLOB) FROM audit WHERE number = ?", (number,)
        )
        changed = bytearray(value)
        changed[place % len(changed)] ^= 1 << bit
        wanted = "CAST(? AS TEXT)" if kind == "text" else "?"
        connection.execute(f"UPDATE audit SET {column} = {wanted} WHERE number = ?", (bytes(changed), number))

    assert asyncio.run(_told_after(change)) != []


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(facts=st.dictionaries(st.text(st.characters(codec=None)), json, max_size=5))
def test_json_is_the_same_when_it_was_stored_and_read(facts: dict[str, Any]) -> None:
    text = to_json(facts)
    again = msgspec.json.decode(text)
    assert to_json(again) == text
    one = Event(1.0, "k", facts=again)
    assert row_hash(bytes(32), 1, one) == row_hash(
        bytes(32), 1, Event(1.0, "k", facts=msgspec.json.decode(to_json(again)))
    )


async def _told_after(change: Callable[[sqlite3.Connection], None]) -> list[str]:
    """What is told of a chain of four rows after a change behind the books' back."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        ledger = await SqlLedger.open(file, clock=SetClock())
        book = build_books(ledger, clock=SetClock()).audit
        events = [event(i, consumer=f"team-{i}", decision=f"d-{i}") for i in range(1, 5)]
        await book.append(events)
        assert await book.verify() == []
        with closing(sqlite3.connect(file)) as connection, connection:
            change(connection)
        told = await book.verify()
        await ledger.close()
        return told
