"""The facts of a running server are those of its parts, and a broken part hides nothing of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modgate.config import load
from modgate.errors import Unavailable
from modgate.model import Alert, Context
from modgate.server.app import App
from modgate.telemetry import Metrics
from modgate.transport.breaker import Breaker
from modgate.wiring.counted import Answered, Counted, Recent, percentile
from modgate.wiring.gate import Gate, open_gate
from modgate.wiring.status import status_facts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """A gate whose upstream is not there."""
    given = {"store": str(tmp_path / "store"), "upstream": NOBODY, "sumdb": "off", "cache.limit": "1GiB"}
    flags: dict[str, tuple[object, str]] = {name: (value, "--set") for name, value in given.items()}
    loaded = load(flags, environ={"HOME": str(tmp_path)}, ask_go=lambda environ: {})  # noqa: ARG005  as called
    async with open_gate(loaded.config) as opened:
        yield opened


async def _facts(gate: Gate, **more: Any) -> dict[str, Any]:
    app = App(gate.stack.source, metrics=gate.ground.metrics)
    values: dict[str, Any] = {
        "url": "http://127.0.0.1:3000",
        "started": 1000.0,
        "problems": [],
        "clock": lambda: 100_000.0,
    }
    return await status_facts(gate, app, **{**values, **more})


async def test_a_gate_that_did_nothing_yet_says_so(gate: Gate) -> None:
    facts = await _facts(gate)
    assert facts["uptime_seconds"] == 99_000
    assert facts["requests"]["since_start"]["hit_rate"] is None
    assert facts["requests"]["last_minute"] is None
    assert facts["fills"] == {"under_way": 0}
    assert facts["prefetch"]["queued"] == 0
    assert facts["ledger"].pop("size") > 0
    assert facts["ledger"] == {"ok": True, "error": "", "limit": 0}
    assert facts["checksum_log"] is None
    assert facts["alerts"] == {"last_day": 0, "newest": []}
    assert facts["process"]["open_files"] > 0
    assert facts["store"]["limit"] == 1 << 30
    assert facts["store"]["disk_free"] > 0


async def test_an_upstream_that_is_left_alone_is_shown_with_its_reason(gate: Gate) -> None:
    upstream = gate.ground.upstreams.at(NOBODY)
    for _ in range(4):
        with pytest.raises(Unavailable):
            await upstream.get(Context(), "example.test/m/@v/list", limit=100)
    (told,) = (await _facts(gate))["upstreams"]
    assert told["url"] == NOBODY
    assert told["state"] == "open"
    assert told["failures_in_a_row"] >= 8
    assert told["errors"] >= 8
    assert 0 < told["retry_in_seconds"] <= 5
    assert "connect" in told["last_error"]
    assert told["last_error_seconds_ago"] >= 0
    assert told["p99_seconds"] is None


async def test_alerts_of_the_last_day_are_told_and_older_ones_not(gate: Gate) -> None:
    for at in (100.0, 50_000.0, 60_000.0):
        await gate.ground.ledger.add_alert(Alert("tampered", f"m@{at:g}", "bytes differ", at))
    alerts = (await _facts(gate))["alerts"]
    assert alerts["last_day"] == 2
    assert [each["subject"] for each in alerts["newest"]] == ["m@60000", "m@50000"]


async def test_a_ledger_that_is_gone_hides_nothing_else(gate: Gate) -> None:
    await gate.ground.ledger.close()
    facts = await _facts(gate, problems=["the ledger is closed"])
    assert facts["ledger"]["ok"] is False
    assert facts["ledger"]["error"]
    assert facts["alerts"] is None
    assert facts["problems"] == ["the ledger is closed"]
    assert facts["store"]["path"]


def test_answers_are_counted_from_the_metrics_and_health_checks_are_not() -> None:
    metrics = Metrics()
    for _ in range(3):
        metrics.request("mod", "hit", 200, size=10, seconds=0.01)
    metrics.request("zip", "miss", 200, size=70, seconds=0.01)
    metrics.request("zip", "error", 502, size=5, seconds=0.01)
    metrics.request("other", "hit", 200, size=1000, seconds=0.01)
    facts = Counted(metrics).answered().facts()
    assert facts == {
        "answers": 5,
        "hits": 3,
        "misses": 1,
        "stale": 0,
        "errors": 1,
        "bytes": 105,
        "hit_rate": 0.75,
    }


def test_the_last_minute_forgets_what_came_before_it() -> None:
    now, count = 0.0, 0
    recent = Recent(lambda: Answered(hits=count), monotonic=lambda: now)
    for second in range(0, 200, 5):
        now, count = float(second), second
        recent.take()
    facts = recent.facts()
    assert facts["seconds"] == 60
    assert facts["answers"] == 60


def test_before_a_minute_is_over_its_length_is_told() -> None:
    now, count = 100.0, 0
    recent = Recent(lambda: Answered(hits=count), monotonic=lambda: now)
    now, count = 107.0, 4
    assert recent.facts()["seconds"] == 7
    assert recent.facts()["answers"] == 4


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ([], 0.5, None),
        ([0, 0, 0], 0.5, None),
        ([10, 10, 10], 0.5, 0.5),
        ([0, 10, 10], 0.5, 1.5),
        ([5, 10, 10], 0.99, 1.98),
        ([0, 0, 10], 0.5, 2.0),
    ],
)
def test_percentiles_lie_within_their_bucket(counts: list[int], share: float, value: float | None) -> None:
    buckets = list(zip((1.0, 2.0, float("inf")), counts, strict=False))
    assert percentile(buckets, share) == (value if value is None else pytest.approx(value))


def test_the_breaker_tells_its_state_and_when_it_lets_a_trial_through() -> None:
    now = 0.0
    breaker = Breaker("u", clock=lambda: now, failures=2, pause=5.0)
    assert (breaker.state, breaker.last_error, breaker.failed_ago) == ("closed", "", None)
    breaker.failure("first")
    breaker.failure("second")
    now = 2.0
    assert (breaker.state, breaker.failures, breaker.retry_in) == ("open", 2, 3.0)
    assert (breaker.last_error, breaker.failed_ago) == ("second", 2.0)
    now = 5.0
    assert (breaker.state, breaker.retry_in) == ("trial", 0.0)
    breaker.success()
    assert (breaker.state, breaker.last_error) == ("closed", "second")
