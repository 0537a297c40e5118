"""Days of use in minutes: nothing wrong, nothing fetched twice, nothing that grows (see run for how).

MODGATE_SOAK_ROUNDS, _CLIENTS and _SECONDS make the long variant longer or shorter.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from tests.soak.run import Figures, Plan, soak
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = int(os.environ.get("MODGATE_SOAK_ROUNDS", "18"))
CLIENTS = int(os.environ.get("MODGATE_SOAK_CLIENTS", "4"))
SECONDS = float(os.environ.get("MODGATE_SOAK_SECONDS", "270"))


def _judge(figures: Figures, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(figures.lines()) + "\n")
    assert not figures.mismatches
    assert not figures.gave_up
    assert not figures.unexplained
    assert figures.checked


@pytest.mark.go
def test_a_few_clients_get_the_right_bytes_from_an_upstream_that_breaks_now_and_then(
    go_command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(rounds=2, clients=2, seconds=60, fresh=12, known=6, share=0.04)
    figures = soak(go_command, tmp_path, plan)
    _judge(figures, capsys)
    assert figures.broken_answers


@pytest.mark.long
@pytest.mark.go
@pytest.mark.timeout(900)
def test_many_clients_get_the_right_bytes_across_faults_and_restarts_and_nothing_grows(
    go_command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restarts = tuple(item for item in ((1, False), (2, True), (3, False)) if item[0] < ROUNDS)
    known = ROUNDS // 3
    plan = Plan(
        rounds=ROUNDS - known,
        known_rounds=known,
        clients=CLIENTS,
        seconds=SECONDS,
        fresh=120,
        known=80,
        restarts=restarts,
        delay=0.02,
        settle=60,
    )
    figures = soak(go_command, tmp_path, plan)
    _judge(figures, capsys)
    assert len(figures.restarts) == len(restarts)
    # The descriptors that stay are those of the first use: the upstream's and the store's own.
    assert figures.idle <= figures.unused + 8
    assert figures.growth(fresh=False) < 512


def test_the_upstream_breaks_the_share_it_was_told_to_and_counts_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"right")
    seen = []
    for _ in range(2):
        with FaultUpstream(tmp_path) as upstream:
            upstream.fault("status", "*", status=503, share=0.2, seed=3)
            seen.append([_status(f"{upstream.url}/file") for _ in range(100)])
            assert upstream.broken() == {"/file": seen[-1].count(503)}
    assert seen[0] == seen[1], "the same requests break with the same seed"
    assert 5 <= seen[0].count(503) <= 40


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
