"""One page of a host that a module path or another page named: discovery (`?go-get=1`).

The host is an answer's word, so every connection is guarded (`transport.guarded`): only public addresses,
unless the operator named the host. Redirects are followed by hand: never from https to http, never to an
address that may not be reached. A credential goes to the first host only, over https only. Plain http is
tried where the caller says so and https failed, as the go command does for GOINSECURE.
Source: cmd/go/internal/web/http.go.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import yarl

from modgate.errors import Denied, Unavailable
from modgate.transport.addresses import InternalAddressError
from modgate.transport.authorization import authorization
from modgate.transport.environment import proxy_for
from modgate.transport.guarded import GuardedResolver, admitted_url, internal_within
from modgate.transport.reach import NOWHERE
from modgate.transport.redirects import RefusedRedirectError, following
from modgate.transport.sessions import Guard, Sessions
from modgate.transport.settings import TransportSettings
from modgate.transport.verdict import FOREIGN, transport_error
from modgate.transport.way import Way

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from aiohttp.abc import AbstractResolver

    from modgate.model.credentials import Credentials
    from modgate.transport.reach import Reach

__all__ = ["Page", "Pages"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, whatever its status.

    Attributes:
        url: Where it came from in the end, without user info and query.
        status: The HTTP status.
        headers: By lower-case name; the first of several.
        body: At most the limit of bytes.
        cut: Whether the body was longer.
        moved: Whether another host than the asked one gave it (`www.` makes no other host).
        credential: Whether the asked host was told a credential.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool = False
    moved: bool = False
    credential: bool = False


class Pages:
    """Fetches pages. `limit` is in bytes; `resolver` and `proxies` are the system's by default."""

    def __init__(
        self,
        reach: Reach = NOWHERE,
        *,
        credentials: Credentials | None = None,
        settings: TransportSettings | None = None,
        limit: int = 1 << 20,
        resolver: AbstractResolver | None = None,
        proxies: Callable[[], Mapping[str, str]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._reach = reach
        self._credentials = credentials
        self._settings = settings or TransportSettings()
        self._limit = limit
        self._proxies = proxies
        self._sessions = Sessions(self._settings, tls=tls, resolver=resolver or GuardedResolver(reach))

    async def get(self, url: str, *, insecure: bool = False) -> Page:
        """The page at an https address; with `insecure`, the same over http where https fails.

        Raises Denied for an address that must not be reached, Unavailable where no answer came, a
        redirect was refused or a credential could not be had.
        """
        address = yarl.URL(url, encoded=True)
        try:
            return await self._fetch(address)
        except Unavailable as error:
            if not insecure or error.kind == "stopping":
                raise
            secure = error
        try:
            return await self._fetch(address.with_scheme("http"))
        except Unavailable as error:
            raise Unavailable(
                f"{secure.what}; over http: {error.what}", where=secure.where, kind=secure.kind
            ) from error

    async def close(self) -> None:
        """Close all connections."""
        await self._sessions.close()

    async def _fetch(self, first: yarl.URL) -> Page:
        """1. Ask. 2. A redirect: check the hop, go on. 3. Anything else is the page."""
        where = _plain(first)
        url = first
        told = await authorization(self._credentials, first)
        try:
            async with asyncio.timeout(self._settings.connect + self._settings.head):
                for _hop in range(self._settings.redirects + 1):
                    mine = told if url.origin() == first.origin() else None
                    async with await self._ask(url, mine) as response:
                        if response.status not in _REDIRECTS:
                            return await self._read(response, first, url, told=told is not None)
                        url = following(url, response.headers.get("Location", ""), self._named)
        except RefusedRedirectError as error:
            raise Unavailable(
                f"it redirects, which is refused: {error}", where=where, kind="bad-answer"
            ) from error
        except FOREIGN as error:
            raise self._translated(error, where, moved=url != first) from error
        raise Unavailable(
            f"stopped after {self._settings.redirects} redirects", where=where, kind="bad-answer"
        )

    async def _ask(self, url: yarl.URL, told: str | None) -> aiohttp.ClientResponse:
        proxy = proxy_for(url, None if self._proxies is None else self._proxies())
        if not admitted_url(url, self._reach, proxied=proxy is not None):
            raise InternalAddressError(f"{url.host} is not public")
        headers = {"Accept-Encoding": "identity", "User-Agent": "modgate"}
        if told is not None:
            headers["Authorization"] = told
        # A proxy has an address of its own, often an internal one.
        guard = Guard.RESOLVER if proxy is None else Guard.NONE
        return await self._sessions.get(guard).get(
            url, headers=headers, proxy=proxy, allow_redirects=False, trace_request_ctx=Way()
        )

    async def _read(
        self, response: aiohttp.ClientResponse, first: yarl.URL, url: yarl.URL, *, told: bool
    ) -> Page:
        encodings = response.headers.getall("Content-Encoding", [])
        if any(encoding.strip().lower() not in {"", "identity"} for encoding in encodings):
            raise aiohttp.ClientPayloadError("compressed though identity was asked for")
        body = b""
        while len(body) <= self._limit and (piece := await response.content.read(_PIECE)):
            body += piece
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            headers.setdefault(name.lower(), value)
        return Page(
            url=_plain(url),
            status=response.status,
            headers=headers,
            body=body[: self._limit],
            cut=len(body) > self._limit,
            moved=_site(url) != _site(first),
            credential=told,
        )

    def _named(self, url: yarl.URL) -> bool:
        return self._reach.allows(url.host or "", url.port or 0)

    def _translated(self, error: BaseException, where: str, *, moved: bool) -> Denied | Unavailable:
        internal = internal_within(error)
        if internal is None:
            return transport_error(error, where, "connect or answer")
        if moved:
            return Unavailable(f"it redirects, which is refused: {internal}", where=where, kind="bad-answer")
        return Denied(
            str(internal),
            where=where,
            next_step="if the gate may reach it, name the host in vcs.internal_hosts, and the module in a "
            "private route",
        )


def _site(url: yarl.URL) -> str:
    return (url.host or "").removeprefix("www.")


def _plain(url: yarl.URL) -> str:
    return str(url.with_user(None).with_query(None))[:300]
