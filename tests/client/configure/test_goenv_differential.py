"""The GOENV file as rewritten here against the real `go env -w` and `go env -u`, byte for byte."""

from __future__ import annotations

import random
import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.client.configure.go_rules import check_name, check_value
from modgate.client.configure.goenv_file import unset_in_goenv, value_in_goenv, written_to_goenv
from modgate.client.machine.host import System

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "GOPROXY",
    "GOSUMDB",
    "GOPRIVATE",
    "GOFLAGS",
    "GOVCS",
    "GOMODCACHE",
    "GOTMPDIR",
    "GONOSUMDB",
    "CC",
    "GOBIN",
)
KEYS = (
    *NAMES,
    "GO386",
    "GOARM64",
    "GO111MODULE",
    "AR",
    "ZZZ",
    "GOPROXYS",
    "goproxy",
    "\ufeffGOPROXY",
    " GOPROXY",
    "",
)
VALUES = ("https://a.test,direct", "", "x", '"q"', "a=b", "# no comment", "a b  ", "/p", "ü", "off", "\t")
LINES = ("", "# a comment", "#GOPROXY=x", "nonsense", "# k=v", "export GOPROXY=x", "A#B=c", "\r", "=", "==")
ENDS = ("\n", "\n", "\n", "\r\n")


def _file(made: random.Random) -> bytes | None:
    if made.random() < 0.05:
        return None
    text = ""
    for _ in range(made.randrange(14)):
        if made.random() < 0.25:
            text += made.choice(LINES)
        else:
            text += f"{made.choice(KEYS)}={made.choice(VALUES)}"
        text += made.choice(ENDS)
    if made.random() < 0.2:
        text = text.rstrip("\n")
    data = text.encode()
    return data + b"GOPROXY=\xff\xfe\n" if made.random() < 0.05 else data


def _go(go: str, file: Path, *words: str) -> bytes | None:
    """The file after go, None where go refused."""
    environ = {"HOME": str(file.parent), "PATH": "/usr/bin:/bin", "GOENV": str(file), "GOTOOLCHAIN": "local"}
    done = subprocess.run([go, "env", *words], env=environ, capture_output=True, timeout=60, check=False)
    return file.read_bytes() if done.returncode == 0 and file.exists() else None


def _compare(go: str, tmp_path: Path, cases: int, seed: int) -> tuple[int, list[str]]:
    """How many cases go carried out, and the differences."""
    made = random.Random(seed)
    carried, different = 0, []
    file = tmp_path / "env"
    for number in range(cases):
        before = _file(made)
        names = made.sample(NAMES, made.randrange(1, 4))
        # A GOFLAGS that go cannot read ends `go env` itself.
        values = {name: made.choice(("https://z.test", "/abs/olute", "a=b # c")) for name in names}
        if "GOFLAGS" in values:
            values["GOFLAGS"] = "-v"
        values = {
            name: "/abs" if name in {"GOMODCACHE", "GOTMPDIR", "CC", "GOBIN"} else text
            for name, text in values.items()
        }
        file.unlink(missing_ok=True)
        if before is not None:
            file.write_bytes(before)
        if made.random() < 0.6:
            theirs = _go(go, file, "-w", *(f"{name}={text}" for name, text in values.items()))
            ours = written_to_goenv(before or b"", values)
        else:
            theirs = _go(go, file, "-u", *names)
            ours = unset_in_goenv(before or b"", names)
        if theirs is None:
            continue
        carried += 1
        if theirs != ours:
            different.append(f"{number}: {before!r} {values!r}: {theirs!r} {ours!r}")
    return carried, different


@pytest.mark.go
def test_files_are_rewritten_as_go_rewrites_them(go_command: str, tmp_path: Path) -> None:
    carried, different = _compare(go_command, tmp_path, 150, 5)
    assert carried > 60
    assert not different, different[0]


@pytest.mark.long
@pytest.mark.go
@pytest.mark.timeout(900)
def test_two_thousand_files_are_rewritten_as_go_rewrites_them(go_command: str, tmp_path: Path) -> None:
    carried, different = _compare(go_command, tmp_path, 2000, 6)
    print(f"{carried} of 2000 carried out by go, {len(different)} different")
    assert not different, different[0]


REFUSED = [
    "GOENV=/x", "GODEBUG=a=1", "GOWORK=off", "GOVERSION=1", "GOMOD=/x", "GOPROXYS=x", "goproxy=x", "PATH=/x",
    "GO111MODULE=yes", "GOPATH=relative", "GOPATH=~/go", "GOMODCACHE=cache", "GOTMPDIR=tmp", "CC=./cc",
    "GOPROXY=a\nb", "GOPROXY=a\rb", "GOPROXY=a\vb",
]  # fmt: skip
TAKEN = [
    "GOPROXY=https://a.test",
    "GO111MODULE=on",
    "GOPATH=/a",
    "GOPATH=/a:/b",
    "CC=gcc",
    "CC=/usr/bin/cc -x",
    "GOVCS=*:all",
    "CGO_ENABLED=0",
]


@pytest.mark.go
@pytest.mark.parametrize("word", [*REFUSED, *TAKEN])
def test_what_go_refuses_to_write_is_refused(go_command: str, tmp_path: Path, word: str) -> None:
    name, _, value = word.partition("=")
    file = tmp_path / "env"
    theirs = _go(go_command, file, "-w", word) is None
    refused = check_name(name, in_file=True) or check_value(System.LINUX, "/home/me", name, value)
    assert (refused is not None) is theirs is (word in REFUSED)


def test_what_is_meant_is_offered() -> None:
    refused = check_value(System.LINUX, "/home/me", "GOPATH", "~/go:$HOME/b")
    assert refused is not None
    assert refused.mended == "/home/me/go:/home/me/b"
    assert check_value(System.WINDOWS, r"C:\Users\me", "GOPATH", r"C:\go;D:\go") is None
    assert check_value(System.WINDOWS, r"C:\Users\me", "GOMODCACHE", r"\cache") is not None


def test_of_duplicates_the_last_one_counts() -> None:
    assert value_in_goenv(b"GOPROXY=a\nGOPROXY=b\n", "GOPROXY") == "b"
    assert value_in_goenv(b"# GOPROXY=a\n", "GOPROXY") is None
