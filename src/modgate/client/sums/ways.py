"""The ways to the checksum database: through each proxy of GOPROXY, then the database itself.

`go` asks a proxy that supports the database, and the database where none does; a URL in GOSUMDB goes past
all proxies. A folder (`file://`) is a mirror that may be incomplete: a record that it lacks is not a record
that the database lacks. Source: cmd/go/internal/modfetch/sumdb.go (initBase).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, Unavailable
from modgate.gomod.proxylist import EntryKind
from modgate.transport.file import FileUpstream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.gomod.proxylist import ProxyEntry
    from modgate.model import Context, Upstream, UpstreamStream
    from modgate.sumdb.spec import Spec

__all__ = ["FolderMirror", "NotInMirror", "OffLine", "Ways", "ways_to"]


class NotInMirror(Unavailable):
    """A folder holds no such record; only the database could say that there is none."""


class OffLine(Unavailable):
    """Nobody may be asked, and it is not among what is kept."""


class FolderMirror(FileUpstream):
    """A folder in GOPROXY layout that may hold less than the database."""

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """As Upstream says, but a missing look-up is NotInMirror."""
        try:
            return await super().get(ctx, path, limit=limit)
        except Absent as error:
            if not path.startswith("lookup/") and "/lookup/" not in path:
                raise
            raise NotInMirror("the folder holds no record of it", where=error.where) from error


class _Counted:
    """An upstream (`model.Upstream`) whose requests are counted."""

    def __init__(self, upstream: Upstream, count: Callable[[], None]) -> None:
        self._upstream = upstream
        self._count = count
        self.name = upstream.name

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        self._count()
        return await self._upstream.get(ctx, path, limit=limit)

    async def open(self, ctx: Context, path: str) -> UpstreamStream:
        self._count()
        return await self._upstream.open(ctx, path)

    async def head(self, ctx: Context, path: str) -> int | None:
        self._count()
        return await self._upstream.head(ctx, path)

    async def ready(self) -> None:
        await self._upstream.ready()

    async def close(self) -> None:
        await self._upstream.close()


class Ways:
    """The upstreams of one run: each address once, counted, closed together."""

    def __init__(self, build: Callable[[str], Upstream], *, offline: bool) -> None:
        self._build = build
        self._offline = offline
        self._made: dict[str, Upstream] = {}
        self.requests = 0

    def upstream(self, url: str) -> Upstream | None:
        """The upstream at an address; None where it may not be asked."""
        if url not in self._made:
            if url.startswith("file:"):
                self._made[url] = FolderMirror(url)
            elif self._offline:
                return None
            else:
                self._made[url] = _Counted(self._build(url), self._count)
        return self._made[url]

    def _count(self) -> None:
        self.requests += 1

    def proxies(self, entries: Sequence[ProxyEntry]) -> list[tuple[Upstream, bool]]:
        """The proxies of a chain that may be asked, each with whether any error moves on."""
        found = [
            (self.upstream(entry.url), entry.falls_back_on_error)
            for entry in entries
            if entry.kind is EntryKind.PROXY
        ]
        return [(upstream, fall) for upstream, fall in found if upstream is not None]

    async def close(self) -> None:
        """Close every upstream."""
        for upstream in self._made.values():
            await upstream.close()


def ways_to(spec: Spec, entries: Sequence[ProxyEntry], ways: Ways) -> list[Candidate]:
    """The candidates in the order in which go would try them."""
    proxies = [] if spec.url else ways.proxies(entries)
    found = [Candidate(upstream, any_error=fall) for upstream, fall in proxies]
    direct = ways.upstream(spec.direct_url)
    if direct is not None:
        found.append(Candidate(direct, proxy=False))
    return found
