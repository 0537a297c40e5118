"""In-memory twins of the model's protocols, for tests and for trying things out."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Tampered
from modgate.model.answer import Answer, Verification
from modgate.model.blob import Blob, BlobMeta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from modgate.gomod.protocol import Request
    from modgate.model.checksums import MirrorAnswer
    from modgate.model.context import Context

__all__ = ["MemoryBlob", "MemoryMirror", "MemorySource", "Stream"]

_CHUNK = 256 * 1024


@dataclass(slots=True)
class MemoryBlob:
    """A stored object whose bytes are held in memory, or in `path` as well where that is given."""

    key: str
    data: bytes
    meta: BlobMeta
    path: Path | None = None

    @classmethod
    def of(cls, key: str, data: bytes, *, stored_at: float = 0.0, verified: str = "sumdb") -> MemoryBlob:
        """A blob that says the truth about its bytes."""
        digest = hashlib.sha256(data).hexdigest()
        return cls(key, data, BlobMeta(sha256=digest, size=len(data), stored_at=stored_at, verified=verified))

    async def read(self) -> bytes:
        """The whole object."""
        await self.verify()
        return self.data

    async def verify(self) -> None:
        """Raises Tampered if the bytes no longer have their SHA-256."""
        if hashlib.sha256(self.data).hexdigest() != self.meta.sha256:
            raise Tampered("the stored bytes changed", where=self.key)

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `start:stop` in pieces."""
        end = len(self.data) if stop is None else min(stop, len(self.data))
        for at in range(start, end, _CHUNK):
            yield self.data[at : min(at + _CHUNK, end)]
            await asyncio.sleep(0)


@dataclass(slots=True)
class Stream:
    """A cold answer: `pieces` one after the other, then `error` if there is one.

    `gate` is awaited before each piece after the first, so that a test decides when they come.
    `closed` is set when the reader is done or gone.
    """

    pieces: list[bytes]
    size: int | None = None
    error: ModgateError | Exception | None = None
    gate: asyncio.Event | None = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body."""
        try:
            for number, piece in enumerate(self.pieces):
                if number and self.gate is not None:
                    await self.gate.wait()
                self.sent += len(piece)
                yield piece
            if self.error is not None:
                raise self.error
        finally:
            self.closed.set()


class MemorySource:
    """A source over a dictionary from `Request.url_path` to what is answered.

    Bytes and blobs are stored objects (bytes under an immutable path are given as a `MemoryBlob`),
    a `Stream` is a fill, an exception is raised, a missing path is Absent. With `Context.fetch`
    false, streams are Absent as well. `asked` lists what was asked, with its circumstances.
    """

    def __init__(self, answers: Mapping[str, bytes | Blob | Stream | Exception] | None = None) -> None:
        self.answers: dict[str, bytes | Blob | Stream | Exception] = dict(answers or {})
        self.asked: list[tuple[Context, Request]] = []
        self.max_age: float = 60.0
        self.age: float = 0.0
        self.stale = False

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        """Answer, or raise what stands in the dictionary."""
        self.asked.append((ctx, request))
        found = self.answers.get(request.url_path)
        if isinstance(found, Exception):
            raise found
        if found is None or (isinstance(found, Stream) and not ctx.fetch):
            raise Absent(f"{request.path}: not found")
        if isinstance(found, Stream):
            return Answer(request, found.chunks(), size=found.size, verified=Verification.SUMDB)
        if not request.immutable:
            data = found if isinstance(found, bytes) else await found.read()
            return Answer(request, data, size=len(data), age=self.age, max_age=self.max_age, stale=self.stale)
        blob: Blob = MemoryBlob.of(request.url_path, found) if isinstance(found, bytes) else found
        return Answer(
            request,
            blob,
            size=blob.meta.size,
            verified=Verification(blob.meta.verified),
            sha256=blob.meta.sha256,
        )

    async def close(self) -> None:
        """Nothing to release."""


class MemoryMirror:
    """A checksum mirror over a dictionary from (database name, rest) to what is answered."""

    def __init__(self, answers: Mapping[tuple[str, str], MirrorAnswer | ModgateError] | None = None) -> None:
        self.answers: dict[tuple[str, str], MirrorAnswer | ModgateError] = dict(answers or {})
        self.asked: list[tuple[str, str]] = []

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:  # noqa: ARG002  the protocol's
        """Answer, or raise what stands in the dictionary."""
        self.asked.append((name, rest))
        found = self.answers.get((name, rest))
        if isinstance(found, ModgateError):
            raise found
        if found is None:
            raise Absent(f"{name}: not mirrored")
        return found
