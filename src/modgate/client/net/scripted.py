"""A network that is written down: the twin of `LiveProber`, so that a check can be tried without one.

What the script does not know does not exist: a name has no address, an address no route.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.net.facts import Certificate, Exchange, Failure, FailureKind, Resolution
from modgate.client.net.resolve import is_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ScriptedProber"]

_NOWHERE = Failure(Phase.CONNECT, FailureKind.UNREACHABLE, "Network is unreachable")


class ScriptedProber:
    """Probes answered from tables.

    Args:
        names: Addresses or a failure by host, or by (host, server); a host alone stands for every server.
        connections: Seconds or a failure by (address, port), or by address for any port.
        handshakes: A certificate that is accepted, a failure, or both, by (address, port, name), or by
            (address, name) for any port.
        exchanges: By URL; by (URL, "direct") where that differs.

    `asked` holds every probe in order, as words.
    """

    def __init__(
        self,
        *,
        names: Mapping[str | tuple[str, str], Sequence[str] | Failure] | None = None,
        connections: Mapping[str | tuple[str, int], float | Failure] | None = None,
        handshakes: Mapping[
            tuple[str, str] | tuple[str, int, str], Certificate | Failure | tuple[Certificate, Failure]
        ]
        | None = None,
        exchanges: Mapping[str | tuple[str, str], Exchange] | None = None,
    ) -> None:
        self._names = dict(names or {})
        self._connections = dict(connections or {})
        self._handshakes = dict(handshakes or {})
        self._exchanges = dict(exchanges or {})
        self.asked: list[str] = []

    async def resolve(self, host: str, server: str = "system") -> Resolution:
        """As Prober says."""
        self.asked.append(f"resolve {host} {server}")
        if is_address(host):
            return Resolution(host, server, (host,))
        found = self._names.get((host, server), self._names.get(host))
        if found is None:
            found = Failure(Phase.DNS, FailureKind.NO_SUCH_HOST, "no such host")
        if isinstance(found, Failure):
            return Resolution(host, server, (), 0.001, found)
        return Resolution(host, server, tuple(found), 0.001)

    async def connect(self, address: str, port: int) -> tuple[float, Failure | None]:
        """As Prober says."""
        self.asked.append(f"connect {address} {port}")
        found = self._connections.get((address, port), self._connections.get(address, _NOWHERE))
        return (0.001, found) if isinstance(found, Failure) else (found, None)

    async def handshake(
        self, address: str, port: int, name: str
    ) -> tuple[float, Certificate | None, Failure | None]:
        """As Prober says."""
        self.asked.append(f"handshake {address} {port} {name}")
        found = self._handshakes.get((address, port, name), self._handshakes.get((address, name), _NOWHERE))
        if isinstance(found, Failure):
            return 0.001, None, found
        if isinstance(found, Certificate):
            return 0.001, found, None
        return 0.001, *found

    async def get(
        self,
        url: str,
        *,
        method: str = "GET",
        most: int = 65536,
        address: str | None = None,  # noqa: ARG002  the promise has it
        direct: bool = False,
        headers: Sequence[tuple[str, str]] = (),  # noqa: ARG002  likewise
        fresh: bool = False,  # noqa: ARG002  likewise
        seconds: float | None = None,  # noqa: ARG002  likewise
    ) -> Exchange:
        """As Prober says."""
        self.asked.append(f"{method.lower()} {url}{' direct' if direct else ''}")
        found = self._exchanges.get((url, "direct")) if direct else None
        found = found or self._exchanges.get(url) or Exchange(url, failure=_NOWHERE)
        if found.size <= most:
            return replace(found, url=url)
        return replace(found, url=url, body=found.body[:most], size=most, complete=False)
