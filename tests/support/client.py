"""A plain HTTP client that tells a whole answer from a broken one, over TCP, TLS or a unix socket."""

from __future__ import annotations

import http.client
import socket
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

__all__ = ["Reply", "ask"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a client saw. `whole` is false where the connection broke; then `status` may be 0 (no head)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    seconds: float

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, wait: float) -> None:
        super().__init__("localhost", timeout=wait)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _connection(url: str, wait: float, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    if url.startswith("unix:"):
        return _UnixConnection(url.removeprefix("unix:"), wait)
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=wait, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=wait)


def ask(
    base: str,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    wait: float = 30.0,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """One request on a connection of its own. `base` is a URL, or `unix:/path`."""
    begun = time.perf_counter()
    connection = _connection(base, wait, context)
    status, answered, body, whole = 0, {}, bytearray(), False
    try:
        connection.request(method, path, headers=dict(headers or {}))
        answer = connection.getresponse()
        status = answer.status
        answered = {key.lower(): value for key, value in answer.getheaders()}
        while piece := answer.read1(1 << 20):
            body += piece
        # read1 ends quietly where the connection is cut before Content-Length bytes came.
        whole = answer.length in {None, 0} or method == "HEAD"
    except (OSError, http.client.HTTPException):
        whole = False
    finally:
        connection.close()
    return Reply(status, answered, bytes(body), whole, time.perf_counter() - begun)
