"""A killed writer leaves whole objects and nothing else (see kill_loop for what is checked)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage import kill_eviction
from tests.storage.kill_loop import STAGES

ROOT = Path(__file__).parent.parent.parent


def _loop(folder: Path, kills: int, seed: int, program: str = "kill_loop") -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.storage.{program}", str(folder), str(kills), str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    print("kills at each stage:", ", ".join(f"{stage} {count}" for stage, count in counts.items()))
    return counts


def test_a_kill_at_any_stage_leaves_no_torn_object_and_no_orphan(tmp_path: Path) -> None:
    assert _loop(tmp_path, kills=3, seed=1) == dict.fromkeys(STAGES, 3)


def test_a_kill_while_evicting_leaves_a_sound_store_with_all_that_is_spared(tmp_path: Path) -> None:
    assert _loop(tmp_path, 2, 3, "kill_eviction") == dict.fromkeys(kill_eviction.STAGES, 2)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_two_hundred_kills_while_evicting_leave_a_sound_store(tmp_path: Path) -> None:
    assert _loop(tmp_path, 40, 4, "kill_eviction") == dict.fromkeys(kill_eviction.STAGES, 40)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_thousand_kills_leave_no_torn_object_and_no_orphan(tmp_path: Path) -> None:
    counts = _loop(tmp_path, kills=80, seed=2)
    assert min(counts.values()) >= 50
    assert sum(counts.values()) >= 1000
