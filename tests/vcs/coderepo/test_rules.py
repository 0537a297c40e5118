"""Go's rules over a repository, case by case; the whole is compared with the real go in tests/vcs/vcstest."""

from __future__ import annotations

import asyncio
import io
import threading
import zipfile
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod.modzip import check_zip
from modgate.gomod.pseudo import pseudo_version
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model import Context
from modgate.vcs.coderepo import CodeRepo, info_of
from tests.support.memory_repository import MemoryRepository

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from typing import BinaryIO

    from modgate.gomod.modzip import FileEntry

CTX = Context()
ROOT = "example.com/repo"


def _code(repository: MemoryRepository, path: str = ROOT, root: str = ROOT, **more: str) -> CodeRepo:
    return CodeRepo(repository, root, ModulePath(path), **more)  # type: ignore[arg-type]


async def _pseudo(repository: MemoryRepository, commit: str, base: str = "", major: str = "") -> str:
    known = await repository.stat(CTX, commit)
    return pseudo_version(major, base, known.time, known.short)


async def _version(code: CodeRepo, asked: str) -> str:
    return (await code.stat(CTX, asked)).version


async def test_a_branch_that_looks_like_a_version_is_none() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    repository.commit({"evil.go": "package repo\n"}, branch="v1.0.1")
    with pytest.raises(Absent, match=r"v1\.0\.1 is not a tag"):
        await _version(_code(repository), "v1.0.1")


async def test_a_tag_goes_before_a_branch_of_its_name() -> None:
    repository = MemoryRepository()
    right = repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    repository.commit({"evil.go": "package repo\n"}, branch="v1.0.0")
    assert (await _code(repository).stat(CTX, "v1.0.0")).commit == right


async def test_only_the_one_name_of_a_commit_is_taken_for_a_pseudo_version() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.2.3")
    commit = repository.commit({"a.go": "package repo\n"})
    repository.commit({"b.go": "package repo\n"}, "v1.9.0")
    code = _code(repository)
    right = await _pseudo(repository, commit, "v1.2.3")
    assert await _version(code, right) == right == await _version(code, commit[:8])
    stamp, short = right.rsplit("-", 2)[1].removeprefix("0."), commit[:12]
    wrong = {
        f"v1.2.4-0.{int(stamp) + 1}-{short}": "does not match version-control timestamp",
        f"v1.2.4-0.{stamp}-{commit[:11]}": "shorter than canonical",
        f"v1.2.4-0.{stamp}-{commit[:13]}": "longer than canonical",
        f"v1.9.1-0.{stamp}-{short}": r"not a descendent of preceding tag \(v1.9.0\)",
        f"v1.7.1-0.{stamp}-{short}": r"preceding tag \(v1.7.0\) not found",
        f"v1.0.0-{stamp}-{short}": "must be v0, not v1",
        "v1.2.4-0.20269999999999-" + short: "malformed time",
        f"v1.2.0-0.{stamp}-{short}": "negative patch number",
    }
    for version, why in wrong.items():
        with pytest.raises(Absent, match=why):
            await _version(code, version)


async def test_a_commit_with_a_canonical_tag_has_no_pseudo_version_on_that_tag() -> None:
    repository = MemoryRepository()
    commit = repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.2.3")
    with pytest.raises(Absent, match="already canonical"):
        await _version(_code(repository), await _pseudo(repository, commit, "v1.2.3"))


async def test_old_tags_are_incompatible_until_the_authors_use_modules() -> None:
    repository = MemoryRepository()
    repository.commit({"a.go": "package repo\n"}, "v1.0.0", "v2.0.0", "v3.0.0-pre")
    code = _code(repository)
    assert await code.versions(CTX) == ("v1.0.0", "v2.0.0+incompatible", "v3.0.0-pre+incompatible")
    assert await _version(code, "v2.0.0") == "v2.0.0+incompatible"
    with pytest.raises(Absent, match=r"resolves to version v2\.0\.0\+incompatible"):
        await code.exact(CTX, Version("v2.0.0"))
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.1.0", "v2.1.0")
    assert await code.versions(CTX) == ("v1.0.0", "v1.1.0")
    with pytest.raises(Absent, match="must match major version"):
        await _version(code, "v2.1.0")
    assert await _version(code, "v2.0.0+incompatible") == "v2.0.0+incompatible"


