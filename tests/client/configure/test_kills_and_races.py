"""`modgate use` killed at any moment, or run beside others, loses no file and no change."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.configure.carrying import carry_out
from modgate.client.configure.goenv_file import value_in_goenv, written_to_goenv
from modgate.client.configure.places import Scope, Written
from modgate.client.configure.planning import Order, Plan, plan_change
from modgate.client.machine.local import LocalHost
from modgate.client.machine.settings import GoSettings
from modgate.client.machine.shell_files import Shell
from modgate.client.repair.journal import Journal

if TYPE_CHECKING:
    from tests.client.configure.conftest import Home

_SCRIPT = Path(__file__).with_name("killed.py")
_REPOSITORY = Path(__file__).parents[3]
_BASHRC = "alias l=ls\n# >>> modgate >>>\nexport GOPROXY='https://old.test'\n# <<< modgate <<<\n"
BEFORE = {".bashrc": _BASHRC, ".profile": "umask 022\n"}
WORDS = ("use", "goproxy.cn", "--scope", "shell", "--no-check", "--json")


def _prepare(folder: Path) -> dict[str, str]:
    (folder / "work").mkdir(parents=True)
    for name, content in BEFORE.items():
        (folder / name).write_text(content)
    return {**os.environ, "HOME": str(folder), "SHELL": "/bin/bash", "PYTHONPATH": str(_REPOSITORY)}


def _command(step: int, folder: Path, words: tuple[str, ...]) -> list[str]:
    return [sys.executable, str(_SCRIPT), str(step), str(folder), *words]


def _run(step: int, folder: Path, environ: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(step, folder, words or WORDS),
        cwd=folder / "work", env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def _contents(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in BEFORE}


def _after(tmp_path: Path) -> tuple[dict[str, str], int]:
    folder = tmp_path / "whole"
    environ = _prepare(folder)
    done = _run(-1, folder, environ)
    assert done.returncode == 0, done.stderr
    return _contents(folder), int(done.stderr.split()[-1])


def _check(folder: Path, environ: dict[str, str], after: dict[str, str]) -> None:
    """Each file is old or new, and the same command then comes to its end."""
    left = _contents(folder)
    for name, text in left.items():
        assert text in {BEFORE[name], after[name]}, name
    again = _run(-1, folder, environ)
    assert again.returncode == 0, again.stderr
    assert _contents(folder) == after
    assert not [path for path in folder.rglob("*") if ".modgate-" in path.name]


def test_a_use_killed_at_its_steps_leaves_old_or_new_files_and_can_be_made_again(tmp_path: Path) -> None:
    after, steps = _after(tmp_path)
    assert steps > 15
    # What is only read, before the first write, needs no kill for each step.
    chosen = sorted({round(number * (steps - 1) / 23) for number in range(24)})
    killed = 0
    for step in chosen:
        folder = tmp_path / f"home{step}"
        environ = _prepare(folder)
        done = _run(step, folder, environ)
        assert done.returncode == -signal.SIGKILL, done.stderr
        killed += 1
        _check(folder, environ, after)
    assert killed == len(chosen)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hundred_uses_killed_at_random_moments_lose_no_file(tmp_path: Path) -> None:
    after, _ = _after(tmp_path)
    dice = random.Random(7)
    outcomes = {"before": 0, "after": 0, "between": 0}
    for number in range(100):
        folder = tmp_path / f"home{number}"
        environ = _prepare(folder)
        process = subprocess.Popen(
            _command(-1, folder, WORDS),
            cwd=folder / "work", env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # Writing begins with the state folder, and takes some milliseconds from there on.
        started = folder / ".local" / "state" / "modgate"
        deadline = time.monotonic() + 30
        while not started.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep(dice.uniform(0, 0.03))
        process.kill()
        process.wait()
        left = _contents(folder)
        outcomes["before" if left == BEFORE else "after" if left == after else "between"] += 1
        _check(folder, environ, after)
    print(outcomes)


def test_changes_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    environ = {name: text for name, text in _prepare(folder).items() if not name.startswith("GO")}
    wishes = [
        "GOPROXY=https://a.test,direct",
        "GOSUMDB=sum.golang.google.cn",
        "GOFLAGS=-v",
        "GOVCS=*:git",
        "GOBIN=/b",
    ]
    running = [
        subprocess.Popen(
            _command(-1, folder, ("use", "--set", wish, "--scope", "goenv", "--no-check", "--json")),
            cwd=folder / "work", env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for wish in wishes
    ]  # fmt: skip
    for process in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert json.loads(out)["changed"]
    written = (folder / ".config" / "go" / "env").read_text()
    assert written == "".join(f"{wish}\n" for wish in sorted(wishes))
    (kept,) = (folder / ".local/state/modgate/used").iterdir()
    memory = json.loads(kept.read_text())
    assert len(memory["written"]) == len(wishes)


def test_a_file_changed_between_plan_and_edit_is_read_again(home: Home, tmp_path: Path) -> None:
    file = home.file(".config/go/env", "GOFLAGS=-v\n")
    host, state = LocalHost(), tmp_path / "state"
    numbers = iter(range(100))
    journal = Journal(state, clock=lambda: 1e9, token=lambda: f"{next(numbers):06x}")
    order = Order(Scope.GOENV, {"GOPROXY": "https://a.test"}, Shell.BASH)
    go = GoSettings(goenv_file=str(file))

    def plan() -> Plan:
        return plan_change(host, go, order, state)

    first = plan()
    file.write_bytes(written_to_goenv(file.read_bytes(), {"GOSUMDB": "sum.golang.google.cn"}))
    change, made = carry_out(first, plan, "test", journal, sleep=lambda _: None)
    assert change is not None
    assert made.written == (Written(Scope.GOENV, str(file), "GOPROXY", None, "https://a.test"),)
    data = file.read_bytes()
    assert [value_in_goenv(data, name) for name in ("GOFLAGS", "GOSUMDB", "GOPROXY")] == [
        "-v",
        "sum.golang.google.cn",
        "https://a.test",
    ]
