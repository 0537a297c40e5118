"""Who uses what, what is held about whom, what happened, and what was exempted."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest

from modgate.firewall.witness import Witness, alert_event
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.memory import MemoryLedger
from modgate.model.advisory import Advisory, Block, Severity
from modgate.model.advisory import Event as Turn
from modgate.model.audit import Event
from modgate.model.ledger import VerificationRecord
from modgate.model.operations import Failure
from modgate.operations.audit import csv_line
from tests.operations.books_scene import NOW, BooksScene

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

M = "example.com/a"
BAD = Advisory(
    "GO-2030-0001",
    (Block(M, (Turn("introduced", "1.1.0"), Turn("fixed", "1.3.0"))),),
    aliases=("CVE-2030-1",),
    summary="It overruns",
    severity=Severity.CRITICAL,
)


@pytest.fixture
async def scene() -> AsyncIterator[BooksScene]:
    opened = await BooksScene().open()
    yield opened
    await opened.close()


async def test_an_advisory_tells_of_those_who_use_what_it_affects_and_nobody_else(scene: BooksScene) -> None:
    scene.know(BAD)
    scene.listed = (Version("v1.2.0"), Version("v1.3.0"), Version("v1.4.0"))
    scene.used("payments-ci", M, "v1.2.0", times=3)
    scene.used("payments-ci", M, "v1.2.0", kind="mod")
    scene.used("web", M, "v1.0.0")
    scene.used("web", M, "v1.3.0")
    scene.used("reader", M, "v1.2.0", kind="mod")
    items, end = await scene.run("impact", subject="CVE-2030-1")
    assert [(each.subject, each.facts["consumer"]) for each in items] == [(f"{M}@v1.2.0", "payments-ci")]
    facts = items[0].facts
    assert (facts["team"], facts["owner"], facts["contact"]) == ("payments", "Ada", "payments@example.com")
    assert (facts["zips"], facts["mods"], facts["fix"]) == (3, 1, f"go get {M}@v1.3.0")
    assert end.facts["advisory"]["id"] == "GO-2030-0001"
    items, _ = await scene.run("impact", subject="GO-2030-0001", mods=True)
    assert [each.facts["consumer"] for each in items] == ["payments-ci", "reader"]


async def test_a_module_or_a_version_is_asked_without_any_advisory(scene: BooksScene) -> None:
    scene.used("b", M, "v1.10.0")
    scene.used("a", M, "v1.2.0")
    scene.used("c", M, "v1.2.0")
    items, end = await scene.run("impact", subject=M)
    assert [(each.facts["version"], each.facts["consumer"]) for each in items] == [
        ("v1.2.0", "a"),
        ("v1.2.0", "c"),
        ("v1.10.0", "b"),
    ]
    assert end.facts == {"uses": 3, "consumers": 3, "versions": 2}
    items, _ = await scene.run("impact", subject=f"{M}@v1.10.0")
    assert [each.facts["consumer"] for each in items] == ["b"]


@pytest.mark.parametrize(
    ("subject", "error"), [("GO-1999-1", "Absent"), (f"{M}@", "Invalid"), ("example.com/a@v1", "Invalid")]
)
async def test_what_nobody_knows_or_understands_is_told(scene: BooksScene, subject: str, error: str) -> None:
    _, end = await scene.tried("impact", subject=subject)
    assert isinstance(end, Failure)
    assert end.error == error


async def test_a_person_is_exported_and_erased_and_the_chain_holds(scene: BooksScene) -> None:
    scene.used("payments-ada", M, "v1.2.0", times=2)
    await scene.books.audit.append(
        [Event(NOW, "decision", M, "v1.2.0", consumer="payments-ada", decision="d-1")]
    )
    items, _ = await scene.run("consumers-export", name="payments-ada")
    assert items[0].facts["team"] == "payments"
    assert [use["zips"] for use in items[0].facts["records"]["uses"]] == [2]
    _, before = await scene.run("audit-head")
    scene.used("payments-ada", M, "v1.9.0")
    _, end = await scene.run("consumers-erase", name="payments-ada")
    assert end.ok
    items, end = await scene.run("audit-verify", head=before.facts["head"])
    assert (items, end.ok) == ([], True)
    rows, _ = await scene.run("audit")
    assert "payments-ada" not in str(rows)
    assert [row.facts["kind"] for row in rows] == ["decision", "erased"]
    items, end = await scene.run("consumers-export", name="payments-ada")
    assert (items, end.ok) == ([], False)
    _, end = await scene.run("consumers-erase", name="payments-ada")
    assert not end.ok
    items, _ = await scene.run("impact", subject=M)
    assert "payments-ada" not in str(items)


async def test_consumers_are_listed_with_their_team(scene: BooksScene) -> None:
    for number in range(5):
        scene.used(f"payments-{number}", M, "v1.0.0")
    items, end = await scene.run("consumers-list", limit=3)
    assert [each.subject for each in items] == ["payments-0", "payments-1", "payments-2"]
    assert end.facts == {"shown": 3, "more": True}
    assert items[0].facts["owner"] == "Ada"


async def test_a_waiver_has_an_owner_a_reason_and_an_end_and_the_audit_says_who_granted_it(
    scene: BooksScene,
) -> None:
    good: dict[str, Any] = {
        "pattern": M,
        "versions": "<1.3.0",
        "owner": "Ada",
        "reason": "not reached",
        "expires": NOW + 60,
    }
    for wrong in (
        {"owner": " "},
        {"reason": ""},
        {"expires": NOW},
        {"expires": NOW + 2e9},
        {"versions": "<<1"},
    ):
        _, failed = await scene.tried("waivers-grant", **{**good, **wrong})
        assert isinstance(failed, Failure), wrong
        assert failed.error == "Invalid"
    assert scene.moved == 0
    items, _ = await scene.run("waivers-grant", **good)
    identifier = items[0].subject
    items, _ = await scene.run("waivers-list")
    assert [(each.subject, each.facts["in_force"]) for each in items] == [(identifier, True)]
    _, end = await scene.run("waivers-revoke", id=identifier)
    assert end.ok
    _, end = await scene.run("waivers-revoke", id=identifier)
    assert not end.ok
    assert scene.moved == 2
    assert (await scene.run("waivers-list"))[0] == []
    assert len((await scene.run("waivers-list", ended=True))[0]) == 1
    rows, _ = await scene.run("audit", kind="waiver")
    assert {row.facts["owner"] for row in rows} == {"Ada"}
    _, failed = await scene.tried("audit", kind="decisions")
    assert isinstance(failed, Failure)
    assert "decision" in failed.next_step
    rows, _ = await scene.run("audit", kind="operation")
    assert {row.facts["consumer"] for row in rows} == {"ops"}
    assert "Ada" not in str([row.facts["facts"] for row in rows])


async def test_a_first_sight_is_noted_once_and_told_with_its_proof(scene: BooksScene) -> None:
    witness = Witness(MemoryLedger(clock=lambda: NOW), scene.scribe.note, lambda _path: "public")
    version = ModuleVersion(ModulePath(M), Version("v1.0.0"))
    for at in (NOW, NOW + 5):
        await witness.first_seen(VerificationRecord(version, "zip", "h1:x", "sumdb", at))
    scene.scribe.note(alert_event("tampered", f"{M}@v1.0.0", "hashes differ", NOW))
    rows, _ = await scene.run("audit", module=M)
    assert [row.facts["kind"] for row in rows] == ["verified", "tampered"]
    facts = rows[0].facts
    assert (facts["verified"], facts["h1"], facts["source"]) == ("sumdb", "h1:x", "public")
    assert rows[1].facts["version"] == "v1.0.0"


@pytest.mark.parametrize(
    "head", ["x", "1", "1:", f"1:{'g' * 64}", f"-1:{'0' * 64}", f"1:{'0' * 63}", f"{'9' * 30}:{'0' * 64}"]
)
async def test_a_head_that_is_none_is_told(scene: BooksScene, head: str) -> None:
    _, end = await scene.tried("audit-verify", head=head)
    assert isinstance(end, Failure)
    assert end.error == "Invalid"


async def test_a_head_from_another_history_does_not_verify(scene: BooksScene) -> None:
    await scene.books.audit.append([Event(NOW, "policy")])
    items, end = await scene.run("audit-verify", head=f"1:{'0' * 64}")
    assert not end.ok
    assert len(items) == 1


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
async def test_no_cell_of_the_audit_is_a_formula(scene: BooksScene, cell: str) -> None:
    await scene.books.audit.append([Event(NOW, "decision", M, "v1.0.0", consumer=cell)])
    rows, _ = await scene.run("audit")
    line = csv_line(rows[0].facts)
    found = dict(zip(next(csv.reader([csv_line(None)])), next(csv.reader(io.StringIO(line))), strict=True))
    assert found["consumer"] == f"'{cell}"
    assert found["number"] == "1"
