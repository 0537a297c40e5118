"""The real go works from an export with nobody to ask and checksums on: any part of it, in any order."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.operations.import_scene import Scene, goproxy
from tests.support.gate import GoClient

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.go

GRAPH = {
    "example.test/leaf": ("v1.50.0", {}),
    "example.test/middle": ("v0.3.0", {"example.test/leaf": "v1.50.0"}),
    "example.test/Top": ("v1.0.0", {"example.test/middle": "v0.3.0"}),
}


async def _bundle(folder: Path, name: str) -> Scene:
    scene = Scene(folder, 8)
    for path, (version, requires) in GRAPH.items():
        scene.world.add(path, version, requires=requires)
    scene.world.finish()
    scene.seal()
    goproxy(scene, folder / "there")
    assert (await scene.take(folder / "there")).facts["refused"] == 0
    out = await scene.run("export", target=str(folder / name))
    assert out.summary is not None, out.failure
    assert out.summary.ok, out
    return scene


def _cut_off(go: str, folder: Path) -> str:
    """The go command without a network, where that can be had."""
    script = folder / "go-cut-off"
    try:
        subprocess.run(["unshare", "-rn", "true"], check=True, capture_output=True, timeout=20)
    except (OSError, subprocess.CalledProcessError):
        return go  # the database's host does not exist: whoever asks it fails
    script.write_text(f'#!/bin/sh\nexec unshare -rn {go} "$@"\n')
    script.chmod(0o755)
    return str(script)


def _client(scene: Scene, go: str, name: str, proxy: Path) -> GoClient:
    folder = scene.folder / name
    folder.mkdir()
    return GoClient(_cut_off(go, folder), folder, proxy.as_uri(), scene.database.key)


async def test_go_verifies_offline_from_an_exported_folder(tmp_path: Path, go_command: str) -> None:
    scene = await _bundle(tmp_path, "bundle")
    bundle = tmp_path / "moved" / "elsewhere"
    shutil.copytree(tmp_path / "bundle", bundle, ignore=shutil.ignore_patterns(".modgate"))
    whole = _client(scene, go_command, "whole", bundle)
    whole.module({path: version for path, (version, _) in GRAPH.items()})
    whole.run("mod", "tidy")
    whole.run("mod", "verify")
    assert f"example.test/Top v1.0.0 {scene.world.modules['example.test/Top', 'v1.0.0'].h1}" in whole.sums()
    newest = whole.run("list", "-m", "-versions", "example.test/leaf").stdout.split()
    assert newest[1:] == sorted((b.version for b in scene.built if b.path == newest[0]), key=_number)
    # One alone, and all from the last to the first, each with an empty memory of the database.
    names = [f"{built.path}@{built.version}" for built in scene.built]
    for number, order in enumerate((names[5:6], names[::-1])):
        part = _client(scene, go_command, f"part{number}", bundle)
        part.module()
        part.run("mod", "download", *order)


async def test_go_refuses_an_export_that_was_changed(tmp_path: Path, go_command: str) -> None:
    scene = await _bundle(tmp_path, "bundle")
    leaf = scene.world.modules["example.test/leaf", "v1.50.0"]
    (tmp_path / "bundle" / leaf.url("mod")[1:]).write_bytes(leaf.mod + b"\n// changed\n")
    client = _client(scene, go_command, "client", tmp_path / "bundle")
    client.module()
    done = client.run("mod", "download", "example.test/leaf@v1.50.0", check=False)
    assert done.returncode
    assert "SECURITY ERROR" in done.stderr


async def test_go_verifies_offline_from_an_unpacked_tar_file(tmp_path: Path, go_command: str) -> None:
    scene = await _bundle(tmp_path, "bundle.tar.gz")
    with tarfile.open(tmp_path / "bundle.tar.gz") as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    client = _client(scene, go_command, "client", tmp_path / "unpacked")
    client.module({"example.test/Top": "v1.0.0"})
    client.run("mod", "tidy")
    client.run("mod", "verify")


def _number(version: str) -> tuple[int, int]:
    minor = int(version.split(".")[1])
    return minor, 0 if "-" in version else 1
