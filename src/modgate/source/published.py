"""What was published here, and nothing else: the source of routes whose modules come from publishing alone.

Every answer comes from the store, and nobody is asked: the names of such modules stay inside. A version
counts from the moment its `.info` is there, which is stored last; one that is on its way, or whose publishing
was cut, is absent. A version that the stored list names and whose parts are gone is damaged, not absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid, Tampered, Unavailable
from modgate.gomod import module, protocol, query, semver
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer, Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import Blob, BlobStore, Context, ModuleSource

__all__ = ["PublishedAside", "PublishedSource", "list_of", "published_versions"]


class PublishedSource:
    """Answers from the store (`model.ModuleSource`)."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    async def fetch(self, ctx: Context, request: Request) -> Answer:  # noqa: ARG002  the protocol's
        """List, newest, queries by prefix, and the objects of a version."""
        if request.immutable:
            return await self._object(request)
        versions = await published_versions(self._store, request.path)
        if not versions:
            raise _absent(request, "nothing of this module is published here")
        if request.kind is Kind.LIST:
            kept, _ = await list_of(self._store, request.path)
            listed = semver.sorted_versions({*versions, *kept})
            return _answer(request, protocol.encode_list(listed))
        chosen = _chosen(request, versions)
        if chosen is None:
            raise _absent(request, "no published version fits; published modules have no branches or commits")
        info = await self._object(Request(Kind.INFO, request.path, chosen))
        return _answer(request, await _read(info))

    async def close(self) -> None:
        """Nothing is held."""

    async def _object(self, request: Request) -> Answer:
        info = Request(Kind.INFO, request.path, request.version)
        visible = await self._store.get(info.url_path)
        blob = visible if request.kind is Kind.INFO else await self._store.get(request.url_path)
        if visible is None or blob is None:
            listed, _ = await list_of(self._store, request.path)
            if visible is not None or request.version in listed:
                raise _damaged(request)
            raise _absent(request, "this version is not published here")
        try:
            await blob.verify()
        except Tampered:
            raise _damaged(request) from None
        return Answer(
            request,
            blob,
            size=blob.meta.size,
            verified=Verification(blob.meta.verified),
            sha256=blob.meta.sha256,
        )


class PublishedAside:
    """Lets published modules go past a cache: their store is the cache's, so it could only show parts of a
    version that is on its way, and lists from before it.
    """

    def __init__(
        self, inner: ModuleSource, published: ModuleSource, is_published: Callable[[ModulePath], bool]
    ) -> None:
        self._inner = inner
        self._published = published
        self._is_published = is_published

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The answer of the published source for its modules, of the inner one for others."""
        source = self._published if self._is_published(request.path) else self._inner
        return await source.fetch(ctx, request)

    async def close(self) -> None:
        """Close both."""
        await self._published.close()
        await self._inner.close()


async def published_versions(store: BlobStore, path: ModulePath) -> list[Version]:
    """The versions of a module that are stored whole, lowest first. Raises Unavailable."""
    folder = Request(Kind.LIST, path).url_path.removesuffix("/list")
    found = []
    for name in await store.names(folder):
        if name.endswith(".info"):
            try:
                version = module.unescape_version(name.removesuffix(".info"))
                module.check(path, version)
            except Invalid:
                continue
            found.append(version)
    # Through the list's own reader: what may not stand in a list is none of them.
    return list(protocol.parse_list(protocol.encode_list(found), path))


async def list_of(store: BlobStore, path: ModulePath) -> tuple[tuple[Version, ...], float]:
    """The stored list and when it was confirmed: nothing and 0 where there is none. Raises Unavailable."""
    blob = await store.get(Request(Kind.LIST, path).url_path)
    if blob is None:
        return (), 0.0
    try:
        return protocol.parse_list(await blob.read(), path), blob.meta.stored_at
    except Tampered:
        return (), 0.0


def _chosen(request: Request, versions: list[Version]) -> str | None:
    if request.kind is Kind.LATEST:
        return query.latest(versions)
    try:
        asked = query.parse_query(request.path, request.version)
    except Invalid:
        return None
    return None if asked is None else query.choose(asked, versions)


def _answer(request: Request, body: bytes) -> Answer:
    return Answer(request, body, size=len(body), age=0.0, max_age=0.0)


async def _read(answer: Answer) -> bytes:
    blob: Blob = answer.body  # type: ignore[assignment]
    return await blob.read()


def _absent(request: Request, what: str) -> Absent:
    where = f"{request.path}@{request.version}" if request.version else str(request.path)
    return Absent(
        what, where=where, next_step="Its route is publish-only: `modgate publish` brings versions in."
    )


def _damaged(request: Request) -> Unavailable:
    return Unavailable(
        f"the stored {request.kind} of this published version is damaged or gone",
        where=f"{request.path}@{request.version}",
        next_step="Publish the same content again: that restores it.",
        kind="bad-answer",
    )
