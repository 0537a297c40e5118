"""A real server tells whom an advisory hits, and its webhooks are operated on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from modgate.ledger.sql import SqlLedger
from modgate.model.consumers import Fetches
from modgate.wiring.books import build_books
from tests.notify.parts import SECRET, until, verified
from tests.support.gate import Gate
from tests.support.receiver import OK, Receiver, status

ROOT = Path(__file__).parents[2]
LIB = "example.com/lib"


def entry(fixed: str = "1.2.0") -> dict[str, Any]:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "schema_version": "1.3.1",
        "id": "GO-2026-0001",
        "modified": now,
        "published": now,
        "aliases": ["CVE-2026-1"],
        "summary": "It does what nobody should",
        "affected": [
            {
                "package": {"name": LIB, "ecosystem": "Go"},
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
                "ecosystem_specific": {},
            }
        ],
        "database_specific": {"url": "https://pkg.go.dev/vuln/GO-2026-0001", "review_status": "REVIEWED"},
    }


def modgate(folder: Path, *args: str, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "modgate", "webhooks", *args, "--config", str(folder / "modgate.toml")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MODGATE_LANG": "en", "XDG_CONFIG_HOME": str(folder)},
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def listed(folder: Path, *args: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(modgate(folder, "list", "--json", *args))
    return document


async def _used(store: Path) -> None:
    """Two consumers, one of whom has a version that is to be hit."""
    folder = store / ".modgate"
    folder.mkdir(parents=True)
    ledger = await SqlLedger.open(folder / "ledger.sqlite3", clock=time.time)
    now = time.time()
    fetches = [
        Fetches("team-a", LIB, "v1.1.0", "zip", 1, now, now),
        Fetches("team-b", LIB, "v1.4.0", "zip", 1, now, now),
    ]
    await build_books(ledger).consumers.add(fetches)
    await ledger.close()


async def test_an_advisory_that_is_synced_reaches_whom_it_hits(tmp_path: Path) -> None:
    await _used(tmp_path / "store")
    database = tmp_path / "osv"
    database.mkdir()
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "policy.toml").write_text(
        f'version = 1\n[[rules]]\nid = "no"\neffect = "deny"\n[rules.when]\n'
        f'modules = ["{LIB}"]\nversions = "v1.3.0"\n'
    )
    with Receiver() as receiver:
        (tmp_path / "url").write_text(receiver.url + "\n")
        (tmp_path / "url").chmod(0o600)
        config = {
            "store": str(tmp_path / "store"),
            "webhooks": [
                {
                    "name": "ops",
                    "url_file": str(tmp_path / "url"),
                    "secret_file": str(tmp_path / "secret"),
                    "internal": True,
                }
            ],
            "policy": {"file": str(tmp_path / "policy.toml")},
            "advisories": {"sources": [str(database)], "interval": "1s"},
            "notify": {"attempts": 2, "backoff": "10ms"},
        }
        with Gate(tmp_path, upstream="off", config=config) as gate:
            (database / "GO-2026-0001.json").write_text(json.dumps(entry()))
            await until(lambda: len(receiver.taken) == 1)
            [received] = receiver.taken
            assert verified(received)
            data = json.loads(received.body)["data"]
            assert data["consumer"] == "team-a"
            assert data["versions"][0]["command"] == f"go get {LIB}@v1.2.0"
            assert "secret-path" not in modgate(tmp_path, "list", "--state", "all")

            receiver.answer = lambda _received: status(500, b"not today")
            assert "not today" in modgate(tmp_path, "test", "ops", status=1)
            (database / "GO-2026-0002.json").write_text(json.dumps({**entry("1.3.0"), "id": "GO-2026-0002"}))
            while not (found := listed(tmp_path, "--state", "dead"))["messages"]:
                time.sleep(0.05)
            [dead] = found["messages"]
            assert (dead["consumer"], dead["attempts"]) == ("team-a", 2)
            shown = modgate(tmp_path, "show", str(dead["number"]))
            assert "GO-2026-0002" in shown
            assert '"withheld": "v1.3.0"' in shown
            receiver.answer = lambda _received: OK
            assert "1" in modgate(tmp_path, "replay", str(dead["number"]))
            await until(lambda: len(receiver.taken) == 2)
            assert "took the test message" in modgate(tmp_path, "test", "ops")
            modgate(tmp_path, "replay", str(dead["number"]), status=1)
            for command in (
                ["test", "nobody"],
                ["replay", "--target", "nobody"],
                ["list", "--target", "nobody"],
            ):
                assert "Configured are: ops." in modgate(tmp_path, *command, status=1)
            huge = str(1 << 70)
            assert f"no message {huge}" in modgate(tmp_path, "show", huge, status=1)
            assert "not one that was given up" in modgate(tmp_path, "replay", huge, status=1)
            assert "again: 0" in modgate(tmp_path, "replay", "--target", "ops")
            modgate(tmp_path, "replay", status=2)
            gate.stop()
    # Without a server the store's own outbox is looked at.
    assert listed(tmp_path, "--state", "all")["delivered"] == 2
