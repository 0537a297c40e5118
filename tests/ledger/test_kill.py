"""Gates that share a ledger are killed, or its server is, at any moment: what was acknowledged is there."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.model.audit import AuditHead
from modgate.wiring.books import build_books
from tests.ledger.kill_worker import PATH, opened
from tests.support.postgres import Cluster, fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fresh_database"]

ROOT = Path(__file__).parent.parent.parent


def _start(where: str, me: str, told: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.ledger.kill_worker", where, me, str(told)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )


def _wait_for_more(told: Path, before: int) -> None:
    for _ in range(6000):
        if told.exists() and told.stat().st_size > before:
            return
        time.sleep(0.01)
    raise AssertionError("the workers write nothing")


def _kill_gates(where: str, told: Path, kills: int, dice: random.Random) -> None:
    """Two at a time, each killed somewhere in its work."""
    running: list[subprocess.Popen[bytes]] = []
    for kill in range(kills + 1):
        before = told.stat().st_size if told.exists() else 0
        running.append(_start(where, f"g{kill}", told))
        if len(running) == 2:
            _wait_for_more(told, before)
            time.sleep(dice.uniform(0.0, 0.4))
            victim = running.pop(0)
            victim.kill()
            victim.wait()
    for last in running:
        before = told.stat().st_size
        _wait_for_more(told, before)
        last.kill()
        last.wait()


async def _look(where: str, told: Path) -> dict[str, int]:
    """Everything that was told must be there; how much of each kind was."""
    kinds: dict[str, set[str]] = {"decision": set(), "waiver": set(), "audit": set(), "fetches": set()}
    lines = told.read_text().splitlines(keepends=True)
    for line in lines:
        if line.endswith("\n"):
            kind, _, name = line.strip().partition(" ")
            kinds[kind].add(name)
    ledger = await opened(where)
    books = build_books(ledger)
    decisions = {each.decision.id for each in await books.decisions.decisions(limit=10**6)}
    assert kinds["decision"] <= decisions
    waiting = [each.message.key for each in await books.outbox.waiting("hook", limit=10**6)]
    assert sorted(waiting) == sorted(decisions)  # each with its decision or not at all, and once
    assert kinds["waiver"] <= {each.id for each in await books.waivers.waivers()}
    users = {f"{use.consumer}:{use.version}" for use in await books.consumers.users(PATH)}
    assert kinds["fetches"] <= users
    assert await books.audit.verify() == []
    for head in sorted(kinds["audit"])[:: max(1, len(kinds["audit"]) // 5)]:
        number, _, digest = head.partition(":")
        assert await books.audit.verify(AuditHead(int(number), bytes.fromhex(digest))) == []
    await ledger.close()
    return {kind: len(names) for kind, names in kinds.items()}


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_killed_gates_were_told_is_there(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, kills: int
) -> None:
    where = str(tmp_path / "ledger.db") if database == "sqlite" else request.getfixturevalue("fresh_database")
    told = tmp_path / "told"
    _kill_gates(where, told, kills, random.Random(kills))
    found = asyncio.run(_look(where, told))
    print(database, kills, found)
    assert all(found.values())


@pytest.fixture
def durable() -> Iterator[Cluster]:
    own = Cluster(durable=True)
    own.start()
    yield own
    own.close()


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_what_a_killed_server_acknowledged_is_there(durable: Cluster, tmp_path: Path, kills: int) -> None:
    told = tmp_path / "told"
    for kill in range(kills):
        before = told.stat().st_size if told.exists() else 0
        worker = _start(durable.url(), f"g{kill}", told)
        _wait_for_more(told, before)
        time.sleep(random.Random(kill).uniform(0.0, 0.3))
        durable.stop(signal.SIGKILL)
        worker.wait()  # its ledger says Unavailable, and it ends
        durable.start()
    assert all(asyncio.run(_look(durable.url(), told)).values())
