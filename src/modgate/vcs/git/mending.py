"""Work over a mirror that may be damaged, or whose refs move meanwhile: done again where that helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Unavailable
from modgate.vcs.git.errors import Damaged
from modgate.vcs.git.fetching import Moved
from modgate.vcs.git.listing import not_here

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.model import Context
    from modgate.vcs.git.fetching import Fetching
    from modgate.vcs.git.joined import Joined
    from modgate.vcs.git.listing import Listing

__all__ = ["Mending"]

T = TypeVar("T")

_MEND_AGAIN = 600.0
"""Seconds within which a mirror is thrown away once at most."""


class Mending:
    """Attributes:
    users: How many pieces of work are under way.
    mended_at: When the mirror was last thrown away.
    """

    def __init__(
        self, fetching: Fetching, listing: Listing, joined: Joined, clock: Callable[[], float]
    ) -> None:
        self._fetching = fetching
        self._listing = listing
        self._joined = joined
        self._clock = clock
        self.users = 0
        self.mended_at: float | None = None

    async def __call__(self, ctx: Context, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work; where the mirror is damaged, once more on a new one, and where a ref moved, again."""
        self.users += 1
        try:
            for _ in range(3):
                generation = self._fetching.generation
                try:
                    return await work()
                except Moved:
                    self._listing.expire()
                    if not ctx.fetch:
                        raise not_here(self._fetching.address) from None
                except Damaged as error:
                    if not ctx.fetch:
                        raise not_here(self._fetching.address) from None
                    await self._mend(generation, error)
        finally:
            self.users -= 1
        raise Unavailable(
            "the repository changes while it is read, or its mirror cannot be kept",
            where=self._fetching.address,
            next_step="try again",
            kind="bad-answer",
        )

    async def _mend(self, generation: int, error: Damaged) -> None:
        if generation != self._fetching.generation:
            return
        now = self._clock()
        if self.mended_at is not None and now - self.mended_at < _MEND_AGAIN:
            raise Unavailable(
                f"the mirror cannot be read although it was made anew: {error}",
                where=self._fetching.address,
                next_step=f"check the disk and the repository; the mirror is {self._fetching.mirror.folder}",
                kind="bad-answer",
            ) from error
        self.mended_at = now
        await self._joined("mend", lambda: self._fetching.discard(generation))
