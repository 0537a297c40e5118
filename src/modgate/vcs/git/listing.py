"""The list of refs of one repository: held for its time, joined, kept on disk for when the host is silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import Absent, Unavailable
from modgate.vcs.git.refs import Refs

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.model import Context
    from modgate.vcs.git.fetching import Fetching
    from modgate.vcs.git.joined import Joined
    from modgate.vcs.git.settings import GitSettings

__all__ = ["Listing", "not_here"]

_LOOK_AGAIN = 1.0
"""Seconds within which an unknown revision does not make the refs be listed again."""


class Listing:
    """What the repository lists. That there is no such repository is remembered for `absent_ttl`."""

    def __init__(
        self, fetching: Fetching, joined: Joined, settings: GitSettings, clock: Callable[[], float]
    ) -> None:
        self._fetching = fetching
        self._joined = joined
        self._settings = settings
        self._clock = clock
        self._refs: Refs | None = None
        self._at = 0.0
        self._gone: tuple[float, Absent] | None = None

    @property
    def weight(self) -> int:
        """How many refs are held."""
        return 0 if self._refs is None else len(self._refs.hashes)

    async def current(self, ctx: Context) -> Refs:
        """A list that is younger than `refs_ttl`; without fetching, the last one.

        Raises Absent, Unavailable.
        """
        if not ctx.fetch:
            if self._refs is None:
                kept = await asyncio.to_thread(self._fetching.mirror.read, "refs")
                if not kept:
                    raise not_here(self._fetching.address)
                self._refs = Refs.parse(kept)
                # It is as old as can be: the next question that may fetch asks anew.
                self.expire()
            return self._refs
        if self._refs is not None and self._clock() - self._at < self._settings.refs_ttl:
            return self._refs
        return await self.anew()

    async def current_or_known(self, ctx: Context) -> tuple[Refs, Unavailable | None]:
        """A fresh list; the last known one and the reason where there is none to be had."""
        try:
            return await self.current(ctx), None
        except Unavailable as error:
            kept = self._refs or Refs.parse(await asyncio.to_thread(self._fetching.mirror.read, "refs"))
            if not kept.hashes:
                raise
            return kept, error

    async def after_unknown(self, refs: Refs) -> Refs:
        """The list to look in for a revision that is not in this one: asked for now unless it just was."""
        if self._clock() - self._at <= _LOOK_AGAIN:
            return refs
        return await self.anew()

    async def anew(self) -> Refs:
        """A list from the host, now."""
        return await self._joined("refs", self._list)

    def expire(self) -> None:
        """The next question asks the host."""
        self._at = self._clock() - self._settings.refs_ttl

    async def _list(self) -> Refs:
        if self._gone is not None and self._clock() < self._gone[0]:
            raise self._gone[1]
        try:
            listed = await self._fetching.list_refs()
        except Absent as error:
            self._gone = (self._clock() + self._settings.absent_ttl, error)
            raise
        self._gone = None
        refs = Refs.parse(listed)
        if self._refs is None or self._refs.sum != refs.sum:
            await asyncio.to_thread(self._fetching.mirror.write, "refs", refs.listing())
            self._refs = refs
        self._at = self._clock()
        return self._refs


def not_here(address: str) -> Absent:
    """For a question that may fetch nothing, about what was not fetched before."""
    return Absent(
        "it is not in the mirror of the repository, and nothing may be fetched for this request",
        where=address,
    )
