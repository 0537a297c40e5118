"""What the environment says about the way out: proxies, and credentials by host.

HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read as the go command reads them: loopback is never proxied,
NO_PROXY takes host suffixes, addresses, networks and ports. Credentials come from netrc, only for a
machine that it names: its `default` entry would hand a password to every host a redirect leads to.
Sources: golang.org/x/net/http/httpproxy, cmd/go/internal/auth/netrc.go.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import stat
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import yarl

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Netrc", "basic", "netrc_path", "proxy_for"]


def basic(user: str, password: str) -> str:
    """The value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def proxy_for(url: yarl.URL, proxies: Mapping[str, str] | None = None) -> yarl.URL | None:
    """The proxy for a URL, user info included; None to go there directly.

    `proxies` holds `http`, `https` and `no` (default: the environment's). Raises Unavailable for a
    proxy this gate cannot speak to.
    """
    known = urllib.request.getproxies() if proxies is None else proxies
    text = known.get(url.scheme, "")
    if not text or url.host is None or _exempt(url.host, url.port, known.get("no", "")):
        return None
    try:
        proxy = yarl.URL(text if "://" in text else f"http://{text}")
    except ValueError:
        proxy = yarl.URL()
    if proxy.scheme not in {"http", "https"} or not proxy.host:
        raise Unavailable(
            f"the proxy in {url.scheme.upper()}_PROXY is no http:// or https:// address",
            next_step="correct the variable in the gate's environment, or name the host in NO_PROXY",
        )
    return proxy


def _exempt(host: str, port: int | None, no_proxy: str) -> bool:
    host = host.rstrip(".").lower()
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(
        _names(entry.strip().lower(), host, address, port) for entry in no_proxy.split(",") if entry.strip()
    )


def _names(
    entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None, port: int | None
) -> bool:
    """Whether one entry of NO_PROXY means this host."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, its_port = entry.rpartition(":")
    if colon and its_port.isdigit() and (":" not in name or name.startswith("[")):
        if port != int(its_port):
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*")
    if address is not None:
        return _address(entry) == address
    suffix = entry.lstrip(".")
    return bool(suffix) and (host.endswith(f".{suffix}") or (host == suffix and not entry.startswith(".")))


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


class Netrc:
    """Credentials by host from the file that NETRC names, else `.netrc` (`_netrc`) at home.

    Read again when it changes, so that a renewed token needs no restart.
    """

    def __init__(self) -> None:
        self._stamp: tuple[str, int, int] | None = None
        self._machines: dict[str, tuple[str, str]] = {}

    def authorization(self, host: str) -> str | None:
        """The Authorization header for a host, None where no entry names it."""
        found = self.login(host)
        return basic(*found) if found else None

    def login(self, host: str) -> tuple[str, str] | None:
        """The name and password for a host, None where no entry names it."""
        path = netrc_path()
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                return None
            stamp = (str(path), status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._machines = _machines(path.read_text(encoding="utf-8"))
                self._stamp = stamp
        except (OSError, UnicodeDecodeError):
            return None
        return self._machines.get(host)


def netrc_path() -> Path:
    """The file that NETRC names, else the one at home."""
    named = os.environ.get("NETRC")
    if named:
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError:
        return Path(".netrc-without-a-home")
    return home / ("_netrc" if os.name == "nt" else ".netrc")


def _machines(text: str) -> dict[str, tuple[str, str]]:
    """Logins and passwords by host; the first entry of a host wins; macros are skipped."""
    found: dict[str, tuple[str, str]] = {}
    entry: dict[str, str] = {}
    in_macro = False
    for line in text.splitlines():
        if in_macro:
            in_macro = bool(line.strip())
            continue
        words = line.split()
        index = 0
        while index < len(words):
            word = words[index]
            if word == "default":
                return found
            if word == "macdef":
                in_macro = True
                break
            if word == "machine":
                entry = {}
            if word in {"machine", "login", "password", "account"} and index + 1 < len(words):
                index += 1
                entry[word] = words[index]
                if entry.keys() >= {"machine", "login", "password"}:
                    found.setdefault(entry["machine"], (entry["login"], entry["password"]))
            index += 1
    return found
