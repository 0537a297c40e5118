"""Web servers of the laboratory: by address and name, with faults at every step of an exchange."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from typing import TYPE_CHECKING

from tests.lab.authority import Authorities, Shown
from tests.lab.hello import server_name

if TYPE_CHECKING:
    import ssl

__all__ = ["App", "Break", "Meeting", "Reply", "Request", "Site", "WebServer", "read_head", "reset"]


class Break(StrEnum):
    """How an answer breaks."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"
    GARBAGE = "garbage"
    CUT = "cut"
    STALL = "stall"
    RESET_BODY = "reset-body"


class Meeting(StrEnum):
    """What happens to a TLS handshake."""

    OPEN = "open"
    RESET = "reset"
    STALL = "stall"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked: names in lower case."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered. `rate` are bytes a second, 0 for at once."""

    body: bytes = b""
    status: int = 200
    type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    breaks: Break | None = None
    rate: int = 0


App = Callable[[Request], Awaitable[Reply]]


@dataclass(slots=True)
class Site:
    """One name on one or more addresses.

    Attributes:
        app: What answers.
        shown: The certificate.
        meeting: What becomes of handshakes under this name.
        h2: HTTP/2 is offered; `h2_server` then speaks it.
    """

    app: App
    shown: Shown = Shown.GOOD
    meeting: Meeting = Meeting.OPEN
    h2: bool = False


Speaker = Callable[[asyncio.StreamReader, asyncio.StreamWriter, App], Awaitable[None]]


@dataclass(slots=True)
class WebServer:
    """Every web server of the laboratory: one listener for each address and port.

    Attributes:
        sites: By name. An address that is asked for a name that is not there shows its first one's
            certificate.
        ahead: Seconds that the servers' clocks are ahead.
    """

    authorities: Authorities
    sites: dict[str, Site] = field(default_factory=dict)
    ahead: float = 0.0
    speak_h2: Speaker | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def listen(self, address: str, hosts: list[str]) -> None:
        """Serve https and http at an address under these names."""
        self.listen_at(address, 443, hosts, tls=True)
        self.listen_at(address, 80, hosts, tls=False)

    def listen_at(self, address: str, port: int, hosts: list[str], *, tls: bool) -> None:
        """The same at one port alone."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, port), family=family, backlog=100)
        listener.setblocking(False)
        self._keep(self._accept(listener, hosts, self._tls if tls else self._plain))

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(
        self,
        listener: socket.socket,
        hosts: list[str],
        serve: Callable[[socket.socket, list[str]], Awaitable[None]],
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listener)
            connection.setblocking(False)
            self._keep(_quietly(serve(connection, hosts)))

    async def _tls(self, connection: socket.socket, hosts: list[str]) -> None:
        name = server_name(await _peek(connection))
        shown = name if name in hosts else hosts[0]
        site = self.sites[shown]
        blocked = name in {shown, ""} or shown.replace(".", "").isdigit()
        meeting = site.meeting if blocked else Meeting.OPEN
        if meeting is Meeting.RESET:
            reset(connection)
        elif meeting is Meeting.CLOSE:
            connection.recv(65536)  # what is left unread would make the close a reset
            connection.close()
        elif meeting is Meeting.STALL:
            await asyncio.sleep(600)
        else:
            context = self.authorities.context(shown, site.shown, h2=site.h2)
            reader, writer = await _streams(connection, context)
            chosen = writer.get_extra_info("ssl_object").selected_alpn_protocol()
            if chosen == "h2" and self.speak_h2 is not None:
                await self.speak_h2(reader, writer, site.app)
            else:
                await self._converse(reader, writer, hosts)

    async def _plain(self, connection: socket.socket, hosts: list[str]) -> None:
        spoken = await _peek(connection)
        reader, writer = await _streams(connection, None)
        if spoken[:1] == b"\x16":
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            writer.close()
            return
        await self._converse(reader, writer, hosts)

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hosts: list[str]
    ) -> None:
        while True:
            request = await read_head(reader)
            if request is None:
                break
            site = self.sites[request.host if request.host in hosts else hosts[0]]
            reply = await site.app(request)
            if not await self._send(writer, request, reply):
                break
        writer.close()

    async def _send(self, writer: asyncio.StreamWriter, request: Request, reply: Reply) -> bool:
        """Whether the connection can go on."""
        if reply.breaks in {Break.RESET, Break.CLOSE, Break.HANG, Break.GARBAGE}:
            await _break(writer, reply.breaks)
            return False
        lines = [
            f"HTTP/1.1 {reply.status} Answer",
            f"Date: {formatdate(time.time() + self.ahead, usegmt=True)}",
            f"Content-Type: {reply.type}",
            f"Content-Length: {len(reply.body)}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if request.method == "HEAD":
            await writer.drain()
            return True
        if reply.breaks is not None:
            writer.write(reply.body[: len(reply.body) // 2])
            await writer.drain()
            await asyncio.sleep(0.5)  # a reset throws away what the other side has not read yet
            await _break(
                writer, {Break.CUT: Break.CLOSE, Break.STALL: Break.HANG}.get(reply.breaks, Break.RESET)
            )
            return False
        if reply.rate:
            for start in range(0, len(reply.body), max(reply.rate // 10, 1)):
                writer.write(reply.body[start : start + max(reply.rate // 10, 1)])
                await writer.drain()
                await asyncio.sleep(0.1)
        else:
            writer.write(reply.body)
        await writer.drain()
        return True


async def read_head(reader: asyncio.StreamReader) -> Request | None:
    """One request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *rest = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)
    }
    body = await reader.readexactly(int(headers.get("content-length") or 0))
    host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    if target.startswith("http://"):
        target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
    return Request(method, host.lower(), target, headers, body)


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


async def _break(writer: asyncio.StreamWriter, how: Break) -> None:
    if how is Break.HANG:
        await asyncio.sleep(600)
    elif how is Break.GARBAGE:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await writer.drain()
        writer.close()
    elif how is Break.RESET:
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.transport.abort() if writer.get_extra_info("ssl_object") is None else writer.close()


async def _streams(
    connection: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _peek(connection: socket.socket) -> bytes:
    """The first bytes, left in the socket."""
    loop = asyncio.get_running_loop()
    readable = loop.create_future()

    def ready() -> None:
        if not readable.done():
            readable.set_result(None)

    loop.add_reader(connection, ready)
    try:
        await readable
    finally:
        loop.remove_reader(connection)
    return connection.recv(4096, socket.MSG_PEEK)


async def _quietly(work: Awaitable[None]) -> None:
    with contextlib.suppress(OSError, EOFError, asyncio.IncompleteReadError, ValueError):
        await work