async def test_a_major_version_whose_newest_tag_has_a_go_mod_is_not_incompatible() -> None:
    repository = MemoryRepository()
    repository.commit({"a.go": "package repo\n"}, "v1.0.0", "v2.0.0", "v3.0.0")
    repository.commit({"go.mod": f"module {ROOT}/v2\n"}, "v2.1.0")
    assert await _code(repository).versions(CTX) == ("v1.0.0", "v3.0.0+incompatible")


async def test_a_tag_belongs_to_the_module_in_its_majors_folder_unless_it_is_asked_for_as_incompatible() -> (
    None
):
    repository = MemoryRepository()
    repository.commit({"a.go": "package repo\n", "v2/go.mod": f"module {ROOT}/v2\n"}, "v2.0.0")
    code = _code(repository)
    with pytest.raises(Absent, match="must match major version"):
        await _version(code, "v2.0.0")
    assert (await _version(code, "main")).startswith("v0.0.0-")
    assert await _version(code, "v2.0.0+incompatible") == "v2.0.0+incompatible"


async def test_tags_that_look_like_pseudo_versions_or_are_incomplete_name_no_version() -> None:
    repository = MemoryRepository()
    made = "v1.2.1-0.20200101000000-0123456789ab"
    repository.commit({"go.mod": f"module {ROOT}\n"}, made, "v1.5")
    code = _code(repository)
    assert await code.versions(CTX) == ()
    assert (await _version(code, "main")).startswith("v0.0.0-")
    with pytest.raises(Absent):
        await _version(code, made)


async def test_a_version_that_was_taken_back_is_no_name_for_a_commit_and_no_base() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    taken = repository.commit({"go.mod": f"module {ROOT}\n\nretract v1.0.1\n"}, "v1.0.1")
    code = _code(repository)
    assert (await _version(code, taken)).startswith("v1.0.1-0.")
    repository.commit({"a.go": "package repo\n"})
    assert (await _version(code, "main")).startswith("v1.0.1-0.")
    assert await _version(code, "v1.0.1") == "v1.0.1"
    repository.broken = {taken}
    with pytest.raises(Unavailable):
        await _version(code, "main")


async def test_a_go_mod_that_cannot_be_parsed_takes_nothing_back() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    repository.commit({"go.mod": f"module {ROOT}\nretract v1.0.1\nrequire (\n"}, "v1.0.1")
    repository.commit({"a.go": "package repo\n"})
    assert (await _version(_code(repository), "main")).startswith("v1.0.2-0.")


async def test_the_origin_says_what_a_version_depends_on() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    head = repository.commit({"a.go": "package repo\n"})
    code = _code(repository)
    own = {"VCS": "git", "URL": repository.url, "Hash": head}
    tag_sum = (await repository.tags(CTX, "")).origin["TagSum"]
    found = await code.stat(CTX, "main")
    assert info_of(found).origin == {**own, "TagSum": tag_sum, "Ref": "refs/heads/main"}
    assert list(info_of(found).origin or {}) == ["VCS", "URL", "Hash", "TagSum", "Ref"]
    plain = await _pseudo(repository, head)
    assert info_of(await code.stat(CTX, plain)).origin == own
    based = await _pseudo(repository, head, "v1.0.0")
    assert info_of(await code.stat(CTX, based)).origin == {**own, "TagSum": tag_sum}
    chosen = info_of(await code.query(CTX, "v1")).origin or {}
    assert (chosen["TagPrefix"], chosen["Ref"]) == ("v1.", "refs/tags/v1.0.0")


async def test_tags_that_are_not_canonical_are_no_versions_but_commits() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1", "v1.0", "v1.0.0+meta", "release", "v01.0.0")
    code = _code(repository)
    assert await code.versions(CTX) == ()
    assert (await _version(code, "v1.0.0+meta")).startswith("v1.0.1-0.")
    with pytest.raises(Absent, match="no matching versions"):
        await code.query(CTX, "v1")


async def test_a_module_in_a_folder_has_its_own_tags_and_the_licence_of_the_root() -> None:
    repository = MemoryRepository()
    repository.commit(
        {
            "go.mod": f"module {ROOT}\n",
            "LICENSE": "free",
            "sub/go.mod": f"module {ROOT}/sub\n",
            "sub/a.go": "package sub\n",
        },
        "v1.0.0",
        "sub/v0.1.0",
    )
    code = _code(repository, f"{ROOT}/sub")
    assert await code.versions(CTX) == ("v0.1.0",)
    found = await code.exact(CTX, Version("v0.1.0"))
    assert info_of(found).origin == {
        "VCS": "git",
        "URL": repository.url,
        "Subdir": "sub",
        "Hash": found.commit,
        "Ref": "refs/tags/sub/v0.1.0",
    }
    assert await _names(code, found.version) == ["LICENSE", "a.go", "go.mod"]
    assert await _names(_code(repository), "v1.0.0") == ["LICENSE", "go.mod"]


