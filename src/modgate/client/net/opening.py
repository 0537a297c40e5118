"""The way to a target, step by step: name, TCP, proxy, TLS. Each step is measured, and its end is told."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from modgate import __version__
from modgate.client.findings import Phase
from modgate.client.net.dial import dial_any
from modgate.client.net.limits import Limits
from modgate.client.net.resolve import is_address
from modgate.client.net.spoken import Http1, Http2
from modgate.client.net.tunnel import Buffered, by_connect, by_socks
from modgate.client.net.wire import Ended, Stopwatch, TlsWire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.client.net.facts import Certificate, Resolution
    from modgate.client.net.spoken import Spoken
    from modgate.client.net.target import Target
    from modgate.client.net.trust import Trust
    from modgate.client.net.way import Proxy, Way
    from modgate.client.net.wire import Wire

__all__ = ["AGENT", "Open", "Opener", "Outfit", "Trail", "shake"]

AGENT = f"modgate/{__version__}"


@dataclass(frozen=True, slots=True)
class Outfit:
    """What the sessions of one machine share.

    Attributes:
        trust: The roots.
        way: The proxy variables.
        resolve: The system's addresses of a name.
        clock: Seconds since 1970, for the time of a head.
        authorization: The Authorization header for a host (netrc), None where there is none.
        limits: Seconds for each phase.
        http2: False where GODEBUG says http2client=0.
    """

    trust: Trust
    way: Way
    resolve: Callable[[str], Awaitable[Resolution]]
    clock: Callable[[], float]
    authorization: Callable[[str], str | None] = lambda _host: None
    limits: Limits = field(default_factory=Limits)
    http2: bool = True


@dataclass(slots=True)
class Open:
    """An open connection."""

    wire: Wire
    spoken: Spoken
    address: str
    certificate: Certificate | None
    used: bool = False


@dataclass(slots=True)
class Trail:
    """How far an opening came: what is known even where it fails."""

    watch: Stopwatch
    address: str = ""
    certificate: Certificate | None = None


class Opener:
    """Makes connections for one outfit."""

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit

    async def open(self, trail: Trail, target: Target, proxy: Proxy | None, address: str | None) -> Open:
        """A connection ready for requests; `address` connects there. Raises Ended; `trail` says how far."""
        limits, trust = self._outfit.limits, self._outfit.trust
        wire: Wire = await self._reach(trail, target, proxy, address)
        address = trail.address
        if target.scheme == "http":
            return Open(wire, Http1(wire), address, None)
        protocols = ("h2", "http/1.1") if self._outfit.http2 else ("http/1.1",)
        try:
            async with trail.watch.step("tls", limits.tls, Phase.TLS):
                tls = TlsWire(wire, trust.context(protocols), target.host)
                await tls.shake()
        except ssl.SSLCertVerificationError as error:
            wire.close()
            trail.certificate = await self._second_look(target, proxy, address)
            raise Ended(trust.judge(trail.certificate, target.host, error)) from error
        except BaseException:
            wire.close()
            raise
        certificate = trust.describe(tls.tls, trusted=True)
        if tls.tls.selected_alpn_protocol() != "h2":
            return Open(tls, Http1(tls), address, certificate)
        spoken = Http2(tls)
        try:
            async with trail.watch.step("request", limits.head, Phase.HEADERS):
                await spoken.start()
        except BaseException:
            tls.close()
            raise
        return Open(tls, spoken, address, certificate)

    async def _second_look(self, target: Target, proxy: Proxy | None, address: str) -> Certificate | None:
        """The certificate that was refused: a second connection, on which nothing is refused."""
        trail = Trail(Stopwatch(self._outfit.limits.tls))
        wire: Wire | None = None
        try:
            wire = await self._reach(trail, target, proxy, None if proxy else address)
            async with trail.watch.step("tls", self._outfit.limits.tls, Phase.TLS):
                return await shake(wire, target.host, self._outfit.trust)
        except Ended:
            return None
        finally:
            if wire is not None:
                wire.close()

    async def _reach(self, trail: Trail, target: Target, proxy: Proxy | None, address: str | None) -> Wire:
        """A wire to the target, through the proxy where there is one."""
        if proxy is None:
            return await self._dial(trail, target.host, target.port, address)
        try:
            wire: Wire = await self._dial(trail, proxy.host, proxy.port, None)
        except Ended as ended:
            raise Ended(replace(ended.failure, phase=Phase.PROXY)) from ended
        limits = self._outfit.limits
        try:
            if proxy.scheme == "https":
                wire = await self._tls_to_proxy(trail, wire, proxy)
            if target.scheme == "http" and not proxy.socks:
                return wire
            buffered = Buffered(wire)
            async with trail.watch.step("proxy", limits.proxy, Phase.PROXY):
                if proxy.socks:
                    await by_socks(buffered, proxy, target.host, target.port)
                else:
                    await by_connect(buffered, proxy, target.host, target.port, AGENT)
        except BaseException:
            wire.close()
            raise
        return buffered

    async def _tls_to_proxy(self, trail: Trail, wire: Wire, proxy: Proxy) -> Wire:
        tls = TlsWire(wire, self._outfit.trust.context(("http/1.1",)), proxy.host)
        try:
            async with trail.watch.step("proxy", self._outfit.limits.tls, Phase.PROXY):
                await tls.shake()
        except ssl.SSLCertVerificationError as error:
            failure = self._outfit.trust.judge(None, proxy.host, error)
            raise Ended(replace(failure, phase=Phase.PROXY)) from error
        except Ended as ended:
            raise Ended(replace(ended.failure, phase=Phase.PROXY)) from ended
        return tls

    async def _dial(self, trail: Trail, host: str, port: int, address: str | None) -> Wire:
        addresses: tuple[str, ...] = (address,) if address else (host,)
        if not address and not is_address(host):
            resolution = await self._outfit.resolve(host)
            trail.watch.add("dns", resolution.seconds)
            if resolution.failure is not None:
                raise Ended(resolution.failure)
            addresses = resolution.addresses
        trail.address = addresses[0]
        limit = min(self._outfit.limits.connect, max(trail.watch.left(), 0.0))
        async with trail.watch.step("connect", limit + 1.0, Phase.CONNECT):
            dialled = await dial_any(addresses, port, limit)
        trail.address = dialled.address
        return dialled.wire


async def shake(wire: Wire, name: str, trust: Trust) -> Certificate | None:
    """A handshake that refuses nothing, to read the certificate. Raises Ended, OSError."""
    tls = TlsWire(wire, trust.context((), blind=True), name)
    await tls.shake()
    return trust.describe(tls.tls, trusted=False)
