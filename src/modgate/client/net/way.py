"""Which proxy go takes to a URL, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

The upper-case variable wins where both are set. `localhost` and loopback addresses are never proxied. What
is no URL is tried again with `http://` before it, as go does: `http://http://x:1` then means a host `http`,
and an unknown scheme is spoken to as HTTP. Source: golang.org/x/net/http/httpproxy, net/http.Transport.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Proxy", "Way", "variable"]

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s/]*)(?::[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy as go would speak to it. `variable` is where it stands."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""
    variable: str = ""

    @property
    def socks(self) -> bool:
        """It speaks SOCKS5; otherwise HTTP."""
        return self.scheme in {"socks5", "socks5h"}

    @property
    def shown(self) -> str:
        """For texts: no credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The name (upper case first) and the value of a proxy variable; both empty where none is set."""
    for known in (name.upper(), name.lower()):
        if environ.get(known):
            return known, environ[known]
    return "", ""


class Way:
    """The decision for one environment."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._proxies = {
            scheme: _proxy(*variable(environ, f"{scheme}_proxy")) for scheme in ("http", "https")
        }
        if environ.get("REQUEST_METHOD"):
            self._proxies["http"] = None
        self._exempt = [
            entry.strip().lower() for entry in variable(environ, "no_proxy")[1].split(",") if entry.strip()
        ]

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for a target, None for the direct way."""
        proxy = self._proxies.get(scheme)
        return None if proxy is None or self.exemption(host, port) is not None else proxy

    def configured(self, scheme: str) -> Proxy | None:
        """The proxy for this scheme, whatever NO_PROXY says."""
        return self._proxies.get(scheme)

    def exemption(self, host: str, port: int) -> str | None:
        """Why this target is not proxied: the entry of NO_PROXY, or `loopback`; None where it is."""
        host = host.strip().lower()
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return "loopback"
        return next((entry for entry in self._exempt if _names(entry, host, port, address)), None)


def _proxy(name: str, text: str) -> Proxy | None:
    if not text:
        return None
    found = _parsed(name, text)
    return found if found is not None and found.host else _parsed(name, f"http://{text}")


def _parsed(name: str, text: str) -> Proxy | None:
    scheme, mark, rest = text.partition("://")
    if not mark or not _SCHEME.fullmatch(scheme) or _CONTROL.search(text):
        return None
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    user_info, _, host_port = authority.rpartition("@")
    if _HOST.fullmatch(host_port) is None:
        return None
    try:
        split = urlsplit(f"//{host_port}")
        port = split.port
    except ValueError:
        return None
    user, colon, password = user_info.partition(":")
    return Proxy(
        scheme.lower(),
        split.hostname or "",
        port if port is not None else _PORTS.get(scheme.lower(), 0),
        unquote(user) if user or colon else None,
        unquote(password),
        name,
    )


def _names(
    entry: str, host: str, port: int, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None
) -> bool:
    """Whether an entry of NO_PROXY means this host: `*`, a network, an address, a name, `.name`, `*.name`."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            pass
    name, entry_port = _split_port(entry)
    if not name or (entry_port and entry_port != str(port)):
        return False
    listed = _address(name)
    if listed is not None:
        return address == listed
    name = name.removeprefix("*") if name.startswith("*.") else name
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith(f".{name}")


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        inside, _, after = entry[1:].partition("]")
        return inside, after.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
