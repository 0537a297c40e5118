from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from modgate.client.trace.command import prepared
from modgate.client.trace.lines import Kind, Sorter

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("go build ./...", "go build -x ./..."),
        ("go mod download", "go mod download -x"),
        ("go mod download -json a@v1", "go mod download -x -json a@v1"),
        ("go -C sub build .", "go -C sub build -x ."),
        ("go -C=sub mod tidy", "go -C=sub mod tidy -x"),
        ("go build -C sub -v .", "go build -C sub -x -v ."),
        ("go test -x ./...", "go test -x ./..."),
        ("go test ./... -args -x", "go test -x ./... -args -x"),
        ("/usr/local/go/bin/go get a", "/usr/local/go/bin/go get -x a"),
        ("go1.25.1 install a@latest", "go1.25.1 install -x a@latest"),
    ],
)
def test_x_stands_where_go_takes_it(given: str, made: str) -> None:
    assert " ".join(prepared(given.split(), {}).argv) == made


@pytest.mark.parametrize(
    "given", ["go mod vendor", "go work sync", "go version", "go", "make build", "gopls check"]
)
def test_a_command_that_knows_no_x_gets_it_in_goflags(given: str) -> None:
    command = prepared(given.split(), {"GOFLAGS": "-mod=mod"})
    assert " ".join(command.argv) == given
    assert command.environ["GOFLAGS"] == "-mod=mod -x"


def test_a_person_who_asked_for_x_keeps_what_it_prints() -> None:
    assert not prepared(["go", "build", "-x"], {}).ours
    assert not prepared(["make"], {"GOFLAGS": "-x"}).ours
    assert prepared(["go", "build"], {}).ours


def test_commands_that_never_tell_their_requests_are_known() -> None:
    assert prepared(["go", "mod", "vendor"], {}).blind
    assert not prepared(["go", "mod", "download"], {}).blind


def test_godebug_is_extended_and_never_for_programs_that_go_runs() -> None:
    assert prepared(["go", "get"], {"GODEBUG": "a=1"}).environ["GODEBUG"] == "a=1,netdns=2"
    assert prepared(["go", "get"], {"GODEBUG": "netdns=cgo"}).environ["GODEBUG"] == "netdns=cgo"
    assert "GODEBUG" not in prepared(["go", "test"], {}).environ
    assert prepared(["go", "test"], {}, http2=True).environ["GODEBUG"] == "http2debug=1"


KNOWN = "build,clean,fix,generate,get,install,list,run,test,vet,mod download,mod tidy,mod graph"
UNKNOWN = "mod vendor,mod why,mod verify,work sync,work vendor"


@pytest.mark.parametrize("words", f"{KNOWN},{UNKNOWN}".split(","))
def test_the_real_go_knows_x_exactly_where_it_is_said_to(go_command: str, tmp_path: Path, words: str) -> None:
    (tmp_path / "go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    environ = {
        "HOME": str(tmp_path),
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "PATH": "/nowhere",
    }
    ran = subprocess.run(
        [go_command, *words.split(), "-x"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    unknown = "flag provided but not defined: -x" in ran.stderr
    assert unknown == prepared(["go", *words.split()], {}).blind


def test_the_script_of_a_real_build_is_taken_away_and_its_errors_are_not(
    go_command: str, tmp_path: Path
) -> None:
    (tmp_path / "go.mod").write_text("module example.com/m\n\ngo 1.21\n")
    source = 'package main\n\nimport "unsafe"\n\nfunc main() { println(unsafe.Sizeof(undefined)) }\n'
    (tmp_path / "main.go").write_text(source)
    environ = {"HOME": str(tmp_path), "GOPROXY": "off", "GOTOOLCHAIN": "local", "PATH": "/usr/bin:/bin"}
    # The first run has an empty cache and prints the script of all that it builds; the second has less to do.
    told, plain = (
        subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        for command in ([go_command, "build", "-x"], [go_command, "build"])
    )
    sorter = Sorter(ours=True)
    left = [line for line in told.stderr.splitlines() if sorter.kind(line) is Kind.PERSON]
    assert left == plain.stderr.splitlines()
    assert "undefined: undefined" in "\n".join(left)
    assert "/compile -o " in told.stderr


def test_what_is_not_known_for_certain_is_passed_on() -> None:
    sorter = Sorter(ours=True)
    for line in ("go: downloading a v1", "cd is what I said", "WORK is fun", "cat >", "# example.com/m", ""):
        assert sorter.kind(line) is Kind.PERSON, line
    assert sorter.kind("# get https://a/b") is Kind.TRACE
    assert Sorter(ours=False).kind("# get https://a/b") is Kind.PERSON
    assert Sorter(ours=False).kind("WORK=/tmp/go-build1") is Kind.PERSON
