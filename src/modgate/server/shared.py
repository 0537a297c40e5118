"""What the connections of a listener have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.server.naming import Naming

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.firewall.tally import Tally
    from modgate.server.memo import Memo
    from modgate.telemetry import Metrics

__all__ = ["Limits", "Shared"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a connection may cost.

    Attributes:
        connections: Open connections; more are told 503 and closed.
        head_bytes: Size of a request head.
        head_seconds: Time from the first byte of a request to the end of its head.
        idle_seconds: Time between requests.
        stall_seconds: Time in which a client takes nothing of an answer that is on its way.
    """

    connections: int = 4096
    head_bytes: int = 16 * 1024
    head_seconds: float = 15.0
    idle_seconds: float = 120.0
    stall_seconds: float = 60.0


@dataclass(slots=True)
class Shared:
    """What all connections of a listener share.

    `shortcuts` is off where every answer is to have its log line. `status_line` holds the current Date.
    `naming` says who asks, and `tally` counts what they are given; another `naming` holds from the next
    request on.
    """

    memo: Memo
    metrics: Metrics
    limits: Limits
    monotonic: Callable[[], float]
    tally: Tally
    shortcuts: bool = True
    status_line: bytes = b"HTTP/1.1 200 OK\r\n"
    naming: Naming = field(default_factory=Naming)
