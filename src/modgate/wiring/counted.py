"""What the metrics say, as facts for a person: sums since the start, and over the last minute.

The numbers are read where Prometheus reads them, so that `modgate status` and a dashboard never disagree.
Percentiles are those of a histogram: right to within a bucket, and of all requests since the start.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from prometheus_client.metrics_core import Metric

    from modgate.telemetry import Metrics

__all__ = ["Answered", "Counted", "Recent", "percentile"]

_SPAN = 60.0
_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers to clients: how many of each kind, and their body bytes."""

    hits: int = 0
    misses: int = 0
    stale: int = 0
    errors: int = 0
    size: int = 0

    def since(self, earlier: Answered) -> Answered:
        """What came after another reading of the same counters."""
        return Answered(
            self.hits - earlier.hits,
            self.misses - earlier.misses,
            self.stale - earlier.stale,
            self.errors - earlier.errors,
            self.size - earlier.size,
        )

    def facts(self) -> dict[str, Any]:
        """By name; `hit_rate` is of those answers that a cache can have, None before there is one."""
        asked = self.hits + self.stale + self.misses
        return {
            "answers": asked + self.errors,
            "hits": self.hits,
            "misses": self.misses,
            "stale": self.stale,
            "errors": self.errors,
            "bytes": self.size,
            "hit_rate": (self.hits + self.stale) / asked if asked else None,
        }


class Counted:
    """One reading of all metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._families: dict[str, Metric] = {family.name: family for family in metrics.registry.collect()}

    def answered(self) -> Answered:
        """Answers of modules and checksum databases; health checks and the like are not counted."""
        counts = dict.fromkeys(("hit", "miss", "stale", "error"), 0)
        size = 0
        for labels, value in self._rows("modgate_requests", "modgate_requests_total"):
            if labels["kind"] != "other":
                counts[labels["result"]] = counts.get(labels["result"], 0) + int(value)
        for labels, value in self._rows("modgate_response_bytes", "modgate_response_bytes_total"):
            size += int(value) if labels["kind"] != "other" else 0
        return Answered(counts["hit"], counts["miss"], counts["stale"], counts["error"], size)

    def upstream(self, name: str) -> dict[str, Any]:
        """Of one upstream: requests answered, failures, and seconds until the head of an answer came."""
        buckets = [
            (float(labels["le"]), value)
            for labels, value in self._rows("modgate_upstream_seconds", "modgate_upstream_seconds_bucket")
            if labels["upstream"] == name and labels["phase"] == "head"
        ]
        errors = sum(
            value
            for labels, value in self._rows("modgate_upstream_errors", "modgate_upstream_errors_total")
            if labels["upstream"] == name
        )
        return {
            "answers": int(buckets[-1][1]) if buckets else 0,
            "errors": int(errors),
            "p50_seconds": percentile(buckets, 0.5),
            "p99_seconds": percentile(buckets, 0.99),
        }

    def number(self, name: str) -> int | None:
        """A number without labels, such as `process_open_fds`; None where this system does not tell it."""
        return next((int(value) for _, value in self._rows(name, name)), None)

    def _rows(self, family: str, sample: str) -> Iterable[tuple[dict[str, str], float]]:
        found = self._families.get(family)
        if found is None:
            return []
        return [(each.labels, each.value) for each in found.samples if each.name == sample]


def percentile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """The value below which `share` of the observations lie, from cumulative (upper bound, count) pairs.

    Within a bucket they are taken as spread evenly; above the last bound that bound is all that is known.
    None without observations.
    """
    total = buckets[-1][1] if buckets else 0
    if not total:
        return None
    wanted = share * total
    below, counted = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if bound == float("inf"):
                return below
            return below + (bound - below) * (wanted - counted) / (count - counted)
        below, counted = bound, count
    return below


class Recent:
    """Readings of the last minute, taken every few seconds while `running`."""

    def __init__(self, read: Callable[[], Answered], *, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._monotonic = monotonic
        self._taken: deque[tuple[float, Answered]] = deque()
        self.take()

    def take(self) -> None:
        """Keep a reading, and of those that are a minute old only the newest."""
        now = self._monotonic()
        self._taken.append((now, self._read()))
        while len(self._taken) > 1 and now - self._taken[1][0] >= _SPAN:
            self._taken.popleft()

    def facts(self) -> dict[str, Any]:
        """Answers of the last minute, or of the `seconds` since the start where those are fewer."""
        self.take()
        (began, first), (now, last) = self._taken[0], self._taken[-1]
        return {"seconds": now - began, **last.since(first).facts()}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take readings until the context ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            self.take()
