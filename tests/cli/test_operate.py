"""What the commands that operate on a store share: they name it as `modgate serve` does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modgate.cli import main
from tests.support.modules import World

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


@pytest.mark.parametrize("args", [["fsck"], ["store", "ls"], ["export", "site"], ["refresh", "--all"]])
def test_a_store_that_is_not_there_is_told_and_not_made(
    args: list[str], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*args, "--store", f"{store}-mistyped"]) == 1
    assert f"{store}-mistyped: there is no store" in capsys.readouterr().err
    assert not Path(f"{store}-mistyped").exists()


def test_the_store_without_a_server_is_named(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--store", store]) == 1
    assert f"no server holds this store: {store}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["warm", "--upstream", "off"], "--upstream: no such flag; did you mean --set upstream=VALUE?"),
        (["fsck", "--repar"], "--repar: no such flag; did you mean --repair?"),
        (["store", "du", "--zzz"], "--zzz: no such flag; `modgate store du --help` lists the flags"),
        (["export", "--zzz"], "--zzz: no such flag; `modgate export --help` lists the flags"),
        (["import", "--zzz"], "--zzz: no such flag; `modgate import --help` lists the flags"),
        (["warm", "golang.org/x/text@"], "golang.org/x/text@: there is no such file or folder"),
        (["store", "rm"], "nothing is named that could be removed"),
    ],
)
def test_a_slip_is_led_to_what_this_command_takes(
    args: list[str], said: str, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*args, "--store", store]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("args", [["status"], ["store", "ls"], ["fsck"]])
def test_a_server_elsewhere_is_not_asked_without_a_token(
    args: list[str], store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MODGATE_ADMIN_TOKEN", raising=False)
    assert main([*args, "--server", "http://127.0.0.1:9", "--store", store]) == 1
    assert "MODGATE_ADMIN_TOKEN" in capsys.readouterr().err
