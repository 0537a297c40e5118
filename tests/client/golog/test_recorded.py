"""Logs of every kind that is read, written by hand from go's, gopls's and the extension's sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.client.golog import Analysis, analyse
from modgate.client.golog.decode import read_lines

if TYPE_CHECKING:
    from modgate.client.findings import Finding

HERE = Path(__file__).parent / "recorded"


def analysed(name: str) -> Analysis:
    with (HERE / name).open("rb") as stream:
        return analyse(read_lines(stream), name)


def root(name: str) -> Finding:
    found = analysed(name).root_cause
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        # Cancelled by CI while one of two parallel requests had no answer.
        ("interrupted-in-ci.log", "MG-HTTP-004"),
        # Two modules time out, one is not required, one is missing: the reason of most is the cause.
        ("buildkit-many-modules.log", "MG-NET-001"),
        ("vscode-gopls-server.log", "MG-PRX-002"),
        ("vscode-go-install.log", "MG-NET-001"),
        # gopls gave GOPROXY=off to one command and not to another: it is its own doing.
        ("gopls-offline-itself.jsonl", "MG-CFG-034"),
        ("go-env-windows.log", "MG-CFG-003"),
        ("html-go-mod.log", "MG-CNT-003"),
        ("json-error.log", "MG-STAT-002"),
        ("database-behind-mirror.log", "MG-SUM-002"),
    ],
)
def test_a_recorded_log_has_its_cause(name: str, cause: str) -> None:
    assert root(name).cause.id == cause


def test_what_the_chain_recovered_is_a_note_and_no_cause() -> None:
    analysis = analysed("recovered.log")
    assert analysis.root_cause is None
    assert [finding.cause.id for finding in analysis.findings] == ["MG-NET-001"]
    assert [(one.phase.value, one.status) for one in analysis.requests] == [("connect", None), ("ok", 200)]


def test_a_goauth_command_that_fails_is_a_note_where_it_worked_without() -> None:
    analysis = analysed("goauth-worked-in-the-end.log")
    assert analysis.root_cause is None
    assert [finding.cause.id for finding in analysis.findings] == ["MG-CFG-032"]


def test_the_proof_names_the_line_of_the_log() -> None:
    proof = root("database-behind-mirror.log").evidence[0]
    assert proof.source == "database-behind-mirror.log:7"
    assert "i/o timeout" in proof.raw


def test_a_request_without_an_answer_has_no_status_and_no_seconds() -> None:
    [waiting] = [one for one in analysed("interrupted-in-ci.log").requests if one.status is None]
    assert (waiting.module, waiting.endpoint, waiting.seconds) == ("rsc.example/quote", "zip", None)
    assert waiting.phase.value == "headers"


def test_the_checksum_database_is_told_from_the_proxy_that_carries_it() -> None:
    requests = analysed("database-behind-mirror.log").requests
    assert [one.endpoint for one in requests] == ["zip", "sumdb-supported", "sumdb-lookup"]
    assert requests[2].phase.value == "checksum"


def test_clocks_of_the_log_say_when_requests_began() -> None:
    assert [one.start for one in analysed("interrupted-in-ci.log").requests] == [0.0, 0.11, 0.12]


def test_a_log_without_clocks_has_no_beginnings() -> None:
    assert {one.start for one in analysed("recovered.log").requests} == {None}
