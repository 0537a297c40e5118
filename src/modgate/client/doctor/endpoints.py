"""The hosts that go would have to reach: each proxy of the chain, and the checksum database.

All checks of the network look at the same few exchanges, one for each endpoint, made as go would make them;
a failure is told by the check whose phase it happened in, and by no other. `file:`, `direct` and `off` are no
endpoints.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.doctor.asked import STAND_IN, Asked, asked_modules, skips_proxy
from modgate.client.machine.host import System
from modgate.client.net.facts import FailureKind
from modgate.client.net.resolve import is_address
from modgate.client.net.way import Way
from modgate.errors import Invalid, Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.gomod.proxylist import EntryKind, redacted
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Exchange, Failure
    from modgate.client.net.way import Proxy
    from modgate.gomod.proxylist import ProxyEntry

__all__ = [
    "Endpoint",
    "asked",
    "asked_all",
    "clean",
    "endpoints",
    "failed",
    "hosts_of",
    "ms",
    "nameservers",
    "read_text",
    "sharing",
    "spared",
]


_LONGEST = 200
_SAYS_ALL = frozenset(
    {FailureKind.REFUSED, FailureKind.RESET, FailureKind.TIMEOUT, FailureKind.NO_SUCH_HOST}
    | {FailureKind.NOT_YET_VALID, FailureKind.EXPIRED}
)
"""The system's own words for these say the same once more."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place that go asks.

    Attributes:
        url: The base, credentials included: never shown.
        probe: What is asked of it.
        info: The `.info` of a version that exists, empty where none is known.
        scheme: `http` or `https`.
        host: Without brackets, lower case.
        port: Also where the URL does not say it.
        proxy: The proxy that go takes to it, None for the direct way.
        database: It is the checksum database.
    """

    url: str
    probe: str
    info: str
    scheme: str
    host: str
    port: int
    proxy: Proxy | None
    database: bool

    @property
    def name(self) -> str:
        """For texts: the host, with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The base without credentials."""
        return clean(self.url)

    @property
    def literal(self) -> bool:
        """The URL has an address where others have a name."""
        return is_address(self.host)


def endpoints(scene: Scene) -> tuple[Endpoint, ...]:
    """The proxies of the chain in order, then the database; one base is there once."""
    way = Way(scene.host.environ)
    found: dict[str, Endpoint] = {}
    asked_list, asked_info = _paths(scene)
    for entry in scene.chain:
        if entry.kind is EntryKind.PROXY:
            base = entry.url.rstrip("/")
            info = f"{base}/{asked_info}" if asked_info else ""
            _add(found, way, base, f"{base}/{asked_list}", info, database=False)
    forbidden = bool(scene.chain) and all(entry.kind is EntryKind.OFF for entry in scene.chain)
    if scene.sumdb is not None and not forbidden:
        base = scene.sumdb[1].rstrip("/")
        _add(found, way, base, f"{base}/latest", "", database=True)
    return tuple(found.values())


def spared(chain: Sequence[ProxyEntry], environ: Mapping[str, str]) -> frozenset[int]:
    """Indexes of the entries to which go takes no HTTP proxy although one is set; none where none is."""
    way = Way(environ)
    if not any(map(way.configured, ("http", "https"))):
        return frozenset()
    found = set()
    for index, entry in enumerate(chain):
        parts = urlsplit(entry.url) if entry.kind is EntryKind.PROXY else None
        if parts is None or not parts.hostname:
            continue
        with suppress(ValueError):
            port = parts.port or (443 if parts.scheme == "https" else 80)
            if way.proxy_for(parts.scheme, parts.hostname, port) is None:
                found.add(index)
    return frozenset(found)


def hosts_of(found: Iterable[Endpoint], *, proxied: bool = False) -> tuple[Endpoint, ...]:
    """One endpoint for each host and port; those behind a proxy only where asked for."""
    kept: dict[tuple[str, int], Endpoint] = {}
    for endpoint in found:
        if endpoint.proxy is None or proxied:
            kept.setdefault((endpoint.host, endpoint.port), endpoint)
    return tuple(kept.values())


def sharing(found: Iterable[Endpoint], one: Endpoint) -> tuple[Endpoint, ...]:
    """Every endpoint at the same host and port: what one suffers there they all do."""
    return tuple(other for other in found if (other.host, other.port) == (one.host, one.port))


async def asked(scene: Scene, endpoint: Endpoint) -> Exchange:
    """The exchange that all checks share."""
    return await scene.net.get(endpoint.probe)


async def asked_all(scene: Scene, some: Iterable[Endpoint]) -> list[tuple[Endpoint, Exchange]]:
    """The same for several, at once."""
    listed = list(some)
    return list(zip(listed, await asyncio.gather(*(asked(scene, one) for one in listed)), strict=True))


def failed(failure: Failure) -> Message:
    """A failure in a person's words."""
    kind = Message(f"net.kind.{failure.kind.value}")
    if not failure.text or failure.kind in _SAYS_ALL:
        return kind
    return Message("net.failed", {"kind": kind, "text": clean(failure.text)})


def clean(text: str) -> str:
    """Text from outside for people: no credentials of URLs, no control characters, 200 characters."""
    line = " ".join(redacted(text).split())
    cut = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    return "".join(char if char.isprintable() else "?" for char in cut)


def ms(seconds: float) -> str:
    """Milliseconds for a text."""
    return f"{seconds * 1000:.0f}"


def nameservers(scene: Scene) -> list[str]:
    """The servers that the system asks, where a file says it."""
    if scene.host.system is System.WINDOWS:
        return []
    text = read_text(scene, "/etc/resolv.conf")
    found = re.findall(r"^[ \t]*nameserver[ \t]+(\S+)", text, re.MULTILINE)
    return [server for server in found if is_address(server)][:3]


def read_text(scene: Scene, path: str) -> str:
    """A file of the system, empty where there is none or it may not be read."""
    try:
        content = scene.host.read(scene.host.path(path))
    except Unavailable:
        return ""
    return content.decode(errors="replace") if content else ""


def _add(found: dict[str, Endpoint], way: Way, base: str, probe: str, info: str, *, database: bool) -> None:
    try:
        split = urlsplit(base)
        port = split.port
    except ValueError:
        return
    host = split.hostname or ""
    if split.scheme not in {"http", "https"} or not host:
        return
    port = port or (443 if split.scheme == "https" else 80)
    proxy = way.proxy_for(split.scheme, host, port)
    found.setdefault(base, Endpoint(base, probe, info, split.scheme, host, port, proxy, database))


def _paths(scene: Scene) -> tuple[str, str]:
    """The paths of a list and an `.info`: of the module asked about, unless go asks no proxy for it."""
    module = asked_modules(scene)[0]
    if skips_proxy(scene.go, module.path):
        path, _, version = STAND_IN.partition("@")
        module = Asked(path, version, named=False)
    try:
        listed = checked(Kind.LIST, module.path).url_path
    except Invalid:
        return checked(Kind.LIST, STAND_IN.partition("@")[0]).url_path, ""
    try:
        return listed, checked(Kind.INFO, module.path, module.version).url_path if module.version else ""
    except Invalid:
        return listed, ""
