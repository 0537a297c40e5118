"""An upstream in memory: the twin of the real ones, for tests and for trying things out.

A page is the bytes of a 200 answer, an error to raise, or a function of the path that returns the bytes
or raises (it may be a coroutine function, which can wait). What has no page is Absent, as a 404 would be.
"""

from __future__ import annotations

import inspect
from collections import Counter
from typing import TYPE_CHECKING

from modgate.errors import Absent, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from modgate.model.context import Context

    Page = bytes | Exception | Callable[[str], bytes | Awaitable[bytes]]

__all__ = ["MemoryStream", "MemoryUpstream"]

_PIECE = 64 * 1024


class MemoryStream:
    """The head and the body of an answer in memory."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.size: int | None = len(body)
        self.content_type = ""

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces of at most 64 KiB."""
        for start in range(0, len(self._body), _PIECE):
            yield self._body[start : start + _PIECE]

    async def aclose(self) -> None:
        """Drop the body."""
        self._body = b""


class MemoryUpstream:
    """An `Upstream` over a mapping of paths to pages.

    `otherwise` is the page of every path that `pages` lacks. `requests` counts what was asked, by path.
    """

    def __init__(
        self, name: str, pages: Mapping[str, Page] | None = None, otherwise: Page | None = None
    ) -> None:
        self.name = name
        self.pages: dict[str, Page] = dict(pages or {})
        self.otherwise = otherwise
        self.requests: Counter[str] = Counter()
        self.broken: Unavailable | None = None

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:  # noqa: ARG002  the protocol's
        """The page's bytes."""
        body = await self._answer(path)
        if len(body) > limit:
            raise Unavailable(f"more than {limit} bytes", where=f"{self.name}/{path}", kind="bad-answer")
        return body

    async def open(self, ctx: Context, path: str) -> MemoryStream:  # noqa: ARG002  the protocol's
        """The page as a stream."""
        return MemoryStream(await self._answer(path))

    async def head(self, ctx: Context, path: str) -> int | None:  # noqa: ARG002  the protocol's
        """The page's length."""
        return len(await self._answer(path))

    async def ready(self) -> None:
        """Raise `broken` where it is set."""
        if self.broken is not None:
            raise self.broken

    async def close(self) -> None:
        """Nothing is held."""

    async def _answer(self, path: str) -> bytes:
        self.requests[path] += 1
        await self.ready()
        page = self.pages.get(path, self.otherwise)
        if page is None:
            raise Absent("not found", where=f"{self.name}/{path}")
        if isinstance(page, bytes):
            return page
        if isinstance(page, Exception):
            raise page
        answer = page(path)
        return await answer if inspect.isawaitable(answer) else answer
