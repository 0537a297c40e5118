"""Whose look-ups wait, and whose do not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.model import Context, MirrorAnswer
from modgate.source.fair import FairMirror
from modgate.source.turns import Turns
from tests.support.sources import settled

if TYPE_CHECKING:
    from collections.abc import Iterable

HUNGRY = Context(consumer="hungry")
LOOKUP = "lookup/example.test/m@v1.0.0"


class SlowMirror:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.gate = asyncio.Event()

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        self.asked.append((ctx.consumer, f"{name}/{rest}"))
        await self.gate.wait()
        return MirrorAnswer(b"", immutable=True)


def begin(fair: FairMirror, asks: Iterable[tuple[Context, str]]) -> list[asyncio.Task[MirrorAnswer]]:
    return [asyncio.create_task(fair.fetch(ctx, "db.test", rest)) for ctx, rest in asks]


async def test_only_lookups_of_the_client_that_has_many_under_way_wait_and_are_refused() -> None:
    slow = SlowMirror()
    fair = FairMirror(slow, Turns(slots=1, patience=0.0))
    running = begin(fair, [(HUNGRY, LOOKUP)])
    await settled()
    with pytest.raises(Unavailable) as caught:
        await fair.fetch(HUNGRY, "db.test", LOOKUP)
    assert caught.value.kind == "overloaded"
    others = [
        (replace(HUNGRY, consumer="other"), LOOKUP),
        (replace(HUNGRY, fetch=False), LOOKUP),
        (HUNGRY, "latest"),
        (HUNGRY, "tile/8/0/000"),
    ]
    running += begin(fair, others)
    await settled()
    assert len(slow.asked) == 5
    slow.gate.set()
    assert len(await asyncio.gather(*running)) == 5
    await fair.fetch(HUNGRY, "db.test", LOOKUP)
