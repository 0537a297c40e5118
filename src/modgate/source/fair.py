"""Look-ups at the checksum database take turns, too: they go the way of all fills and hold them up.

A client that makes up module names would otherwise fill the connections to the upstream with questions
that take it long, and nobody's zip could be verified meanwhile. Only look-ups are counted: tiles and the
head are asked for once, however many want them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.model import ChecksumMirror, Context, MirrorAnswer
    from modgate.source.turns import Turns

__all__ = ["FairMirror"]


class FairMirror:
    """A `ChecksumMirror` in which each client has only so many look-ups under way."""

    def __init__(self, inner: ChecksumMirror, turns: Turns) -> None:
        self._inner = inner
        self._turns = turns

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """As the inner mirror. Raises Unavailable (`overloaded`) after too long a wait as well."""
        if not (ctx.fetch and ctx.consumer and rest.startswith("lookup/")):
            return await self._inner.fetch(ctx, name, rest)
        async with self._turns.slot(ctx.consumer):
            return await self._inner.fetch(ctx, name, rest)
