"""What happens in the source stack as metrics, log lines and ledger alerts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from modgate.errors import Absent, Denied, ModgateError, Unavailable, Unverified
from modgate.model import Alert, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.protocol import Kind
    from modgate.source.watch import Prefetched
    from modgate.telemetry import FillResult, Metrics

__all__ = ["Observer"]


class Observer:
    """A `Watch` that counts, logs, and records alerts. Recording an alert never holds anything up."""

    def __init__(self, metrics: Metrics, ledger: Ledger, *, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._clock = clock
        self._log = structlog.get_logger("modgate.source")
        self._writing: set[asyncio.Task[None]] = set()
        self._told: list[Callable[[str], None]] = []
        self._alerted: list[Callable[[str, str, str], None]] = []

    def tell_refreshed(self, told: Callable[[str], None]) -> None:
        """Tell `told` of each answer that was refreshed, by its `Request.url_path`."""
        self._told.append(told)

    def tell_alerts(self, told: Callable[[str, str, str], None]) -> None:
        """Tell `told` of each alert: its kind, its subject and its text."""
        self._alerted.append(told)

    def filled(self, kind: Kind, error: ModgateError | None, size: int, seconds: float) -> None:
        """Count the outcome of a fill."""
        self._metrics.inc_fill(_fill_result(error))
        if error is None:
            self._log.debug("filled", kind=kind.value, bytes=size, seconds=round(seconds, 4))

    def alert(self, kind: str, subject: str, text: str) -> None:
        """Log it at once, record it in the ledger beside."""
        self._log.error("alert", alert=kind, subject=subject, text=text)
        task = asyncio.create_task(self._record(Alert(kind, subject, text, self._clock())))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        for told in self._alerted:
            told(kind, subject, text)

    def refreshed(self, path: str) -> None:
        """Tell those who keep ready-made copies."""
        for told in self._told:
            told(path)

    def prefetched(self, outcome: Prefetched, size: int) -> None:
        """Count an outcome of prefetching."""
        self._metrics.prefetch(outcome, size)

    async def close(self) -> None:
        """Finish recording."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=5)

    async def _record(self, alert: Alert) -> None:
        try:
            await self._ledger.add_alert(alert)
        except Unavailable as error:
            self._log.warning("alert not recorded", subject=alert.subject, why=error.what)


def _fill_result(error: ModgateError | None) -> FillResult:
    if error is None:
        return "stored"
    if isinstance(error, Absent):
        return "absent"
    if isinstance(error, (Denied, Unverified)):
        return "refused"
    return "failed"
