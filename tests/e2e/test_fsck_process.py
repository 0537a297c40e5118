"""`modgate fsck` of a store that a server holds, while clients fill it: asked by the server's own socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from tests.support.fsck import assert_clean
from tests.support.gate import Gate
from tests.support.modules import World
from tests.support.upstreams import REPOSITORY, FaultUpstream

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("info", "mod", "zip")


def _modgate(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modgate", *args, "--config", str(folder / "modgate.toml")],
        cwd=REPOSITORY,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _environment(folder: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODGATE_")}
    return kept | {"COLUMNS": "80", "HOME": str(folder), "MODGATE_STORE": str(folder / "store")}


def _document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert not done.stderr, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_store_is_checked_and_repaired_beside_the_server_that_fills_it(tmp_path: Path) -> None:
    world = World(tmp_path / "upstream")
    built = [world.add("example.test/Busy", f"v1.{number}.0", padding=40_000) for number in range(60)]
    world.finish()
    folder = tmp_path / "gate"
    with FaultUpstream(world.root) as upstream, Gate(folder, upstream=upstream.url) as gate:
        for each in built[:20]:
            for kind in KINDS:
                assert gate.ask(each.url(kind)).status == 200
        failed: list[str] = []

        def fill() -> None:
            for each in built[20:]:
                for url in (*map(each.url, KINDS), "/example.test/!busy/@v/list"):
                    if gate.ask(url).status != 200:
                        failed.append(url)

        client = threading.Thread(target=fill)
        client.start()
        document = _document(_modgate(folder, "fsck", "--json", "--rate", "0"))
        client.join()
        assert failed == []
        assert (document["faults"], document["found"]) == (0, [])
        assert document["objects"] >= 60

        damaged = folder / "store" / built[3].url("zip").lstrip("/")
        data = bytearray(damaged.read_bytes())
        data[100] ^= 1
        damaged.write_bytes(bytes(data))
        (folder / "store" / "example.test" / "notes.txt").write_text("mine")

        found = _modgate(folder, "fsck")
        assert found.returncode == 1
        assert max(map(len, found.stdout.splitlines())) <= 80
        assert "rot 1" in found.stdout
        assert "layout 1" in found.stdout
        mended = _modgate(folder, "fsck", "--repair", "--lang", "zh")
        assert mended.returncode == 0, mended.stdout + mended.stderr
        assert "剩余 0 个" in mended.stdout
        assert damaged.read_bytes() == built[3].zip
        assert gate.ask(built[3].url("zip")).body == built[3].zip
        assert _modgate(folder, "fsck", "--deep", "example.test/Busy").returncode == 0
    assert_clean(folder / "store")
