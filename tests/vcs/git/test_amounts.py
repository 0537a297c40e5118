"""How much travels: counts of requests and bytes, never times."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.vcs.git import GitRepositories, GitSettings
from tests.support.git_http import Answer, GitServer
from tests.support.git_repos import GitRepo, long_history
from tests.vcs.git.conftest import CTX

if TYPE_CHECKING:
    from pathlib import Path

    from tests.vcs.git.conftest import World

NOISE = "".join(f"{number * 2654435761 % (1 << 32):08x}" for number in range(8000))
"""64 kB that compress badly."""


async def test_a_new_tag_brings_only_its_new_objects(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n", "data.txt": NOISE}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git")
    await repository.stat(CTX, "v1.0.0")
    first = world.server.sent
    repo.commit({"a.go": "package m\n"}, tags=["v1.1.0"])
    repo.save()
    world.server.reset()
    # Unknown in the list that is held, so the list is asked for again at once.
    world.clock.now += 2
    assert (await repository.stat(CTX, "v1.1.0")).version == "v1.1.0"
    second = world.server.sent
    print(f"first fetch {first} bytes, new tag {second} bytes")
    assert first > 20_000
    assert second < 2_500
    # The same for a process that starts anew, and for history.
    again = world.repository("m.git")
    assert await again.recent_tag(CTX, "main", "", lambda tag: tag != "v1.1.0") == "v1.0.0"
    assert world.server.sent < 6_000


async def test_history_comes_once_without_files_and_then_only_what_is_new(world: World) -> None:
    repo = long_history(world.root / "long.git", 300, 10, size=2000)
    whole = int(repo.git("count-objects", "-v").split("size-pack: ")[1].split()[0]) * 1024
    tip = repo.git("rev-parse", "HEAD~5")
    repository = world.repository("long.git")
    await repository.stat(CTX, tip[:12])
    assert world.server.sent < whole / 2
    world.server.reset()
    await repository.stat(CTX, repo.git("rev-parse", "HEAD~50")[:12])
    assert await repository.recent_tag(CTX, tip, "", lambda _: True) == "v1.0.8"
    assert world.server.requests == []
    repo.commit({"go.mod": "module example.com/long // new\n"})
    repo.commit({"go.mod": "module example.com/long // newer\n"})
    repo.save()
    world.clock.now += 2
    await repository.stat(CTX, repo.git("rev-parse", "HEAD~1")[:12])
    assert world.server.sent < 8_000


async def test_what_is_not_there_is_asked_for_once_and_nothing_is_cloned(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git")
    await repository.tags(CTX, "v")
    world.clock.now += 5
    world.server.reset()
    for _ in range(3):
        with pytest.raises(Absent):
            await repository.stat(CTX, "v7.0.0")
    assert (world.server.count("info/refs"), world.server.count("git-upload-pack?")) == (1, 1)
    for _ in range(3):
        with pytest.raises(Absent):
            await repository.stat(CTX, "123456789abc")
    history = world.server.count()
    with pytest.raises(Absent):
        await repository.stat(CTX, "0" * 40)
    assert world.server.count() == history
    for _ in range(3):
        with pytest.raises(Absent):
            await repository.read_file(CTX, "v1.0.0", "sub/go.mod", limit=99)
        async with repository.files(CTX, "v1.0.0", "sub", limit=99) as entries:
            assert entries == []
    fetched = world.server.count()
    with pytest.raises(Absent):
        await repository.read_file(CTX, "v1.0.0", "other/go.mod", limit=99)
    assert world.server.count() == fetched
    # After a while it is worth another look.
    world.clock.now += 60
    repo.tag("v7.0.0")
    repo.save()
    assert (await repository.stat(CTX, "v7.0.0")).version == "v7.0.0"


async def test_a_repository_that_is_not_there_is_asked_for_once(world: World) -> None:
    repository = world.repository("none.git")
    for ask in (repository.tags(CTX, "v"), repository.latest(CTX), repository.stat(CTX, "v1.0.0")):
        with pytest.raises(Absent, match="no such repository") as caught:
            await ask
        assert "[[credentials]]" in str(caught.value)
    assert world.server.count() == 1
    GitRepo(world.root / "none.git").commit({"a": ""}, tags=["v1.0.0"]).repo.save()
    world.clock.now += 20
    assert len((await repository.tags(CTX, "v")).tags) == 1


async def test_questions_at_the_same_time_share_one_fetch(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    old = repo.commit({"go.mod": "module m // 2\n"})
    repo.commit({"go.mod": "module m // 3\n"})
    repo.save()
    repository = world.repository("m.git")
    await asyncio.gather(*(repository.tags(CTX, "v") for _ in range(10)))
    assert world.server.count("info/refs") == 1
    await asyncio.gather(*(repository.stat(CTX, "v1.0.0") for _ in range(10)))
    assert world.server.count("info/refs") == 2
    await asyncio.gather(*(repository.stat(CTX, old.hash[:12]) for _ in range(10)))
    assert world.server.count("info/refs") == 3
    await asyncio.gather(*(repository.read_file(CTX, old.hash, "go.mod", limit=99) for _ in range(10)))
    assert world.server.count("info/refs") == 4


async def test_tags_that_are_wanted_together_come_together(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    for number in range(20):
        repo.commit({"go.mod": f"module m // {number}\n"}, tags=[f"v1.0.{number}"])
    repo.save()
    repository = world.repository("m.git")
    await repository.tags(CTX, "v")
    world.server.reset()
    asks = [repository.read_file(CTX, f"v1.0.{number}", "go.mod", limit=99) for number in range(20)]
    assert await asyncio.gather(*asks) == [f"module m // {number}\n".encode() for number in range(20)]
    assert world.server.count("info/refs") <= 2
    # One that is gone meanwhile does not spoil it for the others.
    repo.commit({"go.mod": "module m // a\n"}, tags=["v2.0.0"])
    repo.commit({"go.mod": "module m // b\n"}, tags=["v2.1.0"])
    repo.commit({"go.mod": "module m // c\n"}, tags=["v2.2.0"])
    repo.save()
    world.clock.now += 100
    await repository.tags(CTX, "v")
    repo.delete("refs/tags/v2.1.0")
    first, gone, third = await asyncio.gather(
        *(repository.stat(CTX, f"v2.{number}.0") for number in range(3)), return_exceptions=True
    )
    assert isinstance(gone, Absent)
    assert not isinstance(first, BaseException)
    assert not isinstance(third, BaseException)
    assert not repository._fetching.mirror.history.exists()


async def test_the_list_of_refs_is_good_for_its_time(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git", refs_ttl=60.0)
    for later in (0, 30, 29):
        world.clock.now += later
        await repository.tags(CTX, "v")
        await repository.stat(CTX, "v1.0.0")
    # One list and one fetch.
    assert world.server.count("info/refs") == 2
    world.clock.now += 2
    await repository.tags(CTX, "v")
    assert world.server.count("info/refs") == 3


async def test_a_tag_that_moved_is_followed(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git")
    before = await repository.stat(CTX, "v1.0.0")
    moved = repo.commit({"go.mod": "module moved\n"}, tags=["v1.0.0"])
    repo.save()
    assert (await repository.stat(CTX, "v1.0.0")).name == before.name
    world.clock.now += 61
    assert (await repository.stat(CTX, "v1.0.0")).name == moved.hash
    assert await repository.read_file(CTX, "v1.0.0", "go.mod", limit=99) == b"module moved\n"
    assert await repository.read_file(CTX, before.name, "go.mod", limit=99) == b"module m\n"


async def test_a_tag_that_moves_between_the_list_and_the_fetch_is_looked_up_again(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git")
    await repository.tags(CTX, "v")
    moved = repo.commit({"go.mod": "module moved\n"}, tags=["v1.0.0"])
    repo.save()
    assert (await repository.stat(CTX, "v1.0.0")).name == moved.hash


async def test_a_pool_gives_the_same_repository_and_forgets_idle_ones(world: World) -> None:
    pool = GitRepositories(world.mirrors, GitSettings(), world.clock, egress=world.egress, size=2)
    one = pool.get("https://example.com/a")
    assert pool.get("https://example.com/a") is one
    pool.get("https://example.com/b")
    pool.get("https://example.com/c")
    assert pool.get("https://example.com/a") is not one
    await pool.close()


async def test_only_so_many_trees_are_unpacked_at_a_time(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("m.git", unpacked=asyncio.Semaphore(2))
    leave = asyncio.Event()
    inside = 0

    async def unpack() -> None:
        nonlocal inside
        async with repository.files(CTX, "v1.0.0", "", limit=999):
            inside += 1
            await leave.wait()

    tasks = [asyncio.ensure_future(unpack()) for _ in range(5)]
    while inside < 2:
        await asyncio.sleep(0.01)
    # Questions that unpack nothing do not wait.
    assert await repository.read_file(CTX, "v1.0.0", "go.mod", limit=99) == b"module m\n"
    assert inside == 2
    leave.set()
    await asyncio.gather(*tasks)
    assert inside == 5


async def test_only_so_many_runs_are_under_way_at_a_time(world: World, tmp_path: Path) -> None:
    log = tmp_path / "log"
    git = tmp_path / "git"
    git.write_text(
        f'#!/bin/sh\ncase "$1" in rev-parse) echo + >>{log}; {shutil.which("git")} "$@"; code=$?; sleep 0.1; '
        f'echo - >>{log}; exit $code;; *) exec {shutil.which("git")} "$@";; esac\n'
    )
    git.chmod(0o755)
    repo = GitRepo(world.root / "m.git")
    commits = [repo.commit({"go.mod": f"module m // {number}\n"}) for number in range(8)]
    repo.save()
    repository = world.repository("m.git", program=str(git), runs=asyncio.Semaphore(2))
    await repository.recent_tag(CTX, commits[0].hash, "", lambda _: True)
    await asyncio.gather(*(repository.stat(CTX, commit.hash[:20]) for commit in commits))
    under_way = most = 0
    for line in log.read_text().split():
        under_way += 1 if line == "+" else -1
        most = max(most, under_way)
    assert most == 2


async def test_a_host_that_is_silent_leaves_room_for_others(world: World, tls: tuple[Path, Path]) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    with GitServer(world.root, certificate=tls, host="localhost") as silent:
        silent.answer = lambda _: Answer(hang=True)
        settings = GitSettings(ca_file=world.ca_file, slots=asyncio.Semaphore(2), per_host=1)
        internal = frozenset({world.server.netloc, silent.netloc})
        pool = GitRepositories(world.mirrors, settings, world.clock, egress=world.egress, internal=internal)
        waiting = [
            asyncio.ensure_future(pool.get(f"{silent.url}/{number}.git").tags(CTX, "v"))
            for number in range(4)
        ]
        while not silent.requests:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(20):
            assert len((await pool.get(f"{world.server.url}/m.git").tags(CTX, "v")).tags) == 1
        assert len(silent.requests) == 1
        await pool.close()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_waiting_for_a_turn_ends(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    repo.save()
    slots = asyncio.Semaphore(1)
    settings = GitSettings(ca_file=world.ca_file, slots=slots, patience=0.05)
    internal = frozenset({world.server.netloc})
    pool = GitRepositories(world.mirrors, settings, world.clock, egress=world.egress, internal=internal)
    repository = pool.get(f"{world.server.url}/m.git")
    async with slots:
        with pytest.raises(Unavailable, match="took all turns") as caught:
            await repository.tags(CTX, "v")
    assert caught.value.kind == "overloaded"
    assert not world.server.requests
    assert len((await repository.tags(CTX, "v")).tags) == 1
    await pool.close()


async def test_mirrors_hold_no_more_than_they_may_together(world: World) -> None:
    for name in "abcd":
        repo = GitRepo(world.root / f"{name}.git")
        repo.commit({"go.mod": "module m\n", "noise": os.urandom(200_000)}, tags=["v1.0.0"])
        repo.save()
    settings = GitSettings(ca_file=world.ca_file, max_mirrors=500_000)
    internal = frozenset({world.server.netloc})
    (world.mirrors / "other").mkdir(parents=True)
    (world.mirrors / "other" / "file").write_bytes(bytes(1_000_000))
    pool = GitRepositories(world.mirrors, settings, world.clock, egress=world.egress, internal=internal)
    for name in "abcd":
        made = pool.get(f"{world.server.url}/{name}.git")
        assert await made.read_file(CTX, "v1.0.0", "go.mod", limit=99) == b"module m\n"
        # Of what was fetched into at the same moment, either may go first.
        os.utime(made.folder / "lock", (1000 + ord(name), 1000 + ord(name)))
    world.clock.now += 61
    using = pool.get(f"{world.server.url}/a.git")
    async with using.files(CTX, "v1.0.0", "", limit=999_999):
        world.clock.now += 61
        pool.get(f"{world.server.url}/d.git")
        while pool.busy:
            await asyncio.sleep(0.01)
    held = {folder.parent.name for folder in world.mirrors.glob("*/trees.git")}
    expected = [pool.get(f"{world.server.url}/{name}.git") for name in "ad"]
    assert held == {each.folder.name for each in expected}
    assert (world.mirrors / "other" / "file").exists()
    again = pool.get(f"{world.server.url}/b.git")
    assert await again.read_file(CTX, "v1.0.0", "go.mod", limit=99) == b"module m\n"
    await pool.close()


async def test_many_packs_become_one(world: World) -> None:
    repo = GitRepo(world.root / "m.git")
    for number in range(45):
        repo.commit({"go.mod": f"module m // {number}\n"}, tags=[f"v1.0.{number}"])
    repo.save()
    local = world.at(str(repo.folder), local=True)
    trees = local._fetching.mirror.trees
    for number in range(45):
        await local.stat(CTX, f"v1.0.{number}")
    while local.busy:
        await asyncio.sleep(0.01)
    assert len(list(trees.glob("objects/pack/*.pack"))) < 10
    assert await local.read_file(CTX, "v1.0.3", "go.mod", limit=99) == b"module m // 3\n"
    assert (await local.stat(CTX, repo.git("rev-parse", "HEAD~7")[:12])).tags == ("v1.0.37",)
