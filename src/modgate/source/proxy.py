"""An upstream module proxy as a source: asks, and checks that it got what it asked for.

The go command accepts an HTML page as a go.mod when checksums are off; this gate does not. A body
that is not what the request names is a broken answer (`Unavailable`), never absence.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import Invalid, Unavailable
from modgate.gomod import modfile, protocol
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model import Context, Upstream, UpstreamStream

__all__ = ["MAX_ZIP", "ProxySource"]

_AT_ONCE = 64 << 10
"""Larger bodies are checked in a thread: a hostile go.mod of 16 MiB takes seconds."""

MAX_INFO = 1 << 20
MAX_LIST = 16 << 20
MAX_MOD = 16 << 20
MAX_ZIP = 500 << 20


class ProxySource:
    """Speaks the GOPROXY protocol to one upstream (`model.ModuleSource`)."""

    def __init__(self, upstream: Upstream, *, max_zip: int = MAX_ZIP) -> None:
        self._upstream = upstream
        self._max_zip = min(max_zip, MAX_ZIP)

    @property
    def name(self) -> str:
        """The upstream's address without user info."""
        return self._upstream.name

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Ask, and check the body's kind; a zip is streamed, its checks are the wrapper's."""
        path = request.url_path
        if ctx.head and request.kind in {Kind.MOD, Kind.ZIP}:
            return Answer(request, _unread(), size=await self._upstream.head(ctx, path))
        if request.kind is Kind.ZIP:
            return await self._zip(ctx, request)
        body = await self._upstream.get(ctx, path, limit=_LIMITS[request.kind])
        if len(body) > _AT_ONCE:
            body = await asyncio.to_thread(self._checked, request, body)
        else:
            body = self._checked(request, body)
        return Answer(request, body, size=len(body))

    async def close(self) -> None:
        """Close the upstream's connections."""
        await self._upstream.close()

    async def _zip(self, ctx: Context, request: Request) -> Answer:
        stream = await self._upstream.open(ctx, request.url_path)
        problem = ""
        if stream.size is not None and stream.size > self._max_zip:
            problem = f"the zip has {stream.size} bytes, more than the limit of {self._max_zip}"
        elif stream.content_type in {"text/html", "application/json"}:
            problem = f"instead of a zip it sent {stream.content_type}"
        if problem:
            await stream.aclose()
            raise self._bad(request, problem)
        too_long = self._bad(request, f"the zip is larger than the limit of {self._max_zip} bytes")
        return Answer(request, _Bounded(stream, self._max_zip, too_long), size=stream.size)

    def _checked(self, request: Request, body: bytes) -> bytes:
        """The body if it is what the request names."""
        try:
            if request.kind is Kind.LIST:
                return protocol.encode_list(protocol.parse_list(body, request.path))
            if request.kind is Kind.MOD:
                _check_go_mod(body)
            else:
                asked = request.version if request.kind is Kind.INFO else None
                protocol.parse_info(body, asked=asked)
        except (Invalid, Unavailable) as error:
            raise self._bad(request, error.what) from error
        return body

    def _bad(self, request: Request, what: str) -> Unavailable:
        return Unavailable(
            f"a broken answer: {what}", where=f"{self._upstream.name}/{request.url_path}", kind="bad-answer"
        )


class _Bounded:
    """A zip's bytes; stops a body of unknown length at Go's limit.

    A class, because closing a generator that nobody has begun to read would not close its stream.
    """

    def __init__(self, stream: UpstreamStream, limit: int, too_long: Unavailable) -> None:
        self._stream = stream
        self._limit = limit
        self._chunks = stream.chunks()
        self._too_long = too_long
        self._got = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except BaseException:
            await self.aclose()
            raise
        self._got += len(chunk)
        if self._got > self._limit:
            await self.aclose()
            raise self._too_long
        return chunk

    async def aclose(self) -> None:
        """Give the connection back; a second call does nothing."""
        await self._stream.aclose()


def _check_go_mod(body: bytes) -> None:
    """Raise Invalid for what is no go.mod.

    Unknown words are skipped in a dependency's go.mod, so a page of prose would pass; without a module
    directive, which very old ones lack, every word must therefore be known.
    """
    if modfile.parse_lax(body).module is None:
        modfile.parse(body)


async def _unread() -> AsyncIterator[bytes]:
    """The body of an answer whose head alone was asked for."""
    return
    yield b""


_LIMITS = {
    Kind.LIST: MAX_LIST,
    Kind.LATEST: MAX_INFO,
    Kind.INFO: MAX_INFO,
    Kind.QUERY: MAX_INFO,
    Kind.MOD: MAX_MOD,
}
