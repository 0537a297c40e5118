"""Which source answers for a module path: the routing table, acted on.

A private name must never reach a public upstream, so the table is asked before anything is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.gomod.protocol import Request
    from modgate.model import Answer, Context, ModuleSource
    from modgate.model.routes import RouteRule, RouteTable

__all__ = ["BlockedSource", "Routes"]


class BlockedSource:
    """Answers for names that are not fetched at all: a refusal with the rule and its reason."""

    def __init__(self, rule: RouteRule) -> None:
        self._rule = rule

    async def fetch(self, _ctx: Context, request: Request) -> Answer:
        """Refuse: 403, since a 404 would send the client on to look elsewhere under a private name."""
        raise Denied(
            f"this gate does not fetch it ({self._rule.origin})",
            where=str(request.path),
            next_step=self._rule.reason,
        )

    async def close(self) -> None:
        """Nothing is held."""


class Routes:
    """Asks the source of the rule that matches the module path.

    `sources` holds one for each rule of the table.
    """

    def __init__(self, table: RouteTable, sources: Mapping[RouteRule, ModuleSource]) -> None:
        self._table = table
        self._sources = dict(sources)

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Ask the matching source."""
        return await self._sources[self._table.find(request.path)].fetch(ctx, request)

    async def close(self) -> None:
        """Close every source, each once."""
        for source in {id(each): each for each in self._sources.values()}.values():
            await source.close()
