"""The probes as the checks see them: one protocol, so that a check can be tried without a network.

Every probe is bounded in time and bytes, remembers its answer for the life of the prober (two checks that
ask the same share one experiment), and returns facts instead of raising.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.net.facts import Certificate, Exchange, Failure, Resolution

__all__ = ["Prober"]


class Prober(Protocol):
    """What can be tried. Seconds everywhere; addresses are literals without brackets."""

    async def resolve(self, host: str, server: str = "system") -> Resolution:
        """Ask `system`, a server (`8.8.8.8`, `127.0.0.1:5353`, `tcp://1.1.1.1`) or a DoH URL for A and
        AAAA.
        """

    async def connect(self, address: str, port: int) -> tuple[float, Failure | None]:
        """Open and close a TCP connection."""

    async def handshake(
        self, address: str, port: int, name: str
    ) -> tuple[float, Certificate | None, Failure | None]:
        """TLS at this address under this server name. The certificate comes also where it is not accepted."""

    async def get(
        self,
        url: str,
        *,
        method: str = "GET",
        most: int = 65536,
        address: str | None = None,
        direct: bool = False,
        headers: Sequence[tuple[str, str]] = (),
        fresh: bool = False,
        seconds: float | None = None,
    ) -> Exchange:
        """One request as go would make it: proxy variables, ten redirects, no way from https to http.

        `most` bytes of the body are read and kept, then the connection is closed; `address` connects there
        instead of resolving (and without a proxy); `direct` leaves the proxy variables out; `fresh` does
        not share an earlier answer; `seconds` is how long a body may take: then reading stops, which is no
        failure.
        """
