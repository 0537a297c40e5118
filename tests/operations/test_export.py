"""What the store has, for another site: whole, verifiable with nobody asked, and again the same."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

from tests.operations.import_scene import Scene, goproxy

if TYPE_CHECKING:
    from pathlib import Path


async def _filled(tmp_path: Path, count: int = 12) -> Scene:
    scene = Scene(tmp_path, count)
    goproxy(scene, tmp_path / "there")
    ran = await scene.take(tmp_path / "there")
    assert ran.summary is not None
    assert ran.summary.ok, ran
    return scene


async def test_an_export_comes_in_elsewhere_as_it_was(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    out = await scene.run("export", target=str(tmp_path / "bundle"))
    assert out.summary is not None, out.failure
    assert out.summary.ok, out
    assert (out.facts["versions"], out.facts["objects"]) == (12, 36)
    back = await scene.take(tmp_path / "bundle", scene.config("other"))
    assert back.facts["layout"] == "modgate"
    assert (back.facts["imported"], back.facts["refused"]) == (12, 0)
    assert scene.stored("other") == scene.stored()


async def test_a_tar_file_is_the_same_twice(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    for name in ("one.tar", "two.tar", "three.tar.gz", "four.tar.gz"):
        out = await scene.run("export", target=str(tmp_path / name))
        assert out.summary is not None, out.failure
        assert out.summary.ok, out
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    assert (tmp_path / "three.tar.gz").read_bytes() == (tmp_path / "four.tar.gz").read_bytes()
    with tarfile.open(tmp_path / "three.tar.gz") as tar:
        names = tar.getnames()
    assert scene.stored() <= set(names)
    assert "sumdb/sum.example.test/latest" in names
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
