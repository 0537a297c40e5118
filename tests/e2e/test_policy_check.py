"""A lock file before a gate: `POST /policy/check`, asked by hand and by `modgate gate`."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.advisories import entry, write_jsonl
from tests.support.gate import Gate
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_H1 = "h1:" + "A" * 43 + "="
_POLICY = """
version = 1
contact = "https://wiki.example/waivers"
[groups]
blue = ["team-blue"]
[[rules]]
id = "critical"
effect = "deny"
[rules.when]
severity = "critical"
groups = ["blue"]
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate that refuses critical versions to one team."""
    tmp_path = tmp_path_factory.mktemp("check")
    world = World(tmp_path / "proxy")
    for version in ("v1.1.0", "v1.2.0"):
        world.add("example.test/bad", version)
    world.finish()
    (tmp_path / "policy.toml").write_text(_POLICY)
    db = write_jsonl(
        tmp_path / "db.jsonl",
        entry(
            "GO-2026-0001", "example.test/bad", ("introduced", "0"), ("fixed", "1.2.0"), severity="critical"
        ),
    )
    config = {
        "policy": {"file": str(tmp_path / "policy.toml")},
        "advisories": {"sources": [str(db)]},
        "consumers": {"header": "x-team"},
    }
    with Gate(tmp_path / "gate", upstream=world.root.as_uri(), config=config) as made:
        _until_denied(made)
        yield made


def _post(gate: Gate, body: bytes, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(gate.url).netloc, timeout=30)
    connection.request("POST", "/policy/check", body, {"X-Team": "team-blue"} | headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, json.loads(text) if answer.status == 200 else text


def _until_denied(gate: Gate) -> None:
    for _ in range(200):
        if _effects(_post(gate, b'{"versions":["example.test/bad@v1.1.0"]}')[1]) == ["deny"]:
            return
        time.sleep(0.05)
    pytest.fail("the advisories did not come into force")


def _effects(answer: Any) -> list[str]:
    return [each["effect"] for each in answer["decisions"]]


def test_versions_are_judged_for_who_asks_and_nothing_is_fetched(gate: Gate) -> None:
    question = json.dumps({"versions": ["example.test/bad@v1.1.0", "example.test/bad@v1.2.0", "nonsense"]})
    status, answer = _post(gate, question.encode())
    assert status == 200
    assert _effects(answer) == ["deny", "allow", "unknown"]
    assert answer["decisions"][0]["fixed"] == "v1.2.0"
    assert answer["revision"]
    assert _effects(_post(gate, question.encode(), **{"X-Team": "team-red"})[1])[0] == "allow"
    assert not list((gate.store).rglob("*.zip"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"versions":[1]}', 400),
        (b'{"versions":[],"more":1}', 400),
        (b"[" * 100_000, 400),
        (json.dumps({"versions": ["a@b"] * 20_001}).encode(), 413),
        (b'{"versions":["' + b"x" * (9 << 20) + b'"]}', 413),
    ],
)
def test_a_question_that_is_none_is_told_so(gate: Gate, body: bytes, status: int) -> None:
    assert _post(gate, body)[0] == status
    assert _post(gate, b'{"versions":[]}')[0] == 200


def test_the_command_asks_the_gate_in_goproxy(gate: Gate, tmp_path: Path) -> None:
    (tmp_path / "go.sum").write_text(
        f"example.test/bad v1.1.0 {_H1}\nexample.test/good v1.0.0 {_H1}\n", encoding="utf-8"
    )
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MODGATE_", "GO"))}
    done = subprocess.run(
        [sys.executable, "-m", "modgate", "gate", "--lang", "en"],
        cwd=tmp_path,
        env=kept | {"HOME": str(tmp_path), "GOENV": "off", "GOPROXY": f"{gate.url},direct"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # This consumer is an address, and the rule is for a team.
    assert done.returncode == 0, done.stderr
    assert f"2 versions judged by {gate.url}: 0 refused" in done.stdout
