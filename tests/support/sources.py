"""Sources, bodies, stores and watchers that a test drives step by step."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod.protocol import Kind, Request
from modgate.model import Answer, Sums, Verification
from modgate.storage.memory import MemoryStore, MemoryWriter
from tests.support.modules import BuiltModule, go_mod_h1, zip_h1

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import BlobMeta, Context
    from modgate.source.watch import Prefetched
    from modgate.storage.memory import MemoryBlob

__all__ = [
    "Clock",
    "Feed",
    "FullStore",
    "ScriptedSource",
    "SlowStore",
    "TableDatabase",
    "Witness",
    "read",
    "settled",
]


class Clock:
    """Seconds that only the test moves."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


async def settled() -> None:
    """Let everything run that can run without an event of the outside; threads get a moment too."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.005)
    for _ in range(20):
        await asyncio.sleep(0)


class Feed:
    """A body whose bytes come when the test sends them."""

    def __init__(self, size: int | None = None) -> None:
        self.size = size
        self.closed = False
        self._queue: asyncio.Queue[bytes | ModgateError | None] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        """Bytes arrive, and whoever waits for them sees them."""
        self._queue.put_nowait(data)
        await settled()

    async def end(self, error: ModgateError | None = None) -> None:
        """The body ends, or breaks off."""
        self._queue.put_nowait(error)
        await settled()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        piece = await self._queue.get()
        if piece is None:
            raise StopAsyncIteration
        if isinstance(piece, ModgateError):
            raise piece
        return piece

    async def aclose(self) -> None:
        self.closed = True


class ScriptedSource:
    """Answers from `answers` by `Request.url_path`; counts; waits while `gate` is not set.

    An answer is bytes, a Feed, an error, or a function that makes one of them anew for each request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Feed | ModgateError | Callable[[], bytes | Feed | ModgateError]] = {}
        self.counts: Counter[str] = Counter()
        self.contexts: list[Context] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.verified = Verification.NONE
        self.closed = False

    def add(self, built: BuiltModule) -> None:
        """A version whose zip comes at once, in one piece."""
        base = built.url("").lstrip("/")
        self.answers[base + "info"] = built.info
        self.answers[base + "mod"] = built.mod

        def whole() -> Feed:
            feed = Feed(len(built.zip))
            feed._queue.put_nowait(built.zip)
            feed._queue.put_nowait(None)
            return feed

        self.answers[base + "zip"] = whole

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        self.counts[request.url_path] += 1
        self.contexts.append(ctx)
        await self.gate.wait()
        found = self.answers.get(request.url_path)
        if callable(found):
            found = found()
        if found is None:
            raise Absent("not found", where=request.url_path)
        if isinstance(found, ModgateError):
            raise found
        size = found.size if isinstance(found, Feed) else len(found)
        if ctx.head and request.kind in {Kind.MOD, Kind.ZIP}:
            return Answer(request, b"", size=size)
        return Answer(request, found, size=size, verified=self.verified)

    async def close(self) -> None:
        self.closed = True


class TableDatabase:
    """A checksum database over a table; `exempt` names the modules it does not cover."""

    def __init__(self, *modules: BuiltModule, exempt: tuple[str, ...] = ()) -> None:
        self.table: dict[str, Sums | ModgateError] = {}
        self.exempt = exempt
        self.gate = asyncio.Event()
        self.gate.set()
        for built in modules:
            sums = Sums(zip_h1(built.zip), go_mod_h1(built.mod), Verification.SUMDB)
            self.table[f"{built.path}@{built.version}"] = sums

    def covers(self, path: ModulePath) -> bool:
        return path not in self.exempt

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002  the protocol's
        await self.gate.wait()
        found = self.table[str(version)]
        if isinstance(found, ModgateError):
            raise found
        return found


class Witness:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.fills: list[tuple[str, str]] = []
        self.alerts: list[tuple[str, str]] = []
        self.ahead: list[tuple[str, int]] = []
        self.again: list[str] = []

    def filled(self, kind: Kind, error: ModgateError | None, size: int, seconds: float) -> None:  # noqa: ARG002  the protocol's
        assert seconds >= 0
        self.fills.append((kind.value, type(error).__name__ if error else "whole"))

    def alert(self, kind: str, subject: str, text: str) -> None:  # noqa: ARG002  the protocol's
        self.alerts.append((kind, subject))

    def refreshed(self, path: str) -> None:
        self.again.append(path)

    def prefetched(self, outcome: Prefetched, size: int) -> None:
        self.ahead.append((outcome, size))


class _FullWriter(MemoryWriter):
    async def commit(self, meta: BlobMeta) -> MemoryBlob:  # noqa: ARG002  the protocol's
        raise Unavailable("no space is left", kind="storage-full")


class FullStore(MemoryStore):
    """A store that takes what is temporary and, while `full`, nothing else."""

    full = True

    async def create(self, key: str, *, size: int | None = None) -> MemoryWriter:
        return _FullWriter(self, key) if self.full else await super().create(key, size=size)

    async def put(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        if self.full:
            raise Unavailable("no space is left", kind="storage-full")
        return await super().put(key, data, meta)

    async def replace(self, key: str, data: bytes, meta: BlobMeta) -> MemoryBlob:
        if self.full:
            raise Unavailable("no space is left", kind="storage-full")
        return await super().replace(key, data, meta)


class SlowStore(MemoryStore):
    """A store whose `get` looks at once and answers when `gate` is set."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, key: str) -> MemoryBlob | None:
        found = await super().get(key)
        await self.gate.wait()
        return found


async def read(answer: Answer) -> bytes:
    """The whole body of an answer, whichever form it has; a stream is closed."""
    body = answer.body
    if isinstance(body, bytes):
        return body
    if hasattr(body, "read"):
        return await body.read()
    try:
        return b"".join([piece async for piece in body])
    finally:
        await body.aclose()  # type: ignore[attr-defined]
