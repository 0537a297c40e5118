"""Several processes on one database, and some that are killed: nothing is halved, and what was told is there.

How often one is killed is told on standard output; `--long` kills many.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from modgate.ledger import tables
from modgate.wiring.books import build_books
from tests.ledger.books.writer import MESSAGES, open_ledger
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.ledger.sql import SqlLedger

__all__ = ["fresh_database"]

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(params=["file", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "ledger.db")
    address: str = request.getfixturevalue("fresh_database")
    return address


def _start(database: str, name: str, *steps: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.books.writer", database, name, *steps]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def _column(ledger: SqlLedger, query: Any) -> list[Any]:
    return [tuple(row) if len(row) > 1 else row[0] for row in await ledger.query(query, {})]


async def _look(database: str, lines: Iterable[str], names: Iterable[str]) -> Counter[str]:
    """Fails at the first thing that was told and is not there, and at the first that is there by half."""
    told: dict[str, list[str]] = {"decided": [], "delivered": [], "marked": []}
    for line in lines:
        what, value = line.split()
        told[what].append(value)
    ledger = await open_ledger(database)
    books = build_books(ledger)
    try:
        assert await books.audit.verify() == []
        ids = await _column(ledger, select(tables.decision.c.id))
        assert set(told["decided"]) <= set(ids)
        audit = tables.audit.c
        rows = await _column(ledger, select(audit.number, audit.decision).order_by(audit.number))
        assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
        assert sorted(identifier for _, identifier in rows) == sorted(ids)
        out = tables.outbox.c
        letters = await _column(ledger, select(out.number, out.key, out.state, out.target))
        keys = Counter(key for _, key, _, target in letters if target.startswith("target-"))
        assert keys == Counter({f"denied:{identifier}": MESSAGES for identifier in ids})
        delivered = {str(number) for number, _, state, _ in letters if state == "delivered"}
        assert set(told["delivered"]) <= delivered
        for name in names:
            marked = sorted(int(key) for _, key, _, target in letters if target == f"marks-{name}")
            assert marked == list(range(len(marked)))
            assert await books.outbox.mark(name) == (str(marked[-1]) if marked else "")
        return Counter({what: len(values) for what, values in told.items()})
    finally:
        await ledger.close()


async def test_processes_beside_each_other_write_one_chain(database: str) -> None:
    names = ["one", "two", "three"]
    children = [_start(database, name, "40") for name in names]
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0]
    lines = [line for output in outputs for line in output.splitlines()]
    counts = await _look(database, lines, names)
    assert counts["decided"] == 3 * sum(1 + number % 3 for number in range(40))


async def test_what_a_killed_process_told_is_there_and_nothing_is_halved(database: str) -> None:
    await _kill_loop(database, kills=3, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_of_a_hundred_killed_processes_nothing_is_lost_or_halved(database: str) -> None:
    await _kill_loop(database, kills=100, seed=2)


async def _kill_loop(database: str, *, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    lines: list[str] = []
    names = [f"run{number}" for number in range(kills)]
    for name in names:
        child = _start(database, name)
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 60)):
            lines.append(child.stdout.readline())
        time.sleep(chance.random() * 0.02)
        os.kill(child.pid, signal.SIGKILL)
        rest, _ = child.communicate()
        lines += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    counts = await _look(database, lines, names)
    assert counts["decided"] > kills
    print(f"{kills} kills; told before them: {dict(counts)}")
