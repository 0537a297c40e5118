"""A circuit breaker: after some failures in a row an upstream is left alone for a while.

Only broken answers count. "Absent" and "denied" are good answers of a healthy upstream. While open,
one trial is let through after each pause; its success closes the breaker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Counts failures in a row of one upstream.

    `failures` opens it; `pause` is the seconds until a trial is let through.
    """

    def __init__(
        self, name: str, *, clock: Callable[[], float], failures: int = 8, pause: float = 5.0
    ) -> None:
        self._name = name
        self._clock = clock
        self._limit = failures
        self._pause = pause
        self._count = 0
        self._retry_at = 0.0
        self._why = ""
        self._failed_at: float | None = None

    @property
    def open(self) -> bool:
        """True while requests are refused."""
        return self._count >= self._limit and self._clock() < self._retry_at

    @property
    def state(self) -> str:
        """`closed` (requests go through), `open` (they are refused), `trial` (the next one decides)."""
        if self._count < self._limit:
            return "closed"
        return "open" if self.open else "trial"

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._count

    @property
    def retry_in(self) -> float:
        """Seconds for which requests are still refused."""
        return max(0.0, self._retry_at - self._clock()) if self.open else 0.0

    @property
    def last_error(self) -> str:
        """What the last failure was, also when good answers came since; empty before there was one."""
        return self._why

    @property
    def failed_ago(self) -> float | None:
        """Seconds since the last failure."""
        return None if self._failed_at is None else max(0.0, self._clock() - self._failed_at)

    def check(self) -> None:
        """Raise Unavailable while open; otherwise let the caller try (one at a time after a pause)."""
        if self._count < self._limit:
            return
        now = self._clock()
        if now < self._retry_at:
            raise Unavailable(
                f"not asked: it failed {self._count} times in a row, last with: {self._why}",
                where=self._name,
                kind="unreachable",
                retry_after=max(1.0, self._retry_at - now),
            )
        self._retry_at = now + self._pause

    def success(self) -> None:
        """A good answer came."""
        self._count = 0

    def failure(self, why: str) -> None:
        """A broken answer came, or none."""
        self._count += 1
        self._why = why
        self._failed_at = self._clock()
        if self._count >= self._limit:
            self._retry_at = self._clock() + self._pause
