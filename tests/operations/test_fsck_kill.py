"""A repair that is killed leaves no fault that was not there before, and the next one finishes the work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.operations.fsck_scene import FsckScene, Planted
from tests.support.fsck import faults_of
from tests.support.gate import to_toml
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

STAGES = (
    "undescribed",
    "taken",
    "created",
    "written",
    "synced",
    "meta",
    "folder",
    "ziphash",
    "linked",
    "described",
    "dirsynced",
)


def _config(scene: FsckScene) -> str:
    path = scene.folder / "modgate.toml"
    settings = {key: value for key, value in scene.settings.items() if "." not in key}
    path.write_text(to_toml(settings | {"vcs": {"enabled": False}}), encoding="utf-8")
    return str(path)


def _start(config: str, stage: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.operations.fsck_kill", config, stage]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MODGATE_")}
    return subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def _faults(scene: FsckScene) -> set[Planted]:
    return {(kind, where) for kind, where, _ in faults_of(scene.store, level="full")}


def _ends_well(scene: FsckScene) -> None:
    items, summary = scene.fsck(repair=True)
    assert summary.ok, items
    assert _faults(scene) == set()
    assert scene.is_whole()


def _killed_at(stages: Sequence[str], tmp_path: Path) -> None:
    with FsckScene(tmp_path, 12 * len(stages)) as scene:
        config = _config(scene)
        for number, stage in enumerate(stages):
            # Kinds that use the store, zips among them, so that each stage is reached.
            planted = set(scene.plant(6, ("rot", "half", "record"), seed=number))
            process = _start(config, stage)
            _, said = process.communicate(timeout=60)
            assert process.returncode == -signal.SIGKILL, (stage, said.decode())
            now = _faults(scene)
            assert now <= planted, (stage, now - planted)
            _ends_well(scene)


def test_a_repair_killed_at_a_stage_of_the_store_brings_no_new_fault(tmp_path: Path) -> None:
    _killed_at(("undescribed", "taken", "ziphash", "linked"), tmp_path)


@pytest.mark.long
def test_a_repair_killed_at_any_stage_of_the_store_brings_no_new_fault(tmp_path: Path) -> None:
    _killed_at(STAGES, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_repair_killed_at_any_moment_brings_no_new_fault(tmp_path: Path) -> None:
    chosen = random.Random(3)
    killed = 0
    with FsckScene(tmp_path, 400) as scene:
        config = _config(scene)
        for turn in range(10):
            left = set(scene.plant(60, seed=turn))
            for _ in range(6):
                process = _start(config, "none")
                time.sleep(chosen.uniform(0.5, 2.0))
                process.kill()
                process.communicate(timeout=60)
                killed += process.returncode == -signal.SIGKILL
                now = _faults(scene)
                assert now <= left, now - left
                left = now
            _ends_well(scene)
    print(f"killed {killed} times")
