"""One HTTP upstream: time-outs by phase, retries with jitter, a breaker, careful redirects.

Bodies are asked for as `identity` and refused otherwise, so that no compressed bomb is ever inflated.
Redirects are followed by hand: never from https to http, never to an internal address that the
operator did not name, and credentials of the base address never travel to another host.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import aiohttp
import truststore
import yarl

from modgate.errors import Absent, Denied, ModgateError, Unavailable
from modgate.transport.addresses import InternalAddressError, guarded_socket, is_public
from modgate.transport.breaker import Breaker
from modgate.transport.settings import TransportSettings
from modgate.transport.verdict import clean_text, status_error, transport_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from modgate.model import Context

__all__ = ["HTTPUpstream"]

_CHUNK = 1 << 18
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_RETRIED = frozenset({"timeout", "unreachable", "overloaded", "bad-answer"})
_LONG_WAIT = 2.0
_SAFE = "/!@+~,=$&()%"

T = TypeVar("T")


def _no_observer(_upstream: str, _phase: str, _seconds: float) -> None:
    """Nobody measures."""


class _Stream:
    """The head of a 200 answer and its body (`model.UpstreamStream`)."""

    def __init__(self, response: aiohttp.ClientResponse, upstream: HTTPUpstream, where: str) -> None:
        self._response = response
        self._upstream = upstream
        self._where = where

    @property
    def size(self) -> int | None:
        return self._response.content_length

    @property
    def content_type(self) -> str:
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def chunks(self) -> AsyncIterator[bytes]:
        settings = self._upstream.settings
        clock = self._upstream.monotonic
        began = mark = clock()
        got = since_mark = 0
        content = self._response.content
        while True:
            try:
                async with asyncio.timeout(settings.stall):
                    chunk = await content.readany()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self._upstream.breaker.failure("the body broke off")
                if isinstance(error, TimeoutError):
                    raise self._stalled(got) from error
                raise transport_error(error, self._where, "body") from error
            now = clock()
            if not chunk:
                break
            got += len(chunk)
            since_mark += len(chunk)
            if now - mark >= settings.stall:
                if since_mark < settings.stall_bytes:
                    raise self._stalled(got)
                mark, since_mark = now, 0
            if now - began > settings.total:
                raise Unavailable(
                    f"the transfer took longer than {settings.total:g} s", where=self._where, kind="timeout"
                )
            yield chunk
        if self.size is not None and got != self.size:
            raise Unavailable(
                f"the body broke off: {got} of {self.size} bytes came", where=self._where, kind="bad-answer"
            )
        self._upstream.observe(self._upstream.name, "body", clock() - began)

    def _stalled(self, got: int) -> Unavailable:
        return Unavailable(f"the transfer stalled after {got} bytes", where=self._where, kind="timeout")

    async def aclose(self) -> None:
        self._response.close()


class HTTPUpstream:
    """An HTTP server under one base URL (`model.Upstream`). Proxies come from the environment.

    `instance` is sent as `Modgate-Via`, so that a gate in its own chain refuses the loop.
    """

    def __init__(
        self,
        base_url: str,
        settings: TransportSettings | None = None,
        *,
        instance: str = "",
        observe: Callable[[str, str, float], None] = _no_observer,
        monotonic: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        base = yarl.URL(base_url.rstrip("/") + "/")
        self._auth = aiohttp.BasicAuth(base.user, base.password or "") if base.user else None
        self._base = base.with_user(None)
        self.settings = settings or TransportSettings()
        self.monotonic = monotonic
        self.observe = observe
        self.name = str(self._base).rstrip("/")
        self.breaker = Breaker(
            self.name,
            clock=monotonic,
            failures=self.settings.breaker_failures,
            pause=self.settings.breaker_pause,
        )
        self._instance = instance
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The whole body, tried again when it breaks; at most `limit` bytes."""

        async def attempt() -> bytes:
            stream = await self._open_once(ctx, "GET", path)
            parts: list[bytes] = []
            got = 0
            try:
                async for chunk in stream.chunks():
                    got += len(chunk)
                    if got > limit:
                        raise Unavailable(
                            f"the body is larger than {limit} bytes",
                            where=self._where(path),
                            kind="bad-answer",
                        )
                    parts.append(chunk)
            finally:
                await stream.aclose()
            return b"".join(parts)

        return await self._retried(attempt)

    async def open(self, ctx: Context, path: str) -> _Stream:
        """Send GET; the stream when its head is there."""
        return await self._retried(lambda: self._open_once(ctx, "GET", path))

    async def head(self, ctx: Context, path: str) -> int | None:
        """Send HEAD; the Content-Length where said."""
        stream = await self._retried(lambda: self._open_once(ctx, "HEAD", path))
        await stream.aclose()
        return stream.size

    async def ready(self) -> None:
        """Raise Unavailable while the breaker is open."""
        if self.breaker.open:
            self.breaker.check()

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _retried(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try, and try again after broken answers; absent, denied and long waits end it at once."""
        tries = 0
        while True:
            self.breaker.check()
            try:
                result = await attempt()
            except (Absent, Denied):
                self.breaker.success()
                raise
            except Unavailable as error:
                if error.kind != "overloaded":
                    self.breaker.failure(error.what)
                tries += 1
                patient = (error.retry_after or 0.0) <= _LONG_WAIT
                if tries > self.settings.retries or not patient or self.breaker.open:
                    raise
                pause = self.settings.backoff * 2 ** (tries - 1)
                await asyncio.sleep(max(error.retry_after or 0.0, random.uniform(0.0, pause)))  # noqa: S311  jitter
            else:
                self.breaker.success()
                return result

    async def _open_once(self, ctx: Context, method: str, path: str) -> _Stream:
        """One request, redirects followed by hand.

        1. Send; wait at most connect + head seconds for the head of the answer.
        2. A redirect: check the hop, drop credentials for another host, go on.
        3. 200 with an identity body: the stream. Anything else: the table.
        """
        url = self._base.join(yarl.URL(quote(path, safe=_SAFE), encoded=True))
        where = self._where(path)
        began = self.monotonic()
        phase = "connect or answer"
        for _hop in range(self.settings.redirects + 1):
            try:
                async with asyncio.timeout(self.settings.connect + self.settings.head):
                    response = await self._send(ctx, method, url)
            except ModgateError:
                raise
            except InternalAddressError as error:
                raise self._bad_redirect(where, str(error)) from error
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                if isinstance(error, OSError) and isinstance(error.__cause__, InternalAddressError):
                    raise self._bad_redirect(where, str(error.__cause__)) from error
                raise transport_error(error, where, phase) from error
            if response.status not in _REDIRECTS:
                self.observe(self.name, "head", self.monotonic() - began)
                return await self._accept(response, where)
            target = response.headers.get("Location", "")
            response.close()
            url = self._hop(url, target, where)
        raise Unavailable(f"more than {self.settings.redirects} redirects", where=where, kind="bad-answer")

    async def _send(self, ctx: Context, method: str, url: yarl.URL) -> aiohttp.ClientResponse:
        home = url.origin() == self._base.origin()
        headers = {"Accept-Encoding": "identity", "User-Agent": "modgate"}
        if self._instance:
            headers["Modgate-Via"] = ", ".join((*ctx.via, self._instance))
        return await self._session(guarded=not home and not self._named(url)).request(
            method,
            url,
            headers=headers,
            auth=self._auth if home else None,
            allow_redirects=False,
        )

    async def _accept(self, response: aiohttp.ClientResponse, where: str) -> _Stream:
        """The stream of a 200 answer; otherwise the error that the status means."""
        if response.status == 200:
            encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
            if encoding not in {"", "identity"}:
                response.close()
                raise Unavailable(
                    "the body came compressed though identity was asked for", where=where, kind="bad-answer"
                )
            return _Stream(response, self, where)
        text = ""
        try:
            async with asyncio.timeout(2.0):
                data = await response.content.read(4096)
            text = clean_text(data, response.headers.get("Content-Type", ""))
        except (aiohttp.ClientError, TimeoutError, OSError):
            text = ""
        headers = dict(response.headers)
        if response.content.at_eof():
            response.release()
        else:
            response.close()
        raise status_error(response.status, text, headers, where)

    def _hop(self, url: yarl.URL, target: str, where: str) -> yarl.URL:
        try:
            following = url.join(yarl.URL(target, encoded=True))
        except ValueError as error:
            raise self._bad_redirect(where, "its address is none") from error
        if following.scheme not in {"http", "https"} or not following.host:
            raise self._bad_redirect(where, f"to the scheme {following.scheme or 'none'}")
        if url.scheme == "https" and following.scheme == "http":
            raise self._bad_redirect(where, "from https to http")
        literal = following.host.replace(".", "").isdigit() or ":" in following.host
        if (
            following.origin() != self._base.origin()
            and not self._named(following)
            and literal
            and not is_public(following.host)
        ):
            raise self._bad_redirect(where, f"{following.host} is not a public address")
        return following

    def _named(self, url: yarl.URL) -> bool:
        """True for a redirect target that the operator named."""
        return bool({url.host, f"{url.host}:{url.port}"} & set(self.settings.redirect_hosts))

    def _bad_redirect(self, where: str, why: str) -> Unavailable:
        return Unavailable(f"it redirects, which is refused: {why}", where=where, kind="bad-answer")

    def _where(self, path: str) -> str:
        return f"{self.name}/{path}"[:300]

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """The session for the base address, or the one whose sockets only reach public addresses."""
        session = self._sessions.get(guarded)
        if session is None:
            connector = aiohttp.TCPConnector(
                limit=self.settings.connections,
                ssl=self._tls or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                socket_factory=guarded_socket if guarded else None,
            )
            session = aiohttp.ClientSession(
                connector=connector,
                trust_env=True,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=_CHUNK,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.settings.connect),
                max_line_size=16384,
                max_field_size=16384,
            )
            self._sessions[guarded] = session
        return session
