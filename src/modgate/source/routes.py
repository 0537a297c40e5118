"""Which source answers for a module path: an ordered table of patterns.

A private name must never reach a public upstream, so the table is asked before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Denied
from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.protocol import Request
    from modgate.model import Answer, Context, ModuleSource

__all__ = ["PrivateSource", "Route", "Routes"]


@dataclass(frozen=True, slots=True)
class Route:
    """A comma-separated list of GOPRIVATE-style globs, and the source for what they match."""

    patterns: str
    source: ModuleSource


class PrivateSource:
    """Answers for private names when there is no source of their own: a refusal with the reason."""

    def __init__(self, setting: str = "GOPRIVATE or GONOPROXY") -> None:
        self._setting = setting

    async def fetch(self, _ctx: Context, request: Request) -> Answer:
        """Refuse: 403, since a 404 would send the client on to look elsewhere under a private name."""
        raise Denied(
            f"the name matches the gate's private patterns ({self._setting}), "
            "which are never sent to a public proxy or checksum database",
            where=str(request.path),
            next_step="set GONOPROXY on the client for this path to fetch it from its own repository",
        )

    async def close(self) -> None:
        """Nothing is held."""


class Routes:
    """The first route whose patterns match the module path answers, else the default."""

    def __init__(self, routes: Sequence[Route], default: ModuleSource) -> None:
        self._routes = tuple(routes)
        self._default = default

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Ask the matching source."""
        for route in self._routes:
            if match_prefix_patterns(route.patterns, request.path):
                return await route.source.fetch(ctx, request)
        return await self._default.fetch(ctx, request)

    async def close(self) -> None:
        """Close every source of the table."""
        for route in self._routes:
            await route.source.close()
        await self._default.close()
