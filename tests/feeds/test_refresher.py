"""The set of modules to refresh, and the work on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.feeds.refresher import Refresher
from modgate.gomod.module import check_path
from modgate.gomod.protocol import Kind
from modgate.telemetry import Metrics
from tests.feeds.following import NOW
from tests.support.sources import Clock, settled

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath

LIB = check_path("example.com/lib")


class Slow:
    """Lists whose refreshes end when the test says so."""

    def __init__(self) -> None:
        self.body = b"v1.0.0\n"
        self.gate = asyncio.Event()
        self.running = 0
        self.most = 0
        self.asked: list[str] = []

    async def held(self, path: ModulePath) -> frozenset[Kind]:  # noqa: ARG002  the protocol's
        return frozenset({Kind.LIST})

    async def refresh(self, path: ModulePath, kind: Kind) -> bytes:  # noqa: ARG002  the protocol's
        body = self.body
        self.asked.append(path)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        return body


def refresher(lists: Slow, clock: Clock, *, patience: float = 60.0) -> Refresher:
    return Refresher(lists, clock=clock, interval=30.0, metrics=Metrics(), concurrency=3, patience=patience)


async def test_so_many_at_a_time_and_no_more() -> None:
    lists, clock = Slow(), Clock(NOW)
    work = refresher(lists, clock)
    for number in range(20):
        assert work.add(check_path(f"example.com/m{number}"), ["v1.0.0"], 1)
    work.start()
    await settled()
    assert (lists.running, len(work)) == (3, 20)
    lists.gate.set()
    await work.settled()
    assert (lists.most, len(work), len(lists.asked)) == (3, 0, 20)


async def test_what_is_announced_during_a_refresh_is_refreshed_once_more() -> None:
    lists, clock = Slow(), Clock(NOW)
    work = refresher(lists, clock)
    work.add(LIB, ["v1.0.0"], 1)
    work.start()
    await settled()
    for version in ("v1.1.0", "v1.2.0"):
        lists.body += f"{version}\n".encode()
        work.add(LIB, [version], 2)
        work.start()
    await settled()
    assert lists.asked == [LIB]
    lists.gate.set()
    await work.settled()
    assert lists.asked == [LIB, LIB]
    assert len(work) == 0


async def test_an_answer_that_never_comes_is_given_up_and_asked_for_in_the_next_round() -> None:
    lists, clock = Slow(), Clock(NOW)
    work = refresher(lists, clock, patience=0.01)
    work.add(LIB, ["v1.0.0"], 1)
    work.start()
    await work.settled()
    assert (work.failed, len(work), lists.running, work.oldest()) == (1, 1, 0, 1)
    lists.gate.set()
    work.start()
    await work.settled()
    assert (len(work), work.refreshed, work.oldest()) == (0, 1, None)


async def test_what_runs_at_the_end_waits_for_the_next_start() -> None:
    lists, clock = Slow(), Clock(NOW)
    work = refresher(lists, clock)
    work.add(LIB, ["v1.0.0", "v1.0.1-0.20260901120000-0123456789ab"], 7)
    work.start()
    await settled()
    await work.close()
    assert lists.running == 0
    [awaited] = work.awaited()
    assert (awaited.path, awaited.versions, awaited.since) == (LIB, ("v1.0.0",), 7)


async def test_versions_of_one_module_are_bounded() -> None:
    work = refresher(Slow(), Clock(NOW))
    work.add(LIB, [f"v1.{number}.0" for number in range(10_000)], 1)
    assert len(work.awaited()[0].versions) <= 64
