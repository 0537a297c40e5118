"""Numbers for Prometheus.

Rules: a label never takes its value from a client, so that nobody can grow the number of series;
counting a hit costs two additions on a plain object (`Cell`), and the Prometheus text is made only
when somebody asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from modgate.model.blob import StoreUsage

__all__ = ["METRICS_TYPE", "Cell", "FillResult", "IndexResult", "Metrics", "PrefetchResult", "RequestResult"]

RequestResult = Literal["hit", "miss", "stale", "error"]
FillResult = Literal["stored", "absent", "refused", "failed"]
PrefetchResult = Literal["stored", "used", "dropped", "failed"]
IndexResult = Literal["done", "late", "refused", "failed", "dropped"]

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_MAX_UPSTREAMS = 64
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Cell:
    """One series of answered requests: `count` answers, `size` body bytes. Add to them directly."""

    __slots__ = ("count", "size")

    def __init__(self) -> None:
        self.count = 0
        self.size = 0


class _Cells(Collector):
    """Turns the cells into Prometheus families when they are asked for."""

    def __init__(self, cells: dict[tuple[str, str, str], Cell]) -> None:
        self._cells = cells

    def collect(self) -> Iterator[Metric]:
        labels = ["kind", "result", "status"]
        requests = CounterMetricFamily("modgate_requests", "Answered requests.", labels=labels)
        size = CounterMetricFamily("modgate_response_bytes", "Body bytes of answers.", labels=labels)
        for key, cell in list(self._cells.items()):
            requests.add_metric(key, cell.count)
            size.add_metric(key, cell.size)
        yield requests
        yield size


class _Store(Collector):
    """How full the store is, asked when the numbers are."""

    def __init__(self, usage: Callable[[], StoreUsage]) -> None:
        self._usage = usage

    def collect(self) -> Iterator[Metric]:
        full = self._usage()
        if full.used is not None and full.objects is not None:
            yield GaugeMetricFamily("modgate_store_bytes", "Bytes stored.", value=full.used)
            yield GaugeMetricFamily("modgate_store_objects", "Objects stored.", value=full.objects)
        yield GaugeMetricFamily("modgate_store_limit_bytes", "The store's limit, 0: none.", value=full.limit)
        yield CounterMetricFamily("modgate_evictions", "Objects that made way.", value=full.evictions)
        yield CounterMetricFamily("modgate_evicted_bytes", "Bytes that made way.", value=full.evicted)


class Metrics:
    """Every number the server publishes, each with a bounded set of label values."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._cells: dict[tuple[str, str, str], Cell] = {}
        self.registry.register(_Cells(self._cells))
        ProcessCollector(registry=self.registry)
        self._upstreams: set[str] = set()
        self._latency = Histogram(
            "modgate_request_seconds",
            "Time to the last byte of answers that were not ready-made.",
            ["kind", "result"],
            buckets=_LATENCY,
            registry=self.registry,
        )
        self._fills = self._counter("modgate_fills", "Fetches for the store by outcome.", "result")
        self._upstream = Histogram(
            "modgate_upstream_seconds",
            "Upstream latency by phase (connect, head, body).",
            ["upstream", "phase"],
            buckets=_LATENCY,
            registry=self.registry,
        )
        self._upstream_errors = self._counter(
            "modgate_upstream_errors", "Failed upstream requests.", "upstream", "kind"
        )
        self._verifications = self._counter(
            "modgate_verifications", "Objects checked before they were stored.", "result"
        )
        self._prefetches = self._counter("modgate_prefetches", "Prefetched objects.", "result")
        self._prefetch_bytes = self._counter(
            "modgate_prefetch_bytes", "Body bytes of prefetched objects.", "result"
        )
        self._cuts = self._counter("modgate_cut_responses", "Answers cut because their body broke off.")
        self._refused = self._counter(
            "modgate_refused_connections", "Connections ended by a limit or a parser.", "reason"
        )

        self._index_entries = self._counter(
            "modgate_index_entries", "Announcements read from the index feed."
        )
        self._index_refreshes = self._counter(
            "modgate_index_refreshes", "Refreshes of kept answers because of the index feed.", "result"
        )
        self._index_gauges: tuple[Gauge, ...] = ()

    def store(self, usage: Callable[[], StoreUsage]) -> None:
        """Publish how full the store is; `usage` is asked for each page of numbers."""
        self.registry.register(_Store(usage))

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def cell(self, kind: str, result: RequestResult, status: int) -> Cell:
        """The series of answers with these labels, to keep and add to. `kind` must be one of ours."""
        key = (kind, result, f"{status // 100}xx")
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = Cell()
        return cell

    def request(self, kind: str, result: RequestResult, status: int, *, size: int, seconds: float) -> None:
        """An answer that was made for this one request."""
        cell = self.cell(kind, result, status)
        cell.count += 1
        cell.size += size
        self._latency.labels(kind, result).observe(seconds)

    def inc_fill(self, result: FillResult) -> None:
        """A fetch for the store ended."""
        self._fills.labels(result).inc()

    def _upstream_label(self, upstream: str) -> str:
        if upstream not in self._upstreams:
            if len(self._upstreams) >= _MAX_UPSTREAMS:
                return "other"
            self._upstreams.add(upstream)
        return upstream

    def observe_upstream(self, upstream: str, phase: str, seconds: float) -> None:
        """A phase (`connect`, `head`, `body`) of an upstream request took this long."""
        self._upstream.labels(self._upstream_label(upstream), phase).observe(seconds)

    def inc_upstream_error(self, upstream: str, kind: str) -> None:
        """An upstream request failed; `kind` as in `Unavailable.kind`."""
        self._upstream_errors.labels(self._upstream_label(upstream), kind).inc()

    def verification(self, result: str) -> None:
        """An object was checked: a `Verification` value, `tampered`, `unverified` or `unavailable`."""
        self._verifications.labels(result).inc()

    def prefetch(self, result: PrefetchResult, size: int = 0) -> None:
        """A prefetched object was stored, used by a client for the first time, dropped, or failed."""
        self._prefetches.labels(result).inc()
        self._prefetch_bytes.labels(result).inc(size)

    def cut(self) -> None:
        """An answer was cut in the middle of its body."""
        self._cuts.inc()

    def refused(self, reason: str) -> None:
        """A connection was ended: `malformed`, `header-size`, `slow`, `stalled` or `too-many`."""
        self._refused.labels(reason).inc()

    def index_entries(self, count: int) -> None:
        """So many new announcements were read from the index feed."""
        self._index_entries.inc(count)

    def index_refresh(self, result: IndexResult) -> None:
        """A kept answer was refreshed: `done`, or `late` (its list does not name the version yet); or the
        module's source `refused` or `failed`; or it was `dropped`, since the answer has expired anyway.
        """
        self._index_refreshes.labels(result).inc()

    def follow_index(self, lag: Callable[[], float] | None, up: Callable[[], bool] | None = None) -> None:
        """From now on the feed's lag (seconds) and state are these; None: no feed is followed."""
        for gauge in self._index_gauges:
            self.registry.unregister(gauge)
        self._index_gauges = ()
        if lag is None or up is None:
            return
        behind = Gauge(
            "modgate_index_lag_seconds",
            "Time since the moment up to which everything that the index feed announced was dealt with.",
            registry=self.registry,
        )
        alive = Gauge(
            "modgate_index_up", "Whether the index feed could be read last time.", registry=self.registry
        )
        behind.set_function(lag)
        alive.set_function(lambda: float(up()))
        self._index_gauges = (behind, alive)

    def render(self) -> bytes:
        """All of it in the Prometheus text format (`METRICS_TYPE`)."""
        return generate_latest(self.registry)
