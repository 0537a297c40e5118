"""What is broken is Unavailable, whichever method meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.audit import AuditFilter
from modgate.model.decisions import PolicyRevision, Recorded
from modgate.model.outbox import Message
from modgate.model.sightings import ScanVerdict, Sighting
from tests.contract.audit_book import event, rows_of
from tests.contract.consumer_book import fetch, in_use
from tests.contract.decision_book import denied, waiver

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from modgate.ledger.sql import SqlLedger
    from modgate.wiring.books import Books

MV = ModuleVersion(ModulePath("m"), Version("v1.0.0"))
VERDICT = ScanVerdict("h1:a=", "s", clean=True, summary="", at=1.0)
MESSAGE = Message("ops", "k", "test", 1.0)

EVERY: dict[str, Callable[[Books], Coroutine[Any, Any, Any]]] = {
    "consumers.add": lambda b: b.consumers.add([fetch("a")]),
    "consumers.received": lambda b: b.consumers.received("a", MV.path),
    "consumers.users": lambda b: b.consumers.users(MV.path),
    "consumers.in_use": lambda b: in_use(b.consumers),
    "consumers.consumers": lambda b: b.consumers.consumers(),
    "consumers.reference": lambda b: b.consumers.reference("a"),
    "consumers.export": lambda b: b.consumers.export("a"),
    "consumers.erase": lambda b: b.consumers.erase("a"),
    "consumers.forget": lambda b: b.consumers.forget(before=1.0),
    "audit.append": lambda b: b.audit.append([event(1)]),
    "audit.rows": lambda b: rows_of(b.audit),
    "audit.head": lambda b: b.audit.head(),
    "audit.verify": lambda b: b.audit.verify(),
    "audit.prune": lambda b: b.audit.prune(before=1.0, keep=1),
    "decisions.record": lambda b: b.decisions.record([Recorded(denied(), 1.0)]),
    "decisions.decision": lambda b: b.decisions.decision("d-1"),
    "decisions.decisions": lambda b: b.decisions.decisions(),
    "decisions.add_allowed": lambda b: b.decisions.add_allowed({"": 1}, at=1.0),
    "decisions.allowed": lambda b: b.decisions.allowed(),
    "decisions.adopt": lambda b: b.decisions.adopt(PolicyRevision("r", "t", 1.0)),
    "decisions.policies": lambda b: b.decisions.policies(),
    "decisions.forget": lambda b: b.decisions.forget(before=1.0),
    "waivers.grant": lambda b: b.waivers.grant(waiver()),
    "waivers.revoke": lambda b: b.waivers.revoke("w-1", at=1.0),
    "waivers.waivers": lambda b: b.waivers.waivers(at=1.0),
    "outbox.enqueue": lambda b: b.outbox.enqueue([MESSAGE]),
    "outbox.mark": lambda b: b.outbox.mark("m"),
    "outbox.waiting": lambda b: b.outbox.waiting("ops"),
    "outbox.delivered": lambda b: b.outbox.delivered(1, at=1.0),
    "outbox.failed": lambda b: b.outbox.failed(1, error="", next_at=None),
    "outbox.replay": lambda b: b.outbox.replay(at=1.0),
    "outbox.deliveries": lambda b: b.outbox.deliveries(),
    "outbox.counts": lambda b: b.outbox.counts(),
    "outbox.forget": lambda b: b.outbox.forget(before=1.0),
    "sightings.sight": lambda b: b.sightings.sight([Sighting(MV.path, MV.version, 1.0, "log")]),
    "sightings.sightings": lambda b: b.sightings.sightings(MV.path),
    "sightings.verdict": lambda b: b.sightings.verdict("h1:a=", "s"),
    "sightings.add_verdict": lambda b: b.sightings.add_verdict(VERDICT, MV),
    "sightings.licences": lambda b: b.sightings.licences(MV),
    "sightings.add_licences": lambda b: b.sightings.add_licences(MV, ()),
}
TABLES = (
    "consumer",
    "consumer_use",
    "audit",
    "audit_head",
    "decision",
    "allowed",
    "policy",
    "waiver",
    "outbox",
    "outbox_key",
    "outbox_mark",
    "sighting",
    "scan_verdict",
    "licence",
)


@pytest.mark.parametrize("name", EVERY)
async def test_a_closed_ledger_is_unavailable(books: Books, ledger: SqlLedger, name: str) -> None:
    await ledger.close()
    with pytest.raises(Unavailable):
        await EVERY[name](books)


async def test_a_ledger_whose_tables_are_gone_is_unavailable(
    books: Books, meddle: Callable[..., None]
) -> None:
    for table in TABLES:
        meddle(f"DROP TABLE {table}")
    for name, call in EVERY.items():
        with pytest.raises(Unavailable):
            print(name, await call(books))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"effect": 7}', b"\xff"])
async def test_rows_that_somebody_changed_are_unavailable(
    books: Books, meddle: Callable[..., None], text: str | bytes
) -> None:
    message = Message("ops", "k", "test", 1.0)
    await books.decisions.record([Recorded(denied(), 1.0, (message,))])
    await books.waivers.grant(waiver())
    for table in ("decision", "waiver", "outbox"):
        meddle(f"UPDATE {table} SET body = CAST(? AS TEXT)", (text,))
    for name in ("decisions.decision", "decisions.decisions", "waivers.waivers"):
        with pytest.raises(Unavailable):
            await EVERY[name](books)
    if text in {"{", b"\xff"}:
        with pytest.raises(Unavailable):
            await books.outbox.waiting("ops")


async def test_an_audit_row_that_somebody_changed_is_unavailable_to_readers_and_told_by_verify(
    books: Books, meddle: Callable[..., None]
) -> None:
    await books.audit.append([event(1)])
    meddle("UPDATE audit SET facts = '{'")
    with pytest.raises(Unavailable, match="row 1 of the audit"):
        await rows_of(books.audit, AuditFilter())
    assert await books.audit.verify() == ["row 1 was changed: its hash is not that of what it says"]
