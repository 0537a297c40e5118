"""What goes out, what stays, and what is left where an export ends early."""

from __future__ import annotations

import shutil
import tarfile
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modgate.model.operations import Progress
from modgate.wiring.operations import operate
from tests.operations.import_scene import Ran, Scene, goproxy, rezipped
from tests.support.fsck import assert_clean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PRIVATE: dict[str, Any] = {"private": "example.test/deep"}


async def _filled(folder: Path, count: int = 8, **settings: Any) -> Scene:
    scene = Scene(folder, count)
    goproxy(scene, folder / "there")
    ran = await scene.take(folder / "there", scene.config(**settings))
    assert ran.summary is not None, ran.failure
    assert ran.summary.ok, ran
    return scene


async def _out(
    scene: Scene, name: str = "bundle", settings: Mapping[str, Any] | None = None, **params: Any
) -> Ran:
    target = str(scene.folder / name)
    ran = await scene.run("export", scene.config(**(settings or {})), target=target, **params)
    assert ran.summary is not None, ran.failure
    return ran


def _files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".modgate" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


async def test_private_modules_stay_unless_they_are_asked_for(tmp_path: Path) -> None:
    scene = await _filled(tmp_path, **PRIVATE)
    ran = await _out(scene, settings=PRIVATE)
    assert (ran.facts["versions"], ran.facts["held"]) == (6, 2)
    assert not [name for name in _files(tmp_path / "bundle") if "deep" in name]
    ran = await _out(scene, "all", settings=PRIVATE, private=True)
    assert (ran.facts["versions"], ran.facts["held"]) == (8, 0)
    assert [name for name in _files(tmp_path / "all") if "deep" in name and name.endswith(".zip")]
    assert not [name for name in _files(tmp_path / "all") if name.startswith("sumdb") and "deep" in name]


