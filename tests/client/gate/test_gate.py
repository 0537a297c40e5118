"""`modgate gate`: lock files judged by files on this machine, and by a gate that is asked."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from modgate.cli.gate_show import show
from modgate.client.gate.judges import GateJudge
from modgate.client.gate.judging import Locked, Report, Row, judge_places
from modgate.client.sums.places import Place
from modgate.errors import Absent, Invalid, Unavailable
from modgate.messages import Catalogue, Language
from modgate.model.check import Checked, Judged
from tests.support.advisories import entry, write_jsonl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_H1 = "h1:" + "A" * 43 + "="
_SUM = f"""\
example.test/bad v1.1.0 {_H1}
example.test/bad v1.1.0/go.mod {_H1}
example.test/good v1.0.0 {_H1}
example.test/graph v1.0.0/go.mod {_H1}
example.test/open v0.5.0 {_H1}
"""


def _gate(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MODGATE_", "GO"))}
    return subprocess.run(
        [sys.executable, "-m", "modgate", "gate", *words],
        cwd=folder,
        env=kept | {"HOME": str(folder), "MODGATE_LANG": "en", "GOENV": "off"} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A lock file with a refused, an allowed and a doubtful version, and a database."""
    (tmp_path / "go.sum").write_text(_SUM)
    write_jsonl(
        tmp_path / "db.jsonl",
        entry(
            "GO-2026-0001", "example.test/bad", ("introduced", "0"), ("fixed", "1.2.0"), severity="critical"
        ),
        entry("GO-2026-0002", "example.test/open", ("introduced", "0"), reviewed=False),
        entry("GO-2026-0003", "example.test/graph", ("introduced", "0")),
    )
    return tmp_path


def test_a_version_with_an_advisory_is_refused_with_the_command_that_mends_it(project: Path) -> None:
    done = _gate(project, "--db", "db.jsonl")
    assert done.returncode == 1, done.stderr
    assert "refused  example.test/bad@v1.1.0  (line 1)" in done.stdout
    assert "    go get example.test/bad@v1.2.0" in done.stdout
    assert "3 versions judged by db.jsonl: 1 refused, 1 warnings, 0 unknown." in done.stdout


def test_the_graph_alone_is_not_judged_and_doubtful_entries_warn(project: Path) -> None:
    found = json.loads(_gate(project, "--db", "db.jsonl", "--json").stdout)["findings"]
    assert [(each["module"], each["standing"]) for each in found] == [
        ("example.test/bad", "refused"),
        ("example.test/open", "warned"),
    ]


def test_a_policy_with_a_waiver_lets_it_pass_and_says_so(project: Path) -> None:
    (project / "policy.toml").write_text(
        """
version = 1
[[rules]]
id = "critical"
effect = "deny"
when = { severity = "critical" }
[[waivers]]
id = "w-1"
modules = ["example.test/bad"]
owner = "team@example.test"
reason = "not reachable"
expires = 2100-01-01
"""
    )
    done = _gate(project, "--db", "db.jsonl", "--policy", "policy.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "waived  example.test/bad@v1.1.0" in done.stdout
    assert "w-1" in done.stdout


def test_strict_takes_a_warning_for_a_failure(project: Path) -> None:
    (project / "go.sum").write_text(f"example.test/open v0.5.0 {_H1}\n")
    assert _gate(project, "--db", "db.jsonl").returncode == 0
    assert _gate(project, "--db", "db.jsonl", "--strict").returncode == 1


def test_sarif_names_the_line_of_the_lock_file(project: Path) -> None:
    done = _gate(project, "--db", "db.jsonl", "-o", "out.sarif")
    log = json.loads((project / "out.sarif").read_text())
    first = log["runs"][0]["results"][0]
    assert done.returncode == 1
    assert first["ruleId"] == "MG-GATE-001"
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "go.sum"},
        "region": {"startLine": 1},
    }
    assert "GO-2026-0001" in first["properties"]["advisories"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--db", "nowhere.jsonl"], "nowhere.jsonl"),
        (["--policy", "nowhere.toml"], "nowhere.toml"),
        (["--db", "db.jsonl", "--fail-on", "grave"], "'grave' is no severity"),
        (["--gate", "http://127.0.0.1:9", "--db", "db.jsonl"], "exclude each other"),
        (["nowhere"], "there is no such file"),
        ([], "no proxy is named"),
    ],
)
def test_what_cannot_be_found_out_is_no_pass(project: Path, words: list[str], told: str) -> None:
    done = _gate(project, *words, GOPROXY="off")
    assert done.returncode == 2
    assert told in done.stderr


def _answer(versions: Sequence[str]) -> Checked:
    return Checked(
        decisions=[
            Judged(module=m, version=v, effect="allow") for m, _, v in (e.partition("@") for e in versions)
        ]
    )


async def _judged(chain: str, answers: dict[str, Any]) -> tuple[str, list[tuple[str, str, int]]]:
    asked: list[tuple[str, str, int]] = []

    async def ask(base: str, versions: Sequence[str], authorization: str) -> Checked:
        asked.append((base, authorization, len(versions)))
        if isinstance(answer := answers[base], Exception):
            raise answer
        return _answer(versions)

    judge = GateJudge(chain, ask, lambda _host: None)
    report = await judge_places([Place("go.sum", _SUM.encode())], judge)
    return report.by, asked


async def test_the_first_gate_that_judges_is_believed_and_no_other_proxy_hears_a_name() -> None:
    answers = {"https://a.test": Absent("no gate"), "https://b.test": None}
    by, asked = await _judged("https://a.test,https://me:secret@b.test,direct", answers)
    assert by == "https://***@b.test"
    secret = "Basic bWU6c2VjcmV0"
    assert asked == [("https://a.test", "", 0), ("https://b.test", secret, 0), ("https://b.test", secret, 3)]


async def test_a_gate_that_is_down_has_not_said_yes() -> None:
    with pytest.raises(Unavailable):
        await _judged(
            "https://a.test|https://b.test", {"https://a.test": Unavailable("down"), "https://b.test": None}
        )


async def test_a_chain_without_a_gate_is_told() -> None:
    with pytest.raises(Invalid, match="no gate judges"):
        await _judged("https://a.test", {"https://a.test": Absent("no gate")})


def test_what_a_gate_says_moves_no_cursor() -> None:
    row = Row(
        Locked("example.test/bad", "v1.1.0", "go.sum", 1),
        Judged(
            module="example.test/bad",
            version="v1.1.0",
            effect="deny",
            reason="\x1b[2Jharmless\x9b1m\u202e",
            fixed="v1.2.0\nrm -rf /",
        ),
    )
    out = io.StringIO()
    show(
        Report((row,), "gate", "r", ("go.sum",)), Catalogue(Language.ENGLISH), Console(file=out), strict=False
    )
    assert [char for char in out.getvalue() if not char.isprintable() and char != "\n"] == []
    assert "\nrm" not in out.getvalue()
