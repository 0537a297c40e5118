"""`modgate fsck` as a person meets it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from modgate.cli import main
from modgate.model import BlobMeta
from modgate.storage.disk import DiskStore

if TYPE_CHECKING:
    from pathlib import Path

KEY = "example.test/one/@v/v1.0.0.mod"
BODY = b"module example.test/one\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    async def fill() -> None:
        store = await DiskStore.open(tmp_path / "store", clock=time.time)
        digest = hashlib.sha256(BODY).hexdigest()
        await store.put(KEY, BODY, BlobMeta(sha256=digest, size=len(BODY), stored_at=1.0))
        await store.close()

    asyncio.run(fill())
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "modgate.toml"
    path.write_text(f'store = "{tmp_path / "store"}"\nupstream = "off"\nsumdb = "off"\n')
    return str(path)


def _damage(tmp_path: Path) -> None:
    (tmp_path / "store" / KEY).write_bytes(BODY.upper())


def test_a_clean_store_is_told_in_three_lines(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fsck", "--config", config]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "The store is clean."
    assert said[1] == "1 versions, 1 objects, 24 B"
    assert said[2].startswith("24 B read in ")
    assert len(said) == 3


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_fault_is_a_row_and_the_next_step_is_named(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    _damage(tmp_path)
    assert main(["fsck", "--config", config, "--lang", lang]) == 1
    said = capsys.readouterr().out
    assert KEY in said
    assert ("rot 1" if lang == "en" else "位损坏 1") in said
    assert "modgate fsck --repair" in said


def test_what_remains_after_a_repair_is_told(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(tmp_path)
    assert main(["fsck", "--repair", "--config", config]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "set aside; it could not be fetched again" in said
    assert "0 repaired, 1 remain" in said
    assert "In quarantine (.modgate/quarantine): 1 objects, 24 B." in said


def test_the_document_has_every_fault_and_what_was_done(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _damage(tmp_path)
    (tmp_path / "store" / "notes").write_text("mine")
    assert main(["fsck", "--repair", "--json", "--config", config]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert (document["faults"], document["repaired"], document["remaining"]) == (2, 1, 1)
    assert [(each["kind"], each["where"], each["done"], each["repaired"]) for each in document["found"]] == [
        ("layout", "notes", "moved", True),
        ("rot", KEY, "aside", False),
    ]


@pytest.mark.parametrize(
    "args",
    [["--quick", "--deep"], ["--rate", "fast"], ["--nope"], ["example.test/[a"], ["--set", "store=memory:"]],
)
def test_a_slip_on_the_command_line_is_usage(
    config: str, capsys: pytest.CaptureFixture[str], args: list[str]
) -> None:
    assert main(["fsck", "--config", config, *args]) == 2
    assert capsys.readouterr().err.startswith("modgate: ")
