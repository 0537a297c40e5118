"""One fill: the bytes of one object on their way from the upstream to the store and to everyone who waits.

The fill belongs to the server. Clients join and leave; none of them can cancel it. A client that joins
late gets the part that is there and follows. The **tail is held back** until the whole object is
verified, and it always contains a zip's end-of-central-directory record (at most 22 + 65,535 bytes), so
that nothing that could pass for a whole zip ever leaves unverified:

1. The inner source answers (the sums are known) and the store gives a writer.
2. Bytes are appended; readers follow to `written - TAIL`.
3. The whole is checked. Only then is it *sealed*: readers get the tail.
4. It is made durable under its key. Where the proof is the gate's own first sight and not the
   database's, 4 goes before 3's release: what was served must be what stays.
5. Anything that fails before the seal reaches every reader as an error, and nothing is kept. Only a
   small body that broke off on its way is asked for once more: nobody has seen any of it, and go,
   which never tries again, would fail for everyone who waits.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.model import Answer, BlobMeta, Facts, NoRoom, Verification
from modgate.source.bodies import close_body, stream_of
from modgate.source.verdicts import again
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import BinaryIO

    from modgate.gomod.protocol import Request
    from modgate.model import Blob, BlobStore, BlobWriter

__all__ = ["TAIL", "WHOLE_BELOW", "Fill", "FillStream"]

_log = structlog.get_logger(__name__)

TAIL = 66 * 1024
"""What is held back: more than the longest end-of-central-directory record."""

WHOLE_BELOW = 256 * 1024
"""Smaller bodies wait whole: a status and a text beat a cut connection, and cost no time worth having."""

_PIECE = 256 * 1024
_PASSING = frozenset({"bad-answer", "timeout", "unreachable"})


class Fill:
    """Runs once; any number of readers. `run` never raises: the outcome is in `blob`, `error` or `unstored`.

    `unstored` says why verified bytes could be passed on but not kept. `sponsors` are the clients that wait
    for a turn to start it, each with the source that it asked; it runs in the turn of the first whose turn
    comes, and `runner` is that one's source; `lent` is true where clients of another one wait. `via` is the
    way that the request which began it took (`Context.via`). `span` is its own: it may outlive every request.
    """

    def __init__(
        self,
        request: Request,
        key: str,
        store: BlobStore,
        *,
        clock: Callable[[], float],
        via: tuple[str, ...] = (),
    ) -> None:
        self.request = request
        self.via = via
        self.key = key
        self.born = clock()
        self.started = False
        self.sponsors: set[tuple[object, str]] = set()
        self.runner: object | None = None
        self.lent = False
        self.blob: Blob | None = None
        self.error: ModgateError | None = None
        self.unstored: Unavailable | None = None
        self.size: int | None = None
        self.verified = Verification.NONE
        self.span: tracing.Span = tracing.NO_SPAN
        self._store = store
        self._clock = clock
        self._body: bytes | None = None
        self._sha256 = ""
        self._writer: BlobWriter | None = None
        self._arrived = False
        self._sealed = False
        self._done = False
        self._readers = 0
        self._progress = asyncio.Event()

    @property
    def done(self) -> bool:
        """True once nothing more will happen."""
        return self._done

    @property
    def begun(self) -> bool:
        """True once the head is known or the fill has failed."""
        return self._writer is not None or self._body is not None or self._done

    @property
    def transferred(self) -> int:
        """Bytes received so far."""
        if self._body is not None:
            return len(self._body)
        return self._writer.written if self._writer is not None else 0

    async def run(self, fetch: Callable[[], Awaitable[Answer]]) -> None:
        """Do the whole procedure."""
        self.started = True
        answer: Answer | None = None
        try:
            answer = await fetch()
            try:
                await self._take(answer)
            except Unavailable as error:
                if not self._may_try_again(error):
                    raise
                await close_body(answer)
                await self._start_over()
                answer = await fetch()
                await self._take(answer)
        except ModgateError as error:
            self.error = error
        except asyncio.CancelledError:
            self.error = Unavailable("the gate is stopping", kind="stopping", where=self.request.url_path)
            raise
        except Exception as error:  # a defect must not leave readers waiting  # noqa: BLE001
            # Its text may hold what clients must not see: it belongs into the log.
            _log.error("internal error", key=self.key, exc_info=error)
            self.error = Unavailable(
                f"an unexpected error in this gate ({type(error).__name__}); its log has more",
                where=self.request.url_path,
            )
        finally:
            try:
                if answer is not None:
                    await close_body(answer)
                if self._writer is not None and not self._sealed:
                    await self._writer.abort()
            finally:
                self._done = True
                self._tell()
                await self._close_writer()

    def fail(self, error: ModgateError) -> None:
        """It could not even begin."""
        self.started = True
        self.error = error
        self._done = True
        self._tell()

    async def _take(self, answer: Answer) -> None:
        self.verified = answer.verified
        self.size = answer.size
        if isinstance(answer.body, bytes):
            await self._keep_bytes(answer.body, answer.verified)
        else:
            await self._stream(answer)

    def _may_try_again(self, error: Unavailable) -> bool:
        """Whether a body broke off on its way and nobody has seen any of it: small bodies wait whole."""
        return (
            error.kind in _PASSING
            and not self._arrived
            and self._writer is not None
            and self.size is not None
            and self.size < WHOLE_BELOW
        )

    async def _start_over(self) -> None:
        """As if nothing had come; those who wait go on waiting."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.abort()
            await writer.aclose()

    async def _keep_bytes(self, body: bytes, verified: Verification) -> None:
        """A small object: its answer is verified already; readers need not wait for the disk."""
        self._sha256 = hashlib.sha256(body).hexdigest()
        self.size = len(body)
        self._body = body
        self._sealed = True
        self._tell()
        meta = self._meta(Facts("", verified), len(body))
        try:
            with tracing.span("store.commit", {"modgate.bytes": len(body)}):
                self.blob = await self._store.put(self.key, body, meta)
        except Unavailable as error:
            self.unstored = error

    async def _stream(self, answer: Answer) -> None:
        self._writer = writer = await self._store.create(self.key, size=self.size)
        self._tell()
        async for chunk in stream_of(answer):
            if self.size is not None and writer.written + len(chunk) > self.size:
                raise Unavailable(
                    f"the body is longer than the {self.size} bytes that were announced",
                    where=self.request.url_path,
                    kind="bad-answer",
                )
            await writer.write(chunk)
            self._tell()
        if self.size is not None and writer.written != self.size:
            raise Unavailable(
                f"the body broke off: {writer.written} of {self.size} bytes came",
                where=self.request.url_path,
                kind="bad-answer",
            )
        self._arrived = True

        async def run(function: Callable[[BinaryIO], Any]) -> Any:
            result, self._sha256 = await writer.check(lambda file: (function(file), _sha256(file)))
            return result

        if answer.check is not None:
            facts = await answer.check(run)
        else:
            facts = Facts("", answer.verified)
        if not self._sha256:
            await run(lambda _file: None)
        self.verified = facts.verified
        meta = self._meta(facts, writer.written)
        if facts.verified is Verification.SUMDB:
            self._seal(writer.written)
            try:
                await self._commit(writer, meta)
            except Unavailable as error:
                self.unstored = error
        else:
            try:
                await self._commit(writer, meta)
            except NoRoom as error:
                self.unstored = error  # the ledger knows its hash: no other bytes will ever pass for it
            self._seal(writer.written)

    async def _commit(self, writer: BlobWriter, meta: BlobMeta) -> None:
        with tracing.span("store.commit", {"modgate.bytes": meta.size}):
            self.blob = await writer.commit(meta)

    def _seal(self, size: int) -> None:
        self.size = size
        self._sealed = True
        self._tell()

    def _meta(self, facts: Facts, size: int) -> BlobMeta:
        return BlobMeta(
            sha256=self._sha256,
            size=size,
            stored_at=self._clock(),
            verified=facts.verified.value,
            h1=facts.h1,
        )

    def _tell(self) -> None:
        """Wake every reader; each looks for itself."""
        self._progress.set()
        self._progress = asyncio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._progress.wait()

    async def finished(self) -> Blob | None:
        """Wait for the end; the stored blob (None where it could not be stored). Raises its error."""
        await self._until(lambda: self._done)
        if self.error is not None:
            raise again(self.error)
        return self.blob

    async def answer(self, *, whole: bool) -> Answer:
        """Join: wait for the head (`whole`: for the seal) and answer. Raises the fill's error.

        Who waits counts as a reader, so that bytes which could not be kept are still there for it.
        """
        self.enter()
        try:
            await self._until(lambda: self._answerable(whole=whole))
            if self.error is not None and not self._sealed:
                raise again(self.error)
            body: bytes | Blob | AsyncIterator[bytes]
            if self._body is not None:
                body = self._body
            elif self.blob is not None:
                body = self.blob
            else:
                body = FillStream(self)
            return Answer(
                self.request,
                body,
                size=self.size,
                verified=self.verified,
                sha256=self._sha256 if self._sealed else "",
            )
        finally:
            await self.leave()

    def _answerable(self, *, whole: bool) -> bool:
        """Whether a joiner can be answered now; small bodies, and `whole` ones, only when sealed."""
        if self._sealed or self._done:
            return True
        expected = self.transferred if self.size is None else self.size
        return self.begun and not whole and expected >= WHOLE_BELOW

    def read(self, offset: int) -> bytes | None:
        """What may be passed on from `offset`: bytes, b"" if the reader must wait, None at the end.

        Raises the fill's error instead of ending early.
        """
        writer = self._writer
        assert writer is not None
        if self.error is not None and not self._sealed:
            raise again(self.error)
        limit = writer.written if self._sealed else writer.written - TAIL
        if offset < limit:
            return writer.read_at(offset, min(_PIECE, limit - offset))
        if self._sealed:
            return None
        if self._done:
            raise Unavailable("the fill ended early", where=self.request.url_path)
        return b""

    async def moved(self) -> None:
        """Wait until there may be more to read."""
        await self._progress.wait()

    def enter(self) -> None:
        """A reader joins: the temporary bytes stay readable until it leaves."""
        self._readers += 1

    async def leave(self) -> None:
        """A reader goes; the last one out of a finished fill closes its file."""
        self._readers -= 1
        await self._close_writer()

    async def _close_writer(self) -> None:
        if self._done and self._readers == 0 and self._writer is not None:
            await self._writer.aclose()


class FillStream:
    """One reader of a fill: from the start, following, the tail when sealed. Must be closed."""

    def __init__(self, fill: Fill) -> None:
        self._fill = fill
        self._offset = 0
        self._open = True
        fill.enter()

    def __aiter__(self) -> FillStream:
        return self

    async def __anext__(self) -> bytes:
        while True:
            try:
                piece = self._fill.read(self._offset)
            except ModgateError:
                await self.aclose()
                raise
            if piece is None:
                await self.aclose()
                raise StopAsyncIteration
            if piece:
                self._offset += len(piece)
                return piece
            await self._fill.moved()

    async def aclose(self) -> None:
        """Leave the fill; a second call does nothing."""
        if self._open:
            self._open = False
            await self._fill.leave()


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
