"""Decisions looked up by the id that a client was told, and the policies that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Severity
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import PolicyRevision, Recorded
from modgate.model.operations import Failure
from tests.operations.books_scene import NOW, BooksScene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

M = ModulePath("example.com/a")


@pytest.fixture
async def scene() -> AsyncIterator[BooksScene]:
    opened = await BooksScene().open()
    yield opened
    await opened.close()


def denial(identifier: str, consumer: str) -> Decision:
    return Decision(
        Effect.DENY,
        M,
        Version("v1.2.0"),
        consumer,
        id=identifier,
        rule="critical",
        reason="known vulnerability: GO-2030-0001 (critical)",
        advisories=("GO-2030-0001",),
        severity=Severity.CRITICAL,
        fixed=Version("v1.3.0"),
        revision="r1",
    )


async def record(scene: BooksScene, identifier: str, consumer: str, at: float = NOW) -> None:
    await scene.books.decisions.record([Recorded(denial(identifier, consumer), at)])


async def test_a_decision_is_looked_up_by_the_id_that_a_client_was_told(scene: BooksScene) -> None:
    await record(scene, "d-aaaa", "payments-ci", NOW - 60)
    await record(scene, "d-aaaa", "payments-ci")
    _, end = await scene.run("policy-decision", id=" d-aaaa\n")
    told = end.facts
    assert (told["module"], told["version"], told["consumer"]) == (M, "v1.2.0", "payments-ci")
    assert (told["first"], told["last"], told["count"]) == (NOW - 60, NOW, 2)
    assert (told["team"], told["owner"], told["revision"]) == ("payments", "Ada", "r1")
    assert told["text"][1] == f"go get {M}@v1.3.0"
    assert told["text"][-1] == "Decision: d-aaaa"


async def test_a_decision_that_is_not_known_is_absent(scene: BooksScene) -> None:
    _, end = await scene.tried("policy-decision", id="d-zzzz")
    assert isinstance(end, Failure)
    assert end.what.startswith("no decision 'd-zzzz'")


async def test_the_newest_decisions_come_first_and_plain_allows_are_counts(scene: BooksScene) -> None:
    await record(scene, "d-aaaa", "payments-ci", NOW - 60)
    await record(scene, "d-bbbb", "web")
    await scene.books.decisions.add_allowed({"": 7}, at=NOW)
    items, end = await scene.run("policy-decisions")
    assert [each.subject for each in items] == ["d-bbbb", "d-aaaa"]
    assert end.facts["allowed"] == {"": 7}
    items, _ = await scene.run("policy-decisions", consumer="payments-ci", module=M)
    assert [each.subject for each in items] == ["d-aaaa"]
    items, _ = await scene.run("policy-decisions", since=NOW - 1)
    assert [each.subject for each in items] == ["d-bbbb"]
    items, _ = await scene.run("policy-decisions", limit=1)
    assert [each.subject for each in items] == ["d-bbbb"]


async def test_a_policy_that_was_in_force_is_there_with_its_text(scene: BooksScene) -> None:
    for revision, at in (("aa11", NOW - 60), ("bb22", NOW)):
        await scene.books.decisions.adopt(PolicyRevision(revision, f"# {revision}\n", at))
    items, _ = await scene.run("policy-history")
    assert [each.facts for each in items] == [
        {"revision": "bb22", "at": NOW},
        {"revision": "aa11", "at": NOW - 60},
    ]
    items, _ = await scene.run("policy-history", revision="aa")
    assert [each.facts["text"] for each in items] == ["# aa11\n"]
    _, end = await scene.tried("policy-history", revision="cc")
    assert isinstance(end, Failure)
