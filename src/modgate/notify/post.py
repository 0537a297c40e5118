"""Posting a message over HTTP: to public addresses, or to the one that the operator called internal.

1. An address in the URL is looked at before anything is asked; a name is resolved once, and the connection
   goes to an address that was looked at, so a name that is rebound in between gains nothing.
2. `internal` lets in this webhook's own host and no other, and never a cloud's metadata service by a name.
3. Redirects are answers, not orders. Certificates are verified. Behind a proxy of the environment the proxy
   resolves, so names and literals that are internal everywhere are refused here.
4. Of the answer only a beginning is read; the time-out covers everything, from the resolver to that. A status
   that came is the answer, whatever becomes of the body behind it: who said 2xx is not asked again.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING

import aiohttp
import yarl

from modgate import __version__
from modgate.errors import Denied, Unavailable
from modgate.notify.target import Reply
from modgate.transport.dial import resolve as system_resolve
from modgate.transport.environment import proxy_for
from modgate.transport.guarded import GuardedResolver, admitted_url, internal_within
from modgate.transport.reach import NOWHERE, Reach
from modgate.transport.sessions import Guard, Sessions
from modgate.transport.settings import TransportSettings
from modgate.transport.verdict import FOREIGN, retry_after
from modgate.transport.way import Way

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.notify.target import Post
    from modgate.transport.dial import Resolve

__all__ = ["HTTPPoster"]

_READ = 4096
_REFUSED = "its address is not public, and the webhook is not marked `internal = true`"


class HTTPPoster:
    """Posts for one webhook (`modgate.notify.target.Poster`); `timeout` is in seconds."""

    def __init__(
        self,
        *,
        timeout: float,
        clock: Callable[[], float],
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
        proxies: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._resolve = resolve
        self._tls = tls
        self._proxies = proxies
        self._settings = TransportSettings(connect=timeout, connections=2)
        self._sessions: dict[tuple[str, bool], Sessions] = {}

    async def post(self, post: Post) -> Reply:
        """Whatever the receiver answered. Raises Unavailable, and Denied for where it may not go."""
        url = _parsed(post.url)
        until = asyncio.get_running_loop().time() + self._timeout
        try:
            return await self._post(post, url, until)
        except TimeoutError:
            raise Unavailable(f"no answer in {self._timeout:g} s", kind="timeout") from None
        except FOREIGN as error:
            if internal_within(error) is not None:
                raise _refused() from None
            # What the client says may hold the address, which is a secret.
            raise Unavailable(_said(error)) from None

    async def close(self) -> None:
        """Close every connection."""
        for sessions in self._sessions.values():
            await sessions.close()
        self._sessions.clear()

    async def _post(self, post: Post, url: yarl.URL, until: float) -> Reply:
        reach = Reach([url.host or ""]) if post.internal else NOWHERE
        proxy = proxy_for(url, None if self._proxies is None else self._proxies())
        if not admitted_url(url, reach, proxied=proxy is not None):
            raise _refused()
        guard = Guard.RESOLVER if proxy is None else Guard.NONE
        headers = {
            "Accept-Encoding": "identity",
            "User-Agent": f"modgate/{__version__}",
            **post.headers,
        }
        async with asyncio.timeout_at(until):
            response = await (
                self._session(url, reach, internal=post.internal)
                .get(guard)
                .post(
                    url,
                    data=post.body,
                    headers=headers,
                    proxy=proxy,
                    allow_redirects=False,
                    trace_request_ctx=Way(),
                )
            )
        async with response:
            body = await _beginning(response, until)
            # A body that goes on is nobody's business: the connection ends instead.
            if not response.content.at_eof():
                response.close()
            return Reply(response.status, body, retry_after(response.headers, self._clock()))

    def _session(self, url: yarl.URL, reach: Reach, *, internal: bool) -> Sessions:
        key = (url.host or "", internal)
        sessions = self._sessions.get(key)
        if sessions is None:
            sessions = Sessions(self._settings, tls=self._tls, resolver=GuardedResolver(reach, self._resolve))
            self._sessions[key] = sessions
        return sessions


async def _beginning(response: aiohttp.ClientResponse, until: float) -> bytes:
    body = b""
    with suppress(*FOREIGN):
        async with asyncio.timeout_at(until):
            while len(body) < _READ and (piece := await response.content.read(_READ - len(body))):
                body += piece
    return body


def _parsed(text: str) -> yarl.URL:
    try:
        url = yarl.URL(text, encoded=True)
        # An address with a zone ([fe80::1%eth0]) is no public one, and no resolver of ours is asked for it.
        good = url.scheme in {"http", "https"} and bool(url.host) and "%" not in (url.host or "")
        good = good and bool(url.port) and url.user is None
    except ValueError:
        good = False
    if not good:
        raise Unavailable("its address is no https:// or http:// address", kind="bad-answer")
    return url.with_fragment(None)


def _refused() -> Denied:
    return Denied(_REFUSED, next_step="If it may be reached, write internal = true beside it.")


def _reason(error: OSError) -> str:
    # The client's own text names the address that was tried.
    return os.strerror(error.errno) if error.errno else type(error).__name__


def _said(error: BaseException) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        return "TLS with it failed"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its host does not resolve"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"it cannot be reached: {_reason(error.os_error)}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection without an answer"
    if isinstance(error, OSError):
        return f"the connection failed: {_reason(error)}"
    return f"it gave no HTTP answer ({type(error).__name__})"
