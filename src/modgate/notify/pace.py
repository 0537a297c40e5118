"""When a message is sent again, and how many go out in a second: numbers in, numbers out.

The pause after a failure doubles and is jittered downwards, so that gates that failed together do not come
back together. What a receiver asks for (`Retry-After`) is the least, never the most: it may only make the
gate more patient. An hour is as long as anybody may make it wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LONGEST", "LONGEST_ASKED", "Rate", "pause_after"]

LONGEST = 600.0
"""Seconds: the longest pause between two attempts that nobody asked for."""

LONGEST_ASKED = 3600.0
"""Seconds: the longest that a receiver may ask for."""

_JITTER = 0.25


def pause_after(failures: int, *, first: float, chance: float, asked: float | None = None) -> float:
    """Seconds until the next attempt, after so many failures in a row (1 and up).

    `first` is the pause after the first one, `chance` is in [0, 1), `asked` what the receiver said.
    """
    whole = min(LONGEST, first * 2.0 ** min(failures - 1, 60))
    pause = whole * (1.0 - _JITTER * chance)
    return pause if asked is None else max(pause, min(asked, LONGEST_ASKED))


class Rate:
    """So many turns a second, evenly: within any second there are at most `rate` of them (at least one)."""

    def __init__(self, rate: float, *, monotonic: Callable[[], float]) -> None:
        self._step = 1.0 / rate
        self._monotonic = monotonic
        self._next = 0.0

    def turn(self) -> float:
        """Take the next turn; how many seconds it is away."""
        now = self._monotonic()
        at = max(now, self._next)
        self._next = at + self._step
        return at - now
