"""What comes in, what does not, and what an import leaves as it is."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.operations.import_scene import LAYOUTS, Scene, athens, goproxy, modcache, rezipped
from tests.support.fsck import assert_clean

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = {"private": "example.test/deep"}


async def test_what_cannot_be_verified_now_is_not_called_wrong_and_comes_in_later(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)
    goproxy(scene, tmp_path / "there")
    away = scene.config(sumdb=scene.database.spec((tmp_path / "away").as_uri()))
    ran = await scene.take(tmp_path / "there", away)
    assert (ran.facts["imported"], ran.facts["refused"], ran.facts["unverifiable"]) == (0, 0, 8)
    assert ran.summary is not None
    assert not ran.summary.ok
    assert {item.kind for item in ran.items if item.facts.get("reason")} == {"unverifiable"}
    assert not scene.stored()
    later = await scene.take(tmp_path / "there")
    assert later.facts["imported"] == 8


async def test_a_version_that_the_database_does_not_know_is_refused(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    scene.world.add("example.test/stranger", "v1.0.0")
    goproxy(scene, tmp_path / "there")
    ran = await scene.take(tmp_path / "there")
    assert ran.refused() == {"example.test/stranger@v1.0.0": "unknown"}
    assert not [key for key in scene.stored() if "stranger" in key]


async def test_private_versions_are_taken_as_first_seen(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    built = scene.world.add("example.test/deep/er", "v1.90.0")  # unknown to the database
    athens(scene, tmp_path / "there")
    ran = await scene.take(tmp_path / "there", scene.config(**PRIVATE))
    assert ran.facts["imported"] == 5
    place = athens(scene, tmp_path / "again")
    place(built, "zip").write_bytes(rezipped(built, more={"other.go": b"package er\n"}))
    shutil.rmtree(tmp_path / "store" / "example.test" / "deep")
    again = await scene.take(tmp_path / "again", scene.config(**PRIVATE))
    assert again.refused() == {"example.test/deep/er@v1.90.0": "differs"}


async def test_parts_of_a_private_version_that_disagree_leave_no_record(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    one = scene.world.add("example.test/deep/er", "v1.90.0")
    two = scene.world.add("example.test/deep/er", "v1.91.0")
    place = modcache(scene, tmp_path / "there")
    place(one, "mod").write_bytes(b"module example.test/deep/er\n")
    place(two, "zip").with_suffix(".ziphash").write_text(one.h1)
    ran = await scene.take(tmp_path / "there", scene.config(**PRIVATE))
    assert ran.refused() == {
        "example.test/deep/er@v1.90.0": "differs",
        "example.test/deep/er@v1.91.0": "differs",
    }
    # Nothing stands against the true ones.
    modcache(scene, tmp_path / "mended")
    assert (await scene.take(tmp_path / "mended", scene.config(**PRIVATE))).facts["refused"] == 0


async def test_what_stands_is_not_changed_by_another_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    built = scene.world.add("example.test/deep/er", "v1.90.0")
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there", scene.config(**PRIVATE))
    stands = (tmp_path / "store" / built.url("zip")[1:]).read_bytes()
    place = goproxy(scene, tmp_path / "other")
    place(built, "zip").write_bytes(rezipped(built, more={"other.go": b"package er\n"}))
    ran = await scene.take(tmp_path / "other", scene.config(**PRIVATE))
    assert ran.refused() == {"example.test/deep/er@v1.90.0": "differs"}
    assert ran.facts["there"] == 4
    assert (tmp_path / "store" / built.url("zip")[1:]).read_bytes() == stands


async def test_another_compression_of_the_same_content_is_there_already(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    place = goproxy(scene, tmp_path / "other")
    place(scene.built[0], "zip").write_bytes(rezipped(scene.built[0], same=True))
    assert (await scene.take(tmp_path / "other")).facts["there"] == 1


async def test_a_dry_run_says_the_same_and_stores_no_module(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 6)
    place = athens(scene, tmp_path / "there")
    place(scene.built[0], "mod").write_bytes(b"module example.test/Upper\n\ngo 1.20\n")
    place(scene.built[2], "zip").write_bytes(b"PK")
    config = scene.config(**PRIVATE)
    dry = await scene.take(tmp_path / "there", config, dry_run=True)
    assert not scene.stored()
    real = await scene.take(tmp_path / "there", config)
    assert dry.refused() == real.refused()
    assert len(real.refused()) == 2
    names = ("found", "imported", "refused", "unverifiable", "bytes")
    # A go.mod that was proved before the zip was found broken is in, and counts for nothing.
    assert {name: dry.facts[name] for name in names} == {name: real.facts[name] for name in names}


async def test_only_the_modules_asked_for_come_in(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)
    goproxy(scene, tmp_path / "there")
    ran = await scene.take(tmp_path / "there", only=["example.test/Upper", "other.test/*"])
    assert ran.facts["imported"] == 4
    assert {key.split("/@v")[0] for key in scene.stored()} == {
        "example.test/!upper",
        "other.test/!big/!name/v2",
    }


async def test_lists_name_what_came_in(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    for path in {built.path for built in scene.built}:
        folder = scene.built[[b.path for b in scene.built].index(path)].url("x").split("/@v")[0][1:]
        listed = (tmp_path / "store" / folder / "@v" / "list").read_bytes()
        assert listed == scene.world.list_of(path)


async def test_an_import_that_brings_nothing_leaves_what_is_remembered(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    newest = tmp_path / "store" / "example.test" / "leaf" / "@latest"
    newest.write_bytes(scene.built[1].info)
    assert (await scene.take(tmp_path / "there")).facts["there"] == 4
    assert newest.exists()
    listed = newest.parent / "@v" / "list"
    listed.unlink()  # as an import that was killed before its end leaves it
    await scene.take(tmp_path / "there")
    assert listed.read_bytes() == scene.world.list_of("example.test/leaf")
    assert not newest.exists()


async def test_links_pipes_and_huge_files_are_named_and_not_read(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 12)
    place = goproxy(scene, tmp_path / "there")
    pipe, huge, huge_mod, link = scene.built[0], scene.built[1], scene.built[2], scene.built[5]
    place(pipe, "zip").unlink()
    os.mkfifo(place(pipe, "zip"))
    os.truncate(place(huge, "zip"), 600 << 20)
    os.truncate(place(huge_mod, "mod"), 20 << 20)
    outside = tmp_path / "outside"
    shutil.move(place(link, "mod"), outside)
    place(link, "mod").symlink_to(outside)
    module = place(scene.built[3], "mod").parents[1]
    shutil.move(module, tmp_path / "elsewhere")
    module.symlink_to(tmp_path / "elsewhere")
    ran = await scene.take(tmp_path / "there")
    assert ran.refused() == {f"{b.path}@{b.version}": "broken" for b in (pipe, huge, huge_mod, link)}
    texts = {item.subject: item.facts["text"] for item in ran.items if "text" in item.facts}
    assert "no regular file" in texts[f"{pipe.path}@{pipe.version}"]
    assert "symbolic link" in texts[f"{link.path}@{link.version}"]
    assert "more than the limit" in texts[f"{huge.path}@{huge.version}"]
    # Three versions lie behind the linked folder, which is not looked into.
    assert (ran.facts["found"], ran.facts["imported"]) == (9, 5)


async def test_names_that_are_no_versions_are_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    goproxy(scene, tmp_path / "there")
    odd = tmp_path / "there" / "example.test" / "com1" / "@v"
    odd.mkdir(parents=True)
    (odd / "v1.0.0.mod").write_text("module example.test/com1\n")
    other = tmp_path / "there" / "example.test" / "leaf" / "@v" / "v3.0.0.mod"
    other.write_text("module example.test/leaf\n")
    ran = await scene.take(tmp_path / "there")
    assert ran.refused() == {"example.test/com1@v1.0.0": "name", "example.test/leaf@v3.0.0": "name"}


async def test_a_bucket_of_athens_keeps_its_capitals(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 4)
    for built in scene.built:
        folder = tmp_path / "there" / built.path / "@v"
        folder.mkdir(parents=True, exist_ok=True)
        for kind in ("info", "mod", "zip"):
            (folder / f"{built.version}.{kind}").write_bytes(built.bytes_of(kind))
    assert (await scene.take(tmp_path / "there")).facts["imported"] == 4


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"folder": "/nowhere/at/all"}, "no such folder"),
        ({"folder": "relative"}, "absolute"),
        ({"folder": "/", "layout": "nexus"}, "no layout"),
        ({"folder": "/", "only": ["[a"]}, "no pattern"),
        ({"folder": "/", "unverified": True}, "unknown field"),
    ],
)
async def test_slips_are_told(tmp_path: Path, params: dict[str, Any], text: str) -> None:
    ran = await Scene(tmp_path, 1).run("import", **params)
    assert ran.failure is not None
    assert ran.failure.error == "Invalid"
    assert text in ran.failure.what


async def test_a_wrong_folder_is_told(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 1)
    (tmp_path / "photos" / "2024").mkdir(parents=True)
    (tmp_path / "gopath" / "pkg" / "mod" / "cache" / "download").mkdir(parents=True)
    athens(scene, tmp_path / "athens")
    ran = await scene.take(tmp_path / "photos")
    assert ran.failure is not None
    assert "no Go modules" in ran.failure.what
    ran = await scene.take(tmp_path / "gopath")
    assert ran.failure is not None
    assert ran.failure.next_step.endswith("gopath/pkg/mod.")
    ran = await scene.take(tmp_path / "athens", layout="goproxy")
    assert ran.failure is not None
    assert "layout of goproxy" in ran.failure.what
    ran = await scene.take(tmp_path / "made" / "example.test" / "!upper" / "@v" / "list")
    assert ran.failure is not None
    assert "a file" in ran.failure.what


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_what_came_in_is_clean(tmp_path: Path, layout: str) -> None:
    scene = Scene(tmp_path, 8)
    LAYOUTS[layout](scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    assert_clean(tmp_path / "store")
