"""Modules in Mercurial, Subversion, Fossil or Bazaar as a source: what the go command says of them.

A client asks for `.info`, then `.mod`, then the zip: one run answers the first two, so what a run brought
is remembered for a moment. A request that may not fetch is answered without one: nothing is kept here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.errors import Absent
from modgate.gomod.protocol import Kind, encode_list, parse_list
from modgate.model import Answer
from modgate.vcs.gocmd import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import BinaryIO

    from modgate.gomod.protocol import Request
    from modgate.model import Context
    from modgate.transport.reach import Reach
    from modgate.vcs.gocmd import GoCommand, Place
    from modgate.vcs.gocmd.command import Metadata
    from modgate.vcs.roots import RepositoryRoot, RootFinder

__all__ = ["GoCommandSource"]

_PIECE = 1 << 18
_MOMENT = 120.0
_REMEMBERED = 256


class GoCommandSource:
    """Answers requests by the go command (`model.ModuleSource`).

    `insecure` holds globs of modules whose repository may be asked over http (comma-separated, as
    GOINSECURE); `trusted` the hosts that the operator named. `clock` is monotonic, in seconds.
    """

    def __init__(
        self,
        finder: RootFinder,
        command: GoCommand,
        *,
        clock: Callable[[], float],
        trusted: Reach,
        insecure: str = "",
    ) -> None:
        self._finder = finder
        self._command = command
        self._clock = clock
        self._trusted = trusted
        self._insecure = insecure
        self._remembered: dict[tuple[str, str, str], tuple[float, Metadata]] = {}

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Find the module's repository, and answer."""
        return await self.answer(ctx, request, await self._finder.find(ctx, request.path))

    async def answer(self, ctx: Context, request: Request, root: RepositoryRoot) -> Answer:
        """Answer for a module whose repository is known."""
        place = place_of(root, request.path, insecure=self._insecure, trusted=self._trusted)
        if not ctx.fetch:
            raise Absent("it is not stored here, and nothing may be fetched", where=str(request))
        path, version = request.path, request.version
        if request.kind is Kind.LIST:
            return self._said(request, _list(await self._command.versions(place, path), request))
        if request.kind is Kind.LATEST:
            return self._said(request, await self._command.resolve(place, path, "latest"))
        if request.kind is Kind.QUERY:
            return self._said(request, await self._command.resolve(place, path, version))
        if request.kind is Kind.INFO:
            return self._said(request, (await self._metadata(place, path, version)).info)
        if request.kind is Kind.MOD:
            return self._said(request, (await self._metadata(place, path, version)).mod)
        if ctx.head:
            await self._metadata(place, path, version)
            return Answer(request, _nothing())
        file, metadata = await self._command.zip(place, path, version)
        self._remember(place, path, version, metadata)
        return Answer(request, _OpenFile(file), size=file.seek(0, 2))

    async def close(self) -> None:
        """Nothing runs between requests."""

    @staticmethod
    def _said(request: Request, body: bytes) -> Answer:
        return Answer(request, body, size=len(body))

    async def _metadata(self, place: Place, path: str, version: str) -> Metadata:
        kept = self._remembered.get((place.url, path, version))
        if kept is not None and self._clock() - kept[0] < _MOMENT:
            return kept[1]
        metadata = await self._command.metadata(place, path, version)
        self._remember(place, path, version, metadata)
        return metadata

    def _remember(self, place: Place, path: str, version: str, metadata: Metadata) -> None:
        now = self._clock()
        self._remembered = {
            key: kept for key, kept in self._remembered.items() if now - kept[0] < _MOMENT
        } | {(place.url, path, version): (now, metadata)}
        if len(self._remembered) > _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]


class _OpenFile:
    """A file's bytes from its beginning; closed at its end, or by `aclose`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begun = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._file.closed:
            raise StopAsyncIteration
        piece = await asyncio.to_thread(self._next)
        if not piece:
            self._file.close()
            raise StopAsyncIteration
        return piece

    def _next(self) -> bytes:
        if not self._begun:
            self._begun = True
            self._file.seek(0)
        return self._file.read(_PIECE)

    async def aclose(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()


def _list(versions: list[str], request: Request) -> bytes:
    return encode_list(parse_list("\n".join(versions).encode(), request.path))


async def _nothing() -> AsyncIterator[bytes]:
    """The body of an answer whose head alone was asked for."""
    return
    yield b""
