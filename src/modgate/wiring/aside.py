"""What parts of the gate log while they work for one command: lines on standard error, warnings and worse.

Standard output is the command's answer, which a machine may read.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

__all__ = ["log_aside"]


def log_aside() -> None:
    """Send the log to standard error for the life of this process, unless a server set it up before."""
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    values = [f"{key}={value}" for key, value in event.items() if key not in {"event", "exc_info"}]
    return " ".join(["modgate:", str(event["event"]), *values])
