"""The day of a critical advisory: 237 consumers use a version, 120 others do not, and one file changes.

Everything is real: the server's process, its ledger, the policy, a receiver that fails half of the time.
Printed with `-s`: how long it took until the version was hidden and refused, and who was told.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import pytest

from tests.support.advisories import entry, write_jsonl
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.receiver import OK, Answer, Received, Receiver, status

if TYPE_CHECKING:
    from pathlib import Path

USERS = 237
OTHERS = 120
_BAD, _GOOD = "/example.test/lib/@v/v1.1.0", "/example.test/lib/@v/v1.2.0"
_POLICY = """
version = 1
contact = "https://wiki.example/waivers"
[[rules]]
id = "critical"
effect = "deny"
[rules.when]
severity = "critical"
"""
_CANARY = _POLICY.replace('effect = "deny"', 'effect = "deny"\nmode = "canary"\ncanary = { percent = 10 }')


class _Clients:
    """Consumers by their header, over one connection."""

    def __init__(self, gate: Gate) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(gate.url).netloc, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def get(self, path: str, consumer: str) -> tuple[int, bytes, dict[str, str]]:
        self._connection.request("GET", path, headers={"X-Team": consumer})
        answer = self._connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read(), headers


def _gate(folder: Path, policy: str, receiver: str, *entries: dict[str, Any]) -> tuple[Gate, Path]:
    world = World(folder / "proxy")
    for version in ("v1.0.0", "v1.1.0", "v1.2.0"):
        world.add("example.test/lib", version)
    world.finish()
    (folder / "policy.toml").write_text(policy)
    db = write_jsonl(
        folder / "db.jsonl", entry("GO-2020-0001", "example.test/other", ("introduced", "0")), *entries
    )
    config: dict[str, Any] = {
        "policy": {"file": str(folder / "policy.toml")},
        "advisories": {"sources": [str(db)], "interval": "1s"},
        "consumers": {"header": "x-team", "flush": "200ms"},
        "notify": {"backoff": "20ms"},
    }
    if receiver:
        config["webhooks"] = [
            {"name": "chat", "url": receiver, "internal": True, "rate": 1000, "events": ["advisory"]}
        ]
    return Gate(folder / "gate", upstream=world.root.as_uri(), config=config), db


def _critical() -> dict[str, Any]:
    # Published now: what is old when it is first met is told to nobody.
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fault = entry(
        "GO-2026-4242", "example.test/lib", ("introduced", "1.1.0"), ("fixed", "1.2.0"), severity="critical"
    )
    return fault | {"published": now, "modified": now}


def test_everybody_concerned_is_told_and_nobody_else(tmp_path: Path) -> None:
    dice = random.Random(4)
    fails = status(503, b"later")

    def answer(_received: Received) -> Answer:
        return fails if dice.random() < 0.5 else OK

    with Receiver(answer) as receiver:
        gate, db = _gate(tmp_path, _POLICY, receiver.url)
        with gate, _Clients(gate) as clients:
            users = [f"team-{number:03}" for number in range(USERS)]
            for consumer in users:
                assert clients.get(f"{_BAD}.zip", consumer)[0] == 200
            for number in range(OTHERS):
                # They have another version, or have read the go.mod alone, which is no use of the code.
                kind = f"{_GOOD}.zip" if number % 2 else f"{_BAD}.mod"
                assert clients.get(kind, f"other-{number:03}")[0] == 200
            time.sleep(1.0)  # the counts are written

            write_jsonl(db, entry("GO-2020-0001", "example.test/other", ("introduced", "0")), _critical())
            began = time.monotonic()
            while clients.get(f"{_BAD}.zip", "team-000")[0] != 403:
                assert time.monotonic() - began < 60, gate.output[-2000:]
                time.sleep(0.02)
            denied = time.monotonic() - began
            listed = clients.get("/example.test/lib/@v/list", "team-000")[1].decode().split()
            hidden = time.monotonic() - began
            assert listed == ["v1.0.0", "v1.2.0"]
            latest = json.loads(clients.get("/example.test/lib/@latest", "team-001")[1])["Version"]
            assert latest == "v1.2.0"
            assert all(clients.get(f"{_BAD}.{kind}", "team-001")[0] == 200 for kind in ("info", "mod"))
            code, text, headers = clients.get(f"{_BAD}.zip", "other-001")
            assert code == 403
            assert "GO-2026-4242" in text.decode()
            assert "go get example.test/lib@v1.2.0" in text.decode()
            assert headers["modgate-decision"].startswith("d-")

            while len({_consumer(each) for each in receiver.taken}) < USERS:
                assert time.monotonic() - began < 120, (len(receiver.taken), gate.output[-2000:])
                time.sleep(0.05)
            told = time.monotonic() - began
            time.sleep(1.0)  # whoever else was to be told would be now
            counts = Counter(_consumer(each) for each in receiver.taken)
        print(
            f"\nrefused {denied:.2f} s and hidden {hidden:.2f} s after the file changed; "
            f"{len(counts)} consumers told within {told:.1f} s by {len(receiver.got)} attempts, "
            f"{len(receiver.taken)} taken, {sum(name not in users for name in counts)} to others"
        )
        assert set(counts) == set(users)
        assert set(counts.values()) == {1}
        one = receiver.taken[0].body.decode()
        assert "GO-2026-4242" in one
        assert "go get example.test/lib@v1.2.0" in one


def test_a_canary_of_ten_percent_is_the_same_tenth_each_time(tmp_path: Path) -> None:
    gate, _ = _gate(tmp_path, _CANARY, "", _critical())
    seen: list[set[str]] = []
    with gate, _Clients(gate) as clients:
        _until_known(clients)
        for _ in range(2):
            refused = {
                f"consumer-{number}"
                for number in range(1000)
                if clients.get(f"{_BAD}.zip", f"consumer-{number}")[0] == 403
            }
            seen.append(refused)
    with _gate(tmp_path, _CANARY, "", _critical())[0] as again, _Clients(again) as clients:
        _until_known(clients)
        third = {name for name in seen[0] if clients.get(f"{_BAD}.zip", name)[0] == 403}
    print(f"\ncanary at 10 %: {len(seen[0])} of 1,000 refused, the same ones in 2 rounds and after a restart")
    assert 70 <= len(seen[0]) <= 130
    assert seen[0] == seen[1] == third


def _until_known(clients: _Clients) -> None:
    for _ in range(400):
        if clients.get(f"{_BAD}.zip", "consumer-x")[2].get("modgate-decision"):
            return
        time.sleep(0.05)
    pytest.fail("the advisories did not come into force")


def _consumer(received: Received) -> str:
    body = json.loads(received.body)
    found: str = body.get("consumer") or body["data"]["consumer"]
    return found
