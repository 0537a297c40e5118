"""Logs, metrics and traces.

Names of logs and metrics are found when they are first asked for: layers that only mark where a span
begins (`modgate.telemetry.tracing`) must not pay for Prometheus and structlog, nor the commands that
use those layers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.telemetry.logs import LogFormat, configure_logging, new_request_id
    from modgate.telemetry.metrics import (
        METRICS_TYPE,
        Cell,
        FillResult,
        IndexResult,
        Metrics,
        PrefetchResult,
        RequestResult,
    )

__all__ = [
    "METRICS_TYPE",
    "Cell",
    "FillResult",
    "IndexResult",
    "LogFormat",
    "Metrics",
    "PrefetchResult",
    "RequestResult",
    "configure_logging",
    "new_request_id",
]

_LOGS = frozenset({"LogFormat", "configure_logging", "new_request_id"})

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A name of `__all__`, from where it is defined."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        place = "logs" if name in _LOGS else "metrics"
        found = getattr(import_module(f"modgate.telemetry.{place}"), name)
        globals()[name] = found
        return found
