"""A tar file is taken as it lies: what its names say, and nothing under them."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.operations.import_scene import Scene, goproxy

if TYPE_CHECKING:
    from pathlib import Path


def _tar(path: Path, members: dict[str, bytes], *, links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return path


def _members(scene: Scene) -> dict[str, bytes]:
    return {b.url(kind)[1:]: b.bytes_of(kind) for b in scene.built for kind in ("info", "mod", "zip")}


@pytest.mark.parametrize("name", ["bundle.tar", "bundle.tar.gz"])
async def test_an_exported_file_comes_in_elsewhere_as_it_was(tmp_path: Path, name: str) -> None:
    scene = Scene(tmp_path, 12)
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    await scene.run("export", target=str(tmp_path / name))
    ran = await scene.take(tmp_path / name, scene.config("other"))
    assert ran.summary is not None, ran.failure
    assert (ran.facts["layout"], ran.facts["imported"], ran.facts["refused"]) == ("tar", 12, 0)
    assert scene.stored("other") == scene.stored()
    again = await scene.take(tmp_path / name, scene.config("other"))
    assert again.facts["there"] == 12


async def test_names_that_lead_elsewhere_and_links_are_passed_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    members = _members(scene)
    first = scene.built[0].url("zip")[1:]
    odd = {
        "../../evil/@v/v1.0.0.mod": b"module evil\n",
        "/etc/@v/v1.0.0.mod": b"module evil\n",
        "example.test/leaf/@v/../../../x/@v/v1.0.0.mod": b"module evil\n",
    }
    del members[first]
    path = _tar(tmp_path / "odd.tar", members | odd, links={first: "/etc/passwd"})
    ran = await scene.take(path)
    assert ran.summary is not None, ran.failure
    # Without its zip a version is what a module graph needs of it.
    assert ran.facts["imported"] == 4
    assert set(ran.refused().values()) == {"name"}
    assert first not in scene.stored()
    assert not (tmp_path.parent / "evil").exists()


async def test_a_changed_member_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    members = _members(scene)
    bad = scene.built[1]
    members[bad.url("zip")[1:]] = bad.zip[:-30]
    ran = await scene.take(_tar(tmp_path / "bad.tar", members))
    assert ran.refused() == {f"{bad.path}@{bad.version}": "broken"}
    assert ran.facts["imported"] == 3


@pytest.mark.parametrize("name", ["cut.tar", "edge.tar", "cut.tar.gz", "none.tar", "none.tar.gz"])
async def test_what_is_no_whole_tar_file_is_told(tmp_path: Path, name: str) -> None:
    scene = Scene(tmp_path, 4)
    data = _tar(tmp_path / "whole.tar", _members(scene)).read_bytes()
    if name.endswith(".gz"):
        data = gzip.compress(data)
    cuts = {"cut.tar": len(data) // 3, "edge.tar": _end(tmp_path / "whole.tar")}
    kept = data[: cuts.get(name, len(data) // 3)]
    (tmp_path / name).write_bytes(b"hello" * 999 if "none" in name else kept)
    ran = await scene.take(tmp_path / name)
    assert ran.failure is not None
    assert ran.failure.error == "Invalid"
    assert "no whole" in ran.failure.what
    assert not scene.stored()


def _end(path: Path) -> int:
    """Where the last member ends."""
    with tarfile.open(path) as tar:
        last = tar.getmembers()[-1]
    return last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
