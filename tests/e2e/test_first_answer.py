"""The first request after a start is decided by what was kept, not by an index that is still empty."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

from tests.support.advisories import entry, write_jsonl
from tests.support.gate import Gate
from tests.support.modules import World

if TYPE_CHECKING:
    from pathlib import Path

BAD = "/example.test/leaf/@v/v1.1.0.zip"
POLICY = """
version = 1
[[rules]]
id = "known"
effect = "deny"
on_error = "allow"
[rules.when]
severity = ["critical"]
"""


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_kept_advisories_count_from_the_first_request_after_a_start(tmp_path: Path) -> None:
    world = World(tmp_path / "proxy")
    world.add("example.test/leaf", "v1.1.0")
    world.finish()
    entries = [
        entry(f"GO-2020-{number}", f"example.test/other{number}", ("introduced", "0"))
        for number in range(10_000, 14_000)
    ]
    bad = entry("GO-2026-1", "example.test/leaf", ("introduced", "1.1.0"), severity="critical")
    database = write_jsonl(tmp_path / "db.jsonl", *entries, bad)
    (tmp_path / "policy.toml").write_text(POLICY)
    config = {
        "policy": {"file": str(tmp_path / "policy.toml")},
        "advisories": {"sources": [str(database)], "interval": "1h"},
    }
    upstream = world.root.as_uri()
    with Gate(tmp_path / "gate", upstream=upstream, config=config) as gate:
        deadline = time.monotonic() + 30
        while gate.ask(BAD).status != 403:
            assert time.monotonic() < deadline, gate.output
            time.sleep(0.1)
    port = _port()
    first: list[bytes] = []
    over = threading.Event()

    def ask() -> None:
        while not first and not over.is_set():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
                    connection.sendall(f"GET {BAD} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
                    if got := connection.recv(64):
                        first.append(got)
            except OSError:
                time.sleep(0.002)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with Gate(tmp_path / "gate", upstream=upstream, config=config, listen=f"127.0.0.1:{port}"):
            asking.join(30)
    finally:
        over.set()
        asking.join(30)
    assert first[0].startswith(b"HTTP/1.1 403 "), first