async def test_a_major_version_is_in_its_folder_or_in_the_root_not_in_both() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n", "v2/go.mod": f"module {ROOT}/v2\n"}, "v2.0.0")
    repository.commit({"go.mod": f"module {ROOT}/v2\n"}, "v2.1.0")
    repository.commit({"v2/go.mod": None}, "v2.2.0")
    repository.commit({"go.mod": f"module {ROOT}/v3\n"}, "v2.3.0")
    repository.commit({"go.mod": None}, "v2.4.0")
    code = _code(repository, f"{ROOT}/v2")
    assert (await code.stat(CTX, "v2.0.0")).place.folder == "v2"
    assert (await code.stat(CTX, "v2.2.0")).place.folder == ""
    for version, why in {
        "v2.1.0": r"both have \.\.\./v2 module paths",
        "v2.3.0": r"has non-\.\.\./v2 module path .* \(and \.\.\./v2/go\.mod does not exist\)",
        "v2.4.0": r"missing example\.com/repo/go\.mod and \.\.\./v2/go\.mod",
    }.items():
        with pytest.raises(Absent, match=why):
            await _version(code, version)


async def test_a_go_mod_of_a_later_major_version_is_no_v1() -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}/v2\n"}, "v1.0.0")
    with pytest.raises(Absent, match="has post-v1 module path"):
        await _version(_code(repository), "v1.0.0")


async def test_gopkg_in_has_the_major_version_in_its_name() -> None:
    repository = MemoryRepository()
    repository.commit({"yaml.go": "package yaml\n"}, "v1.0.0", "v2.0.0")
    repository.commit({"go.mod": "module gopkg.in/yaml.v2\n"}, "v2.1.0", "v3.0.0")
    root = "gopkg.in/yaml.v2"
    code = _code(repository, root, root)
    assert await code.versions(CTX) == ("v2.0.0", "v2.1.0")
    assert code.go_mod(await code.stat(CTX, "v2.0.0")) == b"module gopkg.in/yaml.v2\n"
    with pytest.raises(Absent, match=r"should be|must match"):
        await _version(code, "v1.0.0")
    unstable = _code(repository, f"{root}-unstable", f"{root}-unstable")
    assert await unstable.versions(CTX) == ()


async def test_the_latest_is_the_highest_release_that_is_not_retracted() -> None:
    repository = MemoryRepository()
    code = _code(repository)
    repository.commit({"go.mod": f"module {ROOT}\n"})
    assert (await code.latest(CTX)).version.startswith("v0.0.0-")
    repository.commit({"a.go": "package repo\n"}, "v1.0.0-rc.1")
    assert (await code.latest(CTX)).version == "v1.0.0-rc.1"
    repository.commit({"b.go": "package repo\n"}, "v1.0.0")
    repository.commit({"c.go": "package repo\n"}, "v1.1.0-pre")
    assert (await code.latest(CTX)).version == "v1.0.0"
    repository.commit({"go.mod": f"module {ROOT}\n\nretract [v1.0.1, v1.0.9]\n"}, "v1.0.5")
    assert (await code.latest(CTX)).version == "v1.0.0"
    assert (await code.query(CTX, "v1")).version == "v1.0.0"
    assert await _version(code, "v1.0.5") == "v1.0.5"
    assert (await _version(code, "main")).startswith("v1.1.0-pre.0.")


async def test_a_go_import_page_may_name_a_folder_as_the_root() -> None:
    repository = MemoryRepository()
    repository.commit({"go/here/go.mod": "module example.com/vanity\n"}, "go/here/v1.0.0")
    code = _code(repository, "example.com/vanity", "example.com/vanity", subdir="go/here")
    assert await code.versions(CTX) == ("v1.0.0",)
    assert await _names(code, "v1.0.0") == ["go.mod"]


async def test_a_repository_that_cannot_hold_the_module_proves_its_absence() -> None:
    for path, root in (("example.com/other", ROOT), ("example.com/repo/v2", "example.com/repo/v")):
        with pytest.raises(Absent):
            _code(MemoryRepository(), path, root)


