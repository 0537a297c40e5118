"""The HTTP client's sessions of one upstream: one for each kind of guard, made when first needed.

A connection in a pool has passed the guard that its session has, so connections of different guards
never share a pool; nor do those that go by the upstream's own certificates and others. No cookies, no
inflating, no redirects on their own.
"""

from __future__ import annotations

import enum
import ssl
from typing import TYPE_CHECKING

import aiohttp
import truststore

from modgate.errors import Unavailable
from modgate.transport.addresses import guarded_socket
from modgate.transport.way import watch_queue

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from modgate.transport.settings import TransportSettings

__all__ = ["Guard", "Sessions"]

_CHUNK = 1 << 18


class Guard(enum.Enum):
    """Which addresses connections of a session may go to."""

    NONE = "the operator's word, or a proxy of the environment"
    PUBLIC = "public addresses"
    RESOLVER = "what the resolver admits"


class Sessions:
    """Sessions by guard; `resolver` is that of `Guard.RESOLVER`, `name` stands in errors.

    `tls` stands for the system's trust; `own` is for connections to the upstream itself.
    """

    def __init__(
        self,
        settings: TransportSettings,
        *,
        tls: ssl.SSLContext | None = None,
        own: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        name: str = "",
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._own = own
        self._resolver = resolver
        self._name = name
        self._made: dict[tuple[Guard, bool], aiohttp.ClientSession] = {}
        self._closed = False

    def get(self, guard: Guard, *, home: bool = False) -> aiohttp.ClientSession:
        """The session of a guard; `home`: for the upstream itself. Raises Unavailable after `close`."""
        if self._closed:
            raise Unavailable("the gate is stopping", where=self._name, kind="stopping")
        kind = (guard, home and self._own is not None)
        session = self._made.get(kind)
        if session is None:
            session = self._made[kind] = self._make(*kind)
        return session

    @property
    def connections(self) -> int:
        """Open connections of all sessions."""
        connectors = (session.connector for session in self._made.values())
        return sum(_open(connector) for connector in connectors if connector is not None)

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        for session in self._made.values():
            await session.close()
        self._made.clear()

    def _make(self, guard: Guard, own: bool) -> aiohttp.ClientSession:
        resolved = guard is Guard.RESOLVER
        if resolved and self._resolver is None:
            raise ValueError("a guard that resolves needs a resolver")
        connector = aiohttp.TCPConnector(
            limit=self._settings.connections,
            ssl=(self._own if own else self._tls) or truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            socket_factory=guarded_socket if guard is Guard.PUBLIC else None,
            resolver=self._resolver if resolved else None,
            use_dns_cache=not resolved,
        )
        return aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=_CHUNK,
            trace_configs=[watch_queue()],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect),
            max_line_size=16384,
            max_field_size=16384,
        )


def _open(connector: aiohttp.BaseConnector) -> int:
    """Connections in use and idle ones, which aiohttp tells nowhere else."""
    idle = sum(map(len, connector._conns.values()))  # noqa: SLF001  see above
    return len(connector._acquired) + idle  # noqa: SLF001  likewise
