"""Answers that may change: `list`, `@latest`, branch and prefix queries.

Fresh for a short time; then the old answer is given at once while one refresh runs; when it is much
older the refresh is waited for, and the old answer still stands when the upstream is broken (`Age`
says how old it is). A list is merged with what the store holds: a version that was served stays
listed even when its repository has gone. Nothing broken ever becomes "absent".
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Tampered, Unavailable
from modgate.gomod import protocol, query
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer, BlobMeta

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.model import Blob, BlobStore, Context, ModuleSource
    from modgate.source.settings import CacheSettings
    from modgate.source.verdicts import Verdicts

__all__ = ["Freshness"]

_PAUSE = 5.0
_REMEMBERED = 10_000


class Freshness:
    """Keeps mutable answers of one source in one store."""

    def __init__(
        self,
        inner: ModuleSource,
        store: BlobStore,
        settings: CacheSettings,
        *,
        clock: Callable[[], float],
        verdicts: Verdicts,
    ) -> None:
        self._inner = inner
        self._store = store
        self._settings = settings
        self._clock = clock
        self._verdicts = verdicts
        self._refreshes: dict[tuple[str, str], asyncio.Task[Blob]] = {}
        self._failed: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The answer, at most as old as the settings allow while its source works."""
        key = (ctx.credential_scope, request.url_path)
        stored = await self._readable(request)
        age = self._age(stored)
        if not ctx.fetch:
            return await (self._answer(request, stored) if stored else self._from_store(request))
        if stored and age < self._settings.mutable_ttl:
            return await self._answer(request, stored)
        if stored is None:
            self._verdicts.check(*key)
            return await self._answer(request, await asyncio.shield(self._refresh(ctx, key, request)))
        if self._clock() < self._failed.get(key, 0.0):
            return await self._answer(request, stored, stale=True)
        refresh = self._refresh(ctx, key, request)
        if age < self._settings.stale_while_refresh:
            return await self._answer(request, stored, stale=True)
        try:
            fresh = await asyncio.wait_for(asyncio.shield(refresh), self._settings.refresh_wait)
        except Absent:
            if request.kind is Kind.QUERY:
                raise
            return await self._answer(request, stored, stale=True)
        except (ModgateError, TimeoutError):
            return await self._answer(request, stored, stale=True)
        return await self._answer(request, fresh)

    async def refresh(self, ctx: Context, request: Request) -> None:
        """Ask the source now, whatever is stored. Raises what the source raises."""
        await asyncio.shield(self._refresh(ctx, (ctx.credential_scope, request.url_path), request))

    async def close(self) -> None:
        """End the refreshes that run."""
        tasks = list(self._refreshes.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _readable(self, request: Request) -> Blob | None:
        """The stored answer; one whose bytes rotted counts as not there."""
        try:
            blob = await self._store.get(request.url_path)
            if blob is not None:
                await blob.verify()
        except Tampered:
            return None
        return blob

    def _age(self, blob: Blob | None) -> float:
        """Seconds since it was confirmed; endless for one from the future (a clock that was set back)."""
        if blob is None:
            return float("inf")
        age = self._clock() - blob.meta.stored_at
        return age if age >= 0 else float("inf")

    async def _answer(self, request: Request, blob: Blob, *, stale: bool = False) -> Answer:
        age = self._age(blob)
        age = 0.0 if age == float("inf") else age
        body = await blob.read()
        return Answer(
            request,
            body,
            size=len(body),
            sha256=blob.meta.sha256,
            age=age,
            max_age=max(0.0, self._settings.mutable_ttl - age),
            stale=stale,
        )

    def _refresh(self, ctx: Context, key: tuple[str, str], request: Request) -> asyncio.Task[Blob]:
        """The one refresh of this answer that runs, begun if none does."""
        task = self._refreshes.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(ctx.detached(), key, request))
            self._refreshes[key] = task
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: tuple[str, str], task: asyncio.Task[Blob]) -> None:
        self._refreshes.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failed.pop(key, None)
            self._verdicts.forget(*key)
            return
        if isinstance(error, Absent):
            self._verdicts.remember(*key, error)
        self._failed[key] = self._clock() + _PAUSE
        while len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)

    async def _ask(self, ctx: Context, key: tuple[str, str], request: Request) -> Blob:
        try:
            answer = await self._inner.fetch(ctx, request)
        except Absent:
            if request.kind is Kind.QUERY:
                await self._store.remove(key[1])
            raise
        body = answer.body
        if not isinstance(body, bytes):
            raise Unavailable("the answer came as a stream", where=request.url_path, kind="bad-answer")
        if request.kind is Kind.LIST:
            listed = set(protocol.parse_list(body, request.path)) | set(await self._versions(request))
            body = protocol.encode_list(listed)
        meta = BlobMeta(sha256=hashlib.sha256(body).hexdigest(), size=len(body), stored_at=self._clock())
        return await self._store.replace(request.url_path, body, meta)

    async def _versions(self, request: Request) -> tuple[str, ...]:
        """The tagged versions of the module that the store can serve without help."""
        folder = Request(Kind.LIST, request.path).url_path.removesuffix("/list")
        names = await self._store.names(folder)
        stems = [name.rsplit(".", 1)[0] for name in names if name.endswith((".zip", ".info"))]
        text = "\n".join(dict.fromkeys(stems)).encode()
        try:
            return protocol.parse_list(text, request.path)
        except Unavailable:
            return ()

    async def _from_store(self, request: Request) -> Answer:
        """What the store alone says to a list or @latest that was never asked."""
        versions = [] if request.kind is Kind.QUERY else await self._versions(request)
        if request.kind is Kind.LIST and versions:
            body = protocol.encode_list(versions)
            return Answer(request, body, size=len(body), age=0.0, max_age=0.0, stale=True)
        newest = query.latest(versions) if versions else None
        if newest is not None:
            blob = await self._store.get(f"{_folder(request)}/{newest}.info")
            if blob is not None:
                return await self._answer(request, blob, stale=True)
        raise Absent("not in this gate's cache, and the request forbids fetching", where=request.url_path)


def _folder(request: Request) -> str:
    return Request(Kind.LIST, request.path).url_path.removesuffix("/list")
