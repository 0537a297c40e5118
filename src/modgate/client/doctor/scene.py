"""What every check can look at: the machine, go's settings, the way out, and what the person asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.client.machine.host import Host
    from modgate.client.machine.settings import GoSettings
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["Scene"]

PUBLIC_RESOLVERS = ("8.8.8.8", "114.114.114.114", "223.5.5.5", "https://dns.alidns.com/dns-query")


@dataclass(frozen=True, slots=True)
class Scene:
    """One reading of the machine and the questions to it.

    Attributes:
        host: The machine.
        go: Its Go settings.
        net: The probes.
        clock: Seconds since 1970.
        chain: GOPROXY as go reads it; empty where it cannot be read (the lint says why).
        modules: `path` or `path@version` that the person asked about, as typed; a well-known one stands in.
        resolvers: Servers whose answers are compared with the system's.
        sumdb: Name and base URL of the checksum database, None where it is off or malformed.
        offline: No network may be used.
        throughput_hosts: URLs of a body to compare rates with.
    """

    host: Host
    go: GoSettings
    net: Prober
    clock: Callable[[], float]
    chain: tuple[ProxyEntry, ...] = ()
    modules: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = PUBLIC_RESOLVERS
    sumdb: tuple[str, str] | None = None
    offline: bool = False
    throughput_hosts: tuple[str, ...] = ()
