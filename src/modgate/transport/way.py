"""Whether a request waits for one of the gate's own connections.

Such a wait says nothing of the upstream's health, so it must neither count against it nor be told as
its time-out: many slow bodies would otherwise open its breaker for everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from modgate.transport.spans import watch_connecting

if TYPE_CHECKING:
    from types import SimpleNamespace

__all__ = ["Way", "watch_queue"]


class Way:
    """How far a request is: `queued` while it waits for one of our own connections."""

    __slots__ = ("queued",)

    def __init__(self) -> None:
        self.queued = False


def watch_queue() -> aiohttp.TraceConfig:
    """Keeps `Way.queued` of requests that bring one along (`trace_request_ctx`)."""
    config = aiohttp.TraceConfig()

    async def begins(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.queued = True

    async def ends(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.queued = False

    config.on_connection_queued_start.append(begins)
    config.on_connection_queued_end.append(ends)
    watch_connecting(config)
    return config
