"""Module proxies that go-import pages name (`mod`): asked like any other, but guarded from the first byte on.

A page's word is not the operator's: such a proxy may be reached only at public addresses, or at hosts that
the operator named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.source.proxy import ProxySource
from modgate.transport.http import HTTPUpstream
from modgate.wiring.upstreams import transport_settings

if TYPE_CHECKING:
    from modgate.config import Config
    from modgate.model import ModuleSource
    from modgate.model.credentials import Credentials
    from modgate.transport.reach import Reach

__all__ = ["PageProxies"]

_MOST = 256


class PageProxies:
    """Opens them, one for each address, and only so many: each keeps connections and a breaker."""

    def __init__(self, config: Config, reach: Reach, credentials: Credentials) -> None:
        self._config = config
        self._reach = reach
        self._credentials = credentials
        self._open: dict[str, ProxySource] = {}

    def at(self, url: str) -> ModuleSource:
        """The proxy at an address. Raises Unavailable where too many are known."""
        if url not in self._open:
            if len(self._open) >= _MOST:
                raise Unavailable(
                    f"go-import pages have named {_MOST} module proxies already",
                    where=url,
                    next_step="route the modules to their proxy, or start the gate again",
                    kind="overloaded",
                )
            upstream = HTTPUpstream(
                url,
                transport_settings(self._config),
                credentials=self._credentials,
                reach=self._reach,
            )
            self._open[url] = ProxySource(upstream, max_zip=self._config.fetch.max_object)
        return self._open[url]

    async def close(self) -> None:
        """Close all of them."""
        while self._open:
            await self._open.popitem()[1].close()
