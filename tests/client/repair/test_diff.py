"""A diff that is shown holds no secret, neither in the lines that change nor beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modgate.client.machine.goenv_edit import set_go_variable, with_line
from modgate.client.machine.host import System
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.settings import GoSettings, Layer, Setting, Value
from modgate.client.repair.diff import hidden, unified
from modgate.client.repair.plan import FileEdit

SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "line",
    [
        f"export GOPROXY=https://me:{SECRET}@proxy.example.test",
        f"export GITHUB_TOKEN={SECRET}",
        f'export AWS_SECRET_ACCESS_KEY="{SECRET}"',
        f"set -gx NPM_TOKEN {SECRET}",
        f"machine git.example.test login me password {SECRET}",
        f'  "http.proxyAuthorization": "Basic {SECRET}",',
        f"Authorization: Bearer {SECRET}",
        f"api_key = '{SECRET}'",
    ],
)
def test_a_secret_is_shown_neither_in_a_changed_line_nor_beside_one(line: str) -> None:
    assert SECRET not in hidden(line)
    content = f"one\n{line}\nGOPROXY=a\ntwo\n"
    for edit in (
        FileEdit(Path("/f"), content.encode(), content.replace("GOPROXY=a", "GOPROXY=b").encode()),
        FileEdit(Path("/f"), content.encode(), None),
        FileEdit(Path("/f"), None, content.encode()),
    ):
        lines = unified(edit)
        assert lines
        assert SECRET not in "\n".join(lines)


def test_what_is_no_secret_is_shown() -> None:
    lines = unified(FileEdit(Path("/f"), b"export GOPROXY=a\r\n", b"export GOPROXY=b\n"))
    assert lines is not None
    assert "-export GOPROXY=a␍" in lines
    assert "+export GOPROXY=b" in lines


def test_bytes_that_are_no_text_are_not_printed() -> None:
    assert unified(FileEdit(Path("/f"), b"\xff\xfe", b"")) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b"GOSUMDB=x\n"),
        (b"GOPROXY=a\n", b"GOPROXY=a\nGOSUMDB=x\n"),
        (b"GOPROXY=a", b"GOPROXY=a\nGOSUMDB=x\n"),
        (b"GOSUMDB=y\nGOPROXY=a\n", b"GOSUMDB=x\nGOPROXY=a\n"),
        (b"GOSUMDB=y\nGOSUMDB=z\n", b"GOSUMDB=y\nGOSUMDB=x\n"),
    ],
)
def test_a_variable_is_set_where_go_reads_it(content: bytes, expected: bytes) -> None:
    assert with_line(content, "GOSUMDB", "x") == expected


def test_a_file_that_an_os_variable_hides_is_left_alone() -> None:
    go = GoSettings(
        {"GOSUMDB": Setting("GOSUMDB", Value(Layer.OS, "y"))}, goenv_file="/home/me/.config/go/env"
    )
    repair = set_go_variable(RecordedHost(), go, "GOSUMDB", "x")
    assert repair.edits == ()
    assert repair.commands == ("export GOSUMDB=x",)
    windows = set_go_variable(RecordedHost(System.WINDOWS), go, "GOSUMDB", "x")
    assert windows.commands == ("$env:GOSUMDB = 'x'",)


def test_the_goenv_file_is_made_where_there_is_none() -> None:
    go = GoSettings({}, goenv_file="/home/me/.config/go/env")
    repair = set_go_variable(RecordedHost(), go, "GOSUMDB", "x")
    assert repair.edits == (FileEdit(Path("/home/me/.config/go/env"), None, b"GOSUMDB=x\n"),)
