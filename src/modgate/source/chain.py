"""GOPROXY chains with Go's semantics: after `,` only proved absence goes on, after `|` any error.

A broken proxy before a comma therefore stops the chain: what is behind it must not silently change
where code comes from. Of several errors the one shown is the last that is not mere absence
(cmd/go/internal/modfetch/proxy.go, TryProxies).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.protocol import Request
    from modgate.model import Answer, Context, ModuleSource

__all__ = ["ChainSource", "Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """One source of a chain. `on_any_error` is true where `|` follows it."""

    source: ModuleSource
    on_any_error: bool = False


class ChainSource:
    """Asks the links in turn (`model.ModuleSource`)."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = tuple(links)

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The first answer; otherwise the error that says most."""
        shown: ModgateError = Absent(
            "no upstream is configured (GOPROXY=off): only what is stored can be served",
            where=request.url_path,
        )
        for index, link in enumerate(self._links):
            try:
                return await link.source.fetch(ctx, request)
            except ModgateError as error:
                absent = isinstance(error, Absent)
                if index == 0 or not absent or isinstance(shown, Absent):
                    shown = error
                if not absent and not link.on_any_error:
                    break
        raise shown

    async def close(self) -> None:
        """Close every link."""
        for link in self._links:
            await link.source.close()
