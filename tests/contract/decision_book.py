"""What every book of decisions, policies and waivers promises: suites with a fixture `books`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Severity
from modgate.model.audit import AuditFilter
from modgate.model.decision import Decision, Effect, Mode
from modgate.model.decisions import PolicyRevision, Recorded, Waiver
from modgate.model.outbox import Message
from tests.contract.audit_book import rows_of

if TYPE_CHECKING:
    from modgate.wiring.books import Books

__all__ = ["DecisionBookContract", "WaiverBookContract", "denied"]

DAY = 86_400.0


def denied(identifier: str = "d-1", *, consumer: str = "team-a", path: str = "example.com/m") -> Decision:
    return Decision(
        Effect.DENY,
        ModulePath(path),
        Version("v1.0.0"),
        consumer,
        identifier,
        rule="no-critical",
        mode=Mode.CANARY,
        would=Effect.BAN,
        reason="GO-2024-1: it is bad “indeed”",
        advisories=("GO-2024-1", "GO-2024-2"),
        severity=Severity.CRITICAL,
        fixed="v1.0.1",
        waiver="w-1",
        unknown="age: unknown",
        revision="r1",
        contact="sec@example.com",
        personal=True,
    )


class DecisionBookContract:
    """The promises of DecisionBook in model/decisions.py."""

    async def test_a_decision_comes_back_whole(self, books: Books) -> None:
        assert await books.decisions.record([Recorded(denied(), 5.0)]) == [True]
        standing = await books.decisions.decision("d-1")
        assert standing is not None
        assert standing.decision == denied()
        assert (standing.first, standing.last, standing.count) == (5.0, 5.0, 1)
        assert await books.decisions.decision("d-2") is None

    async def test_a_decision_that_is_known_is_counted(self, books: Books) -> None:
        book = books.decisions
        both = [Recorded(denied(), 6.0), Recorded(denied(), 4.0), Recorded(denied("d-2"), 5.0)]
        assert await book.record(both) == [True, False, True]
        assert await book.record([Recorded(denied(), 9.0), Recorded(denied(), 1.0)]) == [False, False]
        standing = await book.decision("d-1")
        assert standing is not None
        assert (standing.first, standing.last, standing.count) == (1.0, 9.0, 4)

    async def test_names_of_any_length_are_recorded_and_found_and_hold_up_nobody(self, books: Books) -> None:
        long = "/".join(["example.com", *(sha256(b"%d" % n).hexdigest() for n in range(80))])
        told = [Recorded(denied(), 5.0), Recorded(denied("d-2", path=long, consumer=long), 5.0)]
        assert await books.decisions.record(told) == [True, True]
        (found,) = await books.decisions.decisions(path=long, consumer=long)
        assert (found.decision.id, found.decision.path) == ("d-2", long)
        assert await books.decisions.decisions(path=long[:-1]) == []
        (row,) = await rows_of(books.audit, AuditFilter(path=long, consumer=long))
        assert long.startswith(row.event.path[:700])
        assert await books.audit.verify() == []

    async def test_an_empty_batch_is_nothing(self, books: Books) -> None:
        assert await books.decisions.record([]) == []

    async def test_a_new_one_is_audited_once_without_what_people_wrote(self, books: Books) -> None:
        await books.decisions.record([Recorded(denied(), 5.0), Recorded(denied(), 6.0)])
        (row,) = await rows_of(books.audit, AuditFilter(kind="decision"))
        assert (row.event.path, row.event.version, row.event.decision) == ("example.com/m", "v1.0.0", "d-1")
        assert (row.event.at, row.name) == (5.0, "team-a")
        assert row.event.facts["effect"] == "deny"
        assert row.event.facts["advisories"] == ["GO-2024-1", "GO-2024-2"]
        assert "indeed" not in repr(row)
        assert await books.audit.verify() == []

    async def test_messages_go_out_with_a_new_decision_only(self, books: Books) -> None:
        def telling(key: str) -> Recorded:
            return Recorded(denied(), 5.0, (Message("ops", key, "denied", 5.0, "team-a", {"a": 1}),))

        await books.decisions.record([telling("k1"), telling("k2")])
        await books.decisions.record([telling("k3")])
        assert [each.message.key for each in await books.outbox.waiting("ops")] == ["k1"]

    async def test_of_many_who_record_the_same_at_once_one_was_first(self, books: Books) -> None:
        told = await asyncio.gather(*(books.decisions.record([Recorded(denied(), 5.0)]) for _ in range(100)))
        assert sorted(new for (new,) in told) == [False] * 99 + [True]
        standing = await books.decisions.decision("d-1")
        assert standing is not None
        assert standing.count == 100

    async def test_each_of_many_who_record_at_once_is_told_of_his_own(self, books: Books) -> None:
        batches = [[Recorded(denied(f"d-{i}-{k}"), 5.0) for k in range(i % 3)] for i in range(60)]
        told = await asyncio.gather(*(books.decisions.record(batch) for batch in batches))
        assert [len(each) for each in told] == [len(batch) for batch in batches]
        assert all(all(each) for each in told)

    async def test_a_thousand_distinct_ones_are_one_batch(self, books: Books) -> None:
        items = [Recorded(denied(f"d-{i}", consumer=f"team-{i % 237}"), float(i)) for i in range(1000)]
        assert await books.decisions.record(items) == [True] * 1000
        assert (await books.audit.head()).number == 1000

    async def test_the_newest_come_first_and_filters_hold(self, books: Books) -> None:
        book = books.decisions
        await book.record(
            [
                Recorded(denied("d-1", consumer="a", path="x"), 1.0),
                Recorded(denied("d-2", consumer="b", path="x"), 2.0),
                Recorded(denied("d-3", consumer="a", path="y"), 3.0),
                Recorded(denied("d-4", consumer="", path="y"), 3.0),
                Recorded(denied("d-1", consumer="a", path="x"), 4.0),
            ]
        )

        async def ids(**fields: object) -> list[str]:
            return [each.decision.id for each in await book.decisions(**fields)]  # type: ignore[arg-type]

        assert await ids() == ["d-1", "d-3", "d-4", "d-2"]
        assert await ids(path="x") == ["d-1", "d-2"]
        assert await ids(consumer="a") == ["d-1", "d-3"]
        assert await ids(consumer="nobody") == []
        assert await ids(since=3.0, limit=2) == ["d-1", "d-3"]

    async def test_forgotten_decisions_are_new_again_and_the_audit_keeps_them(self, books: Books) -> None:
        book = books.decisions
        await book.record([Recorded(denied(f"d-{i}"), float(i)) for i in range(10)])
        assert await book.forget(before=5.0) == 5
        assert await book.decision("d-4") is None
        assert await book.decision("d-5") is not None
        assert (await books.audit.head()).number == 10
        assert await book.record([Recorded(denied("d-4"), 9.0)]) == [True]

    async def test_allows_are_counted_by_rule_and_day(self, books: Books) -> None:
        book = books.decisions
        await book.add_allowed({"": 5, "own": 2}, at=DAY * 3 + 1)
        await book.add_allowed({"": 1}, at=DAY * 4)
        await book.add_allowed({}, at=DAY * 4)
        assert await book.allowed() == {"": 6, "own": 2}
        assert await book.allowed(since=DAY * 4 + 7) == {"": 1}
        await book.forget(before=DAY * 4)
        assert await book.allowed() == {"": 1}

    async def test_a_policy_is_adopted_when_it_is_another_than_the_last(self, books: Books) -> None:
        book = books.decisions
        one, two = PolicyRevision("r1", "text é\0", 1.0), PolicyRevision("r2", "two", 2.0)
        assert await book.policies() == []
        assert [await book.adopt(each) for each in (one, one, two, replace(one, at=3.0))] == [
            True,
            False,
            True,
            True,
        ]
        assert [(each.revision, each.at) for each in await book.policies()] == [
            ("r1", 3.0),
            ("r2", 2.0),
            ("r1", 1.0),
        ]
        assert [each.revision for each in await book.policies(limit=1)] == ["r1"]
        rows = await rows_of(books.audit, AuditFilter(kind="policy"))
        assert [row.event.facts["revision"] for row in rows] == ["r1", "r2", "r1"]

    async def test_a_policy_is_adopted_once_by_many_at_once(self, books: Books) -> None:
        revision = PolicyRevision("r1", "text", 1.0)
        told = await asyncio.gather(*(books.decisions.adopt(revision) for _ in range(20)))
        assert sorted(told) == [False] * 19 + [True]


def waiver(identifier: str = "w-1", *, expires: float = 100.0) -> Waiver:
    return Waiver(
        identifier,
        "example.com/*",
        "alice",
        "until the é is fixed",
        expires,
        versions=">=v1",
        advisory="GO-2024-1",
        rule="r",
        consumers=("team-a", "group:b"),
        created=5.5,
    )


class WaiverBookContract:
    """The promises of WaiverBook in model/decisions.py."""

    async def test_a_waiver_comes_back_whole(self, books: Books) -> None:
        await books.waivers.grant(waiver())
        assert await books.waivers.waivers() == [waiver()]

    async def test_waivers_are_ordered_by_expiry_and_those_in_force_are_told(self, books: Books) -> None:
        for identifier, expires in (("w-3", 30.0), ("w-1", 10.0), ("w-2", 20.0)):
            await books.waivers.grant(waiver(identifier, expires=expires))
        assert [each.id for each in await books.waivers.waivers()] == ["w-1", "w-2", "w-3"]
        assert [each.id for each in await books.waivers.waivers(at=10.0)] == ["w-2", "w-3"]
        assert await books.waivers.revoke("w-2", at=15.0)
        assert [each.id for each in await books.waivers.waivers(at=12.0)] == ["w-2", "w-3"]
        assert [each.id for each in await books.waivers.waivers(at=15.0)] == ["w-3"]

    async def test_a_waiver_ends_once(self, books: Books) -> None:
        await books.waivers.grant(waiver())
        assert not await books.waivers.revoke("w-9", at=6.0)
        assert await books.waivers.revoke("w-1", at=6.0)
        assert not await books.waivers.revoke("w-1", at=7.0)
        assert [each.revoked for each in await books.waivers.waivers()] == [6.0]

    async def test_one_that_expired_is_not_revoked(self, books: Books) -> None:
        await books.waivers.grant(waiver(expires=50.0))
        assert not await books.waivers.revoke("w-1", at=50.0)

    async def test_granting_and_revoking_are_audited_without_people(self, books: Books) -> None:
        await books.waivers.grant(waiver())
        await books.waivers.revoke("w-1", at=6.0)
        rows = await rows_of(books.audit, AuditFilter(kind="waiver"))
        assert [(row.event.at, row.event.facts["what"]) for row in rows] == [
            (5.5, "granted"),
            (6.0, "revoked"),
        ]
        assert rows[0].event.facts["waiver"] == "w-1"
        assert not any(word in repr(rows) for word in ("alice", "team-a", "fixed"))

    @pytest.mark.parametrize("name", ["é\0", "half \ud800"])
    async def test_ids_and_texts_may_hold_anything(self, books: Books, name: str) -> None:
        await books.waivers.grant(replace(waiver(name), reason=name))
        assert await books.waivers.revoke(name, at=6.0)
