"""What Subversion itself says, where the go command's words prove nothing: real svn, local repositories."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.vcs.gocmd.process import Ended, run
from modgate.vcs.gocmd.subversion import Subversion
from tests.vcs.gocmd.world import a_world, answering, needs_svn, status

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_svn


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["svnadmin", "create", str(tmp_path / "repo")], check=True)
    url = f"file://{tmp_path}/repo"
    subprocess.run(["svn", "mkdir", "-q", "-m", "x", f"{url}/trunk", f"{url}/tags"], check=True)
    return tmp_path / "repo"


def asked(folder: Path, url: str) -> Subversion:
    async def ask(*arguments: str) -> Ended:
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        return await run(["svn", *arguments], cwd=folder, environment=env, watched=[], quota=0)

    return Subversion(ask, url, where="code.test/svn")


async def test_an_unknown_revision_is_proved(tmp_path: Path, repository: Path) -> None:
    subversion = asked(tmp_path, f"file://{repository}/trunk")
    for revision in ("99", "000000000099", "v1.0.0", "no-such"):
        await subversion.prove_unknown(revision)


async def test_a_revision_that_is_there_is_no_proof(tmp_path: Path, repository: Path) -> None:
    subversion = asked(tmp_path, f"file://{repository}/trunk")
    for revision in ("1", ""):
        with pytest.raises(Unavailable, match="a moment later"):
            await subversion.prove_unknown(revision)


async def test_a_repository_that_does_not_answer_proves_nothing(tmp_path: Path) -> None:
    subversion = asked(tmp_path, "http://127.0.0.1:1/repo/trunk")
    with pytest.raises(Unavailable, match="E170013"):
        await subversion.prove_unknown("5")
    with pytest.raises(Unavailable, match="E170013"):
        await subversion.prove_tags_read()


async def test_tags_that_can_be_read_or_are_not_there(tmp_path: Path, repository: Path) -> None:
    await asked(tmp_path, f"file://{repository}/trunk").prove_tags_read()
    subprocess.run(["svn", "rm", "-q", "-m", "x", f"file://{repository}/tags"], check=True)
    await asked(tmp_path, f"file://{repository}/trunk").prove_tags_read()


async def test_a_server_that_fails_is_broken_and_not_an_empty_list(tmp_path: Path) -> None:
    async with (
        answering(status("503 Later")) as (port, heard),
        a_world(tmp_path, {"svn.test": port}) as world,
    ):
        world.put("code.test/svn", "svn", "http://svn.test/repo/trunk")
        results = await asyncio.gather(world.list("code.test/svn"), return_exceptions=True)
        assert isinstance(results[0], Unavailable), results
        assert heard
