"""A killed writer leaves whole objects and nothing else (see kill_loop for what is checked)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage.kill_loop import STAGES

ROOT = Path(__file__).parent.parent.parent


def _loop(folder: Path, kills: int, seed: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.kill_loop", str(folder), str(kills), str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    print("kills at each stage:", ", ".join(f"{stage} {count}" for stage, count in counts.items()))
    return counts


def test_a_kill_at_any_stage_leaves_no_torn_object_and_no_orphan(tmp_path: Path) -> None:
    assert _loop(tmp_path, kills=3, seed=1) == dict.fromkeys(STAGES, 3)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_thousand_kills_leave_no_torn_object_and_no_orphan(tmp_path: Path) -> None:
    counts = _loop(tmp_path, kills=80, seed=2)
    assert min(counts.values()) >= 50
    assert sum(counts.values()) >= 1000
