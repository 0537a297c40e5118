"""One HTTP upstream: time-outs by phase, retries with jitter, a breaker, careful redirects.

Bodies are asked for as `identity` and refused otherwise, so that no compressed bomb is ever inflated.
Redirects are followed by hand: never from https to http, never to an internal address that the
operator did not name, and credentials of the base address never travel to another host. What would
be said again (a refused redirect, 401, 400, a body that is too long) is not asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import yarl

from modgate.errors import Absent, Denied, ModgateError, Unavailable
from modgate.telemetry import tracing
from modgate.transport.addresses import InternalAddressError
from modgate.transport.authorization import authorization
from modgate.transport.breaker import Breaker
from modgate.transport.dial import resolve
from modgate.transport.environment import Netrc, basic, proxy_for
from modgate.transport.guarded import GuardedResolver, admitted_url, internal_within
from modgate.transport.redirects import RefusedRedirectError, following, trusted
from modgate.transport.sessions import Guard, Sessions
from modgate.transport.settings import TransportSettings
from modgate.transport.spans import INSTANCE, Call
from modgate.transport.stream import HTTPStream, give_back
from modgate.transport.verdict import FOREIGN, clean_text, status_error, transport_error
from modgate.transport.way import Way

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    import aiohttp

    from modgate.model import Context
    from modgate.model.credentials import Credentials
    from modgate.transport.dial import Resolve
    from modgate.transport.particulars import Particulars
    from modgate.transport.reach import Reach

__all__ = ["HTTPUpstream"]

_TEXT = 4096
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({408, 425, 429})
_LONG_WAIT = 2.0
_ORIGINS = 256
_SAFE = "/!@+~,=$&()%?"

T = TypeVar("T")


class _SettledError(Exception):
    """Carries a broken answer that would be the same if asked again: no retry, no failure counted."""

    def __init__(self, error: ModgateError) -> None:
        super().__init__(error.what)
        self.error = error


def _no_observer(_upstream: str, _phase: str, _seconds: float) -> None:
    """Nobody measures."""


def _no_counter(_upstream: str, _kind: str) -> None:
    """Nobody counts failures."""


class HTTPUpstream:
    """An HTTP server under one base URL (`model.Upstream`). Proxies come from the environment, unless
    `particulars` names one.

    `instance` is sent as `Modgate-Via`, so that a gate in its own chain refuses the loop. `credentials`
    are asked for the base address alone, where it is https and names nobody itself. `reach` is given where
    the base address is an answer's word and not the operator's (a go-import page that names a module
    proxy): then every connection, the first one too, goes only where it admits.
    """

    def __init__(
        self,
        base_url: str,
        settings: TransportSettings | None = None,
        *,
        instance: str = "",
        credentials: Credentials | None = None,
        particulars: Particulars | None = None,
        reach: Reach | None = None,
        resolve: Resolve = resolve,
        observe: Callable[[str, str, float], None] = _no_observer,
        failed: Callable[[str, str], None] = _no_counter,
        monotonic: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        base = yarl.URL(base_url.rstrip("/") + "/")
        named = base.user or base.password
        self._authorization = basic(base.user or "", base.password or "") if named else None
        self._credentials = credentials
        self._particulars = particulars
        self._reach = reach
        self._netrc = Netrc()
        self._base = base.with_user(None)
        self.settings = settings or TransportSettings()
        self.monotonic = monotonic
        self.observe = observe
        self._failed = failed
        self.name = str(self._base).rstrip("/")
        self.breaker = Breaker(
            self.name,
            clock=monotonic,
            failures=self.settings.breaker_failures,
            pause=self.settings.breaker_pause,
        )
        self._instance = instance
        self._is_gate = False
        self._proxies: dict[yarl.URL, yarl.URL | None] = {}
        resolver = None if reach is None else GuardedResolver(reach, resolve)
        own = None if particulars is None else particulars.tls
        self._sessions = Sessions(self.settings, tls=tls, own=own, resolver=resolver, name=self.name)

    @property
    def connections(self) -> int:
        """Open connections, those that wait for the next request included."""
        return self._sessions.connections

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The whole body, tried again when it breaks; at most `limit` bytes."""

        async def attempt() -> bytes:
            stream = await self._open_once(ctx, "GET", path)
            parts: list[bytes] = []
            got = stream.size or 0
            try:
                if got <= limit:
                    got = 0
                    async for chunk in stream.chunks():
                        got += len(chunk)
                        if got > limit:
                            break
                        parts.append(chunk)
                if got > limit:
                    raise _SettledError(
                        Unavailable(
                            f"the body is larger than {limit} bytes",
                            where=self._where(path),
                            kind="bad-answer",
                        )
                    )
            finally:
                await stream.aclose()
            return b"".join(parts)

        return await self._retried(attempt)

    async def open(
        self, ctx: Context, path: str, *, conditions: Mapping[str, str] | None = None
    ) -> HTTPStream:
        """Send GET; the stream when its head is there. `conditions` (If-None-Match) make 304 an answer."""
        stream = await self._retried(lambda: self._open_once(ctx, "GET", path, conditions))
        stream.broken = self._broke
        return stream

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
        await self._sessions.close()

    def _broke(self, error: Unavailable) -> None:
        """A failure of the upstream: counted, also by the breaker unless it is only busy."""
        self._failed(self.name, error.kind)
        if error.kind != "overloaded":
            self.breaker.failure(error.what)

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
            except _SettledError as settled:
                self.breaker.success()
                if isinstance(settled.error, Unavailable):
                    self._failed(self.name, settled.error.kind)
                raise settled.error from settled.__cause__
            except Unavailable as error:
                self._broke(error)
                tries += 1
                patient = (error.retry_after or 0.0) <= _LONG_WAIT
                if tries > self.settings.retries or not patient or self.breaker.open:
                    raise
                pause = self.settings.backoff * 2 ** (tries - 1)
                tracing.current().event("retry", {"modgate.attempt": tries, "modgate.error.kind": error.kind})
                await asyncio.sleep(max(error.retry_after or 0.0, random.uniform(0.0, pause)))  # noqa: S311  jitter
            else:
                self.breaker.success()
                return result

    async def _open_once(
        self, ctx: Context, method: str, path: str, conditions: Mapping[str, str] | None = None
    ) -> HTTPStream:
        """One request, redirects followed by hand.

        1. Send; wait at most connect + head seconds for the head of the answer.
        2. A redirect: check the hop, drop credentials for another host, go on.
        3. 200 with an identity body: the stream. Anything else: the table.
        """
        url = self._base.join(yarl.URL(quote(path, safe=_SAFE), encoded=True))
        where = self._where(path)
        began = self.monotonic()
        for _hop in range(self.settings.redirects + 1):
            home = url.origin() == self._base.origin()
            with Call(method, url, home=home) as call:
                response = await self._answered(ctx, method, url, where, conditions or {})
                try:
                    call.answered(response.status)
                    if home:
                        self._is_gate = self._reach is None and INSTANCE in response.headers
                    if response.status == 304 and conditions:
                        stream = HTTPStream(response, self, where)
                        stream.span = call.keep()
                        return stream
                    if response.status not in _REDIRECTS:
                        self.observe(self.name, "head", self.monotonic() - began)
                        stream = await self._accept(response, where)
                        stream.span = call.keep()
                        return stream
                    url = following(url, response.headers.get("Location", ""), self._trusted)
                except RefusedRedirectError as error:
                    response.close()
                    raise self._bad_redirect(where, str(error)) from error
                except BaseException:
                    response.close()
                    raise
                give_back(response)
        raise self._bad_redirect(where, f"stopped after {self.settings.redirects} redirects")

    async def _answered(
        self, ctx: Context, method: str, url: yarl.URL, where: str, conditions: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """The head of an answer, whatever it says."""
        way = Way()
        try:
            async with asyncio.timeout(self.settings.connect + self.settings.head):
                return await self._send(ctx, method, url, way, conditions)
        except FOREIGN as error:
            if way.queued and isinstance(error, TimeoutError):
                raise Unavailable(
                    f"all {self.settings.connections} connections of this gate to it are busy",
                    where=where,
                    kind="overloaded",
                    retry_after=self.settings.head,
                ) from error
            inside = internal_within(error)
            if inside is not None and url.origin() == self._base.origin():
                raise _SettledError(self._inside(str(inside))) from error
            if inside is not None:
                raise self._bad_redirect(where, str(inside)) from error
            raise transport_error(error, where, "connect or answer") from error

    async def _send(
        self, ctx: Context, method: str, url: yarl.URL, way: Way, conditions: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        headers = {**conditions, "Accept-Encoding": "identity", "User-Agent": "modgate"}
        if self._instance:
            headers["Modgate-Via"] = ", ".join((*ctx.via, self._instance))
        home = url.origin() == self._base.origin()
        told = (self._authorization or self._secret(url) or await self._own(url)) if home else None
        # For a base that is an answer's word, the credentials know netrc as well, and decide by themselves.
        if told is None and self._reach is None and (home or url.scheme == "https"):
            told = self._netrc.authorization(url.host or "")
        if told is not None:
            headers["Authorization"] = told
        if home and self._is_gate:
            headers |= tracing.carried(tracing.current())
        proxy = self._proxy(url)
        guard = self._guard(url, proxied=proxy is not None)
        return await self._sessions.get(guard, home=home).request(
            method, url, headers=headers, proxy=proxy, allow_redirects=False, trace_request_ctx=way
        )

    def _guard(self, url: yarl.URL, *, proxied: bool) -> Guard:
        """What a connection is guarded by. Raises InternalAddressError for what is known to be inside.

        A proxy has an address of its own, often an internal one, and resolves the name itself.
        """
        if self._reach is not None and not admitted_url(url, self._reach, proxied=proxied):
            raise InternalAddressError(f"{url.host} is not public")
        if proxied:
            return Guard.NONE
        if self._reach is not None:
            return Guard.RESOLVER
        return Guard.NONE if self._trusted(url) else Guard.PUBLIC

    def _secret(self, url: yarl.URL) -> str | None:
        """What `[[upstreams]]` has for the address; as `_own` where it cannot be had."""
        if self._particulars is None or not self._particulars.tells(url):
            return None
        try:
            return self._particulars.authorization()
        except Unavailable as error:
            raise _SettledError(error) from error

    async def _own(self, url: yarl.URL) -> str | None:
        """What the operator configured for the base address. A broken credential is not the upstream's
        failure, and asking again at once would not mend it.
        """
        try:
            return await authorization(self._credentials, url)
        except Unavailable as error:
            raise _SettledError(error) from error

    def _trusted(self, url: yarl.URL) -> bool:
        if self._reach is not None:
            return self._reach.allows(url.host or "", url.port or 0)
        return trusted(url, self._base, self.settings.redirect_hosts)

    def _proxy(self, url: yarl.URL) -> yarl.URL | None:
        """The proxy on the way to a URL: the upstream's own, else the environment's."""
        origin = url.origin()
        own = self._particulars if origin == self._base.origin() else None
        if own is not None and (own.proxy is not None or own.direct):
            return own.proxy
        proxy = self._from_environment(url, origin)
        if own is not None and own.tls is not None and proxy is not None and proxy.scheme == "https":
            raise _SettledError(own.no_way(self.name))
        return proxy

    def _from_environment(self, url: yarl.URL, origin: yarl.URL) -> yarl.URL | None:
        """Read from the environment once for each host, as go does."""
        if origin not in self._proxies:
            if len(self._proxies) >= _ORIGINS:
                self._proxies.clear()
            self._proxies[origin] = proxy_for(url)
        return self._proxies[origin]

    async def _accept(self, response: aiohttp.ClientResponse, where: str) -> HTTPStream:
        """The stream of a 200 answer; otherwise the error that the status means."""
        encodings = response.headers.getall("Content-Encoding", [])
        plain = all(encoding.strip().lower() in {"", "identity"} for encoding in encodings)
        status = response.status
        if status == 200 and plain:
            return HTTPStream(response, self, where)
        if status == 200:
            raise _SettledError(
                Unavailable(
                    "the body came compressed though identity was asked for", where=where, kind="bad-answer"
                )
            )
        data = b""
        with contextlib.suppress(*FOREIGN):
            async with asyncio.timeout(2.0):
                while plain and (piece := await response.content.read(_TEXT - len(data))):
                    data += piece
        give_back(response)
        text = clean_text(data, response.headers.get("Content-Type", ""))
        error = status_error(status, text, response.headers, where)
        if status == 401 and self._authorization is None and (own := self._particulars) is not None:
            error = own.refused(where) if own.tells(response.url) else error
        if isinstance(error, Unavailable) and (
            error.kind == "loop" or (status < 500 and status not in _TRANSIENT)
        ):
            raise _SettledError(error)
        raise error

    def _bad_redirect(self, where: str, why: str) -> _SettledError:
        return _SettledError(
            Unavailable(f"it redirects, which is refused: {why}", where=where, kind="bad-answer")
        )

    def _inside(self, why: str) -> Denied:
        return Denied(
            why,
            where=self.name,
            next_step="if the gate may reach it, name the host in vcs.internal_hosts, and the module in a "
            "private route",
        )

    def _where(self, path: str) -> str:
        return f"{self.name}/{path}"[:300]
