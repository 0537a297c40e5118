"""Absence is believed only from a clone that was brought up to date and can be read.

The program under the go command is a stand-in here that fails in one place, as a real one does once a year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.gomod.protocol import Kind
from tests.vcs.gocmd.world import a_world, needs_go, tool

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_go

HG = """
import os, sys
command = next(word for word in sys.argv[1:] if not word.startswith("-"))
revision = next((word[6:] for word in sys.argv if word.startswith("--rev=")), "")
if command in FAILING:
    sys.exit(FAILING[command])
if command == "init":
    os.makedirs(".hg", exist_ok=True)
elif command == "tags":
    print(TAGS)
elif command == "branches":
    print("default")
elif command == "log" and (revision in {"tip", *TAGS.split()} or revision.startswith("0123")):
    print("0123456789012345678901234567890123456789 1577836800 0 " + TAGS)
elif command == "log" and revision.startswith("ancestors"):
    pass
elif command == "cat":
    print("module code.test/m")
elif command != "pull":
    sys.exit("abort: unknown revision")
"""


def hg(folder: Path, named: str, **failing: str) -> dict[str, str]:
    return tool(folder, "hg", f"FAILING = {failing!r}\nTAGS = {named!r}\n{HG}")


QUESTIONS = ((Kind.LIST, ""), (Kind.LATEST, ""), (Kind.QUERY, "v1"), (Kind.QUERY, "default"))


async def test_the_stand_in_answers_when_nothing_fails(tmp_path: Path) -> None:
    async with a_world(tmp_path / "cache", {}, environ=hg(tmp_path / "bin", "v1.0.0")) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        assert await world.list("code.test/m") == ["v1.0.0"]
        assert b'"v1.0.0"' in await world.ask(Kind.QUERY, "code.test/m", "v1")
        with pytest.raises(Absent):
            await world.ask(Kind.INFO, "code.test/m", "v1.0.1")


async def test_a_list_without_tags_is_believed_from_a_clone_that_can_be_read(tmp_path: Path) -> None:
    async with a_world(tmp_path / "cache", {}, environ=hg(tmp_path / "bin", "")) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        assert await world.list("code.test/m") == []


@pytest.mark.parametrize(("kind", "version"), [*QUESTIONS, (Kind.INFO, "v1.0.1"), (Kind.ZIP, "v1.0.1")])
async def test_what_cannot_be_fetched_is_never_told_from_an_old_clone(
    tmp_path: Path, kind: Kind, version: str
) -> None:
    environ = hg(tmp_path / "bin", "v1.0.0", pull="abort: error: Connection reset by peer")
    async with a_world(tmp_path / "cache", {}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable, match="Connection reset"):
            await world.ask(kind, "code.test/m", version)
        assert not list((tmp_path / "cache" / "gocmd").glob("hg-*/busy"))


@pytest.mark.parametrize(
    ("kind", "version"), [(Kind.LIST, ""), (Kind.LATEST, ""), (Kind.QUERY, "v1"), (Kind.INFO, "v1.0.0")]
)
async def test_a_clone_that_cannot_be_read_proves_nothing(tmp_path: Path, kind: Kind, version: str) -> None:
    environ = hg(tmp_path / "bin", "v1.0.0", log="abort: no space", tags="abort: no space")
    async with a_world(tmp_path / "cache", {}, environ=environ) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        with pytest.raises(Unavailable, match="could not be read"):
            await world.ask(kind, "code.test/m", version)
        assert list((tmp_path / "cache" / "gocmd").glob("hg-*/busy"))


async def test_a_clone_is_kept_until_a_run_was_killed_in_it(tmp_path: Path) -> None:
    async with a_world(tmp_path / "cache", {}, environ=hg(tmp_path / "bin", "v1.0.0")) as world:
        world.put("code.test/m", "hg", "http://hg.test/m")
        await world.list("code.test/m")
        home = next((tmp_path / "cache" / "gocmd").glob("hg-*"))
        clone = next(entry for entry in (home / "vcs").iterdir() if entry.is_dir())
        (clone / "kept").touch()
        await world.list("code.test/m")
        assert (clone / "kept").exists()
        (home / "busy").touch()
        await world.list("code.test/m")
        assert not (clone / "kept").exists()
