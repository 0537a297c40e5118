"""From a module path to its repository: what is found, what is absent, what is broken, what is refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, Invalid, Unavailable
from modgate.model import Context
from modgate.transport.reach import Reach
from modgate.vcs.roots import RepositoryRoot
from tests.vcs.finder.conftest import BROKEN, module, tag

if TYPE_CHECKING:
    from tests.vcs.finder.conftest import Web

LIB = tag("go.corp.example/lib", "git", "https://git.corp.example/team/lib")
FOUND = RepositoryRoot("go.corp.example/lib", "git", "https://git.corp.example/team/lib")


async def test_a_page_names_the_repository(web: Web) -> None:
    web.put("go.corp.example/lib", LIB)
    assert await web.find("go.corp.example/lib") == FOUND
    assert web.asked == ["go.corp.example/lib"]


async def test_a_host_itself_can_be_a_module(web: Web) -> None:
    web.put("corp.example", tag("corp.example", "git", "https://git.corp.example/all"))
    assert (await web.find("corp.example")).url == "https://git.corp.example/all"


async def test_a_shorter_prefix_is_confirmed_by_its_own_page(web: Web) -> None:
    web.put("go.corp.example/lib/sub/deep", LIB)
    web.put("go.corp.example/lib", LIB)
    assert await web.find("go.corp.example/lib/sub/deep") == FOUND
    assert web.asked == ["go.corp.example/lib/sub/deep", "go.corp.example/lib"]


@pytest.mark.parametrize(
    "other",
    [
        tag("go.corp.example/lib", "git", "https://git.corp.example/evil"),
        tag("go.corp.example/lib", "hg", "https://git.corp.example/team/lib"),
        tag("go.corp.example/lib", "git", "https://git.corp.example/team/lib", "sub"),
        tag("go.corp.example", "git", "https://git.corp.example/team/lib"),
        b"nothing",
    ],
)
async def test_a_prefix_that_says_otherwise_is_an_error(web: Web, other: bytes) -> None:
    web.put("go.corp.example/lib/mallory", LIB)
    web.put("go.corp.example/lib", other)
    with pytest.raises(Unavailable, match=r"disagree about go-import for go.corp.example/lib"):
        await web.find("go.corp.example/lib/mallory")


async def test_a_prefix_that_cannot_be_asked_is_broken(web: Web) -> None:
    web.put("go.corp.example/lib/sub", LIB)
    web.pages["go.corp.example/lib"] = BROKEN
    with pytest.raises(Unavailable, match="no answer in time"):
        await web.find("go.corp.example/lib/sub")


async def test_several_tags_for_one_path_are_an_error(web: Web) -> None:
    web.put("go.corp.example/lib", LIB, tag("go.corp.example", "git", "https://git.corp.example/evil"))
    with pytest.raises(Unavailable, match=r"multiple meta tags match go.corp.example/lib"):
        await web.find("go.corp.example/lib")


async def test_a_module_proxy_is_preferred(web: Web) -> None:
    web.put("go.corp.example/lib", LIB, tag("go.corp.example/lib", "mod", "https://proxy.corp.example/x"))
    assert await web.find("go.corp.example/lib") == RepositoryRoot(
        "go.corp.example/lib", "mod", "https://proxy.corp.example/x"
    )


async def test_a_folder_of_the_repository_can_be_the_root(web: Web) -> None:
    web.put(
        "go.corp.example/lib", tag("go.corp.example/lib", "git", "https://git.corp.example/all", "go/lib/")
    )
    assert (await web.find("go.corp.example/lib")).subdir == "go/lib"


@pytest.mark.parametrize("status", [404, 410, 403, 500])
async def test_a_tag_counts_whatever_the_status(web: Web, status: int) -> None:
    web.put("go.corp.example/lib", LIB, status=status)
    assert await web.find("go.corp.example/lib") == FOUND


@pytest.mark.parametrize(("status", "gone"), [(404, False), (410, True)])
async def test_the_host_proves_that_there_is_none(web: Web, status: int, gone: bool) -> None:
    web.put("corp.example/none", b"no such thing\n", status=status, content_type="text/plain")
    with pytest.raises(Absent, match=f"the page answers {status}: no such thing") as caught:
        await web.find("corp.example/none")
    assert caught.value.gone is gone
    assert caught.value.where == "https://corp.example/none"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html><body>hello", "the page has no go-import tags"),
        (b"", "the page has no go-import tags"),
        (LIB, "no go-import tags for corp.example/none, only for go.corp.example/lib"),
        (b"<script>a < b</script>" + LIB, "no go-import tags that the go command could read"),
        (b"<head></head>" + LIB, "no go-import tags"),
        (b'<?xml encoding="latin-1"?>' + LIB, "only UTF-8 is read"),
    ],
)
async def test_a_page_of_the_host_without_a_tag_is_absence(web: Web, body: bytes, said: str) -> None:
    web.put("corp.example/none", body)
    with pytest.raises(Absent, match=said):
        await web.find("corp.example/none")


@pytest.mark.parametrize("status", [500, 502, 503, 429, 401, 403, 400, 204])
async def test_another_status_is_broken_not_absent(web: Web, status: int) -> None:
    web.put("corp.example/x", b"", status=status)
    with pytest.raises(Unavailable):
        await web.find("corp.example/x")


async def test_a_portal_proves_nothing(web: Web) -> None:
    web.put("corp.example/x", b"<html>please log in", moved=True)
    with pytest.raises(Unavailable, match="another host's") as caught:
        await web.find("corp.example/x")
    assert "[[credentials]]" in caught.value.next_step


async def test_a_page_that_goes_on_and_on_proves_nothing(web: Web) -> None:
    web.put("corp.example/x", b"<head><title>" + b"x" * 1000, cut=True)
    with pytest.raises(Unavailable, match="too long"):
        await web.find("corp.example/x")
    web.put("corp.example/y", b"<head></head>" + b"x" * 1000, cut=True)
    with pytest.raises(Absent):
        await web.find("corp.example/y")


@pytest.mark.parametrize(
    "repo",
    ["file:///etc", "ext::sh", "git://h/x", "http://h/x", "ssh://-oProxyCommand=x/y", "https://u:p@h/x"],
)
async def test_an_address_that_must_not_be_reached_is_denied(web: Web, repo: str) -> None:
    web.put("corp.example/x", tag("corp.example/x", "git", repo))
    with pytest.raises(Denied, match="is refused"):
        await web.find("corp.example/x")


async def test_http_is_for_insecure_modules_only(web: Web) -> None:
    web.put("corp.example/x", tag("corp.example/x", "git", "http://git.corp.example/x"))
    found = await web.find("corp.example/x", insecure=lambda path: path.startswith("corp.example/"))
    assert found.url == "http://git.corp.example/x"
    assert web.insecure == ["corp.example/x"]


@pytest.mark.parametrize("vcs", ["svn", "fossil", "bzr"])
async def test_other_systems_are_for_private_modules(web: Web, vcs: str) -> None:
    web.put("corp.example/x", tag("corp.example/x", vcs, "https://vcs.corp.example/x"))
    with pytest.raises(Denied, match=f"{vcs} is used for private modules only"):
        await web.find("corp.example/x")
    assert (await web.find("corp.example/x", private=lambda _: True)).vcs == vcs
    with pytest.raises(Denied):
        await web.find(f"corp.example/y.{vcs}")
    assert (await web.find(f"corp.example/y.{vcs}", private=lambda _: True)).vcs == vcs


async def test_mercurial_is_for_everybody(web: Web) -> None:
    assert (await web.find("corp.example/y.hg/z")).url == "https://corp.example/y"


@pytest.mark.parametrize("vcs", ["GIT", "ext", "mod2", "-c", "git;x", "cvs"])
async def test_an_unknown_system_is_an_error(web: Web, vcs: str) -> None:
    web.put("corp.example/x", tag("corp.example/x", vcs, "https://vcs.corp.example/x"))
    with pytest.raises(Unavailable, match="which is unknown"):
        await web.find("corp.example/x", private=lambda _: True)


@pytest.mark.parametrize(
    ("path", "root", "url", "vcs"),
    [
        ("corp.example/a", "corp.example/a", "ssh://git@git.internal/a", "git"),
        ("corp.example/a/v2", "corp.example/a", "ssh://git@git.internal/a", "git"),
        ("corp.example/a/b", "corp.example/a/b", "git@git.internal:a/b.git", "git"),
        ("corp.example/a/b/c", "corp.example/a/b", "git@git.internal:a/b.git", "git"),
        ("corp.example/h/x", "corp.example/h", "https://hg.internal/repo.hg", "hg"),
        ("github.com/corp/x/y", "github.com/corp", "ssh://git.internal/github", "git"),
        ("10.0.0.1/x", "10.0.0.1", "https://10.0.0.1/all", "git"),
    ],
)
async def test_the_operators_table_comes_first_the_longest_prefix_wins(
    web: Web, path: str, root: str, url: str, vcs: str
) -> None:
    table = {
        "corp.example/a": "git+ssh://git@git.internal/a",
        "corp.example/a/b": "git@git.internal:a/b.git",
        "corp.example/h/": "https://hg.internal/repo.hg",
        "github.com/corp": "ssh://git.internal/github",
        "10.0.0.1": "https://10.0.0.1/all",
    }
    assert await web.find(path, repositories=table) == RepositoryRoot(root, vcs, url)
    assert web.asked == []


async def test_a_prefix_ends_with_an_element(web: Web) -> None:
    with pytest.raises(Absent):
        await web.find("corp.example/ab", repositories={"corp.example/a": "https://git.internal/a"})


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("gopkg.in/yaml.v3", "https://gopkg.in/yaml.v3"),
        ("gopkg.in/src-d/go-git.v4", "https://gopkg.in/src-d/go-git.v4"),
        ("gopkg.in/src-d/go-git.v4/plumbing", "https://gopkg.in/src-d/go-git.v4"),
        ("gopkg.in/check.v1-unstable", "https://gopkg.in/check.v1-unstable"),
        ("gopkg.in/natefinch/lumberjack.v2", "https://gopkg.in/natefinch/lumberjack.v2"),
    ],
)
async def test_gopkg_in_is_known_without_asking(web: Web, path: str, url: str) -> None:
    found = await web.find(path)
    assert (found.url, found.root, found.vcs) == (url, url.removeprefix("https://"), "git")
    assert web.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "127.0.0.1/x",
        "8.8.8.8/x",
        "169.254.169.254/latest",
        "0x7f.1/x",
        "localhost.localdomain.local/x",
        "git.localhost/x",
        "git.internal/x",
        "metadata.google.internal/x",
        "printer.lan/x",
        "1.2/x.git",
    ],
)
async def test_an_address_or_internal_name_is_no_place_for_modules(web: Web, path: str) -> None:
    with pytest.raises(Invalid, match=r"vcs.internal_hosts"):
        await web.find(path)
    assert web.asked == []


async def test_unless_the_operator_named_it(web: Web) -> None:
    web.put("git.internal/x", tag("git.internal/x", "git", "https://git.internal/x.git"))
    assert (await web.find("git.internal/x", reach=Reach(["*.internal"]))).vcs == "git"
    assert (await web.find("127.0.0.1/x.git", reach=Reach(["127.0.0.1"]))).url == "https://127.0.0.1/x"


async def test_answers_are_kept_for_a_while_absent_ones_too(web: Web) -> None:
    web.put("go.corp.example/lib", LIB)
    finder = web.finder(ttl=100.0, absent_ttl=50.0)
    for _ in range(3):
        assert await finder.find(Context(), module("go.corp.example/lib")) == FOUND
        with pytest.raises(Absent):
            await finder.find(Context(), module("go.corp.example/none"))
    assert web.asked == ["go.corp.example/lib", "go.corp.example/none"]
    web.now = 51.0
    await finder.find(Context(), module("go.corp.example/lib"))
    assert len(web.asked) == 2
    with pytest.raises(Absent):
        await finder.find(Context(), module("go.corp.example/none"))
    assert len(web.asked) == 3
    web.now = 101.0
    await finder.find(Context(), module("go.corp.example/lib"))
    assert len(web.asked) == 4


async def test_what_is_broken_is_asked_again(web: Web) -> None:
    finder = web.finder()
    web.pages["go.corp.example/lib"] = BROKEN
    with pytest.raises(Unavailable):
        await finder.find(Context(), module("go.corp.example/lib"))
    web.put("go.corp.example/lib", LIB)
    assert await finder.find(Context(), module("go.corp.example/lib")) == FOUND


async def test_the_memory_is_bounded(web: Web) -> None:
    finder = web.finder(limit=2)
    for path in ("a.example/x", "b.example/x", "c.example/x", "c.example/x", "a.example/x"):
        with pytest.raises(Absent):
            await finder.find(Context(), module(path))
    assert web.asked == ["a.example/x", "b.example/x", "c.example/x", "a.example/x"]


async def test_a_page_of_very_many_tags_is_read_and_not_kept(web: Web) -> None:
    many = b"".join(tag(f"go.corp.example/x{number}", "git", "https://h/x") for number in range(1000))
    web.put("go.corp.example/lib", many, LIB)
    finder = web.finder()
    for _ in range(2):
        assert await finder.find(Context(), module("go.corp.example/lib")) == FOUND
    assert len(web.asked) == 2


async def test_many_askers_are_one_question_and_nobodys_leaving_ends_it(web: Web) -> None:
    web.put("go.corp.example/lib", LIB)
    web.gate = asyncio.Event()
    finder = web.finder()
    tasks = [asyncio.ensure_future(finder.find(Context(), module("go.corp.example/lib"))) for _ in range(5)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    web.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [FOUND] * 4
    assert tasks[0].cancelled()
    assert web.asked == ["go.corp.example/lib"]


async def test_without_a_fetch_only_what_is_known_is_told(web: Web) -> None:
    web.put("go.corp.example/lib", LIB)
    finder = web.finder()
    with pytest.raises(Absent, match="no fetch is allowed"):
        await finder.find(Context(fetch=False), module("go.corp.example/lib"))
    assert web.asked == []
    await finder.find(Context(), module("go.corp.example/lib"))
    assert await finder.find(Context(fetch=False), module("go.corp.example/lib")) == FOUND
    assert (await finder.find(Context(fetch=False), module("github.com/a/b"))).vcs == "git"


async def test_closing_ends_what_waits(web: Web) -> None:
    web.gate = asyncio.Event()
    finder = web.finder()
    task = asyncio.ensure_future(finder.find(Context(), module("go.corp.example/lib")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await finder.close()
    with pytest.raises(Unavailable, match="stopping"):
        await task
    with pytest.raises(Unavailable, match="stopping"):
        await finder.find(Context(), module("go.corp.example/lib"))
    assert web.closed


async def test_texts_hold_no_control_characters(web: Web) -> None:
    web.put("corp.example/x", tag("corp.example/\x7f\u202e\u200bx", "git", "https://h/x"))
    with pytest.raises(Absent) as caught:
        await web.find("corp.example/x")
    assert all(char.isprintable() for line in caught.value.lines() for char in line)
