"""What the source stack tells the outside: counters, log lines, alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from modgate.errors import ModgateError
    from modgate.gomod.protocol import Kind

__all__ = ["Prefetched", "Silent", "Watch"]

Prefetched = Literal["stored", "used", "dropped", "failed"]


class Watch(Protocol):
    """Told of what happens; never raises, never waits."""

    def filled(self, kind: Kind, error: ModgateError | None, size: int, seconds: float) -> None:
        """A fill ended: whole (`error` None) or not."""

    def alert(self, kind: str, subject: str, text: str) -> None:
        """Something a person must hear of: `tampered`, `bit-rot`, `unstored`."""

    def refreshed(self, path: str) -> None:
        """The answer at `path` (`Request.url_path`), which may change, was confirmed or replaced."""

    def prefetched(self, outcome: Prefetched, size: int) -> None:
        """A prefetch was `stored`, `used`, `dropped` or `failed`."""


class Silent:
    """Nobody listens."""

    def filled(self, kind: Kind, error: ModgateError | None, size: int, seconds: float) -> None:
        """Say nothing."""

    def alert(self, kind: str, subject: str, text: str) -> None:
        """Say nothing."""

    def refreshed(self, path: str) -> None:
        """Say nothing."""

    def prefetched(self, outcome: Prefetched, size: int) -> None:
        """Say nothing."""
