"""A real gate: what it counted outlives it, what it says of it, and whom it lets ask."""

from __future__ import annotations

import csv
import io
import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gate import Gate
from tests.support.modules import make_zip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-many-letters"
M = "example.com/a"
TEAMS = '[[teams]]\nname = "red"\nconsumers = ["red-*"]\nowner = "Ada"\n'


@pytest.fixture
def upstream(tmp_path: Path) -> str:
    folder = tmp_path / "upstream" / M / "@v"
    folder.mkdir(parents=True)
    (folder / "v1.0.0.info").write_text('{"Version":"v1.0.0"}')
    (folder / "v1.0.0.mod").write_text(f"module {M}\n")
    (folder / "v1.0.0.zip").write_bytes(make_zip({f"{M}@v1.0.0/go.mod": f"module {M}\n".encode()}))
    (folder / "list").write_text("v1.0.0\n")
    return (tmp_path / "upstream").as_uri()


def gate_of(folder: Path, upstream: str, *, flush: str) -> Gate:
    token, teams = folder / "token", folder / "teams.toml"
    token.write_text(f"ops {TOKEN}\n")
    teams.write_text(TEAMS)
    config: dict[str, Any] = {
        "admin": {"token_file": str(token)},
        "consumers": {"header": "X-Team", "file": str(teams), "flush": flush},
    }
    return Gate(folder / "gate", upstream=upstream, config=config)


@pytest.fixture
def gate(tmp_path: Path, upstream: str) -> Iterator[Gate]:
    with gate_of(tmp_path, upstream, flush="60s") as running:
        yield running


def fetch(gate: Gate, kind: str, team: str, times: int = 1) -> None:
    for _ in range(times):
        assert gate.ask(f"/{M}/@v/v1.0.0.{kind}", headers={"X-Team": team}).status == 200


def uses(gate: Gate) -> dict[str, tuple[int, int]]:
    asked = urllib.request.Request(
        f"{gate.url}/admin/operations/impact",
        data=json.dumps({"subject": M, "mods": True}).encode(),
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        events = [json.loads(line) for line in answer.read().splitlines()]
    return {
        each["facts"]["consumer"]: (each["facts"]["mods"], each["facts"]["zips"])
        for each in events
        if each["event"] == "item"
    }


def test_counts_outlive_a_stop_and_a_kill_costs_what_was_not_written(tmp_path: Path, upstream: str) -> None:
    with gate_of(tmp_path, upstream, flush="60s") as gate:
        fetch(gate, "mod", "red-1", 5)
        fetch(gate, "zip", "blue", 3)
    with gate_of(tmp_path, upstream, flush="60s") as gate:
        assert uses(gate) == {"red-1": (5, 0), "blue": (0, 3)}
        fetch(gate, "mod", "red-1", 2)
        assert uses(gate) == {"red-1": (7, 0), "blue": (0, 3)}  # asking writes what was counted
        fetch(gate, "mod", "red-1", 100)
        gate.kill()
    with gate_of(tmp_path, upstream, flush="100ms") as gate:
        assert uses(gate) == {"red-1": (7, 0), "blue": (0, 3)}
        fetch(gate, "mod", "red-1", 10)
        time.sleep(1.0)
        gate.kill()
    with gate_of(tmp_path, upstream, flush="60s") as gate:
        assert uses(gate) == {"red-1": (17, 0), "blue": (0, 3)}


@pytest.mark.parametrize("token", ["", "Bearer wrong-token-of-many-letters"])
def test_the_audit_is_for_operators_alone(gate: Gate, token: str) -> None:
    assert gate.ask("/admin/audit", headers={"Authorization": token} if token else {}).status == 401


def test_the_audit_has_each_first_sight_once_as_lines_and_as_csv(gate: Gate) -> None:
    fetch(gate, "mod", "red-1", 3)
    fetch(gate, "zip", "red-1", 3)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    lines = [json.loads(line) for line in gate.ask("/admin/audit", headers=headers).body.splitlines()]
    assert [(row["kind"], row["module"], row["facts"]["kind"]) for row in lines[:-1]] == [
        ("verified", M, "mod"),
        ("verified", M, "zip"),
    ]
    assert lines[-1] == {"end": True, "number": 2}
    body = gate.ask("/admin/audit?format=csv&after=1", headers=headers).body.decode()
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [row["number"] for row in rows] == ["2"]
    assert rows[0]["h1"].startswith("h1:")
    assert gate.ask("/admin/audit?limit=1&since=2000-01-31", headers=headers).body.count(b"\n") == 2


@pytest.mark.parametrize(
    "query", ["format=xml", "kind=decisions", "nonsense=1", "limit=-1", "after=x", "since=2026-99-99"]
)
def test_a_query_that_means_nothing_is_told(gate: Gate, query: str) -> None:
    reply = gate.ask(f"/admin/audit?{query}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert reply.status == 400
