"""What is stored is answered from the store; a miss is filled once, however many ask.

Immutable objects (`.info`, `.mod`, `.zip` of a canonical version) are stored for ever. `list`, `@latest`
and queries are for `freshness`. A fill is keyed by object **and** credential scope, and owned by this
wrapper: a client that goes away does not cancel it. Proved absence is remembered for a short while, and
so is the verdict of a failed fill, so that a retry gets the reason as a text instead of another transfer.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Tampered
from modgate.model import Answer, Blob, BlobStore, Context, ModuleSource, Verification
from modgate.source.fill import Fill
from modgate.source.freshness import Freshness
from modgate.source.verdicts import Verdicts

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.protocol import Request
    from modgate.source.settings import CacheSettings
    from modgate.source.turns import Turns
    from modgate.source.watch import Watch

__all__ = ["CachedSource"]


class CachedSource:
    """A store in front of a source (`model.ModuleSource`)."""

    def __init__(
        self,
        inner: ModuleSource,
        store: BlobStore,
        settings: CacheSettings,
        *,
        clock: Callable[[], float],
        watch: Watch,
        turns: Turns,
    ) -> None:
        self._inner = inner
        self._turns = turns
        self._store = store
        self._clock = clock
        self._watch = watch
        self._settings = settings
        self._fills: dict[tuple[str, str], Fill] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._verdicts = Verdicts(settings.remembered, clock=clock)
        self._freshness = Freshness(inner, store, settings, clock=clock, verdicts=self._verdicts)

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """From the store, else from a fill that is under way, else from a new one."""
        if not request.immutable:
            return await self._freshness.fetch(ctx, request)
        blob = await self._stored(request)
        if blob is not None:
            return _hit(request, blob)
        if not ctx.fetch:
            raise Absent("not in this gate's cache, and the request forbids fetching", where=request.url_path)
        self._verdicts.check(ctx.credential_scope, request.url_path)
        fill = self._fills.get((ctx.credential_scope, request.url_path))
        if ctx.head and fill is None:
            return await self._inner.fetch(ctx, request)
        return await (fill or self._begin(ctx, request)).answer(whole=ctx.whole)

    async def ensure(self, ctx: Context, request: Request) -> int | None:
        """Fill an immutable object that is not there and wait for the end; its size if it was filled.

        For work that the gate sets itself: it takes no client's turn. Raises what the fill raised.
        """
        if await self._store.get(request.url_path) is not None:
            return None
        self._verdicts.check(ctx.credential_scope, request.url_path)
        fill = self._fills.get((ctx.credential_scope, request.url_path)) or self._begin(
            replace(ctx, consumer=""), request
        )
        await fill.finished()
        return fill.size or 0

    async def close(self) -> None:
        """End every fill (readers get `Unavailable`, kind `stopping`), then close the inner source."""
        await self._freshness.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._inner.close()

    async def _stored(self, request: Request) -> Blob | None:
        """The stored object; one whose bytes rotted is set aside and counts as not there."""
        try:
            blob = await self._store.get(request.url_path)
            if blob is not None:
                await blob.verify()
        except Tampered as error:
            self._watch.alert("bit-rot", request.url_path, error.what)
            return None
        return blob

    def _begin(self, ctx: Context, request: Request) -> Fill:
        key = (ctx.credential_scope, request.url_path)
        fill = Fill(request, self._store, clock=self._clock)
        self._fills[key] = fill
        task = asyncio.create_task(self._run(ctx.detached(), key, fill))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return fill

    async def _run(self, ctx: Context, key: tuple[str, str], fill: Fill) -> None:
        began = self._clock()
        try:
            if ctx.consumer:
                async with self._turns.slot(ctx.consumer):
                    await fill.run(lambda: self._inner.fetch(ctx, fill.request))
            else:
                await fill.run(lambda: self._inner.fetch(ctx, fill.request))
        except ModgateError as error:
            fill.fail(error)
        finally:
            del self._fills[key]
            if fill.error is not None:
                self._verdicts.remember(*key, fill.error)
                if isinstance(fill.error, Tampered):
                    self._watch.alert("tampered", fill.request.url_path, str(fill.error))
            if fill.unstored is not None:
                self._watch.alert("unstored", fill.request.url_path, str(fill.unstored))
            self._watch.filled(fill.request.kind, fill.error, fill.size or 0, self._clock() - began)


def _hit(request: Request, blob: Blob) -> Answer:
    return Answer(
        request,
        blob,
        size=blob.meta.size,
        verified=Verification(blob.meta.verified),
        sha256=blob.meta.sha256,
    )
