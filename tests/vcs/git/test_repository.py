"""What a git repository answers, over a real server, a real git and the real guarded way out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod import semver
from modgate.gomod.modzip import FileKind
from tests.support.git_http import Answer, Seen
from tests.support.git_repos import Executable, Gitlink, GitRepo, Symlink
from tests.vcs.git.conftest import CTX, ONLINE_NOT

if TYPE_CHECKING:
    from tests.vcs.git.conftest import World


def everything(tag: str) -> bool:
    return True


async def contents(world: World, name: str, revision: str, folder: str = "") -> dict[str, bytes]:
    repository = world.repository(name)
    async with repository.files(CTX, revision, folder, limit=1 << 20) as entries:
        return {entry.path: entry.open().read() for entry in entries if entry.kind is FileKind.REGULAR}


@pytest.fixture
def small(world: World) -> GitRepo:
    """Four commits: two releases on main, a branch beside, a merge."""
    repo = GitRepo(world.root / "small.git")
    first = repo.commit({"go.mod": "module example.com/small\n", "a.go": "package small\n"}, tags=["v1.0.0"])
    second = repo.commit({"a.go": "package small // 2\n"})
    repo.tag("v1.1.0", second, annotated=True)
    repo.tag("other")
    side = repo.commit({"sub/go.mod": "module example.com/small/sub\n"}, branch="side", parents=[first])
    repo.tag("sub/v0.1.0", side)
    repo.commit({"b.go": "package small\n"}, parents=[second, side], message="a merge")
    repo.save()
    return repo


async def test_tags_are_listed_with_their_commits_and_nothing_is_cloned(world: World, small: GitRepo) -> None:
    repository = world.repository("small.git")
    tags = await repository.tags(CTX, "v")
    assert [tag.name for tag in tags.tags] == ["v1.0.0", "v1.1.0"]
    assert tags.tags[1].hash == small.git("rev-parse", "v1.1.0^{commit}")
    assert [tag.name for tag in (await repository.tags(CTX, "sub/v")).tags] == ["sub/v0.1.0"]
    assert [tag.name for tag in (await repository.tags(CTX, "")).tags] == [
        "other",
        "sub/v0.1.0",
        "v1.0.0",
        "v1.1.0",
    ]
    assert world.server.count("service=git-upload-pack") == 1
    assert world.server.sent < 2000
    assert sum(world.fetched) >= world.server.sent


async def test_a_tag_a_branch_head_and_hashes_are_found(world: World, small: GitRepo) -> None:
    repository = world.repository("small.git")
    tip = small.git("rev-parse", "main")
    tagged = small.git("rev-parse", "v1.1.0^{commit}")
    by_tag = await repository.stat(CTX, "v1.1.0")
    assert (by_tag.name, by_tag.short, by_tag.version) == (tagged, tagged[:12], "v1.1.0")
    assert by_tag.time == datetime.fromtimestamp(int(small.git("log", "-n1", "--format=%ct", tagged)), UTC)
    assert by_tag.tags == ("other", "v1.1.0")
    assert by_tag.origin == {"VCS": "git", "URL": repository.url, "Hash": tagged, "Ref": "refs/tags/v1.1.0"}
    by_branch = await repository.stat(CTX, "main")
    assert (by_branch.name, by_branch.version, by_branch.origin["Ref"]) == (tip, tip, "refs/heads/main")
    head = await repository.stat(CTX, "HEAD")
    assert (head.name, head.version, head.origin.get("Ref")) == (tip, tip, None)
    assert (await repository.latest(CTX)).origin["Ref"] == "HEAD"
    for asked in (tagged, tagged[:7], tagged[:12]):
        assert (await repository.stat(CTX, asked)).name == tagged
        assert (await repository.stat(CTX, asked)).version == tagged
    for asked in (tagged[:6], "v9.9.9", "0" * 12, "0" * 40, "refs/heads/main", "main~1", "v1.1.0^{}"):
        with pytest.raises(Absent):
            await repository.stat(CTX, asked)


async def test_a_commit_that_is_no_tip_is_found_in_the_history_and_read(world: World) -> None:
    repo = GitRepo(world.root / "deep.git")
    commits = [repo.commit({"go.mod": f"module m // {number}\n"}) for number in range(20)]
    wanted = commits[7].hash
    repository = world.repository("deep.git")
    info = await repository.stat(CTX, wanted[:12])
    assert (info.name, info.tags) == (wanted, ())
    assert "Ref" not in info.origin
    assert await repository.read_file(CTX, wanted, "go.mod", limit=100) == b"module m // 7\n"
    assert await contents(world, "deep.git", wanted[:12]) == {"go.mod": b"module m // 7\n"}


@pytest.mark.parametrize(
    "config", [{}, {"uploadpack.allowFilter": "false"}, {"uploadpack.allowAnySHA1InWant": "false"}]
)
async def test_a_server_without_filters_or_single_commits_serves_as_well(
    world: World, config: dict[str, str]
) -> None:
    repo = GitRepo(world.root / "old.git", config=config)
    commits = [repo.commit({"go.mod": f"module m // {number}\n"}) for number in range(9)]
    repo.tag("v1.0.0", commits[3])
    repo.save()
    repository = world.repository("old.git")
    assert await repository.read_file(CTX, commits[5].hash[:12], "go.mod", limit=100) == b"module m // 5\n"
    assert await repository.recent_tag(CTX, commits[5].hash, "", everything) == "v1.0.0"
    assert await contents(world, "old.git", "v1.0.0") == {"go.mod": b"module m // 3\n"}


async def test_a_server_of_protocol_0_that_gives_no_single_commits_is_fetched_whole(world: World) -> None:
    config = {
        "protocol.version": "0",
        "uploadpack.allowFilter": "false",
        "uploadpack.advertiseBundleURIs": "true",
    }
    repo = GitRepo(world.root / "zero.git", config=config)
    commits = [repo.commit({"go.mod": f"module m // {number}\n"}) for number in range(9)]
    repo.save()
    world.server.protocol = "version=0"
    repository = world.repository("zero.git")
    assert await repository.read_file(CTX, commits[5].hash[:12], "go.mod", limit=100) == b"module m // 5\n"
    assert await repository.read_file(CTX, "main", "go.mod", limit=100) == b"module m // 8\n"


async def test_a_server_of_plain_files_is_fetched_whole(world: World) -> None:
    repo = GitRepo(world.root / "dumb.git")
    commits = [repo.commit({"go.mod": f"module m // {number}\n"}) for number in range(5)]
    repo.tag("v1.0.0", commits[2])
    repo.save()
    repo.git("update-server-info")

    def plain(seen: Seen) -> Answer:
        path = world.root / seen.path.lstrip("/")
        return Answer(200, {}, path.read_bytes()) if path.is_file() else Answer(404)

    world.server.answer = plain
    repository = world.repository("dumb.git")
    assert (await repository.stat(CTX, "v1.0.0")).name == commits[2].hash
    assert await repository.read_file(CTX, "v1.0.0", "go.mod", limit=99) == b"module m // 2\n"
    assert await repository.recent_tag(CTX, commits[3].hash[:12], "", everything) == "v1.0.0"


async def test_files_are_those_of_gos_archive(world: World) -> None:
    repo = GitRepo(world.root / "files.git")
    long_name = "deep/" * 30 + "x" * 90 + ".go"
    repo.commit(
        {
            ".gitattributes": "*.txt eol=crlf\n*.id ident\nsecret export-ignore\nv.go export-subst\n"
            "*.bin filter=lfs\n",
            "dos.txt": "a\nb\n",
            "who.id": "$Id$\n",
            "secret": "still here",
            "v.go": "// $Format:%H$\n",
            "big.bin": "version https://git-lfs.github.com/spec/v1\n",
            "run.sh": Executable("#!/bin/sh\n"),
            "link": Symlink("/etc/passwd"),
            "module": Gitlink("1" * 40),
            "empty": "",
            long_name: "package deep\n",
            "ü ber/a b.go": "package b\n",
            "sub/dir/f.go": "package f\n",
            "sub/dirt": "not below",
        },
        tags=["v1.0.0"],
    )
    repo.save()
    got = await contents(world, "files.git", "v1.0.0")
    assert got["dos.txt"] == b"a\r\nb\r\n"
    assert got["who.id"].startswith(b"$Id: ")
    assert got["secret"] == b"still here"
    assert got["v.go"] == b"// $Format:%H$\n"
    assert got["big.bin"].startswith(b"version https://git-lfs")
    assert got["empty"] == b""
    assert got[long_name] == b"package deep\n"
    assert got["ü ber/a b.go"] == b"package b\n"
    assert "module" not in got
    assert await contents(world, "files.git", "v1.0.0", "sub/dir") == {"f.go": b"package f\n"}
    assert await contents(world, "files.git", "v1.0.0", "sub/none") == {}
    assert await contents(world, "files.git", "v1.0.0", "sub/dirt") == {}
    async with world.repository("files.git").files(CTX, "v1.0.0", "", limit=1 << 20) as entries:
        kinds = {entry.path: entry.kind for entry in entries}
    assert kinds["link"] is FileKind.SYMLINK
    # ReadFile is `git cat-file blob` in the go command: as stored.
    repository = world.repository("files.git")
    assert await repository.read_file(CTX, "v1.0.0", "dos.txt", limit=9) == b"a\nb\n"
    for path in ("none", "sub", "sub/dir", "module", "sub/dir/f.go/x"):
        with pytest.raises(Absent):
            await repository.read_file(CTX, "v1.0.0", path, limit=9)


async def test_limits_are_kept(world: World) -> None:
    repo = GitRepo(world.root / "big.git")
    repo.commit({"a": "x" * 600, "b/c": "y" * 600}, tags=["v1.0.0"])
    repo.save()
    repository = world.repository("big.git")
    with pytest.raises(Invalid, match="600 bytes"):
        await repository.read_file(CTX, "v1.0.0", "a", limit=599)
    assert len(await repository.read_file(CTX, "v1.0.0", "a", limit=600)) == 600
    with pytest.raises(Invalid, match="1200 bytes"):
        async with repository.files(CTX, "v1.0.0", "", limit=1199):
            pass
    async with repository.files(CTX, "v1.0.0", "b", limit=600) as entries:
        assert [entry.size for entry in entries] == [600]


async def test_entries_are_closed_with_their_context(world: World) -> None:
    repo = GitRepo(world.root / "c.git")
    repo.commit({"a": "x"}, tags=["v1.0.0"])
    repo.save()
    async with world.repository("c.git").files(CTX, "v1.0.0", "", limit=9) as entries:
        assert entries[0].open().read() == b"x"
    with pytest.raises(ValueError, match="closed file"):
        entries[0].open().read()


async def test_the_most_recent_tag_is_the_highest_of_the_ancestors(world: World) -> None:
    repo = GitRepo(world.root / "tags.git")
    low = repo.commit({"a": "1"}, tags=["v1.9.0", "v1.0.0", "nonsense", "sub/v3.0.0"])
    mid = repo.commit({"a": "2"}, tags=["v1.2.0"])
    late = repo.commit({"a": "3"})
    side = repo.commit({"a": "4"}, branch="side", parents=[low], tags=["v2.0.0"])
    repo.save()
    repository = world.repository("tags.git")
    assert await repository.recent_tag(CTX, "main", "", everything) == "v1.9.0"
    assert (
        await repository.recent_tag(CTX, late.hash, "", lambda tag: semver.compare(tag, "v1.5.0") < 0)
        == "v1.2.0"
    )
    assert await repository.recent_tag(CTX, side.hash, "", everything) == "v2.0.0"
    assert await repository.recent_tag(CTX, "main", "sub/", everything) == "sub/v3.0.0"
    assert await repository.recent_tag(CTX, "main", "other/", everything) == ""
    assert await repository.descends_from(CTX, late.hash, "v1.0.0")
    assert await repository.descends_from(CTX, mid.hash[:12], "v1.2.0")
    assert not await repository.descends_from(CTX, mid.hash, "v2.0.0")
    assert not await repository.descends_from(CTX, low.hash, "v1.2.0")
    assert not await repository.descends_from(CTX, low.hash, "v8.0.0")


async def test_sha256_repositories_work(world: World) -> None:
    repo = GitRepo(world.root / "sha256.git", sha256=True)
    first = repo.commit({"go.mod": "module m\n"}, tags=["v1.0.0"])
    middle = repo.commit({"go.mod": "module m // 2\n"})
    repo.commit({"go.mod": "module m // 3\n"})
    repo.save()
    repository = world.repository("sha256.git")
    info = await repository.stat(CTX, "v1.0.0")
    assert (len(info.name), info.short) == (64, first.hash[:12])
    assert await repository.read_file(CTX, middle.hash[:12], "go.mod", limit=99) == b"module m // 2\n"
    assert await contents(world, "sha256.git", "v1.0.0") == {"go.mod": b"module m\n"}


async def test_a_local_path_works_where_the_operator_named_it(world: World, small: GitRepo) -> None:
    with pytest.raises(Invalid):
        world.at(str(small.folder))
    repository = world.at(str(small.folder), local=True)
    assert (await repository.stat(CTX, "v1.1.0")).version == "v1.1.0"
    assert await repository.recent_tag(CTX, "main", "", everything) == "v1.1.0"
    assert world.server.requests == []


async def test_an_empty_repository_has_no_tags_and_no_commits(world: World) -> None:
    GitRepo(world.root / "empty.git")
    repository = world.repository("empty.git")
    assert (await repository.tags(CTX, "v")).tags == ()
    with pytest.raises(Absent, match="no commits"):
        await repository.latest(CTX)
    with pytest.raises(Absent):
        await repository.stat(CTX, "abcdef123456")


async def test_without_fetching_only_the_mirror_is_used(world: World, small: GitRepo) -> None:
    tagged = small.git("rev-parse", "v1.1.0^{commit}")
    repository = world.repository("small.git")
    for ask in (
        repository.tags(ONLINE_NOT, "v"),
        repository.stat(ONLINE_NOT, "v1.1.0"),
        repository.latest(ONLINE_NOT),
    ):
        with pytest.raises(Absent):
            await ask
    assert world.server.requests == []
    await repository.stat(CTX, "v1.1.0")
    world.server.reset()
    again = world.repository("small.git")
    assert (await again.stat(ONLINE_NOT, "v1.1.0")).name == tagged
    assert (await again.stat(ONLINE_NOT, tagged[:12])).name == tagged
    assert await again.read_file(ONLINE_NOT, "v1.1.0", "go.mod", limit=99) == b"module example.com/small\n"
    assert len((await again.tags(ONLINE_NOT, "v")).tags) == 2
    for ask in (
        again.stat(ONLINE_NOT, "v1.0.0"),
        again.stat(ONLINE_NOT, "0123456789ab"),
        again.stat(ONLINE_NOT, "v7.0.0"),
    ):
        with pytest.raises(Absent):
            await ask
    assert world.server.requests == []


async def test_when_the_host_is_down_what_is_here_is_still_told_and_branches_are_not(
    world: World, small: GitRepo
) -> None:
    repository = world.repository("small.git")
    info = await repository.stat(CTX, "v1.1.0")
    await repository.stat(CTX, "main")
    world.server.close()
    world.clock.now += 3600
    assert (await repository.stat(CTX, "v1.1.0")).name == info.name
    assert (await repository.stat(CTX, info.name[:12])).name == info.name
    assert await repository.read_file(CTX, "v1.1.0", "go.mod", limit=99)
    for ask in (
        repository.stat(CTX, "main"),
        repository.latest(CTX),
        repository.tags(CTX, "v"),
        repository.stat(CTX, "v9.0.0"),
    ):
        with pytest.raises(Unavailable):
            await ask
