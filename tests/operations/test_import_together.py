"""Many things, some at a time: none is lost, none is left running."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from modgate.operations.imports_together import in_thread, to_the_end, together

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


async def _numbers(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 1000])
async def test_all_that_a_thread_yields_comes_in_order(count: int) -> None:
    async with aclosing(in_thread(lambda: iter(range(count)))) as found:
        assert [each async for each in found] == list(range(count))


async def test_so_many_run_at_a_time_and_every_result_comes() -> None:
    running = most = 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number * 2

    async with aclosing(together(_numbers(50), work, at_once=7)) as results:
        assert sorted([each async for each in results]) == [number * 2 for number in range(50)]
    assert most == 7


async def test_one_at_a_time_keeps_the_order() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async with aclosing(together(_numbers(20), work, at_once=1)) as results:
        assert [each async for each in results] == list(range(20))


async def test_an_error_ends_what_is_under_way() -> None:
    ended: list[int] = []

    async def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(number)
        return number

    async def all_of_them() -> None:
        async with aclosing(together(_numbers(9), work, at_once=5)) as results:
            async for _ in results:
                pass

    with pytest.raises(ValueError, match="three"):
        await all_of_them()
    assert sorted(ended) == [0, 1, 2, 4]


async def test_what_is_given_back_is_given_back_whole_however_often_that_is_cancelled() -> None:
    done = asyncio.Event()

    async def give_back() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        done.set()

    task = asyncio.create_task(to_the_end(give_back()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await done.wait()
