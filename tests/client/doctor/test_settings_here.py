"""The checks of settings on this machine: temporary homes, and repairs that go itself judges."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from modgate.client.doctor import goenv_file, goproxy, module_cache
from modgate.client.doctor.module_cache import judge_folder
from modgate.client.findings import Impact
from modgate.client.machine.folders import FolderFacts, try_folder
from modgate.client.machine.local import LocalHost
from tests.client.doctor.settings_scene import ids, outcome

PATH = os.environ["PATH"]


def _home(folder: Path, goenv: bytes) -> LocalHost:
    file = folder / ".config/go/env"
    file.parent.mkdir(parents=True)
    file.write_bytes(goenv)
    return LocalHost({"HOME": str(folder), "PATH": PATH}, home=folder, cwd=folder)


def _go_env(go_command: str, home: Path, name: str) -> str:
    environ = {"HOME": str(home), "PATH": PATH, "GOTOOLCHAIN": "local"}
    done = subprocess.run([go_command, "env", name], env=environ, cwd=home, capture_output=True, check=True)
    return done.stdout.decode().removesuffix("\n")


@pytest.mark.go
@pytest.mark.parametrize(
    ("goenv", "name", "right"),
    [
        (b"\xef\xbb\xbfGOPROXY=https://a.test\n", "GOPROXY", "https://a.test"),
        (b"GOPRIVATE=a.test\r\nGOPROXY=off\r\n", "GOPRIVATE", "a.test"),
        ("GOPRIVATE=a.test\r\n".encode("utf-16"), "GOPRIVATE", "a.test"),
        (b"GOFLAGS=-v\nGOMODCACHE='/m'\nGOPROXY=x", "GOMODCACHE", "/m"),
    ],
)
async def test_go_reads_what_was_meant_after_the_repair_of_the_file(
    tmp_path: Path, go_command: str, goenv: bytes, name: str, right: str
) -> None:
    host = _home(tmp_path, goenv)
    assert _go_env(go_command, tmp_path, name) != right
    result = await outcome(goenv_file.CHECK, host)
    repair = result.findings[0].repair
    assert repair is not None
    edit = repair.edits[0]
    assert edit.path.read_bytes() == edit.before
    assert edit.after is not None
    edit.path.write_bytes(edit.after)
    assert _go_env(go_command, tmp_path, name) == right
    assert ids(await outcome(goenv_file.CHECK, host)) == []


@pytest.mark.go
async def test_go_reads_the_list_that_was_meant_after_the_repair_of_goproxy(
    tmp_path: Path, go_command: str
) -> None:
    host = _home(tmp_path, "GOPROXY=“https://a.test；Direct”\nGOPROXY=https:/a.test，OFF\n".encode())
    first = await outcome(goproxy.CHECK, host)
    edit = next(found.repair for found in first.findings if found.repair)
    assert edit.edits[0].after is not None
    edit.edits[0].path.write_bytes(edit.edits[0].after)
    assert _go_env(go_command, tmp_path, "GOPROXY") == "https://a.test,off"
    assert ids(await outcome(goproxy.CHECK, host)) == []


async def test_trying_a_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = try_folder(tmp_path / "not" / "yet")
    assert seen.tried == str(tmp_path)
    assert seen.why == ""
    assert seen.folds_case is False
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    environ = {"HOME": str(tmp_path), "PATH": PATH, "GOMODCACHE": str(tmp_path / "file" / "mod")}
    result = await outcome(module_cache.CHECK, LocalHost(environ, home=tmp_path, cwd=tmp_path))
    assert ids(result) == ["MG-CACHE-001"]
    assert result.findings[0].values["variable"] == "GOMODCACHE"
    assert not [item.name for item in tmp_path.rglob("*") if "modgate" in item.name]


def test_full_read_only_and_nearly_full_folders_are_told_apart() -> None:
    def told(facts: FolderFacts) -> list[tuple[str, Impact]]:
        return [(found.cause.id, found.impact) for found in judge_folder("GOMODCACHE", Path("/m"), facts)]

    assert told(FolderFacts("/m", free=1 << 40)) == []
    assert told(FolderFacts("/m", free=5 << 20)) == [("MG-CACHE-002", Impact.RISK)]
    assert told(FolderFacts("/m", why="No space left", full=True, free=0)) == [
        ("MG-CACHE-002", Impact.BLOCKS)
    ]
    assert told(FolderFacts("/m", why="x", read_only=True, free=0)) == [("MG-CACHE-005", Impact.BLOCKS)]
    assert told(FolderFacts("/m", why="Permission denied", free=1)) == [("MG-CACHE-001", Impact.BLOCKS)]
