"""The way out of an isolated command: an HTTP proxy that lets the allowed targets through, and plain ports.

Names are resolved out here, for allowed targets only, and the way out is the one that this machine's own
proxy variables name. A refusal is 403 with the target in its reason, which is what go shows of it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.launch.record import Attempt
from modgate.client.launch.targets import Target, parse_target, shown_target
from modgate.client.net.tunnel import Buffered, by_connect, by_socks
from modgate.client.net.wire import Ended, TcpWire
from modgate.errors import Invalid
from modgate.transport.environment import basic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.launch.record import Record, Traffic
    from modgate.client.net.way import Proxy, Way

__all__ = ["Gatekeeper"]

_MOST_HEAD = 64 << 10
_PIECE = 1 << 16
_HEAD_SECONDS = 60.0
_DIAL_SECONDS = 30.0
_HOP = re.compile(rb"(?i)(?:proxy-[a-z-]+|connection|keep-alive)[ \t]*:")
_TROUBLE = (OSError, Ended, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, EOFError)


class Gatekeeper:
    """Lets connections through to the targets, and counts the others."""

    def __init__(self, targets: Sequence[Target], way: Way, record: Record) -> None:
        self._targets = {(target.host, target.port): target for target in targets}
        self._way = way
        self._record = record

    async def proxy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection to the HTTP proxy."""
        with suppress(*_TROUBLE):
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._serve(head, reader, writer)
        await _closed(writer)

    async def port(self, target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection to a port that stands for a target."""
        with suppress(*_TROUBLE):
            await self._through(target, b"", reader, writer, answer=b"")
        await _closed(writer)

    async def _serve(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, _, rest = head.partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        try:
            method, uri, version = words
            target, path = (parse_target(uri), "") if method == "CONNECT" else _absolute(uri)
        except (Invalid, ValueError):
            await _say(writer, "400 Bad Request")
            return
        allowed = self._targets.get((target.host, target.port))
        if allowed is None:
            self._record.refused(Attempt("proxy", target.host, target.port))
            await _say(writer, f"403 Blocked by modgate run: {shown_target(target.host, target.port)}")
            return
        if method == "CONNECT":
            await self._through(allowed, b"", reader, writer, answer=b"HTTP/1.1 200 OK\r\n\r\n")
            return
        fields = [field for field in rest.split(b"\r\n") if field and not _HOP.match(field)]
        proxy = self._way.proxy_for("http", target.host, target.port)
        if proxy is not None and not proxy.socks:
            path = uri
            if proxy.user is not None:
                fields.append(f"Proxy-Authorization: {basic(proxy.user, proxy.password)}".encode())
        request = [f"{method} {path} {version}".encode("latin-1"), *fields, b"Connection: close", b"", b""]
        await self._through(allowed, b"\r\n".join(request), reader, writer, answer=b"", plain=True)

    async def _through(
        self,
        target: Target,
        first: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        answer: bytes,
        plain: bool = False,
    ) -> None:
        traffic = self._record.through(target)
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                early, far_reader, far_writer = await self._dialled(target, plain=plain)
        except (*_TROUBLE, ssl.SSLError, UnicodeError):
            traffic.failed += 1
            if answer or first:
                await _say(writer, f"502 No way to {shown_target(target.host, target.port)}")
            return
        traffic.connections += 1
        try:
            far_writer.write(first)
            writer.write(answer + early)
            traffic.sent += len(first)
            traffic.received += len(early)
            await asyncio.gather(
                _copied(reader, far_writer, traffic, "sent"), _copied(far_reader, writer, traffic, "received")
            )
        finally:
            await _closed(far_writer)

    async def _dialled(
        self, target: Target, *, plain: bool
    ) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
        scheme = "http" if plain else target.scheme
        proxy = self._way.proxy_for(scheme, target.host, target.port)
        if proxy is None:
            return b"", *await asyncio.open_connection(target.host, target.port, happy_eyeballs_delay=0.3)
        reader, writer = await _to_proxy(proxy)
        wire = Buffered(TcpWire(reader, writer))
        early = b""
        try:
            if proxy.socks:
                await by_socks(wire, proxy, target.host, target.port)
            elif not plain:
                await by_connect(wire, proxy, target.host, target.port, "modgate")
                wire.put_back(b"\n")
                early = (await wire.read())[1:]
        except BaseException:
            writer.close()
            raise
        return early, reader, writer


async def _to_proxy(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context() if proxy.scheme == "https" else None
    return await asyncio.open_connection(proxy.host, proxy.port, ssl=context, happy_eyeballs_delay=0.3)


def _absolute(uri: str) -> tuple[Target, str]:
    """The target and the path of a request in absolute form. Raises Invalid, ValueError."""
    parts = urlsplit(uri)
    if parts.scheme != "http" or not parts.hostname:
        raise Invalid("not in absolute form")
    path = parts.path or "/"
    host = parts.hostname.lower().rstrip(".")
    return Target(host, parts.port or 80, "http"), f"{path}?{parts.query}" if parts.query else path


async def _copied(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, traffic: Traffic, way: str
) -> None:
    with suppress(*_TROUBLE):
        while data := await reader.read(_PIECE):
            setattr(traffic, way, getattr(traffic, way) + len(data))
            writer.write(data)
            await writer.drain()
    with suppress(*_TROUBLE):
        if writer.can_write_eof():
            writer.write_eof()


async def _say(writer: asyncio.StreamWriter, status: str) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1", "replace"))
    with suppress(*_TROUBLE):
        await writer.drain()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(*_TROUBLE):
        await writer.wait_closed()
