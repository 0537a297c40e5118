"""Modules straight from their repositories: what `direct` means in a GOPROXY chain.

A module path leads to a repository (`RootFinder`), and Go's rules over that repository (`CodeRepo`) lead to
versions. What a full version is is found out once for its `.info`, `.mod` and `.zip`, which the go command
asks for one after the other; everything else of joint work and memory is done by the wrappers above.
Sources: cmd/go/internal/modfetch/repo.go, lookupDirect; protocol.md's endpoints.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol, cast

from modgate.errors import Unavailable
from modgate.gomod.protocol import Kind, encode_info, encode_list
from modgate.model import Answer
from modgate.source.spans import told_of
from modgate.telemetry import tracing
from modgate.vcs.coderepo import CodeRepo, info_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import Version
    from modgate.model import Context, ModuleSource
    from modgate.vcs.coderepo_convert import Found
    from modgate.vcs.repository import Repository
    from modgate.vcs.roots import RepositoryRoot, RootFinder

__all__ = ["DirectSource", "RootedSource"]

_REMEMBERED = 512
_SECONDS = 600.0
_LARGE = 64 << 10
"""Bytes of a go.mod above which a version is not remembered."""


class RootedSource(Protocol):
    """Answers for modules whose repository is known; raises what a `ModuleSource` raises."""

    async def answer(self, ctx: Context, request: Request, root: RepositoryRoot) -> Answer:
        """Answer, or raise one of the family in `modgate.errors`."""

    async def close(self) -> None:
        """Release what it holds."""


class DirectSource:
    """Answers from version control (`model.ModuleSource`).

    Args:
        finder: Finds the repository of a module path.
        repositories: Opens a git repository, the same object for the same address. It is not closed
            here.
        other: Answers for repositories of other systems; None refuses them.
        proxies: Opens the module proxy that a go-import page names (`mod`); None refuses it.
        clock: Seconds, for the memory of versions.
        scratch: A folder for temporary zips; None for the system's.
    """

    def __init__(
        self,
        finder: RootFinder,
        repositories: Callable[[RepositoryRoot], Repository],
        *,
        other: RootedSource | None = None,
        proxies: Callable[[str], ModuleSource] | None = None,
        clock: Callable[[], float],
        scratch: Path | None = None,
    ) -> None:
        self._finder = finder
        self._repositories = repositories
        self._other = other
        self._proxies = proxies
        self._clock = clock
        self._scratch = scratch
        self._known: OrderedDict[tuple[str, ...], tuple[float, Found]] = OrderedDict()
        self._asking: dict[tuple[str, ...], asyncio.Lock] = {}

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Find the repository, and answer from it."""
        with tracing.span("repository", told_of(request)) as span:
            root = await self._finder.find(ctx, request.path)
            span.set({"modgate.vcs": root.vcs})
            return await self._from(ctx, request, root)

    async def _from(self, ctx: Context, request: Request, root: RepositoryRoot) -> Answer:
        if root.vcs == "git":
            repository = self._repositories(root)
            code = CodeRepo(repository, root.root, request.path, subdir=root.subdir, scratch=self._scratch)
            return await self._answer(ctx, request, code, root)
        if root.vcs == "mod":
            return await self._proxy(root).fetch(ctx, request)
        if self._other is None:
            raise Unavailable(
                f"the repository is kept in {root.vcs}, which this gate does not fetch from",
                where=request.path,
                next_step="put a module proxy that can before it, and route the module there",
            )
        return await self._other.answer(ctx, request, root)

    async def close(self) -> None:
        """Close what finds repositories, and the source for other systems."""
        await self._finder.close()
        if self._other is not None:
            await self._other.close()

    def _proxy(self, root: RepositoryRoot) -> ModuleSource:
        if self._proxies is None:
            raise Unavailable(
                "its go-import page names a module proxy, and proxies named by pages are not asked here",
                where=root.root,
                next_step=f"put {root.url} into the upstream chain, or route the module to it",
            )
        return self._proxies(root.url)

    async def _answer(self, ctx: Context, request: Request, code: CodeRepo, root: RepositoryRoot) -> Answer:
        body: bytes
        if request.kind is Kind.LIST:
            body = encode_list(await self._listed(ctx, code))
        elif request.kind is Kind.LATEST:
            body = encode_info(info_of(await code.latest(ctx)))
        elif request.kind is Kind.QUERY:
            body = encode_info(info_of(await code.query(ctx, request.version)))
        else:
            found = await self._exact(ctx, code, root, cast("Version", request.version))
            if request.kind is Kind.ZIP:
                return await self._zip(ctx, request, code, found)
            body = encode_info(info_of(found)) if request.kind is Kind.INFO else code.go_mod(found)
        return Answer(request, body, size=len(body))

    async def _listed(self, ctx: Context, code: CodeRepo) -> tuple[str, ...]:
        """The versions. Without any the newest commit must show that there is such a module at all."""
        versions = await code.versions(ctx)
        if not versions:
            await code.latest(ctx)
        return versions

    async def _zip(self, ctx: Context, request: Request, code: CodeRepo, found: Found) -> Answer:
        if ctx.head:
            return Answer(request, _unread())
        body = await code.zip(ctx, found)
        return Answer(request, body, size=body.size)

    async def _exact(self, ctx: Context, code: CodeRepo, root: RepositoryRoot, version: Version) -> Found:
        """What a full version is; who asks for the same at the same time waits for the first."""
        key = (ctx.credential_scope, root.url, root.root, root.subdir, code.path, version)
        if (known := self._remembered(key)) is not None:
            return known
        lock = self._asking.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                if (known := self._remembered(key)) is not None:
                    return known
                found = await code.exact(ctx, version)
                self._remember(key, found)
                return found
        finally:
            if not lock.locked():
                self._asking.pop(key, None)

    def _remembered(self, key: tuple[str, ...]) -> Found | None:
        at, found = self._known.get(key, (0.0, None))
        if found is None or self._clock() - at >= _SECONDS:
            return None
        self._known.move_to_end(key)
        return found

    def _remember(self, key: tuple[str, ...], found: Found) -> None:
        if len(found.place.go_mod or b"") > _LARGE:
            return
        self._known[key] = (self._clock(), found)
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


async def _unread() -> AsyncIterator[bytes]:
    """The body of an answer whose head alone was asked for."""
    return
    yield b""
