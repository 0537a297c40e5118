"""A mirror is kept, swept or made anew: kills, leftovers, rot, quotas, a full disk, another process."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from tests.support.git_http import Answer, Seen
from tests.support.git_repos import GitRepo, long_history
from tests.vcs.git.conftest import CTX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modgate.vcs.git import GitRepository
    from tests.vcs.git.conftest import World

NOISE = random.Random(1).randbytes(600_000)

CHILD = """
import asyncio, sys, time
from pathlib import Path
from modgate.model import Context
from modgate.vcs.git import GitRepository, GitSettings
async def main():
    repository = GitRepository(sys.argv[1], Path(sys.argv[2]), GitSettings(), time.time, local=True)
    print("begin", flush=True)
    for revision in sys.argv[3:]:
        await repository.read_file(Context(), revision, "go.mod", limit=1000)
    print("end", flush=True)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> GitRepo:
    return long_history(tmp_path_factory.mktemp("big") / "big.git", 2000, 20, size=4000)


def folder_of(repository: GitRepository) -> Path:
    return repository._fetching.mirror.folder


async def test_after_a_kill_at_any_moment_the_mirror_works(world: World, big: GitRepo) -> None:
    old = big.git("rev-parse", "HEAD~700")
    for number, pause in enumerate((0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12)):
        command = [
            sys.executable,
            "-c",
            CHILD,
            str(big.folder),
            str(world.mirrors),
            f"v1.0.{number}",
            old[:12],
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begin\n"
            await asyncio.sleep(pause)
            process.send_signal(signal.SIGKILL)
        repository = world.at(str(big.folder), local=True)
        assert (await repository.stat(CTX, f"v1.0.{number}")).tags == (f"v1.0.{number}",)
        assert b"example.com/long" in await repository.read_file(CTX, f"v1.0.{number}", "go.mod", limit=999)
    assert (await repository.stat(CTX, old[:12])).name == old
    assert repository._mended.mended_at is None
    left = [
        path
        for path in folder_of(repository).rglob("*")
        if path.name.startswith("tmp_") or path.suffix == ".lock"
    ]
    assert left == []


async def test_what_the_dead_left_behind_is_swept(world: World, big: GitRepo) -> None:
    repository = world.at(str(big.folder), local=True)
    await repository.stat(CTX, "v1.0.0")
    trees = repository._fetching.mirror.trees
    for name in (
        "shallow.lock",
        "config.lock",
        "packed-refs.lock",
        "HEAD.lock",
        "refs/kept/x.lock",
        "objects/pack/tmp_pack_X",
    ):
        (trees / name).write_bytes(b"half")
    (trees / "objects/incoming-x").mkdir()
    again = world.at(str(big.folder), local=True)
    assert (await again.stat(CTX, "v1.0.1")).version == "v1.0.1"
    assert await again.recent_tag(CTX, "v1.0.1", "", lambda tag: tag != "v1.0.1") == "v1.0.0"
    assert not list(trees.rglob("*.lock"))
    assert not list(trees.glob("objects/pack/tmp_*"))


@pytest.mark.parametrize("harm", ["pack", "index", "head", "config", "objects", "refs", "shallow"])
async def test_a_mirror_that_rotted_is_made_anew_once(world: World, big: GitRepo, harm: str) -> None:
    repository = world.at(str(big.folder), local=True)
    await repository.stat(CTX, "v1.0.0")
    trees = repository._fetching.mirror.trees
    victims = {
        "pack": list(trees.glob("objects/pack/*.pack")),
        "index": list(trees.glob("objects/pack/*.idx")),
        "head": [trees / "HEAD"],
        "config": [trees / "config"],
        "objects": [trees / "objects"],
        "refs": [path for path in trees.glob("refs/kept/*") if path.is_file()],
        "shallow": [trees / "shallow"],
    }[harm]
    assert victims
    for victim in victims:
        if victim.is_dir():
            shutil.rmtree(victim)
        else:
            victim.chmod(0o600)
            victim.write_bytes(b"rot" * 20)
    again = world.at(str(big.folder), local=True)
    assert b"example.com/long" in await again.read_file(CTX, "v1.0.0", "go.mod", limit=999)
    async with again.files(CTX, "v1.0.0", "", limit=1 << 24) as entries:
        assert len(entries) > 10
        assert sum(len(entry.open().read()) for entry in entries) == sum(entry.size for entry in entries)
    assert (await again.stat(CTX, "v1.0.3")).version == "v1.0.3"


async def test_bytes_that_rot_in_use_are_noticed_and_fetched_again(world: World, big: GitRepo) -> None:
    repository = world.at(str(big.folder), local=True)
    assert await repository.read_file(CTX, "v1.0.0", "go.mod", limit=999)
    for pack in repository._fetching.mirror.trees.glob("objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[: pack.stat().st_size // 2])
    async with repository.files(CTX, "v1.0.0", "", limit=1 << 24) as entries:
        assert len(entries) > 10
    assert repository._mended.mended_at is not None


async def test_a_repository_beyond_the_quota_is_refused_and_leaves_nothing(world: World) -> None:
    repo = GitRepo(world.root / "fat.git")
    repo.commit({"go.mod": "module m\n", "fat": NOISE})
    repo.tag("v1.0.0")
    repo.save()
    repository = world.repository("fat.git", max_repository=100_000)
    with pytest.raises(Unavailable, match="more than 100000 bytes") as caught:
        await repository.stat(CTX, "v1.0.0")
    assert "vcs.max_repository" in caught.value.next_step
    assert sum(path.stat().st_size for path in folder_of(repository).rglob("*") if path.is_file()) < 100_000
    assert (await world.repository("fat.git").stat(CTX, "v1.0.0")).version == "v1.0.0"


async def test_a_local_repository_beyond_the_quota_is_refused(world: World) -> None:
    repo = GitRepo(world.root / "fat.git")
    repo.commit({"go.mod": "module m\n", "fat": NOISE}, tags=["v1.0.0"])
    repo.save()
    repository = world.at(str(repo.folder), local=True, max_repository=100_000)
    with pytest.raises(Unavailable, match="more than 100000 bytes"):
        await repository.stat(CTX, "v1.0.0")
    assert repository._fetching.mirror.size() < 100_000


async def test_an_endless_server_is_cut_off(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    listing = Answer(
        200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, endless=b"0" * 65536
    )
    for service in ("info/refs", "git-upload-pack"):

        def endless(seen: Seen, service: str = service) -> Answer | None:
            return listing if seen.path.endswith(service) else None

        world.server.answer = endless
        repository = world.repository("m.git", max_repository=3_000_000, timeout=60.0)
        with pytest.raises(Unavailable):
            await repository.stat(CTX, "v1.0.0")
        assert sum(world.fetched) < 20_000_000
    world.server.answer = lambda _: None
    assert (await world.repository("m.git").stat(CTX, "v1.0.0")).version == "v1.0.0"


async def test_a_mirror_that_has_grown_beyond_its_limit_is_begun_anew(world: World, big: GitRepo) -> None:
    repository = world.at(str(big.folder), local=True)
    await repository.stat(CTX, "v1.0.0")
    size = repository._fetching.mirror.size()
    again = world.at(str(big.folder), local=True, max_repository=size + size // 2)
    ballast = again._fetching.mirror.trees / "objects/pack/ballast"
    ballast.write_bytes(b"x" * size * 2)
    assert (await again.stat(CTX, "v1.0.1")).version == "v1.0.1"
    assert not ballast.exists()
    # Two tags together are too much, each of them is not.
    for number in (0, 1, 0):
        assert (await again.read_file(CTX, f"v1.0.{number}", "go.mod", limit=999)).startswith(b"module")


async def test_a_fetch_that_times_out_leaves_no_process_and_a_mirror_that_works(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git", timeout=2.0)
    await repository.tags(CTX, "v")
    world.server.answer = lambda seen: Answer(hang=True) if seen.method == "POST" else None
    with pytest.raises(Unavailable) as caught:
        await repository.stat(CTX, "v1.0.0")
    assert caught.value.kind == "timeout"
    # Killed, the last of the group may take a moment to be gone.
    while _programs_in(repository):
        await asyncio.sleep(0.01)
    world.server.answer = lambda _: None
    assert (await repository.stat(CTX, "v1.0.0")).version == "v1.0.0"


def _programs_in(repository: GitRepository) -> list[str]:
    """Running programs whose GIT_DIR is in the mirror."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder_of(repository)).encode() in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found


async def test_another_process_that_writes_is_waited_for(world: World, big: GitRepo) -> None:
    repository = world.at(str(big.folder), local=True)
    await repository.stat(CTX, "v1.0.0")
    hold = "import fcntl,sys,time; f=open(sys.argv[1]); fcntl.flock(f,2); print(flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(folder_of(repository) / "lock")], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        impatient = world.at(str(big.folder), local=True, timeout=0.3)
        with pytest.raises(Unavailable, match="another process"):
            await impatient.stat(CTX, "v1.0.2")
        # What is here already needs no lock.
        assert await repository.read_file(CTX, "v1.0.0", "go.mod", limit=999)
        waiting = asyncio.ensure_future(repository.stat(CTX, "v1.0.2"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        process.kill()
        assert (await waiting).version == "v1.0.2"


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_full_disk_is_told_as_such_and_heals(world: World, tiny: Path) -> None:
    repo = GitRepo(world.root / "fat.git")
    repo.commit({"go.mod": "module m\n", "fat": NOISE}, tags=["v1.0.0"])
    repo.save()
    world.mirrors = tiny
    repository = world.repository("fat.git")
    await repository.tags(CTX, "v")
    ballast = tiny / "ballast"
    ballast.write_bytes(b"x" * 900_000)
    with pytest.raises(Unavailable) as caught:
        await repository.stat(CTX, "v1.0.0")
    assert caught.value.kind == "storage-full", caught.value
    ballast.unlink()
    assert (await repository.stat(CTX, "v1.0.0")).version == "v1.0.0"
