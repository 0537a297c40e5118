"""Answers that may change: `list`, `@latest`, branch and prefix queries.

Fresh for a short time; then the old answer is given at once while one refresh runs; when it is much
older the refresh is waited for, and the old answer still stands when the upstream is broken (`Age`
says how old it is). A list is merged with what the store holds: a version that was served stays
listed even when its repository has gone. Nothing broken ever becomes "absent". What is not there yet
is asked for in the turn of the client that wants it, as fills are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod import module, protocol, pseudo, query, semver
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer, BlobMeta
from modgate.source.bodies import small_body
from modgate.source.scopes import store_key
from modgate.source.spans import told_of
from modgate.source.verdicts import again
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath
    from modgate.model import BlobStore, Context, ModuleSource
    from modgate.source.settings import CacheSettings
    from modgate.source.turns import Turns
    from modgate.source.verdicts import Verdicts
    from modgate.source.watch import Watch

__all__ = ["Freshness"]

_AT_ONCE = 64 << 10  # larger lists are read in a thread: one of some MiB takes seconds
_PAUSE = 5.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer and when it was confirmed."""

    body: bytes
    sha256: str
    stored_at: float


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
        watch: Watch,
        turns: Turns,
    ) -> None:
        self._inner = inner
        self._store = store
        self._turns = turns
        self._settings = settings
        self._clock = clock
        self._verdicts = verdicts
        self._watch = watch
        self._closing = False
        self._forgotten = 0
        self._refreshes: dict[tuple[str, str], asyncio.Task[_Kept]] = {}
        self._asking: set[asyncio.Task[_Kept]] = set()
        self._spans: dict[asyncio.Task[_Kept], tracing.Span] = {}
        self._failed: OrderedDict[tuple[str, str], float] = OrderedDict()

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The answer, at most as old as the settings allow while its source works."""
        key = (ctx.credential_scope, request.url_path)
        stored = await self._readable(key)
        age = self._age(stored)
        if not ctx.fetch:
            return self._answer(request, stored) if stored else await self._from_store(key[0], request)
        if stored and age < self._settings.mutable_ttl:
            return self._answer(request, stored)
        if stored is None:
            self._verdicts.check(*key)
            return self._answer(request, await self._first(ctx, key, request), asked=True)
        if 0 <= self._clock() - self._failed.get(key, float("-inf")) < _PAUSE:
            return self._answer(request, stored, stale=True)
        refresh = self._refresh(ctx, key, request, beside=True)
        if age < self._settings.stale_while_refresh:
            return self._answer(request, stored, stale=True)
        try:
            async with asyncio.timeout(self._settings.refresh_wait):
                return self._answer(request, await self._joined(refresh), asked=True)
        except Absent:
            if request.kind is Kind.QUERY:
                raise
        except (ModgateError, TimeoutError):
            pass
        return self._answer(request, stored, stale=True)

    async def refresh(self, ctx: Context, request: Request) -> None:
        """Ask the source now, whatever is stored. Raises what the source raises."""
        key = (ctx.credential_scope, request.url_path)
        earlier = self._refreshes.get(key)
        if earlier is not None:
            # It may have been answered before whatever this one is asked for.
            await asyncio.wait([earlier])
        await self._joined(self._refresh(ctx, key, request))

    async def holds(self, ctx: Context, request: Request) -> bool:
        """Whether there is an answer to refresh: stored, or on its way. Raises Unavailable."""
        key = (ctx.credential_scope, request.url_path)
        return key in self._refreshes or await self._store.get(store_key(*key)) is not None

    async def forget(self, path: ModulePath) -> None:
        """The store has a new version of the module, and its list names it: newest version and queries are
        asked for anew, and no answer from before is joined or kept. Raises Unavailable.
        """
        self._forgotten += 1
        folder = _folder(Request(Kind.LIST, path))
        module_folder = folder.removesuffix("@v")
        for key in [key for key in self._refreshes if key[1].startswith(module_folder)]:
            del self._refreshes[key]
        for key in [key for key in self._failed if key[1].startswith(module_folder)]:
            del self._failed[key]
        await self._store.remove(f"{module_folder}@latest")
        for name in await self._store.names(folder):
            stem = name.removesuffix(".info")
            # A version's own name is canonical, whatever is escaped in it; everything else is a query.
            if stem != name and module.canonical_version(stem.replace("!", "")) != stem.replace("!", ""):
                await self._store.remove(f"{folder}/{name}")

    async def close(self) -> None:
        """End the refreshes that run; who waits for one gets `Unavailable`, kind `stopping`."""
        self._closing = True
        tasks = list(self._asking)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _readable(self, key: tuple[str, str]) -> _Kept | None:
        """The stored answer; one whose bytes rotted counts as not there."""
        try:
            with tracing.span("store.get", {"modgate.object": key[1]}) as span:
                blob = await self._store.get(store_key(*key))
                span.set({"modgate.found": blob is not None})
                if blob is None:
                    return None
                return _Kept(await blob.read(), blob.meta.sha256, blob.meta.stored_at)
        except Tampered as error:
            self._watch.alert("bit-rot", key[1], error.what)
            return None

    def _age(self, kept: _Kept | None) -> float:
        """Seconds since it was confirmed; endless for one from the future (a clock that was set back)."""
        if kept is None:
            return float("inf")
        age = self._clock() - kept.stored_at
        return age if age >= 0 else float("inf")

    def _answer(self, request: Request, kept: _Kept, *, stale: bool = False, asked: bool = False) -> Answer:
        """`asked`: the source was asked for this very answer, which is then no hit of the store's."""
        age = 0.0 if asked else self._age(kept)
        age = 0.0 if age == float("inf") else age
        return Answer(
            request,
            kept.body,
            size=len(kept.body),
            sha256=kept.sha256,
            age=age,
            max_age=max(0.0, self._settings.mutable_ttl - age),
            stale=stale,
        )

    async def _first(self, ctx: Context, key: tuple[str, str], request: Request) -> _Kept:
        """An answer that is not there: who joins needs no turn, since that costs the upstream nothing."""
        if key in self._refreshes:
            try:
                tracing.current().link(self._spans[self._refreshes[key]])
                return await self._joined(self._refreshes[key])
            except Unavailable as error:
                # It is true of the way of the one who began it (`Modgate-Via`), not of this one's.
                if error.kind != "loop":
                    raise
        async with self._turns.slot(ctx.consumer) if ctx.consumer else nullcontext():
            return await self._joined(self._refresh(ctx, key, request))

    def _refresh(
        self, ctx: Context, key: tuple[str, str], request: Request, *, beside: bool = False
    ) -> asyncio.Task[_Kept]:
        """The one refresh of this answer that runs, begun if none does.

        One that goes on `beside` the answer to who set it off has a trace of its own.
        """
        task = self._refreshes.get(key)
        if task is None:
            if self._closing:
                raise _stopping(key[1])
            span = tracing.begin("refresh", told_of(request), root=beside)
            task = asyncio.create_task(self._told(span, ctx.detached(), key, request))
            self._refreshes[key] = task
            self._spans[task] = span
            self._asking.add(task)
            task.add_done_callback(lambda done: self._ended(key, done))
        return task

    async def _told(self, span: tracing.Span, ctx: Context, key: tuple[str, str], request: Request) -> _Kept:
        """Ask, within the refresh's span."""
        with tracing.entered(span):
            try:
                return await self._ask(ctx, key, request)
            except ModgateError as error:
                tracing.fail(span, error)
                raise

    @staticmethod
    async def _joined(task: asyncio.Task[_Kept]) -> _Kept:
        """Wait for a refresh without owning it: the waiter's end is not its end, nor the reverse."""
        try:
            return await asyncio.shield(task)
        except ModgateError as error:
            raise again(error) from None
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and me is not None and not me.cancelling():
                raise _stopping("") from None
            raise

    def _ended(self, key: tuple[str, str], task: asyncio.Task[_Kept]) -> None:
        self._asking.discard(task)
        self._spans.pop(task).end()
        if self._refreshes.get(key) is task:
            del self._refreshes[key]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._failed.pop(key, None)
            self._verdicts.forget(*key)
            return
        if isinstance(error, Absent):
            self._verdicts.remember(*key, error)
        self._failed[key] = self._clock()
        self._failed.move_to_end(key)
        while len(self._failed) > _REMEMBERED:
            self._failed.popitem(last=False)

    async def _ask(self, ctx: Context, key: tuple[str, str], request: Request) -> _Kept:
        forgotten = self._forgotten
        try:
            body = await small_body(await self._inner.fetch(ctx, request))
        except Absent:
            if request.kind is Kind.QUERY:
                await self._store.remove(store_key(*key))
            raise
        if request.kind is Kind.LIST:
            tagged = await self._tagged(key[0], request)
            if len(body) > _AT_ONCE:
                body = await asyncio.to_thread(_merged, body, request.path, tagged)
            else:
                body = _merged(body, request.path, tagged)
        kept = _Kept(body, hashlib.sha256(body).hexdigest(), self._clock())
        meta = BlobMeta(sha256=kept.sha256, size=len(body), stored_at=kept.stored_at)
        try:
            known = await self._store.get(store_key(*key)) is not None
            await self._store.replace(store_key(*key), body, meta)
        except Unavailable as error:
            self._watch.alert("unstored", key[1], str(error))
        else:
            if known:
                self._watch.refreshed(key[1])
        if forgotten != self._forgotten:
            # It may be from before the version that came meanwhile.
            await self._store.remove(store_key(*key))
        return kept

    async def _versions(self, scope: str, request: Request, kinds: tuple[str, ...]) -> list[str]:
        """The versions of the module that the store can serve without help, pseudo-versions as well."""
        versions: dict[str, None] = {}
        for name in await self._store.names(store_key(scope, _folder(request))):
            stem, _, kind = name.rpartition(".")
            if kind not in kinds:
                continue
            try:
                version = module.unescape_version(stem)
                module.check(request.path, version)
            except Invalid:
                continue
            versions[version] = None
        return list(versions)

    async def _from_store(self, scope: str, request: Request) -> Answer:
        """What the store alone says to a list or @latest that was never asked."""
        if request.kind is Kind.LIST:
            versions = await self._tagged(scope, request)
            if versions:
                body = protocol.encode_list(versions)
                return Answer(request, body, size=len(body), age=0.0, max_age=0.0, stale=True)
        if request.kind is Kind.LATEST:
            newest = query.latest(await self._versions(scope, request, ("info",)))
            if newest is not None:
                info = Request(Kind.INFO, request.path, newest).url_path
                kept = await self._readable((scope, info))
                if kept is not None:
                    return self._answer(request, kept, stale=True)
        raise Absent("not in this gate's cache, and the request forbids fetching", where=request.url_path)

    async def _tagged(self, scope: str, request: Request) -> list[str]:
        """What a list may name of `_versions`, lowest first."""
        versions = await self._versions(scope, request, ("zip", "info"))
        return semver.sorted_versions(v for v in versions if not pseudo.is_pseudo_version(v))


def _merged(body: bytes, path: ModulePath, tagged: list[str]) -> bytes:
    """The upstream's list and what the store has of tagged versions."""
    return protocol.encode_list(semver.sorted_versions({*protocol.parse_list(body, path), *tagged}))


def _folder(request: Request) -> str:
    return Request(Kind.LIST, request.path).url_path.removesuffix("/list")


def _stopping(where: str) -> Unavailable:
    return Unavailable("the gate is stopping", kind="stopping", where=where)
