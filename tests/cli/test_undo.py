"""`modgate undo` as a person meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.client.repair.apply import apply
from modgate.client.repair.journal import Journal
from modgate.client.repair.plan import FileEdit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    numbers = iter(range(100))
    return Journal(tmp_path / "modgate", clock=lambda: 1e9, token=lambda: f"{next(numbers):06x}")


def _undo(journal: Journal, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modgate", "undo", *args],
        env={**os.environ, "XDG_STATE_HOME": str(journal.folder.parent), "COLUMNS": "80", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _changed(journal: Journal, file: Path) -> str:
    file.write_bytes(b"token=hunter2\nold\n")
    return apply([FileEdit(file, b"token=hunter2\nold\n", b"token=hunter2\nnew\n")], "why", journal)


def test_with_nothing_to_take_back_it_says_so(journal: Journal) -> None:
    done = _undo(journal)
    assert done.returncode == 1
    assert "nothing" in done.stderr
    assert _undo(journal, "--list").returncode == 0


def test_the_last_change_is_taken_back_and_can_be_brought_back(journal: Journal, tmp_path: Path) -> None:
    file = tmp_path / "profile"
    change = _changed(journal, file)
    done = _undo(journal)
    assert done.returncode == 0
    assert change in done.stdout
    assert file.read_bytes().endswith(b"old\n")
    redo = json.loads(_undo(journal, "--list", "--json").stdout)["changes"][-1]["id"]
    assert _undo(journal, redo).returncode == 0
    assert file.read_bytes().endswith(b"new\n")


def test_a_file_changed_since_is_left_alone_and_the_difference_shown_without_secrets(
    journal: Journal, tmp_path: Path
) -> None:
    file = tmp_path / "profile"
    _changed(journal, file)
    file.write_bytes(b"token=hunter2\nmine\n")
    refused = _undo(journal)
    assert refused.returncode == 1
    assert "-mine" in refused.stdout
    assert "hunter2" not in refused.stdout
    assert file.read_bytes() == b"token=hunter2\nmine\n"
    assert _undo(journal, "--force").returncode == 0
    assert file.read_bytes() == b"token=hunter2\nold\n"


def test_the_list_shows_what_was_changed_and_what_became_of_it(journal: Journal, tmp_path: Path) -> None:
    change = _changed(journal, tmp_path / "profile")
    assert "made" in _undo(journal, "--list", "--lang", "en").stdout
    _undo(journal)
    listed = json.loads(_undo(journal, "--list", "--json").stdout)
    assert [item["state"] for item in listed["changes"]] == ["done", "done"]
    assert listed["changes"][0]["undone_by"] == listed["changes"][1]["id"]
    assert "taken back" in _undo(journal, "--list", "--lang", "en").stdout
    assert "已撤销" in _undo(journal, "--list", "--lang", "zh").stdout
    assert listed["changes"][0]["id"] == change


def test_an_id_that_is_none_fails_with_the_way_to_see_them(journal: Journal) -> None:
    done = _undo(journal, "nonsense")
    assert done.returncode == 1
    assert "--list" in done.stderr
