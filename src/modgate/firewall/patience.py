"""Questions to the ledger while a client waits.

Rule: what is cached is served whatever the ledger does, so each question has a short time limit, and after
one that failed the ledger is left alone for a moment: a dead one is found out once, not by every request.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Unavailable
from modgate.policy.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["Patience"]

T = TypeVar("T")


class Patience:
    """Asks with a limit.

    Args:
        monotonic: Seconds.
        limit: How long one question may take.
        pause: How long none is asked after one failed.
    """

    def __init__(self, *, monotonic: Callable[[], float], limit: float = 0.25, pause: float = 2.0) -> None:
        self._monotonic = monotonic
        self._limit = limit
        self._pause = pause
        self._until = float("-inf")
        self._why = ""

    @property
    def lost(self) -> str:
        """Why nothing is asked at the moment; empty where it is."""
        return self._why if self._monotonic() < self._until else ""

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T | Unknown:
        """The answer, or why there is none."""
        if lost := self.lost:
            return Unknown(lost)
        try:
            async with asyncio.timeout(self._limit):
                return await question()
        except Unavailable as error:
            return self._failed(error.what)
        except TimeoutError:
            return self._failed(f"the ledger did not answer within {self._limit:g} s")

    def _failed(self, why: str) -> Unknown:
        self._until = self._monotonic() + self._pause
        self._why = why
        return Unknown(why)
