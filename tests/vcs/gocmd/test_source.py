"""The source over the go command: what is asked twice is run once, and an unread zip costs nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from tests.support.sources import Clock
from tests.vcs.gocmd.world import a_world, needs_hg

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from modgate.source.gocmd import _OpenFile

pytestmark = needs_hg


@pytest.mark.long
async def test_the_three_files_of_a_version_are_one_run_and_a_zip(tmp_path: Path, hg_port: int) -> None:
    clock = Clock()
    async with a_world(tmp_path, {"hg.test": hg_port}, clock=lambda: clock.now) as world:
        world.put("code.test/hello", "hg", "http://hg.test/hello")
        head = await world.source.fetch(Context(head=True), checked(Kind.ZIP, "code.test/hello", "v1.0.0"))
        asked = len(world.names.asked)
        assert asked
        info = await world.ask(Kind.INFO, "code.test/hello", "v1.0.0")
        assert await world.ask(Kind.MOD, "code.test/hello", "v1.0.0")
        assert len(world.names.asked) == asked
        clock.now += 3600
        answer = await world.source.fetch(Context(), checked(Kind.ZIP, "code.test/hello", "v1.0.0"))
        assert len(world.names.asked) > asked
        asked = len(world.names.asked)
        assert await world.ask(Kind.INFO, "code.test/hello", "v1.0.0") == info
        assert len(world.names.asked) == asked
        body = cast("_OpenFile", answer.body)
        await body.aclose()
        await body.aclose()
        assert [piece async for piece in body] == []
        await cast("AsyncGenerator[bytes]", head.body).aclose()


@pytest.mark.long
async def test_askers_of_one_repository_take_turns(tmp_path: Path, hg_port: int) -> None:
    async with a_world(tmp_path, {"hg.test": hg_port}) as world:
        world.put("code.test/hello", "hg", "http://hg.test/hello")
        await asyncio.gather(*(world.list("code.test/hello") for _ in range(2)))
        assert [entry.name for entry in (tmp_path / "gocmd").iterdir() if entry.is_dir()] == [
            next((tmp_path / "gocmd").glob("hg-*")).name
        ]
