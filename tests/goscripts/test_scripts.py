"""Go's own module scripts pass through the gate as they pass without it, or the difference is argued."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from tests.goscripts.run import ARGUED, ARGUED_MENDED, Outcome, Report, compare, read_argued

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.long
@pytest.mark.go
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mended", [False, True], ids=["as-shipped", "mended"])
def test_gos_module_scripts_differ_through_the_gate_only_where_it_is_argued(
    go_command: str, tmp_path: Path, mended: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report = compare(go_command, tmp_path, mended=mended)
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(report.lines()) + "\n")
    assert len(report.straight.named("PASS")) >= 280, "the scripts themselves did not run"
    texts = {name: report.gated.texts.get(name, "")[-2000:] for name in report.unargued}
    assert not report.unargued, texts
    assert not report.outdated


def test_a_difference_without_an_argument_is_found() -> None:
    straight = Outcome({"mod_a": "PASS", "mod_b": "PASS", "mod_c": "SKIP"}, {})
    gated = Outcome({"mod_a": "PASS", "mod_b": "FAIL", "mod_c": "SKIP"}, {})
    assert Report(straight, gated).unargued == {"mod_b"}
    assert not Report(straight, gated, {"mod_b": "strict"}).unargued
    assert Report(straight, gated, {"mod_a": "strict"}).outdated == {"mod_a"}


def test_a_script_that_vanished_through_the_gate_is_a_difference() -> None:
    assert Report(Outcome({"mod_a": "PASS"}, {}), Outcome({}, {})).unargued == {"mod_a"}


@pytest.mark.parametrize("path", [ARGUED, ARGUED_MENDED], ids=["as-shipped", "mended"])
def test_every_accepted_difference_has_an_argument_in_words(path: Path) -> None:
    for name, why in read_argued(path).items():
        assert len(why.split()) >= 5, name