async def test_what_belongs_to_a_credential_scope_never_goes_out(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    scoped = tmp_path / "store" / "scope" / "0123456789abcdef" / "example.test" / "leaf"
    shutil.copytree(tmp_path / "store" / "example.test" / "leaf", scoped)
    ran = await _out(scene, private=True)
    assert ran.facts["versions"] == 8
    assert not [name for name in _files(tmp_path / "bundle") if "scope" in name]


@pytest.mark.parametrize("name", ["bundle", "bundle.tar"])
async def test_a_damaged_object_is_left_out_and_named(tmp_path: Path, name: str) -> None:
    scene = await _filled(tmp_path)
    bad = scene.built[1]
    path = tmp_path / "store" / bad.url("zip")[1:]
    data = bytearray(path.read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    ran = await _out(scene, name)
    assert ran.summary is not None
    assert not ran.summary.ok
    assert [(item.kind, item.subject) for item in ran.items] == [("damaged", f"{bad.path}@{bad.version}")]
    if name.endswith(".tar"):
        with tarfile.open(tmp_path / name) as tar:
            tar.extractall(tmp_path / "bundle", filter="data")
    files = _files(tmp_path / "bundle")
    assert bad.url("zip")[1:] not in files
    assert bad.url("mod")[1:] in files
    listed = (tmp_path / "bundle" / "example.test/leaf/@v/list").read_text().split()
    assert listed == [b.version for b in scene.built if b.path == bad.path and b is not bad]


async def test_a_go_sum_names_what_is_wanted(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    one, graph, away = scene.built[0], scene.built[1], scene.world.add("example.test/leaf", "v1.99.0")
    wrong = scene.built[2]
    lines = one.record + graph.record.splitlines()[1] + b"\n" + away.record
    lines += wrong.record.replace(wrong.h1.encode(), away.h1.encode())
    (tmp_path / "go.sum").write_bytes(lines)
    ran = await _out(scene, go_sum=str(tmp_path / "go.sum"))
    told = {(item.kind, item.subject) for item in ran.items}
    assert told == {
        ("missing", f"{away.path}@{away.version}"),
        ("differs", f"{wrong.path}@{wrong.version}"),
    }
    modules = {name for name in _files(tmp_path / "bundle") if name.endswith((".mod", ".zip"))}
    assert modules == {
        each[1:] for each in (one.url("mod"), one.url("zip"), graph.url("mod"), wrong.url("mod"))
    }


async def test_an_earlier_export_is_added_to(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    await _out(scene, only=["example.test/leaf"])
    more = scene.world.add("example.test/leaf", "v1.77.0")
    scene.seal()
    shutil.rmtree(tmp_path / "there")
    goproxy(scene, tmp_path / "there")
    await scene.take(tmp_path / "there")
    again = await _out(scene)
    assert again.facts["there"] == 6
    listed = (tmp_path / "bundle" / "example.test/leaf/@v/list").read_text().split()
    assert listed[-1] == more.version
    assert len(listed) == 3
    assert _files(tmp_path / "bundle") >= scene.stored()
    assert_clean(tmp_path / "bundle")


async def test_other_bytes_in_an_earlier_export_stay_and_are_named(tmp_path: Path) -> None:
    scene = await _filled(tmp_path, **PRIVATE)
    other = Scene(tmp_path / "other", 8)
    built = other.built[2]
    other.world.put(replace(built, zip=rezipped(built, more={"x.go": b""})))
    other.seal()
    goproxy(other, tmp_path / "other" / "there")
    await other.take(tmp_path / "other" / "there", other.config(**PRIVATE))
    await _out(scene, settings=PRIVATE, private=True)
    ran = await other.run("export", other.config(**PRIVATE), target=str(tmp_path / "bundle"), private=True)
    assert [(item.kind, item.subject) for item in ran.items] == [("differs", f"{built.path}@{built.version}")]
    assert (tmp_path / "bundle" / built.url("zip")[1:]).read_bytes() == scene.built[2].zip


async def test_what_was_stored_unproved_is_proved_before_it_goes_out(tmp_path: Path) -> None:
    scene = Scene(tmp_path, 8)
    place = goproxy(scene, tmp_path / "there")
    bad = scene.built[1]
    place(bad, "zip").write_bytes(rezipped(bad, more={"evil.go": b"package leaf\n"}))
    ran = await scene.take(tmp_path / "there", scene.config(sumdb="off"))
    assert ran.facts["imported"] == 8
    out = await _out(scene)
    assert {(item.kind, item.subject) for item in out.items} == {("unproved", f"{bad.path}@{bad.version}")}
    assert bad.url("zip")[1:] not in _files(tmp_path / "bundle")
    assert out.facts["versions"] == 8


async def test_without_a_database_there_are_no_proofs_and_it_is_said(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    ran = await _out(scene, settings={"sumdb": "off"})
    assert ran.facts["databases"] == []
    assert not [name for name in _files(tmp_path / "bundle") if name.startswith("sumdb")]


async def test_a_gate_that_can_ask_nobody_exports_what_it_has_proved(tmp_path: Path) -> None:
    scene = await _filled(tmp_path)
    (tmp_path / "db").rename(tmp_path / "away")
    ran = await _out(scene)
    assert ran.summary is not None
    assert ran.summary.ok, ran
    lookups = [name for name in _files(tmp_path / "bundle") if "/lookup/" in name]
    assert len(lookups) == 8


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("full", "something in it"),
        ("file", "a file"),
        ("there.tar", "it exists"),
        ("nowhere/x.tar", "no such folder"),
        ("x.tar.zst", "not a form"),
        ("store/out", "lies in the store"),
        ("store/out.tar", "lies in the store"),
    ],
)
async def test_a_target_that_is_something_else_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    scene = Scene(tmp_path, 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    (tmp_path / "file").touch()
    (tmp_path / "there.tar").touch()
    before = _files(tmp_path)
    ran = await scene.run("export", target=str(tmp_path / name))
    assert ran.failure is not None
    assert ran.failure.error == "Invalid"
    assert text in ran.failure.what
    assert {name for name in _files(tmp_path) if not name.startswith("store")} == before


@pytest.mark.parametrize("name", ["bundle.tar", "bundle.tar.gz"])
async def test_an_export_that_is_ended_leaves_nothing_under_its_name(tmp_path: Path, name: str) -> None:
    scene = await _filled(tmp_path, 40)
    async with aclosing(operate(scene.config(), "export", {"target": str(tmp_path / name)})) as events:
        async for event in events:
            if isinstance(event, Progress):
                break
    assert not [path for path in tmp_path.iterdir() if name in path.name]


async def test_a_folder_that_was_ended_is_gone_on_with(tmp_path: Path) -> None:
    scene = await _filled(tmp_path, 40)
    target = tmp_path / "bundle"
    async with aclosing(operate(scene.config(), "export", {"target": str(target)})) as events:
        async for event in events:
            if isinstance(event, Progress):
                break
    assert_clean(target)
    ran = await _out(scene)
    assert ran.facts["versions"] == 40
    assert _files(target) >= scene.stored()
