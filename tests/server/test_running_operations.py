"""Operations in tasks of their own: they tidy up whatever becomes of those who listen."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio

from modgate.model.operations import Failure, Item, Summary, decode_event
from modgate.server.running import Running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from modgate.model.operations import Event


async def test_the_events_come_in_their_order_and_the_task_is_gone_afterwards() -> None:
    async def work() -> AsyncGenerator[Event, None]:
        for number in range(200):
            yield Item(kind="row", subject=str(number))
        yield Summary(ok=True)

    running = Running()
    events = [decode_event(line) async for line in running.lines("work", work())]
    assert [each.subject for each in events[:-1] if isinstance(each, Item)] == [str(n) for n in range(200)]
    assert isinstance(events[-1], Summary)
    await asyncio.sleep(0.001)
    assert running.count == 0


async def test_a_listener_that_is_cancelled_again_and_again_cuts_no_tidying_short() -> None:
    tidied = asyncio.Event()

    async def work() -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield Item(kind="row", subject="x")
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0.05)
            tidied.set()

    running = Running()

    async def listen() -> None:
        async with aclosing(running.lines("work", work())) as lines:
            async for _ in lines:
                pass

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await asyncio.sleep(0.05)
        group.cancel_scope.cancel()
    await asyncio.wait_for(tidied.wait(), 5)


async def test_closing_ends_what_runs_and_those_who_listen() -> None:
    async def work() -> AsyncGenerator[Event, None]:
        while True:
            yield Item(kind="row", subject="x")
            await asyncio.sleep(0.001)

    running = Running()
    lines = running.lines("work", work())
    await anext(lines)
    await asyncio.sleep(0.05)
    await running.close()
    assert running.count == 0
    async with asyncio.timeout(5):
        assert len([line async for line in lines]) <= 64  # what was waiting, and an end


async def test_a_defect_is_told_without_its_text() -> None:
    async def work() -> AsyncGenerator[Event, None]:
        yield Item(kind="row", subject="x")
        raise RuntimeError("the password is hunter2")

    *_, last = [decode_event(line) async for line in Running().lines("work", work())]
    assert isinstance(last, Failure)
    assert "RuntimeError" in last.what
    assert "hunter2" not in last.what
