"""What every book of the audit promises: a suite to inherit from, with a fixture `books`."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.model.audit import GENESIS, AuditFilter, AuditHead, Event, row_hash

if TYPE_CHECKING:
    from modgate.model.audit import AuditBook, AuditRow
    from modgate.wiring.books import Books

__all__ = ["AuditBookContract", "event", "rows_of"]


def event(number: int = 1, *, at: float = 5.0, **more: Any) -> Event:
    facts = {"h1": f"h1:{number}=", "n": number}
    return Event(at, "verified", "example.com/m", f"v1.{number}.0", facts=facts, **more)


async def rows_of(book: AuditBook, wanted: AuditFilter | None = None, *, after: int = 0) -> list[AuditRow]:
    return [row async for page in book.rows(wanted or AuditFilter(), after=after) for row in page]


class AuditBookContract:
    """The promises of model/audit.py."""

    async def test_an_empty_audit_holds(self, books: Books) -> None:
        assert await books.audit.head() == AuditHead(0, GENESIS)
        assert await books.audit.append([]) == AuditHead(0, GENESIS)
        assert await books.audit.verify() == []
        assert await rows_of(books.audit) == []

    async def test_rows_are_numbered_from_one_and_each_follows_the_one_before(self, books: Books) -> None:
        await books.audit.append([event(1), event(2)])
        head = await books.audit.append([event(3)])
        rows = await rows_of(books.audit)
        assert [row.number for row in rows] == [1, 2, 3]
        assert [row.previous for row in rows] == [GENESIS, rows[0].hash, rows[1].hash]
        assert [row.event for row in rows] == [event(1), event(2), event(3)]
        assert head == await books.audit.head() == AuditHead(3, rows[2].hash)
        assert await books.audit.verify() == []

    async def test_the_hash_is_that_of_the_documented_form(self, books: Books) -> None:
        await books.audit.append([event(1, consumer="team-é", decision="d-1")])
        (row,) = await rows_of(books.audit)
        said = (
            '{"at":5.0,"consumer":"%s","decision":"d-1","facts":{"h1":"h1:1=","n":1},"kind":"verified",'
            '"number":1,"path":"example.com/m","version":"v1.1.0"}'
        ) % await books.consumers.reference("team-é")
        assert row.hash == hashlib.sha256(bytes(32) + said.encode()).digest()
        assert row.hash == row_hash(GENESIS, 1, row.event)

    async def test_whatever_facts_hold_comes_back_with_the_same_hash(self, books: Books) -> None:
        odd: list[dict[str, Any]] = [
            {"float": 1.0, "int": 1, "big": 2**70, "small": 5e-324, "third": 1 / 3, "minus": -0.0},
            {"nan": float("nan"), "inf": float("inf"), "none": None, "yes": True},
            {
                "nul": "\0",
                "half": "\ud800",
                "line": "\u2028",
                "emoji": "😀",
                "ctrl": "\x1f\x7f",
                "é": "\\\"'",
            },
            {
                "tuple": (1, (2,)),
                "set": frozenset({"b", "a"}),
                "bytes": b"x",
                "deep": {"z": {"y": [{}]}, "a": []},
            },
        ]
        at = [5, 1.1, 1e300, 1732370000.123456]
        events = [Event(when, "operation", facts=facts) for when, facts in zip(at, odd, strict=True)]
        events.append(Event(1.0, "k\0", "p\ud800", "\0", "c\0", "d\0", {}))
        await books.audit.append(events)
        assert await books.audit.verify() == []
        rows = await rows_of(books.audit)
        assert [row.hash for row in rows] == [row_hash(row.previous, row.number, row.event) for row in rows]
        assert rows[0].event.facts == odd[0]
        assert rows[0].event.at == 5.0
        assert rows[3].event.facts["tuple"] == [1, [2]]

    async def test_numbers_have_no_gap_under_concurrency(self, books: Books) -> None:
        await asyncio.gather(*(books.audit.append([event(i), event(i)]) for i in range(200)))
        assert [row.number for row in await rows_of(books.audit)] == list(range(1, 401))
        assert await books.audit.verify() == []

    async def test_consumers_are_kept_as_references_and_told_by_name(self, books: Books) -> None:
        await books.audit.append([event(1, consumer="team-a"), event(2)])
        named, bare = await rows_of(books.audit)
        assert (named.event.consumer, named.name) == (await books.consumers.reference("team-a"), "team-a")
        assert (bare.event.consumer, bare.name) == ("", "")

    async def test_each_field_of_a_filter_must_match(self, books: Books) -> None:
        events = [
            Event(1.0, "decision", "a", "v1.0.0", "team-a"),
            Event(2.0, "decision", "a", "v1.1.0", "team-b"),
            Event(3.0, "scan", "b", "v1.0.0", "team-a"),
            Event(4.0, "policy"),
        ]
        await books.audit.append(events)

        async def numbers(**fields: Any) -> list[int]:
            return [row.number for row in await rows_of(books.audit, AuditFilter(**fields))]

        assert await numbers(path="a") == [1, 2]
        assert await numbers(version="v1.0.0") == [1, 3]
        assert await numbers(kind="decision", consumer="team-a") == [1]
        assert await numbers(consumer=await books.consumers.reference("team-a")) == [1, 3]
        assert await numbers(consumer="nobody") == []
        assert await numbers(since=2.0, until=3.0) == [2, 3]
        assert await numbers(path="b", kind="policy") == []

    async def test_rows_come_in_batches_and_from_any_place(self, books: Books) -> None:
        await books.audit.append([event(i) for i in range(1200)])
        batches = [len(batch) async for batch in books.audit.rows(AuditFilter())]
        assert sum(batches) == 1200
        assert max(batches) <= 999
        assert [row.number for row in await rows_of(books.audit, after=1198)] == [1199, 1200]

    async def test_a_known_head_is_proved(self, books: Books) -> None:
        known = await books.audit.append([event(1), event(2)])
        await books.audit.append([event(3)])
        assert await books.audit.verify(known) == []
        assert await books.audit.verify(AuditHead(0, GENESIS)) == []
        (other,) = await books.audit.verify(AuditHead(2, bytes(32)))
        assert "row 2" in other
        (beyond,) = await books.audit.verify(AuditHead(7, known.hash))
        assert "row 7" in beyond

    async def test_pruning_drops_the_old_but_the_newest_and_the_chain_goes_on(self, books: Books) -> None:
        known = [await books.audit.append([event(i, at=float(i))]) for i in range(1, 11)]
        assert await books.audit.prune(before=8.0, keep=0) == 7
        rows = await rows_of(books.audit)
        assert [row.number for row in rows] == [8, 9, 10, 11]
        assert (rows[-1].event.kind, rows[-1].event.facts) == (
            "pruned",
            {"number": 7, "hash": known[6].hash.hex()},
        )
        for head in known:
            assert await books.audit.verify(head) == []
        assert await books.audit.verify(AuditHead(7, bytes(32))) != []
        assert await books.audit.prune(before=8.0, keep=0) == 0
        assert await books.audit.prune(before=1e12, keep=3) == 1
        assert await books.audit.verify() == []
        await books.audit.append([event(1)])
        assert await books.audit.verify() == []

    async def test_pruning_everything_leaves_the_row_that_tells(self, books: Books) -> None:
        await books.audit.append([event(i) for i in range(5)])
        assert await books.audit.prune(before=1e12, keep=0) == 5
        assert [row.event.kind for row in await rows_of(books.audit)] == ["pruned"]
        assert await books.audit.verify() == []

    async def test_pruning_stops_at_the_first_row_that_is_young(self, books: Books) -> None:
        await books.audit.append([event(1, at=1.0), event(2, at=9.0), event(3, at=1.0)])
        assert await books.audit.prune(before=5.0, keep=0) == 1

    async def test_a_row_can_be_checked_by_whoever_reads_it(self, books: Books) -> None:
        await books.audit.append([event(1)])
        (row,) = await rows_of(books.audit)
        again = Event(**msgspec.json.decode(msgspec.json.encode(row.event)))
        assert row_hash(row.previous, row.number, again) == row.hash
