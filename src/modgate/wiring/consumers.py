"""Who asks, as the configuration says, and the task that writes down what was counted and noted.

The task waits for the ledger; nothing that answers waits for the task. When the gate ends, what was counted
is written a last time, for at most some seconds.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modgate.server.naming import Naming
from modgate.wiring.owners import owners_of, pseudonym_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from modgate.config import Config
    from modgate.firewall.scribe import Scribe
    from modgate.firewall.tally import Tally
    from modgate.telemetry import Metrics
    from modgate.wiring.books import Books

__all__ = ["build_naming", "counting"]

_LAST = 5.0

_log = structlog.get_logger("modgate.consumers")


def build_naming(config: Config, pseudonym: Callable[[str], str] | None = None) -> Naming:
    """Who asks under a configuration; `pseudonym` where it was made before. Raises Invalid, Unavailable."""
    if config.consumers.pseudonyms and pseudonym is None:
        pseudonym = pseudonym_of(config)
    return Naming(
        tuple(ip_network(each) for each in config.trusted_proxies),
        header=config.consumers.header,
        anyone=not config.trusted_proxies and config.listen.loopback,
        groups=owners_of(config).groups,
        pseudonym=pseudonym if config.consumers.pseudonyms else None,
    )


class _Counted(Collector):
    """What the tally holds and lost, asked when the numbers are."""

    def __init__(self, tally: Tally, scribe: Scribe) -> None:
        self._tally = tally
        self._scribe = scribe

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        yield GaugeMetricFamily(
            "modgate_fetch_counts_waiting", "Counts of fetches not written yet.", value=tally.waiting
        )
        yield CounterMetricFamily(
            "modgate_fetches_written", "Fetches by consumer written.", value=tally.written
        )
        yield CounterMetricFamily(
            "modgate_fetches_dropped", "Fetches that were not written, for want of room.", value=tally.dropped
        )
        yield GaugeMetricFamily(
            "modgate_audit_waiting", "Events not in the audit yet.", value=self._scribe.waiting
        )
        yield CounterMetricFamily(
            "modgate_audit_dropped",
            "Events that were not written, for want of room.",
            value=self._scribe.dropped,
        )


@asynccontextmanager
async def counting(
    tally: Tally, scribe: Scribe, books: Books, *, pause: Callable[[], float], metrics: Metrics
) -> AsyncIterator[None]:
    """Write what is counted and noted every `pause()` seconds until the context ends, and then once more."""
    metrics.registry.register(_Counted(tally, scribe))

    async def flush() -> None:
        await tally.flush(books.consumers)
        await scribe.flush(books.audit)

    task = asyncio.create_task(_repeat(flush, pause))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            async with asyncio.timeout(_LAST):
                await flush()
        except TimeoutError:
            _log.warning("the last counts are not written", counts=tally.waiting, events=scribe.waiting)


async def _repeat(flush: Callable[[], Awaitable[None]], pause: Callable[[], float]) -> None:
    while True:
        await asyncio.sleep(pause())
        try:
            await flush()
        except Exception as error:  # noqa: BLE001  a defect must not end the counting
            _log.error("internal error", exc_info=error)
