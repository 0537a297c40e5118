"""HTTP connections to hosts that an answer named: resolved once, and only to addresses that may be reached.

The connector connects to the addresses that come out of here and never resolves again, so a name that
is rebound between look and connection gains nothing. Addresses in a URL never come to a resolver: they
are looked at before the request.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from aiohttp.abc import AbstractResolver

from modgate.transport.addresses import InternalAddressError
from modgate.transport.dial import admitted_name, not_public, resolve

if TYPE_CHECKING:
    import yarl
    from aiohttp.abc import ResolveResult

    from modgate.transport.dial import Resolve
    from modgate.transport.reach import Reach

__all__ = ["GuardedResolver", "admitted_url", "internal_within"]


class GuardedResolver(AbstractResolver):
    """Resolves to the addresses that `reach` admits."""

    def __init__(self, reach: Reach, resolve: Resolve = resolve) -> None:
        self._reach = reach
        self._lookup = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses; raises OSError for none, and InternalAddressError where none may be reached."""
        addresses = await self._lookup(host, port)
        if not addresses:
            raise OSError(None, f"{host} does not resolve")
        good = [address for address in addresses if self._reach.admits(host, port, address)]
        if not good:
            raise InternalAddressError(not_public(host, addresses))
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in good
            if family in {socket.AF_UNSPEC, socket.AF_INET6 if ":" in address else socket.AF_INET}
        ]

    async def close(self) -> None:
        """Nothing is held."""


def admitted_url(url: yarl.URL, reach: Reach, *, proxied: bool) -> bool:
    """Whether a URL may be tried: its address where it holds one, its name where a proxy resolves it."""
    return admitted_name(url.host or "", url.port or 0, reach, proxied=proxied)


def internal_within(error: BaseException) -> InternalAddressError | None:
    """The guard's refusal within what the HTTP client made of it; None for another failure."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, InternalAddressError):
        inner = inner.__cause__
    return inner
