"""Measured HTTP: the piece under the prober, for whoever needs more than one answer.

    async with Session(outfit) as session:
        cold = await session.fetch(url)          # dns, connect, tls, request, first-byte, body
        warm = await session.fetch(url)          # `warm.reused`: request, first-byte, body only

A session keeps idle connections by origin and way; a connection that breaks while idle is replaced, as go
does. `Session(outfit, reuse=False)` makes every exchange cold. An `Outfit` is what sessions share: roots,
proxies, credentials, limits, and how names are resolved. Nothing raises for what the network does: every
fetch returns an Exchange. Redirects are go's: ten, never from https to http, credentials stay behind.
"""

from __future__ import annotations

import asyncio
import email.utils
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urljoin

from modgate.client.findings import Phase
from modgate.client.net.facts import Exchange, Failure, FailureKind
from modgate.client.net.opening import AGENT, Open, Opener, Outfit, Trail
from modgate.client.net.spoken import Request
from modgate.client.net.target import Target
from modgate.client.net.wire import Ended, Stopwatch
from modgate.transport.environment import basic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from modgate.client.net.spoken import Head
    from modgate.client.net.way import Proxy

__all__ = ["Outfit", "Session"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a caller of `fetch` asked for; `address` and `direct` as there."""

    method: str
    headers: Sequence[tuple[str, str]]
    content: bytes
    most: int
    seconds: float | None
    address: str | None
    direct: bool


@dataclass(slots=True)
class _Told:
    """What is known of an exchange so far."""

    trail: Trail
    proxy: str = ""
    redirects: list[str] = field(default_factory=list)
    head: Head | None = None
    date: float | None = None
    received: float = 0.0
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False
    reused: bool = False

    def exchange(self, url: str, failure: Failure | None) -> Exchange:
        headers = self.head.headers if self.head else {}
        return Exchange(
            url=url,
            status=self.head.status if self.head else 0,
            headers=headers,
            body=bytes(self.body),
            size=len(self.body),
            steps=self.trail.watch.steps(),
            address=self.trail.address,
            proxy=self.proxy,
            http_version=self.head.version if self.head else "",
            redirects=tuple(self.redirects),
            certificate=self.trail.certificate,
            failure=failure,
            date=self.date,
            received=self.received,
            complete=self.complete,
            reused=self.reused,
        )


class Session:
    """Exchanges that share idle connections. Use as an async context manager, or call `close`."""

    def __init__(self, outfit: Outfit, *, reuse: bool = True) -> None:
        self._outfit = outfit
        self._reuse = reuse
        self._opener = Opener(outfit)
        self._idle: dict[tuple[object, ...], list[Open]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.wire.close()
        self._idle.clear()

    async def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        most: int = 65536,
        address: str | None = None,
        direct: bool = False,
        headers: Sequence[tuple[str, str]] = (),
        seconds: float | None = None,
        content: bytes = b"",
    ) -> Exchange:
        """One request, redirects followed; the arguments are those of Prober.get."""
        told = _Told(Trail(Stopwatch(self._outfit.limits.total)))
        wish = _Wish(method, headers, content, most, seconds, address, direct)
        try:
            await self._follow(told, url, wish)
        except Ended as ended:
            return told.exchange(url, ended.failure)
        return told.exchange(url, None)

    async def _follow(self, told: _Told, url: str, wish: _Wish) -> None:
        first = target = Target.of(url)
        for _ in range(_MOST_REDIRECTS):
            next_url = await self._hop(told, target, first, wish)
            if next_url is None:
                return
            told.redirects.append(next_url)
            following = Target.of(next_url)
            if first.scheme == "https" and following.scheme == "http":
                raise Ended(Failure(Phase.STATUS, FailureKind.REDIRECT_INSECURE, next_url))
            if told.head is not None and told.head.status < 307 and wish.method != "HEAD":
                wish = replace(wish, method="GET", content=b"")
            target, wish = following, replace(wish, address=None)
        raise Ended(Failure(Phase.STATUS, FailureKind.REDIRECT, "stopped after 10 redirects"))

    def _headers(
        self, target: Target, first: Target, given: Sequence[tuple[str, str]]
    ) -> list[tuple[str, str]]:
        sent = [("User-Agent", AGENT), *given]
        if target.user_info and (target is first or target.same_place(first)):
            user, _, password = target.user_info.partition(":")
            sent.append(("Authorization", basic(unquote(user), unquote(password))))
        elif first.scheme == "https" and target.same_place(first):
            found = self._outfit.authorization(first.host)
            if found is not None:
                sent.append(("Authorization", found))
        return sent

    async def _hop(self, told: _Told, target: Target, first: Target, wish: _Wish) -> str | None:
        """One request; the URL to follow, None where the answer is the last one."""
        proxy = None
        if not wish.direct and wish.address is None:
            proxy = self._outfit.way.proxy_for(target.scheme, target.host, target.port)
        told.proxy = proxy.shown if proxy else ""
        told.head = None
        headers = self._headers(target, first, wish.headers)
        path = target.path
        absolute = proxy is not None and not proxy.socks and target.scheme == "http"
        if absolute and proxy is not None:
            path = f"http://{target.authority}{target.path}"
            if proxy.user is not None:
                headers.append(("Proxy-Authorization", basic(proxy.user, proxy.password)))
        request = Request(wish.method, target.scheme, target.authority, path, headers, wish.content)
        connection, head = await self._asked(told, request, target, proxy, wish.address)
        told.head = head
        if absolute and head.status == 407:
            connection.wire.close()
            raise Ended(Failure(Phase.PROXY, FailureKind.PROXY_STATUS, "Proxy Authentication Required", 407))
        location = head.headers.get("location", "") if head.status in _REDIRECTS else ""
        if location:
            connection.wire.close()
            return urljoin(target.url, location.strip())
        await self._body(told, connection, wish.most, wish.seconds)
        if self._reuse and told.complete and connection.spoken.reusable():
            connection.used = True
            self._idle.setdefault((target.scheme, target.host, target.port, proxy, wish.address), []).append(
                connection
            )
        else:
            connection.wire.close()
        return None

    async def _asked(
        self, told: _Told, request: Request, target: Target, proxy: Proxy | None, address: str | None
    ) -> tuple[Open, Head]:
        """A connection on which the request was sent, and the head that came. An idle one may have died."""
        watch, limit = told.trail.watch, self._outfit.limits.head
        while True:
            idle = self._idle.get((target.scheme, target.host, target.port, proxy, address))
            connection = idle.pop() if idle else await self._opener.open(told.trail, target, proxy, address)
            told.reused = connection.used
            told.trail.address, told.trail.certificate = connection.address, connection.certificate
            try:
                async with watch.step("request", limit, Phase.HEADERS, FailureKind.STALL):
                    await connection.spoken.ask(request)
                async with watch.step("first-byte", limit, Phase.HEADERS, FailureKind.STALL):
                    head = await connection.spoken.head()
            except Ended as ended:
                connection.wire.close()
                if connection.used and ended.failure.kind in {FailureKind.CLOSED, FailureKind.RESET}:
                    continue
                raise
            except BaseException:
                connection.wire.close()
                raise
            told.received = self._outfit.clock()
            told.date = _seconds(head.headers.get("date", ""))
            return connection, head

    async def _body(self, told: _Told, connection: Open, most: int, seconds: float | None) -> None:
        limits, loop = self._outfit.limits, asyncio.get_running_loop()
        end = loop.time() + min(told.trail.watch.left(), seconds if seconds is not None else limits.total)
        try:
            async with told.trail.watch.step("body", limits.total + limits.silence, Phase.BODY):
                while len(told.body) < most and loop.time() < end:
                    silence = min(limits.silence, max(end - loop.time(), 0.05))
                    try:
                        async with asyncio.timeout(silence):
                            data = await connection.spoken.body()
                    except TimeoutError:
                        if silence == limits.silence:
                            raise Ended(Failure(Phase.BODY, FailureKind.STALL)) from None
                        return
                    if not data:
                        told.complete = True
                        return
                    told.body += data
        except BaseException:
            connection.wire.close()
            raise
        finally:
            del told.body[most:]


def _seconds(text: str) -> float | None:
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        return email.utils.parsedate_to_datetime(text).timestamp() if text else None
    return None
