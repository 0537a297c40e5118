"""What an isolated command may reach: the proxies of its chain, the checksum database, and what was allowed.

A redirect to another host is another host: it is refused and told, so that nobody trusts it unseen.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.errors import Invalid
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.sumdb.spec import parse_gosumdb

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Target", "address_of", "parse_target", "shown_target", "targets_of"]

_PORTS = {"http": 80, "https": 443}
_ALLOWED = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """A host (lower case, an IPv6 address without brackets) and a port. `scheme` is how go speaks to it."""

    host: str
    port: int
    scheme: str = "https"

    @property
    def loopback(self) -> bool:
        """It is this machine itself."""
        address = address_of(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def shown_target(host: str, port: int) -> str:
    """`host:port`, with brackets where the host has colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_target(text: str) -> Target:
    """A `HOST:PORT` of the command line or of CONNECT. Raises Invalid."""
    match = _ALLOWED.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise Invalid(f"{text[:100]!r} is no HOST:PORT", next_step="Write for example github.com:443.")
    host = match["host"].strip("[]").lower().rstrip(".")
    address = address_of(host)
    return Target(str(address) if address else host, int(match["port"]))


def targets_of(goproxy: str, gosumdb: str, allowed: Iterable[str] = ()) -> tuple[Target, ...]:
    """The targets of a GOPROXY chain, of GOSUMDB, and of `--allow`, each once, in that order.

    Raises Invalid for a chain or an `--allow` that cannot be read. A GOSUMDB that go refuses allows nothing.
    """
    urls = [entry.url for entry in parse_proxy_list(goproxy) if entry.kind is EntryKind.PROXY]
    try:
        database = parse_gosumdb(gosumdb or "sum.golang.org")
    except Invalid:
        database = None
    if database is not None:
        urls.append(database.direct_url)
    found: dict[tuple[str, int], Target] = {}
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme in _PORTS and parts.hostname:
            host = parts.hostname.lower().rstrip(".")
            port = parts.port or _PORTS[parts.scheme]
            found.setdefault((host, port), Target(host, port, parts.scheme))
    for text in allowed:
        target = parse_target(text)
        found.setdefault((target.host, target.port), target)
    return tuple(found.values())
