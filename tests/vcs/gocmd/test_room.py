"""Kept clones hold no more than they may together."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from modgate.vcs.gocmd.address import Place
from modgate.vcs.gocmd.mirror import Mirrors

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs flock")


def _place(name: str) -> Place:
    url = f"https://hg.example/{name}"
    return Place(f"hg.example/{name}", "hg", url, "", told=True, host="hg.example", port=443)


async def test_the_clone_that_was_used_longest_ago_goes_and_one_in_use_stays(tmp_path: Path) -> None:
    now = [0.0]
    mirrors = Mirrors(tmp_path / "gocmd", 250_000, monotonic=lambda: now[0])
    homes = {}
    for number, name in enumerate("abcd"):
        async with mirrors.of(_place(name)) as mirror:
            assert mirror is not None
            (mirror.folder / "data").write_bytes(bytes(100_000))
            homes[name] = mirror.home
        os.utime(homes[name] / "lock", (1000 + number, 1000 + number))
    # Another gate's use of the oldest.
    async with Mirrors(tmp_path / "gocmd").of(_place("a")):
        os.utime(homes["a"] / "lock", (1000, 1000))
        now[0] = 61.0
        async with mirrors.of(_place("d")) as mirror:
            assert mirror is not None
            assert (mirror.folder / "data").exists()
    assert [name for name in "abcd" if (homes[name] / "vcs" / "data").exists()] == ["a", "d"]
    now[0] = 122.0
    async with asyncio.timeout(10), mirrors.of(_place("b")) as mirror:
        assert mirror is not None
        assert list(mirror.folder.iterdir()) == []
