"""The diagnosis hangs on grammar alone: other hosts, ports, modules, versions, clocks, colours and encodings
change nothing.
"""

# ruff: noqa: E501  texts of other programs stand on a line each

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.golog import analyse
from modgate.client.golog.decode import read_lines
from tests.client.golog.test_vocabulary import VOCABULARY

if TYPE_CHECKING:
    from modgate.client.golog import Analysis

HERE = Path(__file__).parent
SAMPLES = HERE.parents[3] / "shared" / "samples"
FILES = sorted(
    [*(HERE / "recorded").iterdir()]
    + [
        file
        for file in (SAMPLES.iterdir() if SAMPLES.is_dir() else ())
        if file.suffix in {".log", ".txt", ".jsonl"}
    ]
)
LINE_LOGS = [file for file in FILES if file.suffix == ".log" and "env" not in file.name]

Change = Callable[[str], str]


def short(analysis: Analysis) -> tuple[object, ...]:
    root = analysis.root_cause
    return (
        None if root is None else (root.cause.id, root.confidence),
        [(one.endpoint, one.phase, one.status, one.seconds) for one in analysis.requests],
    )


def told(text: str) -> tuple[object, ...]:
    return short(analyse(text.split("\n")))


def _renamed(text: str) -> str:
    """Other hosts, modules, versions and ports, with the same structure."""
    text = re.sub(r"127\.0\.0\.1:(\d+)", lambda match: f"10.77.3.9:{int(match[1]) % 5000 + 20000}", text)
    for old, new in (
        ("git.example", "code.other-place.io"),
        ("example.test", "src.elsewhere.dev"),
        ("goproxy.invalid", "athens.corp.internal"),
        ("mirror.example", "pkg.mirrors.edu.cn"),
        ("proxy.example", "go.proxies.net"),
        ("v1.2.3", "v0.17.4-rc.2"),
        ("v0.4.1", "v12.0.9+incompatible"),
        ("/ok/", "/repository/golang/"),
    ):
        text = text.replace(old, new)
    return text


CHANGES: dict[str, Change] = {
    "other names": _renamed,
    "github actions": lambda text: _each(text, "2027-02-03T04:05:06.1234567Z "),
    "buildkit": lambda text: _each(text, "#9 12.345 "),
    "colours": lambda text: _each(text, "\x1b[36m", "\x1b[0m"),
    "vs code channel": lambda text: _each(text, "2027-02-03 04:05:06.789 [info] "),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "a program's noise between": lambda text: re.sub(r"\n(?=# get)", "\nweb-1  | GET / 200 in 3ms\n", text),
}


def _each(text: str, before: str, after: str = "") -> str:
    return "\n".join(f"{before}{line}{after}" if line else line for line in text.split("\n"))


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("file", LINE_LOGS, ids=lambda file: file.name)
def test_a_recorded_log_is_told_alike(file: Path, change: str) -> None:
    text = file.read_text(encoding="utf-8")
    changed = CHANGES[change](text).split("\n")
    lines = io.StringIO("\n".join(changed), newline=None).read().split("\n")
    assert short(analyse(lines)) == told(text)


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "a program's noise between"])
def test_the_vocabulary_is_told_alike(change: str) -> None:
    for text, phase, row in VOCABULARY:
        root = analyse(CHANGES[change](text).replace("\r", "").split("\n")).root_cause
        assert root is not None, text
        assert (root.cause.phase.value, root.cause.row) == (phase, row), text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"])
def test_a_log_in_another_encoding_is_told_alike(encoding: str) -> None:
    text = (HERE / "recorded" / "database-behind-mirror.log").read_text(encoding="utf-8")
    text += "go: 由于目标计算机积极拒绝，无法连接。\n"
    expected = told(text)
    data = text.replace("\n", "\r\n").encode(encoding)
    assert short(analyse(read_lines(io.BytesIO(data)))) == expected


@given(st.permutations(range(5)), st.permutations(range(5)))
def test_the_order_of_parallel_answers_changes_nothing(begun: list[int], answered: list[int]) -> None:
    urls = [f"https://proxy.example/git.example/m{index}/@v/v1.0.{index}.zip" for index in range(5)]
    answers = {
        index: "200 OK (0.012s)" if index else f'Get "{urls[0]}": net/http: TLS handshake timeout'
        for index in range(5)
    }
    lines = [f"# get {urls[index]}" for index in begun]
    lines += [f"# get {urls[index]}: {answers[index]}" for index in answered]
    analysis = analyse(lines)
    assert analysis.root_cause is not None
    assert analysis.root_cause.cause.id == "MG-TLS-001"
    assert [one.url for one in analysis.requests] == [urls[index] for index in begun]
    assert {one.url: one.status for one in analysis.requests} == {
        url: 200 if index else None for index, url in enumerate(urls)
    }


@given(
    st.lists(
        st.sampled_from(sorted({line for text, _, _ in VOCABULARY for line in text.split("\n")})), max_size=8
    )
)
def test_any_mixture_of_go_s_lines_is_analysed(lines: list[str]) -> None:
    analysis = analyse(lines)
    assert analysis.lines == len(lines)


_PIECES = st.sampled_from(
    ["# get ", "go: ", "http2: ", 'Get "', "https://", "@v", "/@v/", ": ", "\t", "{", "}", "[", "Params: {", "verifying ",
     "GOPROXY=", "'", '"', "\x1b[", "\x00", "，", "fatal: ", 'parse "', "reading ", "404 ", "(0.1s)", "server response:"]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=40))
def test_arbitrary_text_never_raises(pieces: list[str]) -> None:
    text = "".join(pieces)
    analyse(text.split("\n"))
    analyse(list(read_lines(io.BytesIO(text.encode("utf-8", "replace")))), interrupted=True)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_read_as_lines(data: bytes) -> None:
    for line in read_lines(io.BytesIO(data)):
        assert "\n" not in line
        assert "\x00" not in line


def test_credentials_of_a_log_appear_nowhere() -> None:
    line = (
        'go: git.example/x@v1.0.0: Get "https://joe:s3cret@proxy.example/git.example/x/@v/v1.0.0.info": '
        "dial tcp 203.0.113.9:443: i/o timeout"
    )
    analysis = analyse([line])
    assert "s3cret" not in repr([finding.values for finding in analysis.findings])
    assert "s3cret" not in repr([finding.evidence for finding in analysis.findings])


@pytest.mark.parametrize(
    "line",
    ['go: x@v1: Get "' + "a" * 200_000, "# get " + "https://a/" * 50_000, "go: " + "lookup " * 50_000, '{"jsonrpc": ' * 5000,
     "go: " + 'parse "' * 40_000, "go: " + "dial tcp 1.2.3.4:5: " * 20_000, "\t" * 100_000, "[" * 100_000, "go: " + "a.b/" * 50_000 + "@v1: "],
    ids=range(9),
)  # fmt: skip
def test_a_hostile_line_takes_no_more_time_than_its_length(line: str) -> None:
    analyse([line] * 3)
