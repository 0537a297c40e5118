"""Fossil, from a real `fossil server` through the guarded way out."""

from __future__ import annotations

import io
import json
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.gomod.protocol import Kind
from modgate.transport.reach import NOWHERE
from tests.vcs.gocmd.world import a_world, answering, needs_fossil, served, status

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_fossil

MOD = "module code.test/fossil\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("fossil")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "USER": "gopher"}

    def fossil(*arguments: str) -> None:
        subprocess.run(["fossil", *arguments], cwd=folder / "work", env=env, check=True, capture_output=True)

    (folder / "work").mkdir()
    (folder / "work" / "go.mod").write_text(MOD)
    (folder / "work" / "f.go").write_text("package f\n")
    fossil("init", "--date-override", "2020-01-01T00:00:00Z", "../f.fossil")
    fossil("open", "--keep", "../f.fossil")
    fossil("add", "go.mod", "f.go")
    fossil("commit", "--no-prompt", "--nosign", "--date-override", "2020-01-02T00:00:00Z", "--comment", "one")
    with served(
        ["fossil", "server", "--localhost", "--port", "{port}", str(folder / "f.fossil")], env
    ) as number:
        yield number


async def test_a_module_in_fossil_is_served_whole(tmp_path: Path, port: int) -> None:
    async with a_world(tmp_path, {"f.test": port}) as world:
        world.put("code.test/fossil", "fossil", "http://f.test/")
        # The go command reads no tags from Fossil: versions are those of commits.
        assert await world.list("code.test/fossil") == []
        version = json.loads(await world.ask(Kind.LATEST, "code.test/fossil"))["Version"]
        assert version.startswith("v0.0.0-20200102000000-")
        assert await world.ask(Kind.MOD, "code.test/fossil", version) == MOD.encode()
        body = await world.ask(Kind.ZIP, "code.test/fossil", version)
        assert {name.rpartition("/")[2] for name in zipfile.ZipFile(io.BytesIO(body)).namelist()} == {
            "go.mod",
            "f.go",
        }
        with pytest.raises(Absent, match="unknown revision"):
            await world.ask(Kind.INFO, "code.test/fossil", "v1.0.0")
        assert {host for host, _ in world.names.asked} == {"f.test"}


async def test_an_outage_is_no_absence(tmp_path: Path) -> None:
    async with a_world(tmp_path, {"f.test": 1}) as world:
        world.put("code.test/fossil", "fossil", "http://f.test/")
        for kind in (Kind.LIST, Kind.LATEST):
            with pytest.raises(Unavailable, match="refused the connection"):
                await world.ask(kind, "code.test/fossil")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ssh://-oProxyCommand=touch%20pwned/x"])
async def test_a_redirect_leads_nowhere_else(tmp_path: Path, target: str) -> None:
    answer = status("301 Moved", f"Location: {target}")
    async with answering(answer) as (number, heard), a_world(tmp_path, {"f.test": number}) as world:
        world.put("code.test/fossil", "fossil", "http://f.test/")
        with pytest.raises(Unavailable):
            await world.list("code.test/fossil")
        assert heard


async def test_a_host_that_nobody_named_is_not_asked(tmp_path: Path, port: int) -> None:
    async with a_world(tmp_path, {"f.test": port}, trusted=NOWHERE) as world:
        world.put("code.test/fossil", "fossil", "http://f.test/")
        with pytest.raises(Unavailable, match="only to hosts that the configuration names"):
            await world.list("code.test/fossil")
        assert world.names.asked == []
