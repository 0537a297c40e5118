"""Processes that share a log are killed, and nobody is ever told two things (see log_kill_loop)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checksumdb.log_kill_loop import STEPS

ROOT = Path(__file__).parent.parent.parent


def _loop(folder: Path, kills: int, records: int, seed: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.checksumdb.log_kill_loop",
            str(folder),
            *map(str, (kills, records, seed)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    print(found)
    return found


def test_kills_at_every_step_leave_no_fork_no_lost_record_and_no_second_one(tmp_path: Path) -> None:
    found = _loop(tmp_path, kills=len(STEPS) * 4, records=1000, seed=1)
    assert sum(found["kills"].values()) >= 36
    assert min(found["kills"].values()) >= 1
    assert found["records"] >= 1000


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_kills_leave_no_fork_no_lost_record_and_no_second_one(tmp_path: Path) -> None:
    found = _loop(tmp_path, kills=1000, records=10_000, seed=2)
    assert sum(found["kills"].values()) >= 1000
    assert min(found["kills"].values()) >= 50
