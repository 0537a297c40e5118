"""What was published here, and nothing else: the source of routes whose modules come from publishing alone.

Every answer comes from the store, and nobody is asked: the names of such modules stay inside. A version is
published where its `.zip` and its `.info`, which is stored last, are both there, or where the ledger knows
its zip. What other sources left of one (an `.info` without a zip, a name in a list) does not publish it. One
that the ledger knows and whose parts are gone, as in a store that was restored older than its ledger, is
damaged, not absent: absence would send go on to look elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modgate.errors import Absent, Invalid, Tampered, Unavailable
from modgate.gomod import module, protocol, query, semver
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.types import ModuleVersion
from modgate.model import Answer, Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import Blob, BlobStore, Context, Ledger, ModuleSource

__all__ = ["PublishedAside", "PublishedSource", "list_of", "published_versions"]


class PublishedSource:
    """Answers from the store (`model.ModuleSource`)."""

    def __init__(self, store: BlobStore, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    async def fetch(self, ctx: Context, request: Request) -> Answer:  # noqa: ARG002  the protocol's
        """List, newest, queries by prefix, and the objects of a version."""
        if request.immutable:
            return await self._object(request)
        versions = await self._versions(request.path)
        if not versions:
            raise _absent(request, "nothing of this module is published here")
        if request.kind is Kind.LIST:
            return _answer(request, protocol.encode_list(versions))
        chosen = _chosen(request, versions)
        if chosen is None:
            raise _absent(request, "no published version fits; published modules have no branches or commits")
        info = await self._object(Request(Kind.INFO, request.path, chosen))
        return _answer(request, await _read(info))

    async def close(self) -> None:
        """Nothing is held."""

    async def _versions(self, path: ModulePath) -> list[Version]:
        """What is published, lowest first, with what the stored list names and the ledger knows."""
        infos, zips = await _stored(self._store, path)
        whole = infos & zips
        kept, _ = await list_of(self._store, path)
        doubtful = (infos | set(kept)) - whole
        known = {each for each in doubtful if await self._is_known(ModuleVersion(path, each))}
        return _listable(path, whole | known)

    async def _is_known(self, version: ModuleVersion) -> bool:
        return await self._ledger.seen(version, "zip") is not None

    async def _object(self, request: Request) -> Answer:
        version = request.module_version
        info = await self._store.get(Request.exact(Kind.INFO, version).url_path)
        zipped = await self._store.get(Request.exact(Kind.ZIP, version).url_path)
        whole = info is not None and zipped is not None
        if not whole and not await self._is_known(version):
            raise _absent(request, "this version is not published here")
        blob = {Kind.INFO: info, Kind.ZIP: zipped}.get(request.kind)
        if request.kind is Kind.MOD:
            blob = await self._store.get(request.url_path)
        if info is None or blob is None:
            raise _damaged(request)
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
    infos, zips = await _stored(store, path)
    return _listable(path, infos & zips)


async def _stored(store: BlobStore, path: ModulePath) -> tuple[set[Version], set[Version]]:
    """The versions of which the store has the `.info`, and those of which it has the `.zip`."""
    found: dict[str, set[Version]] = {"info": set(), "zip": set()}
    for name in await store.names(Request(Kind.LIST, path).url_path.removesuffix("/list")):
        escaped, _, ending = name.rpartition(".")
        if ending in found:
            try:
                version = module.unescape_version(escaped)
                module.check(path, version)
            except Invalid:
                continue
            found[ending].add(cast("Version", version))
    return found["info"], found["zip"]


def _listable(path: ModulePath, versions: set[Version]) -> list[Version]:
    """Through the list's own reader: what may not stand in a list is none of them."""
    return list(protocol.parse_list(protocol.encode_list(sorted(versions, key=semver.sort_key)), path))


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
        f"this version is known to this gate, and its {request.kind} is damaged or gone",
        where=f"{request.path}@{request.version}",
        next_step="Publish the same content again: that restores it.",
        kind="bad-answer",
    )
