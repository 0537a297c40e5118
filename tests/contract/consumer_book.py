"""What every book of consumers promises: a suite to inherit from, with a fixture `books`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.audit import AuditFilter, Event
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded, Waiver
from modgate.model.outbox import Message

if TYPE_CHECKING:
    from modgate.model.consumers import ConsumerBook
    from modgate.wiring.books import Books

__all__ = ["ConsumerBookContract", "fetch"]

M = ModulePath("example.com/m")
V1, V2 = Version("v1.0.0"), Version("v1.1.0")


def fetch(
    consumer: str,
    version: str = "v1.0.0",
    *,
    path: str = M,
    kind: str = "zip",
    times: int = 1,
    at: tuple[float, float] = (5.0, 6.0),
) -> Fetches:
    return Fetches(consumer, path, version, kind, times, *at)


async def in_use(book: ConsumerBook, *, since: float = 0.0) -> list[ModuleVersion]:
    return [version async for batch in book.in_use(since=since) for version in batch]


class ConsumerBookContract:
    """The promises of model/consumers.py."""

    async def test_fetches_of_a_version_add_up(self, books: Books) -> None:
        book = books.consumers
        await book.add([fetch("team-a", times=2), fetch("team-a", times=3, at=(1.0, 2.0))])
        await book.add([fetch("team-a", kind="mod", times=4, at=(5.5, 9.5))])
        (use,) = await book.users(M)
        assert (use.consumer, use.path, use.version) == ("team-a", M, V1)
        assert (use.mods, use.zips, use.first, use.last) == (4, 5, 1.0, 9.5)
        assert use.ref == await book.reference("team-a")
        assert "team-a" not in use.ref

    async def test_an_empty_batch_is_nothing(self, books: Books) -> None:
        await books.consumers.add([])
        assert await books.consumers.consumers() == []

    async def test_users_are_told_by_consumer_and_by_zip(self, books: Books) -> None:
        book = books.consumers
        fetches = [
            fetch("b"),
            fetch("a"),
            fetch("c", "v1.1.0"),
            fetch("d", kind="mod"),
            fetch("e", path="other"),
        ]
        await book.add(fetches)
        assert [use.consumer for use in await book.users(M)] == ["a", "b", "c"]
        assert [use.consumer for use in await book.users(M, zips=False)] == ["a", "b", "c", "d"]
        assert [use.consumer for use in await book.users(M, [V1])] == ["a", "b"]
        assert [use.consumer for use in await book.users(M, [V1, V2, V1])] == ["a", "b", "c"]
        assert await book.users(M, []) == []
        many = [Version(f"v0.0.{number}") for number in range(2000)]
        assert [use.consumer for use in await book.users(M, [*many, V2])] == ["c"]

    async def test_received_is_what_one_consumer_was_given_in_either_form(self, books: Books) -> None:
        book = books.consumers
        await book.add(
            [fetch("a"), fetch("a", "v1.1.0", kind="mod"), fetch("a", path="other"), fetch("b", "v9.0.0")]
        )
        assert await book.received("a", M) == {V1, V2}
        assert await book.received("nobody", M) == frozenset()

    async def test_in_use_is_each_version_once_in_order_through_all_pages(self, books: Books) -> None:
        book = books.consumers
        wanted = [ModuleVersion(ModulePath(f"example.com/{i:04}"), V1) for i in range(1203)]
        await book.add([fetch(team, path=version.path) for version in wanted for team in ("a", "b")])
        await book.add(
            [fetch("a", path="example.com/0000", version="v1.1.0"), fetch("a", path="mod", kind="mod")]
        )
        wanted.insert(1, ModuleVersion(ModulePath("example.com/0000"), V2))
        assert await in_use(book) == wanted

    async def test_in_use_since_a_time_leaves_out_what_was_last_used_before(self, books: Books) -> None:
        book = books.consumers
        await book.add([fetch("a", path="old", at=(1.0, 5.0)), fetch("a", path="new", at=(1.0, 7.0))])
        assert await in_use(book, since=7.0) == [ModuleVersion(ModulePath("new"), V1)]

    async def test_paths_are_ordered_by_their_bytes(self, books: Books) -> None:
        await books.consumers.add([fetch("x", path=path) for path in ("b/é", "B/x", "b/a", "b-c")])
        assert [version.path for version in await in_use(books.consumers)] == ["B/x", "b-c", "b/a", "b/é"]

    async def test_consumers_are_listed_by_name_page_by_page(self, books: Books) -> None:
        book = books.consumers
        await book.add([fetch(name, at=(3.0, 4.0)) for name in ("b", "a", "c")])
        await book.add([fetch("a", at=(1.0, 9.0))])
        first = await book.consumers(limit=2)
        assert [(each.name, each.first, each.last) for each in first] == [("a", 1.0, 9.0), ("b", 3.0, 4.0)]
        assert [each.name for each in await book.consumers(limit=2, after="b")] == ["c"]
        assert not first[0].records

    async def test_a_reference_is_made_once(self, books: Books) -> None:
        book = books.consumers
        made = await asyncio.gather(*(book.reference("team-a") for _ in range(20)))
        assert len(set(made)) == 1
        assert await book.reference("team-b") != made[0]
        assert await book.reference("") == ""

    async def test_forgotten_uses_are_gone_and_others_stay(self, books: Books) -> None:
        book = books.consumers
        await book.add([fetch("a", f"v1.0.{i}", at=(1.0, 1.0 + i % 2)) for i in range(100)])
        assert await book.forget(before=2.0) == 50
        assert await book.forget(before=2.0) == 0
        assert len(await book.users(M)) == 50

    async def test_a_name_goes_with_its_last_use_unless_a_record_refers_to_it(self, books: Books) -> None:
        book = books.consumers
        await book.add(
            [fetch("gone", at=(1.0, 1.0)), fetch("told", at=(1.0, 1.0)), fetch("here", at=(1.0, 9.0))]
        )
        await books.audit.append([Event(1.0, "decision", consumer="told")])
        await book.forget(before=5.0)
        assert [each.name for each in await book.consumers()] == ["here", "told"]
        assert await books.audit.verify() == []

    async def test_names_may_hold_anything(self, books: Books) -> None:
        book = books.consumers
        names = ["名前", "a\0b", "half \ud800", "'; DROP TABLE x; --", '"q"\\']
        await book.add([fetch(name, path="p\0/é") for name in names])
        assert len(await book.users(ModulePath("p\0/é"))) == len(names)
        for name in names:
            assert await book.received(name, ModulePath("p\0/é")) == {V1}
            assert await book.erase(name)
        assert await book.consumers() == []

    async def test_nothing_is_exported_of_nobody(self, books: Books) -> None:
        assert await books.consumers.export("nobody") is None

    async def test_an_export_holds_everything_of_one_and_nothing_of_another(self, books: Books) -> None:
        for team in ("team-a", "team-bb"):
            await _write_about(books, team)
        person = await books.consumers.export("team-a")
        assert person is not None
        assert (person.name, person.ref) == ("team-a", await books.consumers.reference("team-a"))
        assert [use["version"] for use in person.records["uses"]] == ["v1.0.0"]
        assert [each["decision"]["id"] for each in person.records["decisions"]] == ["d-6"]
        assert [each["id"] for each in person.records["waivers"]] == ["w-6"]
        assert [each["message"]["key"] for each in person.records["messages"]] == ["k:team-a:1", "k:team-a:2"]
        assert [each["kind"] for each in person.records["audit"]] == ["decision", "operation"]
        assert "team-bb" not in repr(person.records)

    async def test_one_who_is_only_named_by_a_waiver_is_exported_and_erased(self, books: Books) -> None:
        await books.waivers.grant(_waiver("w-1", "alice"))
        person = await books.consumers.export("alice")
        assert person is not None
        assert [each["id"] for each in person.records["waivers"]] == ["w-1"]
        assert await books.consumers.erase("alice")
        assert "alice" not in repr(await books.waivers.waivers())

    async def test_an_erased_name_stands_nowhere_and_the_audit_still_holds(self, books: Books) -> None:
        for team in ("team-a", "team-a-b"):
            await _write_about(books, team)
        known = await books.audit.head()
        ref = await books.consumers.reference("team-a")
        (first, *_) = await books.outbox.waiting("ops")
        await books.outbox.delivered(first.number, at=7.0)
        assert await books.consumers.erase("team-a")
        assert not await books.consumers.erase("team-a")
        assert await books.audit.verify(known) == []

        standing = await books.decisions.decision("d-6")
        assert standing is not None
        assert standing.decision.consumer == f"erased-{ref}"
        assert standing.decision.reason == f"denied for erased-{ref}, not team-a-b"
        everything = [
            await books.decisions.decisions(),
            await books.waivers.waivers(),
            await books.outbox.deliveries(),
            await books.consumers.users(M),
            await books.consumers.consumers(),
            [row async for page in books.audit.rows(AuditFilter()) for row in page],
        ]
        assert "team-a" not in repr(everything).replace("team-a-b", "")
        assert "team-a-b" in repr(everything)
        assert await books.consumers.export("team-a") is None
        assert await books.consumers.received("team-a", M) == frozenset()

    async def test_what_was_not_delivered_to_an_erased_one_is_dropped(self, books: Books) -> None:
        for team in ("team-a", "team-bb"):
            await _write_about(books, team)
        delivered, dead, *_ = await books.outbox.waiting("ops")
        await books.outbox.delivered(delivered.number, at=7.0)
        await books.outbox.failed(dead.number, error="503 for team-a", next_at=None)
        await books.consumers.erase("team-a")
        left = await books.outbox.deliveries()
        assert [(each.message.consumer[:6], each.state) for each in left] == [
            ("team-b", "waiting"),
            ("team-b", "waiting"),
            ("erased", "delivered"),
        ]

    async def test_the_audit_tells_of_an_erasure_by_reference(self, books: Books) -> None:
        await books.consumers.add([fetch("team-a")])
        ref = await books.consumers.reference("team-a")
        await books.consumers.erase("team-a")
        (row,) = [row async for page in books.audit.rows(AuditFilter(kind="erased")) for row in page]
        assert (row.event.consumer, row.name) == (ref, f"erased-{ref}")
        assert row.event.facts["uses"] == 1

    async def test_an_erased_name_that_comes_back_is_somebody_new(self, books: Books) -> None:
        book = books.consumers
        await book.add([fetch("team-a")])
        old = await book.reference("team-a")
        await book.erase("team-a")
        await book.add([fetch("team-a", "v1.1.0")])
        assert await book.reference("team-a") != old
        assert await book.received("team-a", M) == {V2}

    async def test_erasing_spares_paths_and_longer_names(self, books: Books) -> None:
        body = {"text": "x: see example.com/x/y, a.x.b, x@y and x.", "x": ["x", 1]}
        await books.consumers.reference("x")
        await books.outbox.enqueue([Message("ops", "k", "test", 1.0, body=body)])
        await books.consumers.erase("x")
        (kept,) = await books.outbox.waiting("ops")
        text = kept.message.body["text"]
        assert "example.com/x/y, a.x.b, x@y and erased-" in text
        assert not text.startswith("x:")
        assert "x" not in kept.message.body


async def _write_about(books: Books, team: str) -> None:
    await books.consumers.add([fetch(team)])
    reason = f"denied for {team}, not team-a-b"
    decision = Decision(Effect.DENY, M, V1, team, f"d-{len(team)}", rule="r", reason=reason)
    body = {"to": team, "why": f"{team}: update", "list": [f"({team})"]}
    messages = [Message("ops", f"k:{team}:{i}", "denied", 5.0, team, body) for i in (1, 2)]
    await books.decisions.record([Recorded(decision, 5.0, tuple(messages))])
    await books.audit.append([Event(6.0, "operation", consumer=team, facts={"what": "refresh"})])
    await books.waivers.grant(_waiver(f"w-{len(team)}", team))


def _waiver(identifier: str, name: str) -> Waiver:
    return Waiver(
        identifier, "example.com/*", name, f"{name} asked for it", 100.0, consumers=(name,), created=6.0
    )