@pytest.mark.parametrize(
    "method", ["tags", "stat", "latest", "read_file", "recent_tag", "descends_from", "files"]
)
async def test_an_outage_is_never_absence(method: str) -> None:
    """Each method that fails, at each moment: the answer is right, or it says that something is broken."""
    repository = MemoryRepository()
    repository.commit({"a.go": "package repo\n"}, "v1.0.0", "v2.0.0")
    head = repository.commit({"b.go": "package repo\n"})
    code = _code(repository)
    made = await _pseudo(repository, head, "v2.0.0") + "+incompatible"

    async def everything() -> list[object]:
        said: list[object] = [await code.versions(CTX)]
        for asked in ("v1.0.0", "v2.0.0", "main", head[:7], made):
            found = await code.stat(CTX, asked)
            said += [
                found.version,
                info_of(found).origin,
                code.go_mod(found),
                await _names(code, found.version),
            ]
        said += [(await code.latest(CTX)).version, (await code.query(CTX, "v1")).version]
        return said

    healthy = await everything()
    assert "v2.0.0+incompatible" in healthy
    repository.broken = {method}
    if method == "latest":  # there are tags, so the newest commit is not asked for
        assert await everything() == healthy
    else:
        with pytest.raises(Unavailable):
            await everything()


async def test_a_file_that_no_zip_may_hold_makes_the_version_invalid(tmp_path: Path) -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n", "aux.go": "x", "A.go": "x", "a.go": "y"}, "v1.0.0")
    code = CodeRepo(repository, ROOT, ModulePath(ROOT), scratch=tmp_path)
    with pytest.raises(Invalid, match=r"aux|A\.go|a\.go"):
        await code.zip(CTX, await code.stat(CTX, "v1.0.0"))
    assert not list(tmp_path.iterdir())
    assert not repository.open_trees


async def test_a_temporary_folder_that_cannot_be_is_broken_not_absent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in its place")
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    code = CodeRepo(repository, ROOT, ModulePath(ROOT), scratch=tmp_path / "file")
    with pytest.raises(Unavailable, match="temporary file"):
        await code.zip(CTX, await code.stat(CTX, "v1.0.0"))


async def test_a_zip_that_nobody_reads_leaves_nothing_behind(tmp_path: Path) -> None:
    repository = MemoryRepository()
    repository.commit({"go.mod": f"module {ROOT}\n"}, "v1.0.0")
    code = CodeRepo(repository, ROOT, ModulePath(ROOT), scratch=tmp_path)
    body = await code.zip(CTX, await code.stat(CTX, "v1.0.0"))
    await body.aclose()
    await body.aclose()
    assert [piece async for piece in body] == []
    assert not list(tmp_path.iterdir())


async def test_a_zip_that_nobody_waits_for_any_more_is_not_finished(tmp_path: Path) -> None:
    """Cancelled while a thread writes: the thread ends, then the tree is closed, and nothing is left."""
    begun, go_on = threading.Event(), threading.Event()
    opened: list[str] = []

    class Slow(MemoryRepository):
        @asynccontextmanager
        async def files(
            self, ctx: Context, revision: str, folder: str, *, limit: int
        ) -> AsyncIterator[list[FileEntry]]:
            async with super().files(ctx, revision, folder, limit=limit) as entries:
                yield [replace(entry, open=partial(self.slow, entry)) for entry in entries]

        def slow(self, entry: FileEntry) -> BinaryIO:
            opened.append(entry.path)
            begun.set()
            go_on.wait(20)
            assert self.open_trees
            return entry.open()

    repository = Slow()
    repository.commit({f"file{number}.go": "package repo\n" * 50 for number in range(50)}, "v1.0.0")
    code = CodeRepo(repository, ROOT, ModulePath(ROOT), scratch=tmp_path)
    found = await code.stat(CTX, "v1.0.0")
    task = asyncio.ensure_future(code.zip(CTX, found))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert repository.open_trees == 0
    assert len(opened) < 50
    assert not list(tmp_path.iterdir())


async def _names(code: CodeRepo, version: str) -> list[str]:
    """The files of a zip, which must keep all the rules and have the size that was said."""
    found = await code.stat(CTX, version)
    body = await code.zip(CTX, found)
    data = b"".join([piece async for piece in body])
    assert body.size == len(data)
    facts = check_zip(ModuleVersion(code.path, Version(found.version)), io.BytesIO(data))
    assert facts.h1 == body.h1
    prefix = f"{code.path}@{found.version}/"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted(name.removeprefix(prefix) for name in archive.namelist())
