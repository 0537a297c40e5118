"""What is kept between runs: two runs at a time never lose or rewind the head."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.sums.kept import Kept

if TYPE_CHECKING:
    from pathlib import Path

LATEST = "sum.test/latest"


async def test_the_head_is_replaced_only_where_it_is_still_the_one_that_was_compared(tmp_path: Path) -> None:
    one, two = Kept(tmp_path / "sums"), Kept(tmp_path / "sums")
    assert await one.swap(LATEST, b"", b"first")
    assert not await two.swap(LATEST, b"", b"other")
    assert two.read(LATEST) == b"first"
    assert await two.swap(LATEST, b"first", b"second")
    assert Kept(tmp_path / "sums").read(LATEST) == b"second"


async def test_of_many_that_replace_the_same_head_one_succeeds(tmp_path: Path) -> None:
    many = [Kept(tmp_path / "sums") for _ in range(8)]
    done = await asyncio.gather(*(kept.swap(LATEST, b"", b"%d" % number) for number, kept in enumerate(many)))
    assert sum(done) == 1
    assert Kept(tmp_path / "sums").read(LATEST) == b"%d" % done.index(True)


async def test_the_files_that_a_head_leans_on_are_there_before_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "sums")
    kept.put([("sum.test/tile/8/0/000", b"hashes")])
    assert Kept(tmp_path / "sums").read("sum.test/tile/8/0/000") is None
    await kept.swap(LATEST, b"", b"head")
    assert Kept(tmp_path / "sums").read("sum.test/tile/8/0/000") == b"hashes"
    assert Kept(tmp_path / "sums").read("sum.test/supported") == b""


async def test_without_a_folder_everything_lasts_for_the_run(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file")
    for kept in (Kept(None), Kept(blocked / "sums")):
        kept.put([("sum.test/tile/8/0/000", b"hashes")])
        assert await kept.swap(LATEST, b"", b"head")
        assert not await kept.swap(LATEST, b"", b"other")
        assert kept.read(LATEST) == b"head"
        assert kept.read("sum.test/tile/8/0/000") == b"hashes"
        await kept.flush()
    assert kept.problem
