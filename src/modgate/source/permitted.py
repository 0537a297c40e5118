"""Who may read a module may look it up in the gate's own checksum log; others are refused.

The log names private modules and says their hashes. A lookup is refused as the module itself is; the data
tiles, which list every record, are for those who may read all of it. Hash tiles and heads tell no names
and are what every client's proofs need. Without restricted routes nothing is asked here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Denied, Unauthenticated
from modgate.gomod.module import unescape_path
from modgate.model.context import ANONYMOUS

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.model import Answer, ChecksumMirror, Context, MirrorAnswer, ModuleSource
    from modgate.model.routes import RouteRule, RouteTable

__all__ = ["PermittedMirror", "PermittedSource"]


class PermittedSource:
    """Lets through who may read the module, whether it is stored or not (`model.ModuleSource`)."""

    def __init__(self, inner: ModuleSource, table: RouteTable) -> None:
        self._inner = inner
        self._table = table

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The inner answer. Raises Unauthenticated for nobody in particular, Denied for somebody else."""
        rule = self._table.find(request.path)
        if not rule.admits(ctx):
            raise _refusal(ctx, str(request.path), rule)
        return await self._inner.fetch(ctx, request)

    async def close(self) -> None:
        """Close the inner source."""
        await self._inner.close()


class PermittedMirror:
    """Guards the own log `name` among what the inner mirror serves (`model.ChecksumMirror`)."""

    def __init__(self, inner: ChecksumMirror, table: RouteTable, name: str) -> None:
        self._inner = inner
        self._table = table
        self._name = name
        self._restricted = [rule for rule in table.all_rules if rule.principals]

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """The inner answer; one that not everybody may have says so (`shared`)."""
        kind, _, what = rest.partition("/")
        if name != self._name or not self._restricted:
            return await self._inner.fetch(ctx, name, rest)
        if kind == "lookup" and what:
            path = unescape_path(what.partition("@")[0])
            rule = self._table.find(path)
            if not rule.admits(ctx):
                raise _refusal(ctx, path, rule)
            return replace(await self._inner.fetch(ctx, name, rest), shared=not rule.principals)
        if kind == "tile" and "/data/" in rest:
            for rule in self._restricted:
                if not rule.admits(ctx):
                    raise _refusal(ctx, f"{name}/{rest}", rule)
            return replace(await self._inner.fetch(ctx, name, rest), shared=False)
        return await self._inner.fetch(ctx, name, rest)


def _refusal(ctx: Context, where: str, rule: RouteRule) -> Denied | Unauthenticated:
    if ctx.principal == ANONYMOUS:
        return Unauthenticated(
            "only named clients may read this",
            where=where,
            next_step="present a client certificate that the gate's client_ca signed",
        )
    return Denied(
        f"{ctx.principal} may not read this",
        where=where,
        next_step=f"ask the gate's operator to add the name ({rule.origin})",
    )
