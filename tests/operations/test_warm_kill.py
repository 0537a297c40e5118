"""A warm that is killed, wherever it is, leaves a clean store, and the next run goes on with it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.operations.warm_scene import WarmScene
from tests.support.fsck import assert_clean
from tests.support.gate import Gate

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 40


def _command(scene: WarmScene, *words: str) -> list[str]:
    command = [sys.executable, "-m", "modgate", "warm", *words]
    settings = {"store": scene.folder / "store", "upstream": scene.upstream.url}
    settings |= {"sumdb": scene.database.gosumdb}
    for name, value in settings.items():
        command += ["--set", f"{name}={value}"]
    return command


def _environ(scene: WarmScene) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODGATE_", "GO"))}
    return kept | {"HOME": str(scene.folder), "COLUMNS": "80", "LANG": "C.UTF-8"}


def _filled(scene: WarmScene) -> Path:
    for number in range(COUNT):
        scene.world.add(f"ex.test/m{number}", padding=150_000)
    scene.seal()
    requires = "".join(f"require ex.test/m{number} v1.0.0\n" for number in range(COUNT))
    return scene.project("app", {"go.mod": f"module main.test/x\n\ngo 1.21\n\n{requires}"})


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=pytest.mark.long)])
async def test_a_killed_warm_leaves_a_clean_store(tmp_path: Path, kills: int) -> None:
    dice = random.Random(kills)
    with WarmScene(tmp_path) as scene:
        project = _filled(scene)
        store = tmp_path / "store"
        for _ in range(kills):
            process = subprocess.Popen(
                _command(scene, str(project)), env=_environ(scene), stdout=subprocess.DEVNULL
            )
            begun = len(scene.stored("zip")) if store.exists() else 0
            deadline = time.monotonic() + 30
            while process.poll() is None and time.monotonic() < deadline:
                if store.exists() and len(scene.stored("zip")) >= min(begun + dice.randint(0, 6), COUNT):
                    break
                time.sleep(dice.random() * 0.02)
            process.kill()
            process.wait()
            if store.exists():
                assert_clean(store)
        ran = await scene.warm(project)
        assert ran.summary is not None
        assert ran.summary.ok, ran.items
        assert len(scene.stored("zip")) == COUNT
        assert_clean(store)


async def test_a_server_that_goes_away_is_told_clearly(tmp_path: Path) -> None:
    with WarmScene(tmp_path) as scene:
        project = _filled(scene)
        scene.upstream.fault("hang-body", "*.zip")
        gate = Gate(
            tmp_path / "gate",
            upstream=scene.upstream.url,
            sumdb=scene.database.gosumdb,
            store=tmp_path / "store",
        )
        process = subprocess.Popen(
            _command(scene, str(project)), env=_environ(scene), stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 30
        while len(scene.stored("mod")) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        gate.kill()
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "the server went away before the operation ended" in said
        assert "Traceback" not in said
        assert_clean(tmp_path / "store")
