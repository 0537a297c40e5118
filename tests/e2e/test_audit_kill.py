"""A real server is killed before the audit has what it saw: the next start writes it, each sight once."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from modgate.transport.admin import AdminClient
from tests.e2e.test_admin import _run
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.postgres import fresh_database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["fresh_database"]

SEEN = "SELECT path, version, kind FROM first_seen"
ROWS = "SELECT path, version, facts FROM audit WHERE kind = 'verified'"
NEVER = {"consumers": {"flush": 3600.0}}

Rows = list[tuple[Any, ...]]
Key = tuple[str, str, str]


def _world(folder: Path) -> World:
    world = World(folder)
    for number in range(4):
        world.add("example.test/m", f"v1.{number}.0")
    world.finish()
    return world


def _fetch(gate: Gate, *numbers: int) -> None:
    for number in numbers:
        for kind in ("mod", "zip"):
            assert gate.ask(f"/example.test/m/@v/v1.{number}.0.{kind}").status == 200


def _sights(query: Callable[[str], Rows]) -> tuple[Counter[Key], Counter[Key], int]:
    """The first sights, the rows of the audit, and how many of these were written afterwards."""
    rows = [(path, version, msgspec.json.decode(facts)) for path, version, facts in query(ROWS)]
    written = Counter((path, version, facts["kind"]) for path, version, facts in rows)
    seen = Counter((path, version, kind) for path, version, kind in query(SEEN))
    return seen, written, sum("afterwards" in facts for _, _, facts in rows)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not done():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_a_killed_server_had_not_written_is_written_after_the_next_start(tmp_path: Path) -> None:
    world = _world(tmp_path / "upstream")

    def query(text: str) -> Rows:
        with closing(sqlite3.connect(Path(gate.store) / ".modgate" / "ledger.sqlite3")) as connection:
            return connection.execute(text).fetchall()

    with Gate(tmp_path, upstream=f"file://{world.root}", config=NEVER) as gate:
        _fetch(gate, 0, 1, 2)
        _until(lambda: len(query(SEEN)) == 6)
        gate.kill()
    assert query(ROWS) == []
    with Gate(tmp_path, upstream=f"file://{world.root}", config=NEVER) as gate:
        _until(lambda: len(query(ROWS)) == 6)
        _fetch(gate, 3)
    seen, written, afterwards = _sights(query)
    assert seen == written
    assert (len(seen), afterwards) == (8, 6)


def test_beside_a_gate_that_lives_each_first_sight_has_one_row(tmp_path: Path, fresh_database: str) -> None:
    world = _world(tmp_path / "upstream")
    config = {**NEVER, "ledger": {"url": fresh_database}}

    def query(text: str) -> Rows:
        with psycopg.connect(fresh_database) as connection:
            return list(connection.execute(text).fetchall())

    def gate(name: str) -> Gate:
        return Gate(tmp_path / name, upstream=f"file://{world.root}", config=config)

    with gate("killed") as killed, gate("alive") as alive:
        _fetch(killed, 0, 1)
        _fetch(alive, 1, 2, 3)
        _until(lambda: len(query(SEEN)) == 8)
        killed.kill()
        with gate("killed") as again:
            _until(lambda: len(query(ROWS)) == 8)
            for each in (again, alive):
                _verify(each)
    seen, written, afterwards = _sights(query)
    assert seen == written
    assert afterwards == 8


def _verify(gate: Gate) -> Sequence[Any]:
    """Ask for the chain, which has the gate write what it holds."""
    events = _run(AdminClient(socket=Path(gate.store) / ".modgate" / "admin.sock"), "audit-verify")
    assert events[-1].ok, events  # type: ignore[union-attr]
    return events
