"""The proxy of a desktop's settings, which browsers use and go does not: what it says, what a shell needs.

go reads HTTPS_PROXY, HTTP_PROXY and NO_PROXY and nothing else, on every system. Exceptions are written
otherwise in each place: macOS has `169.254/16` and `*.local`, Windows `10.*` and `<local>`, GNOME
`127.0.0.0/8`; NO_PROXY wants whole CIDR blocks and domains with a leading dot, and has no wildcard.
Sources: golang.org/x/net/http/httpproxy; the proxy settings of each system.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["SystemProxy", "excepted", "host_and_port", "no_proxy", "proxy_of_environment"]

_SHORT_CIDR = re.compile(r"((?:\d{1,3}\.){0,3}\d{1,3})/(\d{1,2})")
_STARRED_ADDRESS = re.compile(r"((?:\d{1,3}\.){1,3})\*(?:\.\*)*")
_LOCAL = "<local>"


@dataclass(frozen=True, slots=True)
class SystemProxy:
    """What the settings say. URLs with a scheme, empty where switched off.

    Attributes:
        https: For https; `http` and `socks` likewise.
        http: See https.
        socks: See https.
        script: URL of a proxy configuration script (PAC).
        discovers: The script is looked for in the network (WPAD).
        exceptions: As written there.
        simple_names: Hosts without a dot go out directly.
    """

    https: str = ""
    http: str = ""
    socks: str = ""
    script: str = ""
    discovers: bool = False
    exceptions: tuple[str, ...] = ()
    simple_names: bool = False

    @property
    def for_go(self) -> str:
        """What HTTPS_PROXY would have to be, empty where no proxy is switched on."""
        return self.https or self.socks or self.http


def no_proxy(exceptions: Iterable[str]) -> str:
    """The exceptions as NO_PROXY takes them; what it cannot say is left out (loopback is always excepted)."""
    found: list[str] = []
    for text in exceptions:
        written = _for_no_proxy(text.strip())
        if written and written not in found:
            found.append(written)
    return ",".join(found)


def excepted(host: str, proxy: SystemProxy) -> bool:
    """Whether the settings let this host go out directly."""
    if proxy.simple_names and "." not in host and ":" not in host:
        return True
    return any(_matches(host.lower(), text.strip().lower()) for text in proxy.exceptions)


def proxy_of_environment(environ: Mapping[str, str]) -> str:
    """What go uses for https: the upper-case variable, then the lower-case one."""
    return environ.get("HTTPS_PROXY") or environ.get("https_proxy") or ""


def host_and_port(url: str) -> tuple[str, int]:
    """Where a proxy listens, for comparing; the port 0 where there is none."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usual = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}.get(parts.scheme, 0)
        found = (parts.hostname or "", parts.port or usual)
    except ValueError:
        return (url, 0)
    return found


def _for_no_proxy(text: str) -> str:
    if not text or text.lower() == _LOCAL:
        return ""
    short = _SHORT_CIDR.fullmatch(text)
    if short:
        return _cidr(short[1].split("."), int(short[2]))
    starred = _STARRED_ADDRESS.fullmatch(text)
    if starred:
        parts = starred[1].rstrip(".").split(".")
        return _cidr(parts, 8 * len(parts))
    if text.startswith("*."):
        return text[1:] if "*" not in text[1:] else ""
    if text.startswith("*"):
        return text[1:] if text[1:] and "*" not in text[1:] else ""
    return "" if "*" in text else text


def _cidr(parts: list[str], bits: int) -> str:
    whole = ".".join([*parts, *["0"] * (4 - len(parts))])
    try:
        return str(ipaddress.ip_network(f"{whole}/{bits}", strict=False))
    except ValueError:
        return ""


def _matches(host: str, pattern: str) -> bool:
    if not pattern or pattern == _LOCAL:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    block = _for_no_proxy(pattern)
    if address is not None and "/" in block:
        return address in ipaddress.ip_network(block)
    return fnmatchcase(host, pattern) or (pattern.startswith(".") and host.endswith(pattern))
