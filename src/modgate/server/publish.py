"""`PUT /<module>/@v/<version>`: a version comes in.

Rules: who sends is known before the body is read, and what is not taken is refused before a client that
asked (`Expect: 100-continue`) sends it. The body goes piece by piece into the store's temporary object: the
next piece is read when the last one is written, a sender that stalls or takes for ever is cut off, and one
that goes away leaves nothing. After a refusal the connection ends, so that no rest of a body is ever read as
a request; it ends a moment later, reading on, because a client that still writes would otherwise lose the
answer.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from modgate.errors import Invalid, TooLarge, Unauthenticated, Unavailable
from modgate.gomod import module
from modgate.gomod.protocol import decode_path
from modgate.gomod.publishing import publishable
from modgate.gomod.tartree import MAX_TAR
from modgate.server.respond import Response, error_response, text_response
from modgate.server.transmit import DisconnectedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, MutableMapping

    from modgate.gomod.types import ModuleVersion
    from modgate.server.exchange import Exchange
    from modgate.server.tokens import Tokens
    from modgate.server.transmit import Receive, Send
    from modgate.source.publish import Published, Publisher

__all__ = ["Body", "Patience", "Publishing", "send_and_drain"]

_URL = re.compile(r"/[^@]+/@v/[^/]+")
_DRAINED = 64 << 20
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds an upload may take, `stall` without a byte and `total` in all; `uploads` at a time."""

    stall: float = 60.0
    total: float = 3600.0
    uploads: int = 8


class SlowError(Unavailable):
    """The sender is too slow: 408."""


@dataclass(slots=True)
class Body:
    """A request's body: `whole` once its last byte was read, `begun` once any of it was asked for."""

    receive: Receive
    patience: Patience
    monotonic: Callable[[], float]
    whole: bool = False
    begun: bool = False
    came: int = field(default=0)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The bytes as they come. Raises DisconnectedError, SlowError."""
        ends = self.monotonic() + self.patience.total
        while not self.whole:
            piece = await self._next(min(self.patience.stall, ends - self.monotonic()))
            if piece:
                yield piece

    async def _next(self, seconds: float) -> bytes:
        try:
            async with asyncio.timeout(seconds):
                self.begun = True
                message = await self.receive()
        except TimeoutError:
            raise SlowError(
                f"the upload took too long: {self.came} bytes came",
                kind="timeout",
                next_step="Send it again.",
            ) from None
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        self.whole = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        self.came += len(piece)
        return piece


class Publishing:
    """Answers uploads.

    Args:
        publisher: What takes the versions.
        tokens: Who may send.
        monotonic: Seconds, for time-outs.
        patience: See `Patience`.
    """

    def __init__(
        self,
        publisher: Publisher,
        tokens: Tokens,
        *,
        monotonic: Callable[[], float],
        patience: Patience | None = None,
    ) -> None:
        self._publisher = publisher
        self._tokens = tokens
        self._monotonic = monotonic
        self._patience = patience or Patience()
        self._under_way = 0
        self._log = structlog.get_logger("modgate.publish")

    @staticmethod
    def takes(path: str) -> bool:
        """Whether a raw path, after the mount prefix, is one to PUT to: no endpoint for reading is."""
        last = path.rpartition("/")[2]
        reads = last == "list" or last.endswith((".info", ".mod", ".zip"))
        return (
            _URL.fullmatch(path) is not None
            and not path.startswith(("/sumdb/", "/cached-only/"))
            and not reads
        )

    def body(self, receive: Receive) -> Body:
        """The body of a request that is to be answered."""
        return Body(receive, self._patience, self._monotonic)

    def principal(self, exchange: Exchange) -> str:
        """Who sends. Raises Unauthenticated, Unavailable."""
        return self._tokens.principal(exchange.headers.get(b"authorization"))

    async def answer(self, exchange: Exchange, path: str, principal: str, body: Body) -> Response:
        """Take what is sent to `path` by `principal`; the answer of success.

        Raises the errors of `Publisher.publish`, and DisconnectedError.
        """
        version = _version(path)
        _check_head(exchange)
        if self._under_way >= self._patience.uploads:
            raise Unavailable("too many uploads are under way", kind="overloaded", retry_after=5)
        self._under_way += 1
        pieces = body.pieces()
        try:
            published = await self._publisher.publish(
                version,
                pieces,
                media_type=exchange.headers.get(b"content-type", b"").decode("latin-1"),
                principal=principal,
            )
        finally:
            self._under_way -= 1
            await pieces.aclose()
        self._log.info(
            "published" if published.created else "published before",
            module=version.path,
            version=version.version,
            h1=published.h1,
            principal=principal,
            request_id=exchange.request_id,
        )
        return _told(published)

    @staticmethod
    def failed(error: Exception, request_id: str) -> Response:
        """What a sender is told about an error, where it differs from what a reader is told."""
        if isinstance(error, SlowError):
            return text_response(408, [*error.lines(), f"request {request_id}"])
        response = error_response(error, request_id)
        if isinstance(error, Unauthenticated):
            response.headers.append((b"www-authenticate", b'Bearer realm="modgate"'))
        return response


def _version(path: str) -> ModuleVersion:
    """The version that a URL names. Raises Invalid (malformed)."""
    try:
        escaped, _, version = decode_path(path).partition("/@v/")
        return publishable(module.unescape_path(escaped), module.unescape_version(version))
    except Invalid as error:
        error.malformed = True
        raise


def _check_head(exchange: Exchange) -> None:
    """Refuse by what the head says. Raises Invalid, TooLarge."""
    headers = exchange.headers
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        raise Invalid("a Content-Encoding is not taken: send the zip or tar as it is", malformed=True)
    if b"content-range" in headers:
        raise Invalid("a part of a body is not taken: send it whole", malformed=True)
    if not exchange.has_body:
        raise Invalid("there is no body: send the module zip, or a tar of its files", malformed=True)
    length = headers.get(b"content-length", b"").strip()
    if length.isdigit() and int(length[:20]) > MAX_TAR:
        raise TooLarge(f"the body is larger than the {MAX_TAR} bytes that an upload may have")


def _told(published: Published) -> Response:
    version = published.version
    document = {
        "module": version.path,
        "version": version.version,
        "h1": published.h1,
        "h1_mod": published.h1_mod,
        "size": published.size,
        "status": "created" if published.created else "exists",
    }
    body = json.dumps(document).encode() + b"\n"
    headers = [
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if published.created:
        headers.append((b"location", f"{module.escape_version(version.version)}.info".encode()))
    return Response(201 if published.created else 200, headers, body, len(body))


async def send_and_drain(response: Response, body: Body, exchange: Exchange, send: Send) -> int:
    """Send an answer to an upload, and end the connection unless the whole body was read.

    Where a body is still on its way the answer is sent, then the rest is read and dropped, for a moment
    and up to a bound. Returns the bytes sent.
    """
    payload = response.body if isinstance(response.body, bytes) else b""
    waits = b"expect" in exchange.headers and not body.begun
    headers = [*response.headers, (b"content-length", str(len(payload)).encode("ascii"))]
    ends = exchange.has_body and not body.whole
    if ends:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": payload, "more_body": True})
    if ends and not waits:
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await _drain(body.receive)
        except TimeoutError:
            pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    return len(payload)


async def _drain(receive: Receive) -> None:
    dropped = 0
    message: MutableMapping[str, Any] = {"more_body": True}
    while message.get("more_body", False) and dropped < _DRAINED:
        message = await receive()
        dropped += len(message.get("body", b""))
