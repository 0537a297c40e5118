"""Asking anew on demand: what the index follower and `modgate refresh` rely on."""

from __future__ import annotations

import asyncio

import pytest

from modgate.errors import Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.server.goproxy import GoProxy
from modgate.server.memo import Memo
from modgate.telemetry import Metrics
from tests.source.conftest import CTX, Stack
from tests.support.sources import FullStore, read, settled

LIST = checked(Kind.LIST, "example.test/small")
OLD, NEW = b"v1.0.0\n", b"v1.0.0\nv1.1.0\n"
BACKGROUND = Context(background=True)


async def test_a_refresh_asks_although_the_answer_is_fresh(stack: Stack) -> None:
    stack.inner.answers[LIST.url_path] = OLD
    await stack.cached.fetch(CTX, LIST)
    stack.inner.answers[LIST.url_path] = NEW
    await stack.cached.refresh(BACKGROUND, LIST)
    answer = await stack.cached.fetch(CTX, LIST)
    assert (await read(answer), answer.age) == (NEW, 0.0)


async def test_a_refresh_does_not_settle_for_a_question_that_was_on_its_way_before(stack: Stack) -> None:
    stack.inner.answers[LIST.url_path] = OLD
    stack.inner.gate.clear()
    first = asyncio.create_task(stack.cached.fetch(CTX, LIST))
    await settled()
    refreshes = [asyncio.create_task(stack.cached.refresh(BACKGROUND, LIST)) for _ in range(5)]
    await settled()
    stack.inner.gate.set()
    assert await read(await first) == OLD
    await asyncio.gather(*refreshes)
    assert stack.inner.counts[LIST.url_path] == 2


async def test_what_is_stored_or_on_its_way_is_held(stack: Stack) -> None:
    assert not await stack.cached.holds(BACKGROUND, LIST)
    stack.inner.answers[LIST.url_path] = OLD
    stack.inner.gate.clear()
    asking = asyncio.create_task(stack.cached.fetch(CTX, LIST))
    await settled()
    assert await stack.cached.holds(BACKGROUND, LIST)
    stack.inner.gate.set()
    await asking
    assert await stack.cached.holds(BACKGROUND, LIST)
    assert not await stack.cached.holds(BACKGROUND, checked(Kind.LATEST, LIST.path))


async def test_who_keeps_copies_is_told_of_what_was_replaced_and_not_of_what_is_new(stack: Stack) -> None:
    stack.inner.answers[LIST.url_path] = OLD
    await stack.cached.fetch(CTX, LIST)
    assert stack.watch.again == []
    await stack.cached.refresh(BACKGROUND, LIST)
    assert stack.watch.again == [LIST.url_path]
    stack.inner.answers[LIST.url_path] = Unavailable("down", kind="unreachable")
    with pytest.raises(Unavailable):
        await stack.cached.refresh(BACKGROUND, LIST)
    assert stack.watch.again == [LIST.url_path]


async def test_what_could_not_be_stored_is_not_told(stack: Stack) -> None:
    store = FullStore(1 << 20)
    store.full = False
    other = stack.again(store=store)
    other.inner.answers[LIST.url_path] = OLD
    await other.cached.fetch(CTX, LIST)
    store.full = True
    await other.cached.refresh(BACKGROUND, LIST)
    assert other.watch.again == []


async def test_an_answer_from_before_a_refresh_is_never_kept_after_it(stack: Stack) -> None:
    memo = Memo(clock=stack.clock)
    proxy = GoProxy(stack.cached, memo, Metrics(), mount="", extra=[])
    stack.inner.answers[LIST.url_path] = OLD
    path = f"/{LIST.url_path}"

    class Overtaken:
        """The source; a refresh comes in between its answer and whoever gets it."""

        async def fetch(self, ctx: Context, request: object) -> object:  # noqa: ARG002  the protocol's
            answer = await stack.cached.fetch(ctx, LIST)
            memo.forget(path.encode())
            return answer

        async def close(self) -> None:
            """Nothing is held."""

    await GoProxy(Overtaken(), memo, Metrics(), mount="", extra=[]).answer(CTX, path)  # type: ignore[arg-type]
    assert memo.get(path.encode()) is None
    await proxy.answer(CTX, path)
    assert memo.get(path.encode()) is not None
