"""Quarantine with a real scanner: held back until it is released, or for good; licences at the door."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gate import Gate
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import Iterator

_POLICY = """
version = 1
[[rules]]
id = "copyleft"
effect = "deny"
[rules.when]
licences = ["AGPL-*"]
[[rules]]
id = "unscanned"
effect = "quarantine"
on_error = "deny"
[rules.when]
modules = ["example.test/scanned/*"]
scan = false
"""
_SCANNER = (
    "import os, sys, time; name = os.environ['MODGATE_MODULE'];"
    "open(sys.argv[1], 'a').write(name + '\\n'); time.sleep(2 if 'slow' in name else 0);"
    "print('found a miner' if 'evil' in name else 'nothing found'); sys.exit('evil' in name)"
)
_AGPL = b"GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007\n"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A gate whose scanner refuses what is called evil, and takes two seconds for what is called slow."""
    folder = tmp_path_factory.mktemp("scan")
    world = World(folder / "proxy")
    for name in ("good", "evil", "slow"):
        world.add(f"example.test/scanned/{name}", "v1.0.0")
    world.add("example.test/agpl", "v1.0.0", files={"LICENSE": _AGPL, "a.go": b"package agpl\n"})
    world.add("example.test/free", "v1.0.0")
    world.finish()
    (folder / "policy.toml").write_text(_POLICY)
    config: dict[str, Any] = {
        "policy": {"file": str(folder / "policy.toml")},
        "scan": {
            "command": [sys.executable, "-I", "-c", _SCANNER, str(folder / "scans")],
            "wait": "500ms",
            "network": True,
        },
    }
    with Gate(folder / "gate", upstream=world.root.as_uri(), config=config) as made:
        yield made


def _scans(gate: Gate) -> list[str]:
    file = gate.store.parent.parent / "scans"  # type: ignore[union-attr]
    return file.read_text().split() if file.exists() else []


def _zip(gate: Gate, name: str) -> tuple[int, str]:
    reply = gate.ask(f"/example.test/{name}/@v/v1.0.0.zip")
    return reply.status, reply.body.decode("utf-8", "replace")


def test_a_go_mod_begins_no_scan_and_a_zip_that_is_clean_comes_within_the_wait(gate: Gate) -> None:
    for kind in ("mod", "info"):
        assert gate.ask(f"/example.test/scanned/good/@v/v1.0.0.{kind}").status == 200
    assert "example.test/scanned/good" not in _scans(gate)
    assert _zip(gate, "scanned/good")[0] == 200
    assert _zip(gate, "scanned/good")[0] == 200
    assert _scans(gate).count("example.test/scanned/good") == 1


def test_what_the_scanner_refuses_is_refused_and_unlisted(gate: Gate) -> None:
    status, text = _zip(gate, "scanned/evil")
    assert status == 403, text
    assert gate.ask("/example.test/scanned/evil/@v/list").body == b""
    assert gate.ask("/example.test/scanned/evil/@v/v1.0.0.mod").status == 200
    assert "found a miner" in gate.output


def test_a_scan_that_takes_longer_is_told_and_then_given(gate: Gate) -> None:
    status, text = _zip(gate, "scanned/slow")
    assert status == 403
    assert "is quarantined, scan running" in text
    end = time.monotonic() + 30
    while _zip(gate, "scanned/slow")[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert _scans(gate).count("example.test/scanned/slow") == 1


def test_a_licence_is_read_from_the_zip_before_any_of_it_is_given(gate: Gate) -> None:
    assert gate.ask("/example.test/agpl/@v/v1.0.0.mod").status == 200
    status, text = _zip(gate, "agpl")
    assert status == 403
    assert "copyleft" in text or "AGPL" in text
    assert _zip(gate, "free")[0] == 200
