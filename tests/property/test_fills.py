"""However chunks arrive and readers come, pause and go, every reader gets the same bytes or an error."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Tampered
from modgate.gomod.protocol import Kind, checked
from modgate.model import Answer, Facts, Verification
from modgate.source.fill import TAIL, Fill
from modgate.storage.memory import MemoryStore
from tests.support.sources import Feed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model import RunOverBody

REQUEST = checked(Kind.ZIP, "example.test/m", "v1.0.0")
DATA = hashlib.shake_256(b"fill").digest(700_000)
STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 300_000)),
    st.tuples(st.just("join"), st.booleans()),
    st.tuples(st.just("read"), st.integers(0, 5)),
    st.tuples(st.just("leave"), st.integers(0, 5)),
    st.tuples(st.just("rest"), st.integers(1, 6)),
)


class _Reader:
    """One client that reads a piece whenever it is told to."""

    def __init__(self, fill: Fill, *, whole: bool) -> None:
        self.got = bytearray()
        self.ended = False
        self.error: BaseException | None = None
        self._turns = asyncio.Semaphore(0)
        self._fill = fill
        self._whole = whole
        self.task = asyncio.create_task(self._run())

    def read(self, pieces: int) -> None:
        for _ in range(pieces):
            self._turns.release()

    async def _run(self) -> None:
        body: object = None
        try:
            body = (await self._fill.answer(whole=self._whole)).body
            async for piece in _pieces(body):
                await self._turns.acquire()
                self.got += piece
            self.ended = True
        except Tampered as error:
            self.error = error
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    source = body.chunks() if hasattr(body, "chunks") else body
    async for piece in source:
        yield piece


async def _play(steps: list[tuple[str, int | bool]], *, good: bool, known: bool, proof: Verification) -> None:
    store = MemoryStore(1 << 20)
    feed = Feed(len(DATA) if known else None)
    fill = Fill(REQUEST, REQUEST.url_path, store, clock=lambda: 0.0)

    async def check(run: RunOverBody) -> Facts:
        await run(lambda file: file.read())
        if not good:
            raise Tampered("not those bytes")
        return Facts("h1:x", proof)

    async def fetch() -> Answer:
        await asyncio.sleep(0)
        return Answer(REQUEST, feed, size=feed.size, check=check)

    running = asyncio.create_task(fill.run(fetch))
    readers: list[_Reader] = []
    sent = 0
    for step, amount in steps:
        if step == "send" and sent < len(DATA):
            feed._queue.put_nowait(DATA[sent : sent + amount])
            sent += amount
        elif step == "join":
            readers.append(_Reader(fill, whole=bool(amount)))
        elif step == "read" and readers:
            readers[amount % len(readers)].read(1)
        elif step == "leave" and readers:
            readers[amount % len(readers)].task.cancel()
        for _ in range(amount if step == "rest" else 1):
            await asyncio.sleep(0)
        for reader in readers:
            assert fill.done or len(reader.got) <= max(0, sent - TAIL)
    if sent < len(DATA):
        feed._queue.put_nowait(DATA[sent:])
    feed._queue.put_nowait(None)
    await running
    readers.append(_Reader(fill, whole=False))
    for reader in readers:
        reader.read(1000)
    await asyncio.wait([reader.task for reader in readers])
    for reader in readers:
        assert DATA.startswith(bytes(reader.got))
        if not good:
            assert len(reader.got) <= len(DATA) - TAIL
        if not reader.task.cancelled():
            assert reader.task.exception() is None
            assert reader.ended is good
            assert (bytes(reader.got) == DATA) is good
            assert (reader.error is None) is good
    assert feed.closed
    assert fill._readers == 0
    assert store.used == (len(DATA) if good else 0)
    await store.close()


@given(
    st.lists(STEPS, max_size=25),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Verification.SUMDB, Verification.NONE]),
)
def test_any_interleaving_gives_every_reader_the_same_bytes(
    steps: list[tuple[str, int | bool]], good: bool, known: bool, proof: Verification
) -> None:
    asyncio.run(_play(steps, good=good, known=known, proof=proof))
