"""What an isolated command reached, and what it tried to reach: counted, bounded, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.launch.targets import shown_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.launch.targets import Target

__all__ = ["Attempt", "Record", "Traffic", "document"]

_MOST = 1000
"""Different attempts that are kept apart; a port scan becomes a number after that."""


@dataclass(frozen=True, slots=True, order=True)
class Attempt:
    """Something that was refused.

    Attributes:
        kind: `proxy` (asked of the HTTP proxy), `dns` (a name), `tcp`, `udp` or `icmp` (an address).
        target: The name or address.
        port: 0 where there is none.
    """

    kind: str
    target: str
    port: int = 0

    @property
    def shown(self) -> str:
        """For texts."""
        return shown_target(self.target, self.port) if self.port else self.target


@dataclass(slots=True)
class Traffic:
    """What went through to one target; `failed` connections came from nobody answering outside."""

    connections: int = 0
    failed: int = 0
    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class Record:
    """The counts of one run."""

    traffic: dict[Target, Traffic] = field(default_factory=dict)
    blocked: dict[Attempt, int] = field(default_factory=dict)
    more: int = 0

    def refused(self, attempt: Attempt) -> None:
        """Count an attempt."""
        if attempt in self.blocked or len(self.blocked) < _MOST:
            self.blocked[attempt] = self.blocked.get(attempt, 0) + 1
        else:
            self.more += 1

    def through(self, target: Target) -> Traffic:
        """The counts of a target."""
        return self.traffic.setdefault(target, Traffic())


def document(record: Record, status: int, seconds: float) -> Mapping[str, object]:
    """The report for `--json FILE`."""
    return {
        "schema": 1,
        "status": status,
        "seconds": round(seconds, 3),
        "allowed": [
            {
                "host": target.host,
                "port": target.port,
                "connections": traffic.connections,
                "failed": traffic.failed,
                "sent": traffic.sent,
                "received": traffic.received,
            }
            for target, traffic in record.traffic.items()
        ],
        "blocked": [
            {"kind": attempt.kind, "target": attempt.target, "port": attempt.port or None, "times": times}
            for attempt, times in sorted(record.blocked.items())
        ],
        "more": record.more,
    }
