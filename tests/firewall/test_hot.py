"""How long an answer that a policy let through stays ready-made: no longer than its reasons do."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Denied
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.model.blob import BlobMeta
from modgate.policy.texts import denial_lines
from modgate.server.goproxy import GoProxy
from modgate.server.memo import Memo
from modgate.source.guarded import GuardedSource
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics
from tests.support.firewall import PATH, Bench, bench

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.model import Answer

ME = Context(consumer="me")
ZIP = f"/{checked(Kind.ZIP, PATH, 'v1.1.0').url_path}"


class _Stored:
    """The bench's source with every immutable answer stored."""

    def __init__(self, wall: Bench) -> None:
        self._source = wall.source
        self._store = MemoryStore(1 << 20)

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        answer = await self._source.fetch(ctx, request)
        assert isinstance(answer.body, bytes)
        meta = BlobMeta(size=len(answer.body), sha256=hashlib.sha256(answer.body).hexdigest(), stored_at=0.0)
        return replace(answer, body=await self._store.put(request.url_path, answer.body, meta))

    async def close(self) -> None:
        await self._store.close()


def _served(wall: Bench) -> tuple[GoProxy, Memo]:
    memo = Memo(clock=wall.clock, generation=lambda: wall.wall.generation)
    source = GuardedSource(_Stored(wall), wall.wall, denial_lines)
    return GoProxy(source, memo, Metrics(), mount="", extra=[]), memo


def _rule(when: str, on_error: str = "allow") -> str:
    head = '[[rules]]\nid = "r"\neffect = "deny"\n'
    return f'{head}on_error = "{on_error}"\n[rules.when]\nmodules = ["{PATH}"]\n{when}\n'


async def test_what_was_let_through_for_want_of_a_fact_is_asked_again_within_seconds() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.books.broken = True
    wall.adopt(_rule('age = "< 7d"'))
    wall.log.times["v1.1.0"] = wall.clock() - 1.0
    proxy, memo = _served(wall)
    await proxy.answer(ME, ZIP)
    wall.books.broken = False
    wall.clock.now += 5.0
    assert memo.get(ZIP.encode()) is None
    with pytest.raises(Denied):
        await proxy.answer(ME, ZIP)


async def test_what_is_retracted_while_it_is_hot_is_refused_within_two_minutes() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(_rule("retracted = true"))
    proxy, memo = _served(wall)
    await proxy.answer(ME, ZIP)
    assert memo.get(ZIP.encode()) is not None
    wall.module("v1.0.0", "v1.1.0", "v1.2.0", v1_2_0="v1.1.0")
    wall.clock.now += 120.0
    assert memo.get(ZIP.encode()) is None
    with pytest.raises(Denied):
        await proxy.answer(ME, ZIP)


async def test_what_no_rule_touches_stays_hot() -> None:
    wall = bench()
    wall.module("v1.1.0")
    proxy, memo = _served(wall)
    await proxy.answer(ME, ZIP)
    wall.clock.now += 1800.0
    assert memo.get(ZIP.encode()) is not None
