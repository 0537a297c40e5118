"""The body of an HTTP answer as it comes: stalls, time-outs and a body that breaks off are told apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.telemetry import tracing
from modgate.transport.spans import end
from modgate.transport.verdict import FOREIGN, transport_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import aiohttp

    from modgate.transport.http import HTTPUpstream

__all__ = ["HTTPStream", "give_back"]


def _nobody(_error: Unavailable) -> None:
    """Nobody counts."""


def give_back(response: aiohttp.ClientResponse) -> None:
    """The connection to the pool where the body is read, else closed."""
    if response.content.at_eof():
        response.release()
    else:
        response.close()


class HTTPStream:
    """The head of a 200 answer (304 where conditions were sent) and its body (`model.UpstreamStream`).

    `broken` is told why a body did not arrive whole. `span` ends with the body.
    """

    def __init__(self, response: aiohttp.ClientResponse, upstream: HTTPUpstream, where: str) -> None:
        self._response = response
        self._upstream = upstream
        self._where = where
        self.broken: Callable[[Unavailable], None] = _nobody
        self.span: tracing.Span = tracing.NO_SPAN

    @property
    def size(self) -> int | None:
        """The Content-Length; None where none was said."""
        return self._response.content_length

    @property
    def content_type(self) -> str:
        """The media type, lower case, without parameters."""
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def unchanged(self) -> bool:
        """Whether the answer was 304: what the conditions named is still so."""
        return self._response.status == 304

    @property
    def validators(self) -> dict[str, str]:
        """The `ETag` and `Last-Modified` that came, by those names."""
        headers = self._response.headers
        return {name: headers[name] for name in ("ETag", "Last-Modified") if headers.get(name)}

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces. Raises Unavailable where it does not arrive whole or in time."""
        began = self._upstream.monotonic()
        try:
            async for chunk in self._pieces(began):
                yield chunk
        except Unavailable as error:
            self.broken(error)
            end(self.span, error)
            raise
        self._upstream.observe(self._upstream.name, "body", self._upstream.monotonic() - began)
        self.span.end()

    async def _pieces(self, began: float) -> AsyncIterator[bytes]:
        settings = self._upstream.settings
        mark = began
        got = since_mark = 0
        while True:
            try:
                async with asyncio.timeout(settings.stall):
                    chunk = await self._response.content.readany()
            except TimeoutError as error:
                raise self._stalled(got) from error
            except FOREIGN as error:
                raise transport_error(error, self._where, "body") from error
            now = self._upstream.monotonic()
            if not chunk:
                break
            got += len(chunk)
            since_mark += len(chunk)
            if now - mark >= settings.stall:
                if since_mark < settings.stall_bytes:
                    raise self._stalled(got)
                mark, since_mark = now, 0
            if now - began > settings.total:
                raise Unavailable(
                    f"the transfer took longer than {settings.total:g} s", where=self._where, kind="timeout"
                )
            yield chunk
        if self.size is not None and got != self.size:
            raise Unavailable(
                f"the body broke off: {got} of {self.size} bytes came", where=self._where, kind="bad-answer"
            )

    def _stalled(self, got: int) -> Unavailable:
        return Unavailable(f"the transfer stalled after {got} bytes", where=self._where, kind="timeout")

    async def aclose(self) -> None:
        """Give the connection back, or close it where the body is unread."""
        give_back(self._response)
        self.span.end()
