"""The page that tells the go command where a module's repository is, so that it asks nobody else.

The go command looks for `https://<path>?go-get=1` by itself. Its proxy is this listener, which answers
for the paths of one repository and nothing else: what the finder (or the configuration's map) decided
is what go uses, no page is fetched twice, and go itself reaches no network at all. It speaks plain
HTTP only: go asks over https first, is refused, and with GOINSECURE for exactly this path asks again
over http, on loopback.

Sources: go help importpath; cmd/go/internal/web, get; RFC 9112, 3.2.2.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import html
import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.vcs.gocmd.address import Place

__all__ = ["go_import_page"]

_HEAD = 16 * 1024
_PATIENCE = 10.0


@contextlib.asynccontextmanager
async def go_import_page(place: Place) -> AsyncIterator[str]:
    """The address of the proxy that knows the page, a secret, while the context lasts."""
    password = secrets.token_hex(16)
    page = _page(place)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_answer(head, place, page, password))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=_HEAD)
    try:
        yield f"http://go:{password}@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def _page(place: Place) -> bytes:
    # A go command before 1.25 skips a tag of four fields.
    fields = " ".join(filter(None, (place.root, place.vcs, place.url, place.subdir)))
    tag = f'<meta name="go-import" content="{html.escape(fields)}">'
    return f"<!DOCTYPE html><html><head>{tag}</head></html>\n".encode()


def _answer(head: bytes, place: Place, page: bytes, password: str) -> bytes:
    request, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = request.split(" ")
    if not _known(lines, password):
        return _response(
            "407 Proxy Authentication Required", b'Proxy-Authenticate: Basic realm="modgate"\r\n'
        )
    if method != "GET" or not target.startswith("http://"):
        return _response("502 Bad Gateway")
    url = urlsplit(target)
    path = unquote(f"{url.netloc}{url.path}").rstrip("/")
    if path != place.root and not path.startswith(place.root + "/"):
        return _response("404 Not Found")
    return _response("200 OK", b"Content-Type: text/html; charset=utf-8\r\n", page)


def _known(lines: list[str], password: str) -> bool:
    expected = b"Basic " + base64.b64encode(f"go:{password}".encode())
    for line in lines:
        name, _, value = line.partition(":")
        if name.lower() == "proxy-authorization":
            return hmac.compare_digest(value.strip().encode("latin-1"), expected)
    return False


def _response(status: str, headers: bytes = b"", body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{length}".encode("ascii") + headers + b"\r\n" + body
