"""HTTP proxies that carry CONNECT, or answer it in one of the ways that people meet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Tunnel", "listen"]


class Tunnel(StrEnum):
    """What becomes of CONNECT."""

    CARRIES = "carries"
    WANTS_PASSWORD = "407"
    FORBIDS = "403"
    HANGS = "hangs"
    GARBAGE = "garbage"


_REFUSALS = {
    Tunnel.WANTS_PASSWORD: b"HTTP/1.1 407 Proxy Authentication Required\r\n"
    b'Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm="corp"\r\nContent-Length: 0\r\n\r\n',
    Tunnel.FORBIDS: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    Tunnel.GARBAGE: b"SSH-2.0-OpenSSH_9.6\r\n",
}


async def listen(address: str, port: int, tunnel: Tunnel, places: Mapping[str, str] | None = None) -> None:
    """Serve for as long as the loop runs; `places` says where names are, in place of the resolver."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
            head = await reader.readuntil(b"\r\n\r\n")
            if tunnel is Tunnel.HANGS:
                await asyncio.sleep(600)
            if tunnel in _REFUSALS:
                writer.write(_REFUSALS[tunnel])
                await writer.drain()
                writer.close()
                return
            await _carry(head, reader, writer, places)

    await asyncio.start_server(serve, address, port)


async def _carry(
    head: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    places: Mapping[str, str] | None,
) -> None:
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
    connect = method == "CONNECT"
    place = target if connect else target.split("/")[2]
    host, _, port = place.rpartition(":") if ":" in place else (place, "", "80")
    host = (places or {}).get(host, host)
    if places is not None and host not in places.values():
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        return
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    far_reader, far_writer = await asyncio.open_connection(*found[0][4][:2])
    if connect:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        far_writer.write(head)
    await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
