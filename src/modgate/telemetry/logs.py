"""Log lines for people or machines, and the ids that tie them to requests.

Rule: logs go to stderr, because stdout carries the one ready line.
"""

from __future__ import annotations

import logging
import secrets
import sys
from typing import TYPE_CHECKING, Literal

import structlog

from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any, TextIO

__all__ = ["LogFormat", "configure_logging", "new_request_id"]

LogFormat = Literal["human", "json"]


# Without the frames' locals, which hold whole request heads and so credentials.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def new_request_id() -> str:
    """Sixteen random hex digits."""
    return secrets.token_hex(8)


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The ids under which the collector of traces has what a line is about."""
    trace, span = tracing.ids()
    if trace:
        event["trace_id"], event["span_id"] = trace, span
    return event


def configure_logging(
    style: LogFormat = "human", *, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Set up structlog, and the standard library's warnings with it, for the whole process."""
    out = sys.stderr if stream is None else stream
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor]
    if style == "json":
        renderer = [_TRACEBACKS, structlog.processors.JSONRenderer()]
    else:
        renderer = [
            structlog.dev.ConsoleRenderer(
                colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
