"""`modgate store` as a person uses it: on a folder that no server holds, without a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modgate.cli import main
from tests.support.modules import World

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    world = World(tmp_path / "store")
    for number in range(3):
        world.add(f"example.test/m{number}", padding=1000 * (number + 1))
    world.finish()
    config = tmp_path / "modgate.toml"
    config.write_text(
        f'store = "{tmp_path}/store"\nupstream = "off"\nsumdb = "off"\n[cache]\nlimit = "1MB"\n'
    )
    return ["--config", str(config)]


def test_a_store_is_listed_measured_pinned_and_pruned(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "pin", "example.test/m1", "--note", "wanted", *options]) == 0
    assert main(["store", "ls", *options]) == 0
    listed = capsys.readouterr().out
    assert "example.test/m0" in listed
    assert "pinned" in listed
    assert all(len(line) <= 80 for line in listed.splitlines())
    assert main(["store", "du", "--json", *options]) == 0
    measured = json.loads(capsys.readouterr().out)
    assert measured["rows"][0]["prefix"] == "example.test"
    assert measured["limit"] == 1_000_000
    assert main(["store", "rm", "example.test", "--yes", "--json", *options]) == 1
    removed = json.loads(capsys.readouterr().out)
    assert (removed["versions"], removed["refused"]) == (2, {"pinned": 1})
    assert main(["store", "ls", "--json", *options]) == 0
    assert [row["subject"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["example.test/m1"]
    assert main(["store", "unpin", "example.test/m1", *options]) == 0
    assert main(["store", "unpin", "example.test/m1", *options]) == 1


def test_nothing_is_removed_unasked(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "rm", "example.test", *options]) == 2
    assert "--yes" in capsys.readouterr().err
    assert main(["store", "rm", "example.test", "--dry-run", *options]) == 0
    assert "would go" in capsys.readouterr().out
    assert main(["store", "rm", "--older-than", "soon", "--yes", *options]) == 2
    assert main(["store", "rm", "--older-than", "90d", "--yes", *options]) == 0
    assert main(["store", "ls", "--sort", "colour", *options]) == 2
    capsys.readouterr()
    assert main(["store", "ls", "--json", *options]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == 3


def test_a_store_speaks_chinese(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "du", "--lang", "zh", *options]) == 0
    assert "上限" in capsys.readouterr().out
