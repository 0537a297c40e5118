"""Two configurations in front of one store: what one fetches the other joins, where they fetch alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.source.cached import CachedSource
from modgate.source.fills import Fills
from modgate.source.turns import Turns
from modgate.storage.memory import MemoryStore
from tests.source.conftest import CTX, Stack, asked, feed
from tests.support.sources import read, settled

if TYPE_CHECKING:
    from modgate.model import ModuleSource
    from modgate.storage.memory import MemoryBlob
    from tests.support.modules import BuiltModule

ONE = replace(CTX, consumer="one")


class LateStore(MemoryStore):
    """The first look into it is answered when the test says so, with what was true when it began."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.entered, self.go_on = asyncio.Event(), asyncio.Event()

    async def get(self, key: str) -> MemoryBlob | None:
        found = await super().get(key)
        if not self.entered.is_set():
            self.entered.set()
            await self.go_on.wait()
        return found


def sources(stack: Stack, *, ways: tuple[int, int] = (1, 1), slots: int = 4) -> list[CachedSource]:
    """The source of a configuration, and of the one that took its place."""
    fills = Fills()
    verified: ModuleSource = stack.cached._inner
    return [
        CachedSource(
            verified,
            stack.store,
            stack.settings,
            clock=stack.clock,
            watch=stack.watch,
            turns=Turns(slots=slots, patience=30.0),
            fills=fills,
            way=way,
        )
        for way in ways
    ]


async def test_a_fill_of_the_configuration_before_is_joined(stack: Stack, big: BuiltModule) -> None:
    old, new = sources(stack)
    body, request = feed(stack, big), asked(big, "zip")
    first = asyncio.create_task(old.fetch(CTX, request))
    await body.send(big.zip[:700_000])
    second = await new.fetch(CTX, request)
    assert (old.running, old.lent) == (1, 1)
    assert (new.running, new.lent) == (0, 0)
    await body.send(big.zip[700_000:])
    await body.end()
    assert await read(await first) == await read(second) == big.zip
    while old.running:
        await settled()
    assert old.lent == 0
    assert stack.inner.counts[request.url_path] == 1


@pytest.mark.parametrize(
    ("ways", "scope"), [((1, 2), ""), ((1, 1), "other")], ids=["another way", "other credentials"]
)
async def test_what_is_fetched_otherwise_is_fetched_anew(
    stack: Stack, small: BuiltModule, ways: tuple[int, int], scope: str
) -> None:
    old, new = sources(stack, ways=ways)
    request = asked(small, "mod")
    stack.inner.gate.clear()
    asking = [
        asyncio.create_task(old.fetch(CTX, request)),
        asyncio.create_task(new.fetch(replace(CTX, credential_scope=scope), request)),
    ]
    await settled()
    assert stack.inner.counts[request.url_path] == 2
    stack.inner.gate.set()
    for each in await asyncio.gather(*asking):
        assert await read(each) == small.mod
    assert old.lent == 0


async def test_a_fill_of_the_configuration_before_that_fails_says_nothing_of_the_one_in_force(
    stack: Stack, big: BuiltModule
) -> None:
    old, new = sources(stack)
    body, request = feed(stack, big), asked(big, "zip")
    asking = [asyncio.create_task(each.fetch(replace(CTX, whole=True), request)) for each in (old, new)]
    ahead = asyncio.create_task(new.ensure(CTX, request))
    await body.send(big.zip[:700_000])
    assert old.running == 1
    stack.inner.answers[request.url_path] = big.zip
    await body.end(Unavailable("reset", kind="unreachable"))
    with pytest.raises(Unavailable, match="reset"):
        await asking[0]
    assert await read(await asking[1]) == big.zip
    assert await ahead == len(big.zip)
    assert stack.inner.counts[request.url_path] == 2


async def test_what_goes_takes_nobody_along_who_joined_from_elsewhere(
    stack: Stack, big: BuiltModule, small: BuiltModule
) -> None:
    old, new = sources(stack, slots=1)
    waiting = asked(small, "mod")
    stack.inner.gate.clear()
    asking = [asyncio.create_task(old.fetch(ONE, each)) for each in (asked(big, "mod"), waiting)]
    await settled()
    other = asyncio.create_task(new.fetch(ONE, waiting))
    await settled()
    for task in list(old._tasks):
        task.cancel()
    await settled()
    stack.inner.gate.set()
    assert await read(await other) == small.mod
    assert await read(await asking[1]) == small.mod
    with pytest.raises(Unavailable) as caught:
        await asking[0]
    assert caught.value.kind == "stopping"
    assert stack.inner.counts[waiting.url_path] == 1


async def test_a_look_that_a_fill_of_the_configuration_before_outran_is_repeated(
    stack: Stack, small: BuiltModule
) -> None:
    old, new = sources(stack)
    request = asked(small, "mod")
    store = new._store = LateStore(64 << 20)
    old._store = store
    looking = asyncio.create_task(new.fetch(CTX, request))
    await store.entered.wait()
    assert await read(await old.fetch(CTX, request)) == small.mod
    while old.running:
        await settled()
    store.go_on.set()
    assert await read(await looking) == small.mod
    assert stack.inner.counts[request.url_path] == 1
