"""What the commands that operate on a store share: they name it as `modgate serve` does."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from modgate.cli import main
from tests.support.modules import World

if TYPE_CHECKING:
    from pathlib import Path

OPERATING = (
    ["status"],
    ["warm"],
    ["refresh"],
    ["fsck"],
    ["import"],
    ["export"],
    ["store", "ls"],
    ["store", "du"],
    ["store", "rm"],
    ["store", "pin"],
    ["store", "unpin"],
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store that no configuration names; the one that is configured is empty."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MODGATE_STORE", str(tmp_path / "configured"))
    monkeypatch.setenv("MODGATE_UPSTREAM", "off")
    monkeypatch.setenv("MODGATE_SUMDB", "off")
    world = World(tmp_path / "named")
    world.add("example.test/m", padding=1000)
    world.finish()
    return str(tmp_path / "named")


@pytest.mark.parametrize("command", OPERATING)
def test_every_command_that_operates_on_a_store_takes_its_folder(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "modgate", *command, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "--store DIR" in done.stdout


def test_the_named_folder_is_the_one_operated_on(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = str(tmp_path / "site")

    def said(*args: str) -> dict[str, Any]:
        main([*args, "--store", store, "--json"])
        facts: dict[str, Any] = json.loads(capsys.readouterr().out)
        return facts

    assert said("status")["store"]["path"] == store
    assert said("store", "ls")["matched"] == 1
    assert said("store", "du")["rows"][0]["prefix"] == "example.test"
    assert said("fsck", "--quick")["versions"] == 1
    assert said("export", site)["versions"] == 1
    said("store", "pin", "example.test/m")
    assert said("store", "rm", "example.test/m", "--dry-run")["refused"] == {"pinned": 1}
    said("store", "unpin", "example.test/m")
    assert said("store", "rm", "example.test/m", "--dry-run")["versions"] == 1
    assert said("import", site, "--dry-run")["found"] == 1
    assert not (tmp_path / "configured").exists()
