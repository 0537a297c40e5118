"""An upstream that fails in a row is left alone, and one trial at a time finds out when it is back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, Unavailable
from modgate.model import Context
from modgate.transport.breaker import Breaker
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def breaker(clock: Clock) -> Breaker:
    return Breaker("http://upstream", clock=clock, failures=3, pause=5.0)


def test_it_opens_after_failures_in_a_row_and_says_why() -> None:
    clock = Clock()
    one = breaker(clock)
    for _ in range(2):
        one.failure("status 500")
    one.success()
    for _ in range(3):
        one.check()
        one.failure("status 502")
    with pytest.raises(Unavailable, match="status 502") as caught:
        one.check()
    assert caught.value.kind == "unreachable"
    assert caught.value.retry_after == 5.0


def test_half_open_lets_one_trial_through_and_its_outcome_decides() -> None:
    clock = Clock()
    one = breaker(clock)
    for _ in range(3):
        one.failure("x")
    clock.now += 5.0
    one.check()
    with pytest.raises(Unavailable):
        one.check()
    one.failure("still")
    with pytest.raises(Unavailable, match="4 times in a row"):
        one.check()
    clock.now += 5.0
    one.check()
    one.success()
    one.check()
    one.check()


def test_a_trial_that_never_ends_does_not_keep_it_open_for_ever() -> None:
    clock = Clock()
    one = breaker(clock)
    for _ in range(3):
        one.failure("x")
    clock.now += 5.0
    one.check()
    clock.now += 5.0
    one.check()


def test_failures_of_requests_that_ran_when_it_opened_lengthen_nothing_but_the_pause() -> None:
    clock = Clock()
    one = breaker(clock)
    for _ in range(10):
        one.failure("x")
    clock.now += 5.0
    one.check()


async def test_an_open_breaker_spares_the_upstream_and_the_next_good_answer_closes_it(make: Make) -> None:
    clock = Clock()
    settings = replace(QUICK, retries=0, breaker_failures=3, breaker_pause=5.0)
    async with RawUpstream.saying(said(500), said(500), said(500), said(200, b"x")) as server:
        upstream = make(server.url, settings, monotonic=clock)
        await upstream.ready()
        for _ in range(6):
            with pytest.raises(Unavailable):
                await upstream.get(CTX, "p", limit=10)
        assert len(server.seen) == 3
        with pytest.raises(Unavailable):
            await upstream.ready()
        clock.now += 5.0
        await upstream.ready()
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        await upstream.ready()


async def test_tries_within_one_request_stop_when_the_breaker_opens(make: Make) -> None:
    async with RawUpstream.saying(said(500)) as server:
        upstream = make(server.url, replace(QUICK, retries=9, breaker_failures=4), monotonic=Clock())
        with pytest.raises(Unavailable, match="status 500"):
            await upstream.get(CTX, "p", limit=10)
        assert len(server.seen) == 4


@pytest.mark.parametrize(
    ("status", "error"), [(404, Absent), (403, Denied), (401, Unavailable), (429, Unavailable)]
)
async def test_what_a_healthy_upstream_refuses_opens_nothing(
    make: Make, status: int, error: type[Exception]
) -> None:
    async with RawUpstream.saying(said(status)) as server:
        upstream = make(server.url, replace(QUICK, retries=0, breaker_failures=2), monotonic=Clock())
        for _ in range(5):
            with pytest.raises(error):
                await upstream.get(CTX, "p", limit=10)
        assert len(server.seen) == 5


async def test_bodies_that_break_off_count_once_each(make: Make) -> None:
    async def half(exchange: Exchange) -> bool:
        await exchange.send(said(200, b"half", length=8))
        return False

    async with RawUpstream(half) as server:
        settings = replace(QUICK, retries=0, breaker_failures=3)
        upstream = make(server.url, settings, monotonic=Clock())
        for _ in range(5):
            with pytest.raises(Unavailable):
                await upstream.get(CTX, "p", limit=10)
        assert len(server.seen) == 3

        upstream = make(server.url, settings, monotonic=Clock())
        streams = [await upstream.open(CTX, "p") for _ in range(3)]
        for stream in streams:
            await upstream.ready()
            with pytest.raises(Unavailable, match="broke off"):
                [chunk async for chunk in stream.chunks()]
            await stream.aclose()
        with pytest.raises(Unavailable):
            await upstream.ready()


async def test_a_cancelled_trial_counts_as_nothing(make: Make) -> None:
    clock = Clock()
    hang = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        if len(server.seen) <= 2:
            await exchange.send(said(500))
            return
        hang.set()
        await exchange.reader.read()

    async with RawUpstream(answer) as server:
        upstream = make(server.url, replace(QUICK, retries=0, breaker_failures=2), monotonic=clock)
        for _ in range(2):
            with pytest.raises(Unavailable):
                await upstream.get(CTX, "p", limit=10)
        clock.now += 5.0
        trial = asyncio.create_task(upstream.get(CTX, "p", limit=10))
        await hang.wait()
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        with pytest.raises(Unavailable, match="2 times in a row"):
            await upstream.get(CTX, "p", limit=10)


async def test_waiting_for_our_own_connections_is_overload_and_no_failure_of_the_upstream(
    make: Make,
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(said(200, b"part", length=100) if "slow" in exchange.target else said(200, b"ok"))

    async with RawUpstream(answer) as server:
        upstream = make(
            server.url,
            replace(QUICK, connect=0.1, head=0.1, connections=1, retries=0, breaker_failures=1),
        )
        slow = await upstream.open(CTX, "slow.zip")
        with pytest.raises(Unavailable) as caught:
            await upstream.get(CTX, "quick.mod", limit=10)
        assert caught.value.kind == "overloaded"
        await upstream.ready()
        await slow.aclose()
        assert await upstream.get(CTX, "quick.mod", limit=10) == b"ok"
        assert len(server.seen) == 2
