"""Mercurial, from a real `hg serve` through the guarded way out and the real go command."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.gomod.protocol import Kind
from tests.vcs.gocmd.conftest import HELLO
from tests.vcs.gocmd.world import a_world, answering, hg_commit, hg_serve, needs_hg, status

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_hg

HELLO_URL = "http://hg.test/hello"


async def test_a_module_in_mercurial_is_served_whole(tmp_path: Path, hg_port: int) -> None:
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        assert await world.list("code.test/hello") == ["v1.0.0", "v1.1.0", "v1.2.0-rc.1"]
        body = await world.ask(Kind.ZIP, "code.test/hello", "v1.1.0")
        names = zipfile.ZipFile(io.BytesIO(body)).namelist()
        prefix = "code.test/hello@v1.1.0/"
        assert {name.removeprefix(prefix) for name in names} >= {*HELLO, "more.go"}
        info = json.loads(await world.ask(Kind.INFO, "code.test/hello", "v1.1.0"))
        assert info["Version"] == "v1.1.0"
        assert info["Time"] == "2020-02-01T00:00:00Z"
        assert info["Origin"]["VCS"] == "hg"
        assert info["Origin"]["URL"] == HELLO_URL
        assert await world.ask(Kind.MOD, "code.test/hello", "v1.1.0") == HELLO["go.mod"].encode()
        assert {host for host, _ in world.names.asked} == {"hg.test"}
        assert list((tmp_path / "runs").glob("go-*")) == []


@pytest.mark.long
async def test_a_branch_a_prefix_and_a_commit_are_resolved(tmp_path: Path, hg_port: int) -> None:
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        assert json.loads(await world.ask(Kind.LATEST, "code.test/hello"))["Version"] == "v1.1.0"
        branch = json.loads(await world.ask(Kind.QUERY, "code.test/hello", "feature"))["Version"]
        assert branch.startswith("v1.2.0-rc.1.0.20200301000000-")
        assert json.loads(await world.ask(Kind.QUERY, "code.test/hello", "v1.0"))["Version"] == "v1.0.0"
        commit = branch.rpartition("-")[2]
        assert json.loads(await world.ask(Kind.QUERY, "code.test/hello", commit))["Version"] == branch
        assert json.loads(await world.ask(Kind.INFO, "code.test/hello", branch))["Version"] == branch


@pytest.mark.long
async def test_versions_without_a_go_mod_are_incompatible_as_go_says(
    tmp_path: Path, hg_folder: Path, hg_port: int
) -> None:
    hg_commit(hg_folder / "old", {"old.go": "package old\n"}, "v1.0.0", "v2.0.0", date="2019-01-01")
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/old", "hg", "http://hg.test/old")
        assert await world.list("code.test/old") == ["v1.0.0", "v2.0.0+incompatible"]
        mod = await world.ask(Kind.MOD, "code.test/old", "v2.0.0+incompatible")
        assert mod == b"module code.test/old\n"


@pytest.mark.long
async def test_a_module_below_the_root_has_its_own_tags(
    tmp_path: Path, hg_folder: Path, hg_port: int
) -> None:
    nested = {"go.mod": "module code.test/nested\n", "sub/go.mod": "module code.test/nested/sub\n"}
    hg_commit(hg_folder / "nested", nested | {"sub/s.go": "package s\n"}, "v0.1.0", "sub/v0.3.0")
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/nested", "hg", "http://hg.test/nested")
        assert await world.list("code.test/nested/sub") == ["v0.3.0"]
        assert await world.ask(Kind.MOD, "code.test/nested/sub", "v0.3.0") == b"module code.test/nested/sub\n"


async def test_what_is_not_there_is_absent(tmp_path: Path, hg_port: int) -> None:
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        world.put("code.test/none", "hg", "http://hg.test/no-such-repository")
        with pytest.raises(Absent, match="unknown revision"):
            await world.ask(Kind.ZIP, "code.test/hello", "v1.9.9")
        with pytest.raises(Absent, match="no such repository"):
            await world.list("code.test/none")


@pytest.mark.long
async def test_an_outage_is_never_absence_though_a_clone_is_kept(tmp_path: Path, hg_folder: Path) -> None:
    async with a_world(tmp_path, {"hg.test": 1}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        with hg_serve(hg_folder) as world.names.ports["hg.test"]:
            assert await world.list("code.test/hello")
        for kind, version in ((Kind.LIST, ""), (Kind.INFO, "v1.9.9")):
            with pytest.raises(Unavailable, match=r"refused the connection"):
                await world.ask(kind, "code.test/hello", version)


@pytest.mark.parametrize(
    ("line", "words"),
    [("500 Oops", "could not be fetched"), ("403 No", "credentials")],
)
async def test_a_server_that_fails_is_broken_and_not_absent(tmp_path: Path, line: str, words: str) -> None:
    async with answering(status(line)) as (port, heard), a_world(tmp_path, {"hg.test": port}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        with pytest.raises(Unavailable, match=words):
            await world.list("code.test/hello")
        assert heard


@pytest.mark.long
async def test_a_kept_clone_transfers_only_what_is_new(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    files = {
        "go.mod": "module code.test/grows\n",
        "large.go": "".join(f"// line {n}\n" for n in range(20000)),
    }
    hg_commit(folder / "grows", files, "v1.0.0")
    with hg_serve(folder) as port:
        async with a_world(tmp_path / "cache", {"hg.test": port}) as world:
            world.put("code.test/grows", "hg", "http://hg.test/grows")
            assert await world.list("code.test/grows") == ["v1.0.0"]
            hg_commit(folder / "grows", {"new.go": "package grows\n"}, "v1.0.1")
            # A quota that the whole would exceed many times: the first clone brought over 40 kB.
            kept = next((tmp_path / "cache" / "gocmd").glob("hg-*/vcs"))
            assert (kept.parent / "busy").exists() is False
            before = {entry.name for entry in kept.iterdir()}
            assert await world.list("code.test/grows") == ["v1.0.0", "v1.0.1"]
            assert {entry.name for entry in kept.iterdir()} == before


@pytest.mark.long
async def test_a_spoiled_clone_is_begun_anew(tmp_path: Path, hg_port: int) -> None:
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/hello", "hg", HELLO_URL)
        assert await world.ask(Kind.INFO, "code.test/hello", "v1.0.0")
        home = next((tmp_path / "gocmd").glob("hg-*"))
        clone = next(entry for entry in (home / "vcs").iterdir() if entry.is_dir())
        # As a killed run leaves it.
        (clone / ".hg" / "store" / "journal").write_text("half\n")
        (home / "busy").touch()
        assert await world.ask(Kind.INFO, "code.test/hello", "v1.1.0")
        # As no run leaves it: broken once, and then it heals.
        (clone / ".hg" / "requires").write_text("something-unheard-of\n")
        with pytest.raises(Unavailable):
            await world.ask(Kind.INFO, "code.test/hello", "v1.2.0-rc.1")
        assert await world.ask(Kind.INFO, "code.test/hello", "v1.2.0-rc.1")


@pytest.mark.long
async def test_the_path_that_names_its_system_needs_no_page(
    tmp_path: Path, hg_folder: Path, hg_port: int
) -> None:
    hg_commit(hg_folder / "tidy", {"tidy.go": "package tidy\n"}, "v1.0.0")
    async with a_world(tmp_path, {"code.test": hg_port}) as world:
        world.put("code.test/tidy.hg", "hg", "http://code.test/tidy")
        assert await world.list("code.test/tidy.hg") == ["v1.0.0"]
        with pytest.raises(Absent):
            await world.ask(Kind.INFO, "code.test/tidy.hg", "v1.9.9")
