"""Reading go.sum as an auditor: every fault with its line, nothing dropped in silence."""

from __future__ import annotations

import pytest

from modgate.client.sums.lines import FaultKind, read_lines
from tests.client.sums.lab import GOOD, both, h1


def _faults(text: str) -> list[tuple[int, FaultKind]]:
    return [(fault.line, fault.kind) for fault in read_lines(text.encode(), "go.sum").faults]


def test_the_two_lines_of_a_version_are_one_entry() -> None:
    found = read_lines("\n".join(both(GOOD)).encode(), "go.sum")
    assert found.faults == ()
    (entry,) = found.entries
    assert (entry.path, entry.version) == ("example.com/good", "v1.1.0")
    assert entry.h1(go_mod=False) == both(GOOD)[0].split()[2]
    assert entry.h1(go_mod=True) == both(GOOD)[1].split()[2]
    assert [line.number for line in entry.lines] == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "example.com/a v1.0.0",
        f"example.com/a v1.0.0 {h1(1)} extra",
        "example.com/a v1.0.0 h1:short",
        "example.com/a v1.0.0 nonsense",
        f"example.com/a 1.0.0 {h1(1)}",
        f"example.com/a v1.0 {h1(1)}",
        f"not-a-path v1.0.0 {h1(1)}",
        f"example.com/a v2.0.0 {h1(1)}",
        f"\ufeffexample.com/a v1.0.0 {h1(1)}",
    ],
)
def test_a_line_that_go_could_not_use_is_malformed_and_the_next_is_read(line: str) -> None:
    text = "\n".join([line, "", *both(GOOD)])
    assert _faults(text) == [(1, FaultKind.MALFORMED)]
    assert len(read_lines(text.encode(), "go.sum").entries) == 1


def test_an_unfinished_merge_is_named_line_by_line() -> None:
    text = "\n".join(["<<<<<<< HEAD", both(GOOD)[0], "=======", both(GOOD)[1], ">>>>>>> branch"])
    assert _faults(text) == [(1, FaultKind.MERGE), (3, FaultKind.MERGE), (5, FaultKind.MERGE)]


def test_a_second_hash_contradicts_and_the_same_hash_repeats() -> None:
    first, second = both(GOOD)
    other = f"{GOOD} {h1('other')}"
    assert _faults(f"{first}\n{second}\n{other}") == [(3, FaultKind.CONFLICT)]
    assert _faults(f"{first}\n{first}") == [(2, FaultKind.DUPLICATE)]


def test_what_go_ignores_is_told_and_no_entry() -> None:
    empty = "example.com/a v1.0.0/go.mod h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY="
    text = f"{empty}\nexample.com/a v1.0.0 h2:later"
    assert _faults(text) == [(1, FaultKind.IGNORED), (2, FaultKind.IGNORED)]
    assert read_lines(text.encode(), "go.sum").entries == ()


def test_crlf_is_as_good_as_lf() -> None:
    assert _faults("\r\n".join(both(GOOD)) + "\r\n") == []


def test_bytes_that_are_no_text_are_a_fault_and_no_crash() -> None:
    assert read_lines(b"\xff\xfe v1.0.0 h1:x\n\x00\n", "go.sum").faults
