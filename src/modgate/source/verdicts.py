"""Outcomes that are remembered for a short while: proved absence, and why a fill failed.

An error that several requests share is raised as a copy in each of them: an exception object that
two tasks raise collects both their tracebacks, and a remembered one would keep their frames alive.
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Tampered, Unavailable, Unverified

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.source.settings import Memory

__all__ = ["Verdicts", "again"]


def again(error: ModgateError) -> ModgateError:
    """The same error for one more reader, without the traceback, cause and context of the others."""
    return copy.copy(error)


class Verdicts:
    """Errors by (credential scope, key), each for its time. Bounded; the oldest go first."""

    def __init__(self, memory: Memory, *, clock: Callable[[], float]) -> None:
        self._memory = memory
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], tuple[float, ModgateError]] = OrderedDict()

    def check(self, scope: str, key: str) -> None:
        """Raise the remembered error while its time lasts."""
        kept = self._kept.get((scope, key))
        if kept is None:
            return
        since, error = kept
        # A clock that was set back must not make a verdict last for years.
        if 0 <= self._clock() - since < self._seconds(error):
            raise again(error)
        del self._kept[scope, key]

    def remember(self, scope: str, key: str, error: ModgateError) -> None:
        """Keep it as long as its kind deserves; kinds that deserve nothing are not kept."""
        if self._seconds(error) <= 0:
            return
        self._kept[scope, key] = (self._clock(), again(error))
        self._kept.move_to_end((scope, key))
        while len(self._kept) > self._memory.entries:
            self._kept.popitem(last=False)

    def forget(self, scope: str, key: str) -> None:
        """Something new is known."""
        self._kept.pop((scope, key), None)

    def forget_below(self, folder: str) -> None:
        """Something new is known of a module, in every scope: `folder` is where its objects lie."""
        for kept in [kept for kept in self._kept if kept[1].startswith(f"{folder}/")]:
            del self._kept[kept]

    def _seconds(self, error: ModgateError) -> float:
        if isinstance(error, (Absent, Unverified)):
            return self._memory.absent
        if isinstance(error, Tampered):
            return self._memory.tampered
        if isinstance(error, Unavailable) and error.kind in {"bad-answer", "storage-full"}:
            return self._memory.broken
        return 0.0
