"""go.work files, and the names of toolchains."""

from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.gomod.toolchain import check_platform, check_toolchain, toolchain_version
from modgate.gomod.workfile import parse_work

WORK = b"""// a comment
go 1.22

toolchain go1.22.1

use (
	./a // with a comment
	"./b c"

	../d
)
use ./e
use (
)

godebug default=go1.21

replace x.test/y => ./z

replace (
	a.test/b v1.0.0 => d.test/e v1.2.0
)
"""


def test_a_go_work_is_read_with_its_lines() -> None:
    work = parse_work(WORK)
    assert (work.go, work.toolchain) == ("1.22", "go1.22.1")
    assert [(each.path, each.line) for each in work.use] == [
        ("./a", 7),
        ("./b c", 8),
        ("../d", 10),
        ("./e", 12),
    ]
    assert [(each.old_path, each.new_path, each.new_version, each.line) for each in work.replace] == [
        ("x.test/y", "./z", "", 18),
        ("a.test/b", "d.test/e", "v1.2.0", 21),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("go 1.22\nrequire a.test/b v1.0.0\n", 2),
        ("use ./a ./b\n", 1),
        ("use (\n\t./a ./b\n)\n", 2),
        ("require (\n\ta.test/b v1.0.0\n)\n", 1),
        ("module a.test/b\n", 1),
        ("use ./a\nuse (\n./b\n)\nreplace a.test/b ./c\n", 5),
        ("go 1.22\ngo 1.23\n", 2),
    ],
)
def test_an_error_in_a_go_work_names_its_line(text: str, line: int) -> None:
    with pytest.raises(Invalid) as caught:
        parse_work(text.encode())
    assert caught.value.where == f"go.work:{line}"


@pytest.mark.parametrize("name", ["go1.26.8", "1.26.8", "go1.27rc1", "go1.21.0", "go1.20", "go1.18beta2"])
def test_a_toolchain_has_the_name_of_a_release(name: str) -> None:
    assert check_toolchain(name).removeprefix("go") == name.removeprefix("go")


@pytest.mark.parametrize("name", ["go1.21", "go1", "go1.26.8.1", "go1.26.1rc1", "latest", "go1.026.1", ""])
def test_what_is_no_release_is_no_toolchain(name: str) -> None:
    with pytest.raises(Invalid):
        check_toolchain(name)


def test_a_platform_that_go_does_not_know_is_refused_with_the_nearest() -> None:
    assert check_platform("darwin/arm64") == "darwin/arm64"
    with pytest.raises(Invalid) as caught:
        check_platform("linux/x86_64")
    assert "linux/" in caught.value.next_step
    with pytest.raises(Invalid):
        check_platform("../../etc")


def test_a_toolchain_is_a_module_version() -> None:
    assert (
        str(toolchain_version("go1.26.8", "linux/amd64"))
        == "golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64"
    )
