"""Which database a gate keeps its ledger in, and what goes from it with time."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from modgate.config import load
from modgate.config.firewall import LedgerConfig
from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, Version
from modgate.ledger.sql import SqlLedger
from modgate.model.audit import AuditFilter, Event
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded
from modgate.model.outbox import Message
from modgate.wiring.books import Books, build_books
from modgate.wiring.gate import open_gate
from modgate.wiring.retention import Retention
from tests.contract.ledger import SetClock, record
from tests.support.postgres import cluster, fresh_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.config import Config

__all__ = ["fresh_database"]

DAY = 86400.0
PATH = ModulePath("example.com/m")
DECISION = Decision(Effect.DENY, PATH, Version("v1.0.0"), revision="r", rule="no", would=Effect.DENY)


def _config(folder: Path, **more: object) -> Config:
    given = {"store": str(folder / "store"), "upstream": "http://127.0.0.1:9", "sumdb": "off", **more}
    flags: dict[str, tuple[object, str]] = {name: (value, "--set") for name, value in given.items()}
    return load(flags, environ={"HOME": str(folder)}, ask_go=lambda environ: {}).config  # noqa: ARG005


async def test_without_an_address_the_ledger_is_a_file_in_the_store(tmp_path: Path) -> None:
    async with open_gate(_config(tmp_path)) as gate:
        await gate.ground.ledger.first_seen(record())
    assert (tmp_path / "store" / ".modgate" / "ledger.sqlite3").exists()


async def test_a_gate_in_memory_leaves_nothing_and_has_books(tmp_path: Path) -> None:
    async with open_gate(_config(tmp_path, store="memory:")) as gate:
        await gate.standing.books.audit.append([Event(1.0, "operation")])
        assert (await gate.standing.books.audit.head()).number == 1
    assert list(tmp_path.iterdir()) == []


async def test_gates_with_an_address_share_what_one_of_them_saw(tmp_path: Path, fresh_database: str) -> None:
    one = _config(tmp_path / "one", **{"ledger.url": fresh_database})
    two = _config(tmp_path / "two", **{"ledger.url": fresh_database, "store": "memory:"})
    async with open_gate(one) as first, open_gate(two) as second:
        await first.ground.ledger.first_seen(record())
        assert await second.ground.ledger.seen(record().version, "zip") == record()
        await first.standing.books.audit.append([Event(1.0, "operation")])
        assert (await second.standing.books.audit.head()).number == 1
    assert not (tmp_path / "one" / "store" / ".modgate" / "ledger.sqlite3").exists()


async def test_the_password_stands_in_a_file_and_in_no_text(tmp_path: Path, fresh_database: str) -> None:
    name = fresh_database.partition("@/")[2].partition("?")[0]
    cluster().run(
        f"CREATE ROLE u_{name} LOGIN PASSWORD 'right-secret'", f"ALTER DATABASE {name} OWNER TO u_{name}"
    )
    file = tmp_path / "password"
    address = cluster().tcp_url(name, user=f"u_{name}")
    config = _config(tmp_path, **{"ledger.url": address, "ledger.password_file": str(file)})
    with pytest.raises(Unavailable, match=r"ledger\.password_file") as missing:
        async with open_gate(config):
            pass
    assert str(file) in str(missing.value)
    file.write_text("wrong-secret\n")
    file.chmod(stat.S_IRUSR)
    with pytest.raises(Unavailable, match="refuses the user or its password") as refused:
        async with open_gate(config):
            pass
    assert "secret" not in str(refused.value)
    file.unlink()
    file.write_text("right-secret\n")
    async with open_gate(config) as gate:
        await gate.ground.ledger.ready()
    cluster().run(f"ALTER DATABASE {name} OWNER TO admin")


@pytest.fixture(params=["sqlite", "postgresql", "memory"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlLedger]:
    clock = SetClock()
    if request.param == "sqlite":
        ledger = await SqlLedger.open(tmp_path / "l.db", clock=clock)
    elif request.param == "memory":
        ledger = await SqlLedger.open_memory(clock=clock)
    else:
        ledger = await SqlLedger.open_url(request.getfixturevalue("fresh_database"), clock=clock)
    yield ledger
    await ledger.close()


async def _fill(books: Books, at: float) -> None:
    await books.consumers.add([Fetches("team-a", "example.com/m", f"v1.0.{int(at)}", "zip", 1, at, at)])
    decision = replace(DECISION, id=f"d-{at}", consumer="team-a")
    message = Message("hook", f"key-{at}", "denied", at, "team-a", {})
    await books.decisions.record([Recorded(decision, at, (message,))])
    (waiting,) = await books.outbox.waiting("hook")
    await books.outbox.delivered(waiting.number, at=at)


async def test_what_is_too_old_goes_and_what_is_not_stays(ledger: SqlLedger) -> None:
    books, clock = build_books(ledger, clock=SetClock()), SetClock()
    clock.now = 1000 * DAY
    for day in (1, 500, 990):
        await _fill(books, day * DAY)
    keep = LedgerConfig(keep_fetches=600 * DAY, keep_decisions=100 * DAY, keep_messages=5 * DAY)
    retention = Retention(ledger, books, lambda: keep, clock=clock, holder="me")
    assert await retention.once() == {"fetches": 1, "decisions": 2, "messages": 3}
    assert {use.version for use in await books.consumers.users(PATH)} == {
        f"v1.0.{int(day * DAY)}" for day in (500, 990)
    }
    assert len(await books.decisions.decisions()) == 1
    assert await books.audit.verify() == []
    assert (await books.audit.head()).number == 3  # the audit is kept for ever unless it is told otherwise
    other = Retention(ledger, books, lambda: keep, clock=clock, holder="another")
    assert await other.once() is None


async def test_nothing_goes_where_everything_is_kept(ledger: SqlLedger) -> None:
    books, clock = build_books(ledger, clock=SetClock()), SetClock()
    clock.now = 1000 * DAY
    await _fill(books, 1.0)
    keep = LedgerConfig(keep_fetches=0, keep_decisions=0, keep_messages=0, keep_audit=0)
    assert await Retention(ledger, books, lambda: keep, clock=clock, holder="me").once() == {}
    assert len(await books.decisions.decisions()) == 1


async def test_the_audit_goes_from_the_front_and_holds_afterwards(ledger: SqlLedger) -> None:
    books, clock = build_books(ledger, clock=SetClock()), SetClock()
    clock.now = 1000 * DAY
    await books.audit.append([Event(float(n), "operation") for n in range(1500)])
    keep = LedgerConfig(keep_audit=DAY)
    assert await Retention(ledger, books, lambda: keep, clock=clock, holder="me").once() == {"audit": 500}
    assert await books.audit.verify() == []
    numbers = [row.number async for rows in books.audit.rows(AuditFilter()) for row in rows]
    assert (numbers[0], len(numbers)) == (501, 1001)  # the row that tells of it is one more


async def test_a_file_shrinks_when_its_rows_went(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    ledger = await SqlLedger.open(path, clock=SetClock())
    books = build_books(ledger, clock=SetClock())
    some = [
        Fetches("team-a", f"example.com/{'m' * 200}", f"v1.0.{n}", "zip", 1, 1.0, 1.0) for n in range(9000)
    ]
    await books.consumers.add(some)
    await ledger.query(text("PRAGMA wal_checkpoint(TRUNCATE)"), {})
    full = path.stat().st_size
    retention = Retention(
        ledger, books, lambda: LedgerConfig(keep_fetches=DAY), clock=lambda: 9 * DAY, holder="me"
    )
    assert await retention.once() == {"fetches": 9000}
    await ledger.close()
    assert path.stat().st_size < full / 4


async def test_a_ledger_that_is_away_is_waited_for_and_the_server_goes_on(tmp_path: Path) -> None:
    ledger = await SqlLedger.open(tmp_path / "l.db", clock=SetClock())
    retention = Retention(
        ledger, build_books(ledger), LedgerConfig, clock=lambda: 1.0, holder="me", every=0.01
    )
    await ledger.close()
    with pytest.raises(Unavailable):
        await retention.once()
    async with retention.running(first=0.0):
        pass
