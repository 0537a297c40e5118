"""doctor in the laboratory: it names the right root cause of each staged failure, and none in health."""

from __future__ import annotations

import concurrent.futures
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab import namespace
from tests.lab.internet import STAND_IN
from tests.lab.judging import REPOSITORY, ROWS, Judged, figure, judge, play_all, summary, with_go
from tests.lab.stages import STAGES, Stage
from tests.lab.words import COMMANDS, USUAL, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.lab.internet import Internet

NAMES = {
    name: pytest.param(name, marks=[pytest.mark.long] if stage.long else []) for name, stage in STAGES.items()
}
BROKEN = [NAMES[name] for name, stage in STAGES.items() if not stage.healthy]
HEALTHY = [NAMES[name] for name, stage in STAGES.items() if stage.healthy]


def _need_namespaces() -> None:
    reason = namespace.permitted()
    if reason:
        pytest.skip(f"no network namespaces here: {reason}")


@pytest.fixture(scope="module")
def played(go_command: str, request: pytest.FixtureRequest) -> Mapping[str, Judged]:
    """Every stage of this run, played once."""
    _need_namespaces()
    chosen = [name for name, stage in STAGES.items() if request.config.getoption("--long") or not stage.long]
    return {judged.stage.name: judged for judged in play_all(chosen)}


@pytest.mark.timeout(600)
def test_the_figure(played: Mapping[str, Judged], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nlaboratory: {summary(played.values())}")
    assert figure(played.values()) == (len(ROWS), 0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", BROKEN)
def test_doctor_names_the_root_cause_of(name: str, played: Mapping[str, Judged]) -> None:
    assert played[name].wrong == ""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", HEALTHY)
def test_doctor_finds_nothing_when(name: str, played: Mapping[str, Judged]) -> None:
    assert played[name].wrong == ""


def test_every_row_has_a_stage() -> None:
    assert {stage.row for stage in STAGES.values()} - {None} == ROWS


def _result(root: dict[str, Any] | None, *findings: str, status: int = 1) -> dict[str, Any]:
    checks = [{"name": "some", "findings": [{"id": name, "severity": "error"} for name in findings]}]
    document = json.dumps({"root_cause": root, "checks": checks})
    return {"stdout": document, "stderr": "", "status": status, "seconds": 1.0}


def _bend_nothing(lab: Internet) -> None:
    pass


RIGHT = {"id": "MG-DNS-003", "phase": "dns", "text": "forged"}
SICK = Stage("sick", _bend_nothing, 3, frozenset({"MG-DNS-003"}), "dns")
SOUND = Stage("sound", _bend_nothing)


@pytest.mark.parametrize(
    ("stage", "result", "wrong"),
    [
        (SICK, _result(RIGHT, "MG-DNS-003"), ""),
        (SICK, _result(None, status=0), "nothing found"),
        (SICK, _result({**RIGHT, "id": "MG-NET-001"}), "MG-NET-001 instead of MG-DNS-003"),
        (SICK, _result({**RIGHT, "phase": "connect"}), "phase connect"),
        (SICK, _result(RIGHT, status=0), "exit status 0"),
        (SICK, {**_result(RIGHT), "stdout": "Traceback"}, "no document"),
        (SICK, {**_result(RIGHT), "status": None}, "not ended"),
        (SOUND, _result(None, status=0), ""),
        (SOUND, _result(RIGHT), "a false alarm"),
        (SOUND, _result(None, "MG-NET-004", status=0), "a false alarm"),
        (SOUND, _result(None, status=1), "exit status 1"),
    ],
)
def test_a_wrong_diagnosis_is_seen(stage: Stage, result: dict[str, Any], wrong: str) -> None:
    said = judge(stage, result).wrong
    assert said.startswith(wrong)
    assert bool(said) == bool(wrong)


def test_a_row_counts_only_if_all_its_stages_are_right() -> None:
    right = judge(SICK, _result(RIGHT))
    wrong = judge(SICK, _result(None, status=0))
    assert figure([right]) == (1, 0)
    assert figure([right, wrong]) == (0, 0)
    assert figure([judge(SOUND, _result(RIGHT))]) == (0, 1)


def _said_by_go(name: str) -> str:
    """What go prints on a stage, with its exit status (124: it was ended after twelve seconds)."""
    module = (STAGES[name].modules or (f"{STAND_IN}@v1.5.2",))[0]
    command = COMMANDS.get(name, USUAL).format(module=module)
    script = (
        "export GOFLAGS=-modcacherw GIT_TERMINAL_PROMPT=0; [ -f go.mod ] || go mod init example.org/new;"
        f"timeout 12 {command} 2>&1; echo status $?"
    )
    done = subprocess.run(
        ["unshare", "-rnm", sys.executable, "-m", "tests.lab.run", name, "sh", "-c", script],
        cwd=REPOSITORY,
        env=with_go(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(go_command: str) -> Mapping[str, str]:
    """What go says on each stage that it can be heard on."""
    _need_namespaces()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return dict(zip(WORDS, pool.map(_said_by_go, WORDS), strict=True))


@pytest.mark.go
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", WORDS)
def test_go_itself_fails_as_the_stage_is_named(name: str, said: Mapping[str, str]) -> None:
    expected = WORDS[name]
    if expected is None:
        assert "status 124" in said[name]
    else:
        assert "status 1" in said[name]
        assert re.search(expected, said[name]), said[name]


@pytest.mark.go
def test_go_itself_works_where_nothing_is_staged(go_command: str) -> None:
    _need_namespaces()
    assert "status 0" in _said_by_go("healthy")
