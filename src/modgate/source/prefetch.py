"""Fetching ahead: a `.mod` that is asked for announces its zip, its `.info` and, where go loads the graph
behind it (before go 1.17), the `.mod`s it requires.

For a download this is true in most cases, and the go command asks with few requests at a time, so the
wait for a far upstream is spent before it is felt. Not announced: zips of versions that the same
client has since passed by for a higher one (minimal version selection will not build them). Nothing is
announced by a `.mod` that followed a `list` (the pattern of `go list -m -u all`), of a toolchain, or of
anything that is private. Bounded in number and in bytes that nobody asked for afterwards.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from modgate.errors import Invalid, ModgateError
from modgate.gomod import modfile, module, semver
from modgate.gomod.protocol import Kind, Request
from modgate.source.spans import told_of
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, Context, ModuleSource
    from modgate.source.settings import PrefetchSettings
    from modgate.source.watch import Watch

__all__ = ["PrefetchSource"]

_TOOLCHAIN = "golang.org/toolchain"
_REMEMBERED = 50_000
_MAX_GO_MOD = 64 << 10  # a larger one would hold up everybody while it is parsed

K = TypeVar("K")
V = TypeVar("V")


class PrefetchSource:
    """Watches what is asked of the inner source and fills its cache ahead (`model.ModuleSource`).

    `ensure` fills one object and returns its size, None if it was there.
    """

    def __init__(
        self,
        inner: ModuleSource,
        ensure: Callable[[Context, Request], Awaitable[int | None]],
        settings: PrefetchSettings,
        *,
        clock: Callable[[], float],
        private: Callable[[ModulePath], bool],
        watch: Watch,
    ) -> None:
        self._inner = inner
        self._ensure = ensure
        self._settings = settings
        self._clock = clock
        self._private = private
        self._watch = watch
        self._queue: deque[tuple[Context, Request, tracing.Span]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._asked: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._listed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._under_way: set[str] = set()
        self._unused: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._unused_bytes = 0
        self._closing = False

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """The inner answer; a `.mod` sets the rest in motion."""
        if request.kind is Kind.ZIP:
            self._used(request)
        if request.kind is Kind.LIST:
            _keep(self._listed, (ctx.consumer, request.path), self._clock())
        announces = request.kind is Kind.MOD and ctx.fetch and not ctx.head and self._mod_asked(ctx, request)
        answer = await self._inner.fetch(ctx, request)
        if announces and isinstance(answer.body, bytes) and len(answer.body) <= _MAX_GO_MOD:
            self._announce_required(ctx, answer.body)
        return answer

    @property
    def queued(self) -> int:
        """Objects that wait to be fetched ahead."""
        return len(self._queue)

    @property
    def under_way(self) -> int:
        """Objects that are being fetched ahead."""
        return len(self._workers)

    @property
    def unused_bytes(self) -> int:
        """Bytes of zips that were fetched ahead and not yet asked for."""
        return self._unused_bytes

    async def close(self) -> None:
        """Drop what waits, end what runs, close the inner source."""
        self._closing = True
        self._queue.clear()
        for worker in self._workers:
            worker.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        await self._inner.close()

    def _mod_asked(self, ctx: Context, request: Request) -> bool:
        """Announce the version's zip and `.info`; False where this `.mod` announces nothing."""
        if self._private(request.path) or request.path == _TOOLCHAIN:
            return False
        key = (ctx.consumer, request.path)
        when, highest = self._asked.get(key, (float("-inf"), ""))
        if not self._recently(when) or semver.compare(request.version, highest) > 0:
            highest = request.version
        _keep(self._asked, key, (self._clock(), highest))
        if self._recently(self._listed.get(key, float("-inf"))):
            return False
        for kind in (Kind.ZIP, Kind.INFO):
            self._enqueue(ctx, Request(kind, request.path, request.version))
        return True

    def _recently(self, when: float) -> bool:
        """Within the same command; a moment of the future is none, the clock was set back."""
        return 0 <= self._clock() - when < self._settings.recent

    def _announce_required(self, ctx: Context, go_mod: bytes) -> None:
        try:
            parsed = modfile.parse_lax(go_mod)
        except Invalid:
            return
        if _lists_all(parsed.go):
            return
        for require in parsed.require:
            try:
                version = module.check(require.path, require.version)
            except Invalid:
                continue
            if not self._private(version.path):
                self._enqueue(ctx, Request.exact(Kind.MOD, version))

    def _enqueue(self, ctx: Context, request: Request) -> None:
        key = request.url_path
        if key in self._known or self._closing:
            return
        if len(self._queue) >= self._settings.queue:
            self._watch.prefetched("dropped", 0)
            return
        _keep(self._known, key, None)
        self._queue.append((replace(ctx.detached(), request_id=""), request, tracing.current()))
        if len(self._workers) < self._settings.concurrency:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        try:
            while self._queue:
                ctx, request, announced = self._queue.popleft()
                with tracing.span("prefetch", told_of(request), root=True, links=(announced,)):
                    await self._prefetch(ctx, request)
        finally:
            # Here and not in a callback of the task, which runs later: what is enqueued in between
            # would count on a worker that has already left.
            worker = asyncio.current_task()
            if worker is not None and not self._closing:
                self._workers.discard(worker)

    async def _prefetch(self, ctx: Context, request: Request) -> None:
        key = request.url_path
        if request.kind is Kind.ZIP and not self._worth(ctx, request):
            self._known.pop(key, None)
            self._watch.prefetched("dropped", 0)
            return
        self._under_way.add(key)
        try:
            size = await self._ensure(ctx, request)
        except ModgateError:
            self._watch.prefetched("failed", 0)
            self._known.pop(key, None)
            return
        finally:
            asked_meanwhile = key not in self._under_way
            self._under_way.discard(key)
        if size is None:
            return
        self._watch.prefetched("stored", size)
        if asked_meanwhile:
            self._watch.prefetched("used", size)
        elif request.kind is Kind.ZIP:
            self._unused_bytes += size - self._unused.pop(key, (0.0, 0))[1]
            self._unused[key] = (self._clock(), size)
            if len(self._unused) > _REMEMBERED:
                self._unused_bytes -= self._unused.popitem(last=False)[1][1]

    def _worth(self, ctx: Context, request: Request) -> bool:
        """False for a version that its client has passed by, and when too much lies unused."""
        self._write_off()
        _, highest = self._asked.get((ctx.consumer, request.path), (0.0, request.version))
        passed_by = semver.compare(request.version, highest) < 0
        return not passed_by and self._unused_bytes < self._settings.unused_bytes

    def _write_off(self) -> None:
        """Forget what was prefetched so long ago that it says nothing about the present guesses."""
        now = self._clock()
        while self._unused:
            key, (when, size) = next(iter(self._unused.items()))
            if 0 <= now - when < self._settings.unused_for:
                return
            del self._unused[key]
            self._unused_bytes -= size

    def _used(self, request: Request) -> None:
        self._known.pop(request.url_path, None)
        self._under_way.discard(request.url_path)
        _, size = self._unused.pop(request.url_path, (0.0, None))
        if size is not None:
            self._unused_bytes -= size
            self._watch.prefetched("used", size)


def _lists_all(go: str) -> bool:
    """True from go 1.17 on: such a go.mod lists all its build needs, and no graph is loaded behind it."""
    match = re.match(r"(\d+)\.(\d+)", go)
    # Through semver, which compares digits of any length: int() refuses very long ones.
    return match is not None and semver.compare(f"v{match[0]}.0", "v1.17.0") >= 0


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    """Set, newest last, oldest dropped above the bound."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _REMEMBERED:
        kept.popitem(last=False)
