"""What is refused, what is offered instead, and what `--force` may write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.client.configure.judging import Surroundings, judge
from modgate.client.configure.naming import named_chain
from modgate.client.machine.host import System

if TYPE_CHECKING:
    from tests.client.configure.conftest import Home

HERE = Surroundings(System.LINUX, "/home/me", {"GOPROXY": "https://proxy.golang.org,direct"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("goproxy.cn", "https://goproxy.cn,direct"),
        ("aliyun", "https://mirrors.aliyun.com/goproxy,direct"),
        ("https://corp.test/go", "https://corp.test/go,direct"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000,direct"),
        ("corp.test", "https://corp.test,direct"),
        ("goproxy.cn|aliyun,direct", "https://goproxy.cn|https://mirrors.aliyun.com/goproxy,direct"),
        ("https://corp.test,off", "https://corp.test,off"),
        ("direct", "direct"),
        ("off", "off"),
    ],
)
def test_a_name_becomes_a_chain(text: str, value: str) -> None:
    assert named_chain(text).value == value


@pytest.mark.parametrize(
    ("name", "value", "mended", "forceable"),
    [
        ("GOPROXY", "off", "", True),
        ("GOPROXY", "https://goproxy.cn;direct", "https://goproxy.cn,direct", False),
        ("GOPROXY", "https://goproxy.cn，direct", "https://goproxy.cn,direct", False),
        ("GOPROXY", "https:/goproxy.cn,direct", "https://goproxy.cn,direct", False),
        ("GOPROXY", '"https://goproxy.cn,direct"', "https://goproxy.cn,direct", False),
        ("GOPROXY", "https://goproxy.cn,Direct", "https://goproxy.cn,direct", False),
        ("GOPROXY", "https://goproxi.cn,direct", "https://goproxy.cn,direct", True),
        ("GOPROXY", "https://mirrors.tuna.tsinghua.edu.cn/goproxy/,direct", "", True),
        ("GOPROXY", ",", "", False),
        ("GOPROXY", "", "", False),
        ("GOPROXY", "https://a.test\n,direct", "https://a.test,direct", False),
        ("GOSUMDB", "https://sum.golang.google.cn", "sum.golang.google.cn", False),
        ("GOSUMDB", "off", "", True),
        ("GONOSUMDB", "*", "", True),
        ("GOPRIVATE", "https://git.corp.test", "git.corp.test", True),
        ("GO111MODULE", "On", "on", False),
        ("GOMODCACHE", "~/cache", "/home/me/cache", False),
        ("GOPROXYS", "x", "", False),
        ("GOTOOLCHAIN", "latest", "", False),
    ],
)
def test_what_would_break_is_refused(name: str, value: str, mended: str, *, forceable: bool) -> None:
    judged = judge({name: value}, (), HERE)
    refusals = judged.refusals(force=False)
    assert [item.mended for item in refusals][:1] == [mended]
    assert bool(judged.refusals(force=True)) is not forceable


@pytest.mark.parametrize(
    "wish",
    [
        {"GOPROXY": "https://goproxy.cn,direct"},
        {"GOPROXY": "https://goproxy.cn|https://proxy.golang.org,off"},
        {"GOPROXY": "file:///srv/go"},
        {"GOSUMDB": "sum.golang.google.cn"},
        {"GOPRIVATE": "*.corp.test,git.corp.test/*"},
        {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPATH": "/a:/b"},
    ],
)
def test_what_is_right_is_not_refused(wish: dict[str, str]) -> None:
    assert not judge(wish, (), HERE).refusals(force=False)


def _losing(chain: str, required: tuple[str, ...], **effective: str) -> bool:
    known = {
        "GOPROXY": "https://proxy.golang.org,direct",
        "GONOPROXY": effective.get("GOPRIVATE", ""),
        **effective,
    }
    here = Surroundings(System.LINUX, "/home/me", known, required)
    judged = judge({"GOPROXY": chain}, (), here)
    assert not judged.refusals(force=True)
    return bool(judged.refusals(force=False))


def test_direct_is_kept_for_modules_that_need_it_and_only_for_them() -> None:
    chain = "https://goproxy.cn"
    assert _losing(chain, ("git.corp.internal/a",))
    assert not _losing(f"{chain},direct", ("git.corp.internal/a",))
    assert not _losing(chain, ("github.com/a/b",))
    # go fetches what GONOPROXY matches from its origin, whatever GOPROXY says.
    assert not _losing(chain, ("git.corp.internal/a",), GOPRIVATE="git.corp.internal")
    assert _losing(chain, ("github.com/me/secret",), GOPRIVATE="github.com/me", GONOPROXY="none")
    assert _losing(chain, ("github.com/me/secret",), GONOSUMDB="github.com/me")
    assert _losing(f"{chain},off", (), GOPRIVATE="github.com/me", GONOPROXY="none")


def test_a_go_mod_that_needs_direct_keeps_it(home: Home) -> None:
    home.file(
        "work/go.mod",
        "module m\n\ngo 1.21\n\nrequire (\n\tgit.corp.internal/a v1.0.0\n\tgithub.com/a/b v1.0.0\n)\n",
    )
    refused = home.use("--set", "GOPROXY=https://goproxy.cn", "--no-check", "--json")
    assert refused.status == 1
    said = refused.document["refused"]
    assert [(item["instead"], item["forceable"]) for item in said] == [("https://goproxy.cn,direct", True)]
    assert "git.corp.internal/a" in said[0]["text"]
    assert home.use("--set", "GOPROXY=https://goproxy.cn", "--no-check", "--force").status == 0


def test_the_value_that_was_meant_is_offered_as_a_command(home: Home) -> None:
    done = home.use("https://goproxy.cn;direct", "--no-check")
    assert done.status == 1
    assert "modgate use https://goproxy.cn,direct" in done.err
    assert not home.goenv.exists()
    assert not done.out


def test_sumdb_off_is_written_by_force_only_and_with_a_warning(home: Home) -> None:
    assert home.use("--set", "GOSUMDB=off").status == 1
    forced = home.use("--set", "GOSUMDB=off", "--force", "--json").document
    assert forced["changed"]
    assert [item["id"] for item in forced["warnings"]] == ["MG-CFG-016"]


def test_platforms_are_judged_by_go_itself(home: Home, go_command: str) -> None:
    refused = home.use("--set", "GOOS=beos", "--json")
    assert refused.status == 1
    assert "beos" in refused.document["refused"][0]["text"]
    assert home.use("--set", "GOOS=darwin", "--set", "GOARCH=arm64").status == 0


@pytest.mark.parametrize(
    "words",
    [
        ("x", "--scope", "everywhere"),
        ("--set", "GOPROXY"),
        ("--set", "GOPROXY=x", "--unset", "GOPROXY"),
        ("x", "--set", "GOPROXY=y"),
        ("--reset", "x"),
        ("--list", "x"),
        ("--reset", "--scope", "session"),
        ("x", "--editor", "Code"),
        ("x", "--shell", "tcsh", "--scope", "session"),
        ("x", "--nonsense"),
        ("a", "b"),
    ],
)
def test_a_wrong_command_line_ends_with_2(home: Home, words: tuple[str, ...]) -> None:
    assert home.use(*words).status == 2
    assert not home.goenv.exists()
