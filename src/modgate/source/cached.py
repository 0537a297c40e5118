"""What is stored is answered from the store; a miss is filled once, however many ask.

Immutable objects (`.info`, `.mod`, `.zip` of a canonical version) are stored for ever. `list`, `@latest`
and queries are for `freshness`. A fill is keyed by object **and** credential scope, and owned by the
wrapper that runs it: a client that goes away does not cancel it. Fills of an earlier configuration are joined
as well (`fills`); one that fails says nothing of the way in force, which is asked then. Proved absence is
remembered for a short while, and so is the verdict of a failed fill, so that a retry gets the reason as a
text instead of another transfer.

A fill runs in the turn of a client that waits for it. Each client that joins one which has not started
yet brings its own turn along, so that nobody waits behind another's queue.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Tampered, Unavailable
from modgate.gomod import module
from modgate.model import Answer, Blob, BlobStore, Context, ModuleSource, Verification
from modgate.source.fill import Fill
from modgate.source.fills import FillKey, Fills
from modgate.source.freshness import Freshness
from modgate.source.scopes import store_key
from modgate.source.spans import told_of, told_of_proof
from modgate.source.verdicts import Verdicts, again
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath
    from modgate.source.settings import CacheSettings
    from modgate.source.turns import Turns
    from modgate.source.watch import Watch

__all__ = ["CachedSource"]


class CachedSource:
    """A store in front of a source (`model.ModuleSource`).

    `proves` judges what was stored unproved: None means that it must not be served. `fills` are those of all
    sources in front of this store, and `way` says which of them fetch as this one does.
    """

    def __init__(
        self,
        inner: ModuleSource,
        store: BlobStore,
        settings: CacheSettings,
        *,
        clock: Callable[[], float],
        watch: Watch,
        turns: Turns,
        proves: Callable[[Context, Request, Blob], Awaitable[Verification | None]] | None = None,
        fills: Fills | None = None,
        way: int = 0,
    ) -> None:
        self._inner = inner
        self._proves = proves
        self._turns = turns
        self._store = store
        self._clock = clock
        self._watch = watch
        self._fills = Fills() if fills is None else fills
        self._way = way
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._verdicts = Verdicts(settings.remembered, clock=clock)
        self._freshness = Freshness(
            inner, store, settings, clock=clock, verdicts=self._verdicts, watch=watch, turns=turns
        )

    @property
    def filling(self) -> int:
        """How many fills are under way, whoever runs them."""
        return len(self._fills)

    @property
    def running(self) -> int:
        """How many fills this source runs, or wants to run."""
        return len(self._tasks)

    @property
    def lent(self) -> int:
        """How many of them clients of another configuration have joined."""
        return sum(fill.lent and fill.runner is self for fill in self._fills.values())

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """From a fill that is under way, else from the store, else from a new fill."""
        if not request.immutable:
            return await self._freshness.fetch(ctx, request)
        key = FillKey(self._way, ctx.credential_scope, request.url_path)
        if not ctx.fetch or key not in self._fills:
            blob = await self._stored(ctx, request)
            verified = None if blob is None else await self._judged(ctx, request, blob)
            if blob is not None and verified is not None:
                return _hit(request, blob, verified)
            if not ctx.fetch:
                raise Absent("not in this gate's cache, and the request forbids fetching", where=key.path)
            self._verdicts.check(key.scope, key.path)
            if ctx.head and key not in self._fills:
                async with self._turns.slot(ctx.consumer) if ctx.consumer else nullcontext():
                    return await self._inner.fetch(ctx, request)
        fill = self._joined(ctx, key, request)
        try:
            return await fill.answer(whole=ctx.whole)
        except ModgateError as error:
            if not self._foreign(fill) and not _of_another_way(ctx, fill, error):
                raise
        return await self._joined(ctx, key, request).answer(whole=ctx.whole)

    async def ensure(self, ctx: Context, request: Request) -> int | None:
        """Fill an immutable object that is not there and wait for the end; its size if it was filled.

        For work that the gate sets itself: it takes no client's turn. Raises what the fill raised,
        and what kept it from being stored.
        """
        key = FillKey(self._way, ctx.credential_scope, request.url_path)
        if key not in self._fills:
            if await self._store.get(store_key(ctx.credential_scope, request.url_path)) is not None:
                return None
            self._verdicts.check(key.scope, key.path)
        ours = replace(ctx, consumer="")
        fill = self._joined(ours, key, request)
        try:
            await fill.finished()
        except ModgateError:
            if not self._foreign(fill):
                raise
            fill = self._joined(ours, key, request)
            await fill.finished()
        if fill.unstored is not None:
            raise again(fill.unstored)
        return fill.size or 0

    async def refresh(self, ctx: Context, request: Request) -> None:
        """Ask the source for a mutable answer now, whatever is stored. Raises what the source raises."""
        await self._freshness.refresh(ctx, request)

    async def holds(self, ctx: Context, request: Request) -> bool:
        """Whether a mutable answer is stored or on its way. Raises Unavailable."""
        return await self._freshness.holds(ctx, request)

    async def forget(self, path: ModulePath) -> None:
        """A version of the module came into the store by another way: what is remembered of the module's
        list, newest version and queries, and of what it lacks, counts no more. Raises Unavailable.
        """
        self._verdicts.forget_below(module.escape_path(path))
        await self._freshness.forget(path)

    async def close(self) -> None:
        """End every fill (readers get `Unavailable`, kind `stopping`), then close the inner source."""
        self._closing = True
        await self._freshness.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._inner.close()

    async def _stored(self, ctx: Context, request: Request) -> Blob | None:
        """The stored object; one whose bytes rotted is set aside and counts as not there.

        A look that a fill outran is repeated: it may have missed what that fill stored.
        """
        while True:
            ended = self._fills.ended
            try:
                with tracing.span("store.get", {"modgate.object": request.url_path}) as span:
                    blob = await self._store.get(store_key(ctx.credential_scope, request.url_path))
                    if blob is not None:
                        await blob.verify()
                    span.set({"modgate.found": blob is not None})
            except Tampered as error:
                self._watch.alert("bit-rot", request.url_path, error.what)
                return None
            if blob is not None or ended == self._fills.ended:
                return blob

    async def _judged(self, ctx: Context, request: Request, blob: Blob) -> Verification | None:
        """How it is proved; None for what is not what it should be, which is set aside."""
        if self._proves is None or not ctx.fetch:
            return Verification(blob.meta.verified)
        verified = await self._proves(ctx, request, blob)
        if verified is None:
            text = "what was stored unproved is not what the checksum database says"
            self._watch.alert("tampered", request.url_path, text)
            await self._store.set_aside(blob.key, text)
        return verified

    def _joined(self, ctx: Context, key: FillKey, request: Request) -> Fill:
        """The one fill of this object, begun if none is under way."""
        fill = self._fills.get(key)
        if fill is None or (fill.error is not None and self._foreign(fill)):
            if self._closing:
                raise _stopping(key.path)
            fill = Fill(request, store_key(key.scope, key.path), self._store, clock=self._clock, via=ctx.via)
            fill.span = tracing.begin("fill", told_of(request))
            self._fills.begin(key, fill)
        else:
            tracing.current().link(fill.span)
            fill.lent = fill.lent or self._foreign(fill)
        sponsor = (self, ctx.consumer)
        if not fill.started and sponsor not in fill.sponsors:
            fill.sponsors.add(sponsor)
            task = asyncio.create_task(self._run(replace(ctx.detached(), via=fill.via), key, fill))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._sponsored(done, ctx.consumer, key, fill))
        return fill

    def _foreign(self, fill: Fill) -> bool:
        """Whether it runs, or ran, under another configuration."""
        return fill.runner is not None and fill.runner is not self

    async def _run(self, ctx: Context, key: FillKey, fill: Fill) -> None:
        """Run the fill in the turn of one client, unless it ran in another's before."""
        try:
            async with self._turns.slot(ctx.consumer) if ctx.consumer else nullcontext():
                if fill.started:
                    return
                fill.runner = self
                fill.lent = any(source is not self for source, _ in fill.sponsors)
                try:
                    with tracing.use(fill.span):
                        await fill.run(lambda: self._inner.fetch(ctx, fill.request))
                finally:
                    self._settle(key, fill)
        except Unavailable as error:
            fill.sponsors.discard((self, ctx.consumer))
            if not fill.started and not fill.sponsors:
                fill.fail(error)
                self._settle(key, fill)

    def _sponsored(self, task: asyncio.Task[None], consumer: str, key: FillKey, fill: Fill) -> None:
        """A client's turn is over; a task that was cancelled before it ran leaves nobody waiting."""
        self._tasks.discard(task)
        fill.sponsors.discard((self, consumer))
        if not fill.started and not fill.sponsors:
            fill.fail(_stopping(key.path))
            self._settle(key, fill)

    def _settle(self, key: FillKey, fill: Fill) -> None:
        """The fill is over: what it leaves behind."""
        self._fills.end(key, fill)
        _end_span(fill)
        if fill.error is not None:
            self._verdicts.remember(key.scope, key.path, fill.error)
            if isinstance(fill.error, Tampered):
                self._watch.alert("tampered", fill.request.url_path, str(fill.error))
        if fill.unstored is not None:
            self._watch.alert("unstored", fill.request.url_path, str(fill.unstored))
        seconds = max(0.0, self._clock() - fill.born)
        self._watch.filled(fill.request.kind, fill.error, fill.size or 0, seconds)


def _of_another_way(ctx: Context, fill: Fill, error: ModgateError) -> bool:
    """What a client says of its way (`Modgate-Via`) must not fail those who joined its fill."""
    return isinstance(error, Unavailable) and error.kind == "loop" and fill.via != ctx.via


def _end_span(fill: Fill) -> None:
    if fill.error is not None:
        tracing.fail(fill.span, fill.error)
    else:
        fill.span.set(told_of_proof(fill.verified))
        fill.span.set({"modgate.bytes": fill.size, "modgate.stored": fill.unstored is None})
    fill.span.end()


def _stopping(where: str) -> Unavailable:
    return Unavailable("the gate is stopping", kind="stopping", where=where)


def _hit(request: Request, blob: Blob, verified: Verification) -> Answer:
    return Answer(
        request,
        blob,
        size=blob.meta.size,
        verified=verified,
        sha256=blob.meta.sha256,
    )
