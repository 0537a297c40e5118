"""Folders to scan in: those of a killed process go, and nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from modgate.errors import Unavailable
from modgate.scan.scratch import scratch

HOLDS = """
import sys, time
from pathlib import Path
from modgate.scan.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "module").mkdir()
    print(folder, flush=True)
    time.sleep(300)
"""


def test_the_folder_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as alive,
    ):
        assert killed.stdout is not None
        assert alive.stdout is not None
        left, held = killed.stdout.readline().strip(), alive.stdout.readline().strip()
        try:
            killed.kill()
            killed.wait()
            assert Path(left).is_dir()
            with scratch(tmp_path) as mine:
                assert {str(each) for each in tmp_path.iterdir()} == {held, str(mine)}
        finally:
            alive.kill()
    with scratch(tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_what_is_being_made_stays_and_what_is_not_ours_too(tmp_path: Path) -> None:
    new, old, other = tmp_path / "scan-new", tmp_path / "scan-old", tmp_path / "kept"
    for each in (new, old, other):
        each.mkdir()
    elsewhere = tmp_path / "scan-link"
    elsewhere.symlink_to(other)
    long_ago = time.time() - 7200
    for each in (old, other):
        os.utime(each, (long_ago, long_ago))
    with scratch(tmp_path):
        pass
    assert sorted(tmp_path.iterdir()) == [other, elsewhere, new]


def test_where_there_is_no_room_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="no room to scan in"), scratch(tmp_path / "file"):
        pass
