"""A web of pages in memory, and finders over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath
from modgate.model import Context
from modgate.transport.pages import Page
from modgate.vcs.finder import Finder

if TYPE_CHECKING:
    import asyncio

    from modgate.vcs.roots import RepositoryRoot

__all__ = ["Web", "tag"]


def tag(prefix: str, vcs: str, repo: str, subdir: str = "") -> bytes:
    """A go-import tag."""
    return f'<meta name="go-import" content="{prefix} {vcs} {repo} {subdir}">'.encode()


class Web:
    """Pages by path without scheme and query (`transport.pages.Pages` in memory); 404 for all others."""

    def __init__(self) -> None:
        self.pages: dict[str, Page | Exception] = {}
        self.asked: list[str] = []
        self.insecure: list[str] = []
        self.now = 0.0
        self.gate: asyncio.Event | None = None
        self.closed = False

    def put(self, path: str, *parts: bytes, status: int = 200, **more: Any) -> None:
        """The page of a path."""
        headers = {"content-type": more.pop("content_type", "text/html")}
        self.pages[path] = Page(f"https://{path}", status, headers, b"\n".join(parts), **more)

    async def get(self, url: str, *, insecure: bool = False) -> Page:
        """The page."""
        assert url.startswith("https://")
        assert url.endswith("?go-get=1")
        path = url.removeprefix("https://").removesuffix("?go-get=1").removesuffix("/")
        self.asked.append(path)
        if insecure:
            self.insecure.append(path)
        if self.gate is not None:
            await self.gate.wait()
        page = self.pages.get(path)
        if page is None:
            return Page(f"https://{path}", 404, {"content-type": "text/html"}, b"<p>not here")
        if isinstance(page, Exception):
            raise page
        return page

    async def close(self) -> None:
        """Close."""
        self.closed = True

    def finder(self, **arguments: Any) -> Finder:
        """A finder over the web, its clock is `now`."""
        return Finder(self, clock=lambda: self.now, **arguments)

    async def find(self, path: str, **arguments: Any) -> RepositoryRoot:
        """What a fresh finder finds."""
        finder = self.finder(**arguments)
        try:
            return await finder.find(Context(), module(path))
        finally:
            await finder.close()


@pytest.fixture
def web() -> Web:
    return Web()


def module(path: str) -> ModulePath:
    """A path as a checked one."""
    return ModulePath(path)


BROKEN = Unavailable("no answer in time", kind="timeout")
