"""A change that is killed with SIGKILL at any step leaves whole files, and undo puts back what was there."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.repair.apply import apply, last_change, recover, undo
from modgate.client.repair.journal import Journal
from modgate.client.repair.plan import FileEdit
from modgate.errors import Absent

if TYPE_CHECKING:
    from collections.abc import Mapping

EDITS: Mapping[str, tuple[str | None, str | None]] = {
    "profile": ("export A=1\n", "export A=2\n"),
    "new/env": (None, "GOPROXY=x\n"),
    "old": ("gone soon\n", None),
}
_CHANGER = Path(__file__).with_name("changer.py")


def _prepare(folder: Path) -> None:
    folder.mkdir()
    for name, (old, _) in EDITS.items():
        if old is not None:
            (folder / name).write_text(old)
    (folder / "edits.json").write_text(json.dumps(EDITS))


def _change(state: Path, folder: Path, step: int, undoing: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(_CHANGER), str(state), str(folder), str(step), undoing],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _journal(state: Path) -> Journal:
    tokens = iter(range(1000))
    return Journal(state, clock=lambda: 2e9, token=lambda: f"{next(tokens):06x}")


def _contents(folder: Path) -> dict[str, str | None]:
    return {name: (folder / name).read_text() if (folder / name).exists() else None for name in EDITS}


def _steps(tmp_path: Path, undoing: str = "") -> int:
    """How many steps a whole change takes."""
    _prepare(tmp_path / "whole")
    done = _change(tmp_path / "whole-state", tmp_path / "whole", -1)
    if undoing:
        done = _change(tmp_path / "whole-state", tmp_path / "whole", -1, done.stdout.strip())
    return int(done.stderr.split()[-1])


BEFORE = {name: old for name, (old, _) in EDITS.items()}
AFTER = {name: new for name, (_, new) in EDITS.items()}


def _kill_at(tmp_path: Path, step: int) -> bool:
    """Kill a change at a step and look at what is left. False where it was not killed any more."""
    state, folder = tmp_path / f"state{step}", tmp_path / f"files{step}"
    _prepare(folder)
    done = _change(state, folder, step)
    if done.returncode == 0:
        return False
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = _contents(folder)
    for name, (old, new) in EDITS.items():
        assert left[name] in {old, new}, f"{name} is neither old nor new after step {step}"
    journal = _journal(state)
    try:
        undo(last_change(journal).id, journal)
    except Absent:
        assert left == BEFORE, f"files changed at step {step} and the journal does not know"
    assert _contents(folder) == BEFORE
    left_over = sorted(path.name for path in folder.rglob("*") if ".modgate-" in path.name)
    assert not left_over, f"a temporary file is left after step {step}"
    assert not (folder / "new").exists()
    apply([FileEdit(folder / "profile", b"export A=1\n", b"later\n")], "after", journal)
    assert (folder / "profile").read_text() == "later\n"
    return True


def test_a_change_killed_at_any_step_leaves_old_or_new_and_can_be_taken_back(tmp_path: Path) -> None:
    steps = _steps(tmp_path)
    assert steps > 10
    killed = sum(_kill_at(tmp_path, step) for step in range(steps))
    assert killed == steps


def test_an_undo_killed_at_any_step_leaves_old_or_new_and_can_be_made_again(tmp_path: Path) -> None:
    for step in range(0, _steps(tmp_path, "undo"), 2):
        state, folder = tmp_path / f"state{step}", tmp_path / f"files{step}"
        _prepare(folder)
        change = _change(state, folder, -1).stdout.strip()
        assert _contents(folder) == AFTER
        _change(state, folder, step, change)
        for name, text in _contents(folder).items():
            assert text in EDITS[name]
        journal = _journal(state)
        recover(journal)
        # The killed undo was put back, or it had come to its end.
        assert _contents(folder) in (BEFORE, AFTER)
        if _contents(folder) == AFTER:
            undo(change, journal)
        assert _contents(folder) == BEFORE


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_changes_killed_at_random_moments_leave_old_or_new(tmp_path: Path) -> None:
    dice = random.Random(4)
    outcomes = {"before": 0, "after": 0, "between": 0}
    for number in range(100):
        state, folder = tmp_path / f"state{number}", tmp_path / f"files{number}"
        _prepare(folder)
        process = subprocess.Popen(
            [sys.executable, str(_CHANGER), str(state), str(folder), "-1", ""],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + dice.uniform(0.02, 0.25)
        while time.monotonic() < deadline and process.poll() is None:
            pass
        process.kill()
        process.wait()
        left = _contents(folder)
        outcomes["before" if left == BEFORE else "after" if left == AFTER else "between"] += 1
        journal = _journal(state)
        for name, text in left.items():
            assert text in EDITS[name]
        try:
            undo(last_change(journal).id, journal)
        except Absent:
            assert left == BEFORE
        assert _contents(folder) == BEFORE
    print(outcomes)
