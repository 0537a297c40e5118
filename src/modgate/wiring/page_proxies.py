"""Module proxies that go-import pages name (`mod`): asked like any other, but guarded from the first byte on.

A page's word is not the operator's: such a proxy may be reached only at public addresses, or at hosts that
the operator named. Nor does who writes pages say how many are kept: the one that was asked longest ago makes
room, and its connections are closed when the last answer that it may still give is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.source.proxy import ProxySource
from modgate.transport.http import HTTPUpstream
from modgate.wiring.upstreams import transport_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.config import Config
    from modgate.model import ModuleSource
    from modgate.model.credentials import Credentials
    from modgate.transport.reach import Reach

__all__ = ["PageProxies"]

_MOST = 256


class PageProxies:
    """Opens them, one for each address. `monotonic` is in seconds."""

    def __init__(
        self,
        config: Config,
        reach: Reach,
        credentials: Credentials,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._reach = reach
        self._credentials = credentials
        self._monotonic = monotonic
        self._open: OrderedDict[str, ProxySource] = OrderedDict()
        self._retired: deque[tuple[float, ProxySource]] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    def at(self, url: str) -> ModuleSource:
        """The proxy at an address. Raises Unavailable where too many were named in too short a time."""
        if url not in self._open:
            self._make_room(url)
            upstream = HTTPUpstream(
                url,
                transport_settings(self._config),
                credentials=self._credentials,
                reach=self._reach,
            )
            self._open[url] = ProxySource(upstream, max_zip=self._config.fetch.max_object)
        self._open.move_to_end(url)
        return self._open[url]

    def _make_room(self, url: str) -> None:
        now = self._monotonic()
        while self._retired and self._retired[0][0] <= now:
            task = asyncio.ensure_future(self._retired.popleft()[1].close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        if len(self._open) < _MOST:
            return
        patience = self._config.fetch.total_timeout
        if len(self._retired) >= _MOST:
            raise Unavailable(
                f"go-import pages named more than {_MOST} module proxies in a short time",
                where=url,
                next_step="route the module to its proxy, or try again later",
                kind="overloaded",
                retry_after=max(1.0, self._retired[0][0] - now),
            )
        self._retired.append((now + patience, self._open.popitem(last=False)[1]))

    async def close(self) -> None:
        """Close all of them."""
        while self._open:
            await self._open.popitem()[1].close()
        while self._retired:
            await self._retired.popleft()[1].close()
        await asyncio.gather(*self._closing)
