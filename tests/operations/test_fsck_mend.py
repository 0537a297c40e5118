"""What a repair does about each kind of fault, and what it leaves alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modgate.gomod.module import check
from modgate.model import Sums, Verification
from tests.operations.fsck_bench import LEVELS, PATH, SMALL, STEM, VERSION, Database, flip, opened
from tests.support.fsck import NoWay, fsck
from tests.support.modules import make_zip, zip_h1

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_zip_with_another_go_mod_is_found_by_a_deep_check(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        data = make_zip({f"{PATH}@{VERSION}/go.mod": b"module example.test/Other\n"})
        await bench.put(f"{STEM}.zip", data, h1=zip_h1(data))
        assert await bench.found(level="deep") == [("record-mod", f"{STEM}.zip")]
        assert await bench.mended(level="deep") == [("fetched", True)]
        assert await bench.found(level="deep") == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", [None, "", "h1:" + "A" * 43 + "="])
async def test_a_wrong_or_missing_ziphash_is_written_anew(
    tmp_path: Path, text: str | None, level: str
) -> None:
    async with opened(tmp_path) as bench:
        beside = bench.path(f"{STEM}.ziphash")
        beside.unlink()
        if text is not None:
            beside.write_text(text)
        reason = "ziphash-missing" if text is None else "ziphash-wrong"
        assert await bench.found(level=level) == [(reason, f"{STEM}.zip")]
        assert await bench.mended(level=level) == [("rewritten", True)]
        assert beside.read_text() == bench.built.h1


async def test_a_ziphash_whose_h1_nobody_proves_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.put(f"{STEM}.zip", bench.built.zip, h1=bench.built.h1, verified="none")
        bench.path(f"{STEM}.ziphash").unlink()
        assert await bench.mended() == [("left-unproved", False)]
        await bench.record("zip", bench.built.h1)
        assert await bench.mended() == [("rewritten", True)]


@pytest.mark.parametrize("key", SMALL[:3])
async def test_damage_is_set_aside_and_fetched_again(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as bench:
        before = bench.path(key).read_bytes()
        flip(bench.path(key))
        generation = bench.store.generation
        assert await bench.mended() == [("fetched", True)]
        assert bench.store.generation > generation
        assert bench.path(key).read_bytes() == before
        assert await bench.found(level="deep") == []


async def test_a_damaged_answer_that_may_change_is_asked_for_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        flip(bench.path("example.test/!one/@v/list"))
        assert await bench.mended() == [("aside-later", True)]
        assert await bench.found() == []


@pytest.mark.parametrize("kept", [True, False])
async def test_what_cannot_be_fetched_again_is_set_aside_and_told(tmp_path: Path, kept: bool) -> None:
    async with opened(tmp_path) as bench:
        bench.options = {"way": NoWay(), "kept": lambda _path: kept}
        flip(bench.path(f"{STEM}.zip"))
        items, summary = await fsck(bench.works, repair=True)
        assert [item.facts["done"] for item in items if item.kind == "repair"] == ["aside"]
        assert items[-1].facts["why"] == "nothing is fetched here"
        assert (summary.ok, summary.facts["remaining"]) == (False, 1)
        assert summary.facts["quarantine"] == {"objects": 1, "size": len(bench.built.zip)}


@pytest.mark.parametrize("damage", ["record", "content", "sidecar"])
async def test_private_modules_are_only_set_aside_when_their_bytes_are_wrong(
    tmp_path: Path, damage: str
) -> None:
    async with opened(tmp_path) as bench:
        bench.options = {"way": NoWay(), "kept": lambda _path: True}
        if damage == "record":
            await bench.record("zip", "h1:" + "B" * 43 + "=")
        elif damage == "content":
            await bench.put(f"{STEM}.info", b'{"Version":"v1.2.4"}')
        else:
            await bench.put(f"{STEM}.zip", bench.built.zip, h1="h1:" + "B" * 43 + "=")
            bench.path(f"{STEM}.ziphash").write_text(bench.built.h1)
        before = bench.path(f"{STEM}.zip").read_bytes()
        assert await bench.mended() == [("left-kept", False)]
        assert bench.path(f"{STEM}.zip").read_bytes() == before


async def test_other_bytes_than_the_ledger_saw_first_are_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.record("zip", bench.built.h1)
        await bench.record("mod", bench.built.mod_h1)
        other = make_zip(
            {f"{PATH}@{VERSION}/go.mod": bench.built.mod, f"{PATH}@{VERSION}/x.go": b"package x\n"}
        )
        await bench.put(f"{STEM}.zip", other, h1=zip_h1(other))
        await bench.put(f"{STEM}.mod", b"module example.test/One\n")
        assert await bench.found() == [
            ("record-ledger", f"{STEM}.mod"),
            ("record-ledger", f"{STEM}.zip"),
        ]
        assert await bench.mended() == [("fetched", True), ("fetched", True)]
        assert bench.path(f"{STEM}.zip").read_bytes() == bench.built.zip


async def test_a_ledger_that_the_database_contradicts_is_told_and_never_changed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        sums = Sums(bench.built.h1, bench.built.mod_h1, Verification.SUMDB)
        bench.options["database"] = Database(sums)
        assert await bench.mended() == [("left-ledger", False)]
        assert bench.path(f"{STEM}.zip").read_bytes() == bench.built.zip
        record = await bench.ledger.seen(check(PATH, VERSION), "zip")
        assert record is not None
        assert record.h1 == "h1:" + "B" * 43 + "="


async def test_nothing_is_set_aside_while_the_database_cannot_be_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        bench.options["database"] = Database(None)
        assert await bench.mended() == [("left-unproved", False)]
        assert bench.path(f"{STEM}.zip").exists()


async def test_a_torn_note_of_bytes_that_a_record_contradicts_is_damage(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        note = bench.path(f".modgate/meta/{STEM}.zip")
        note.write_bytes(note.read_bytes()[:20])
        for level in LEVELS:
            assert await bench.found(level=level) == [("sidecar-torn", f"{STEM}.zip")]
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        assert await bench.mended() == [("fetched", True)]


@pytest.mark.parametrize("kept", [True, False])
async def test_a_torn_note_of_bytes_in_order_is_made_anew(tmp_path: Path, kept: bool) -> None:
    async with opened(tmp_path) as bench:
        bench.options = {"way": NoWay(), "kept": lambda _path: kept}
        await bench.record("zip", bench.built.h1)
        bench.path(f".modgate/meta/{STEM}.zip").write_bytes(b"{")
        assert await bench.mended() == [("forgotten", True)]
        assert await bench.found() == []


async def test_left_overs_are_found_and_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.path(f"{STEM}.info").unlink()
        bench.path(f"{STEM}.zip").unlink()
        old = bench.path(".modgate/tmp/stray")
        old.write_bytes(b"x")
        os.utime(old, (1.0, 1.0))
        fresh = bench.path(".modgate/tmp/fresh")
        fresh.write_bytes(b"x")
        for level in LEVELS:
            assert sorted(await bench.found(level=level)) == [
                ("orphan-sidecar", f"{STEM}.info"),
                ("orphan-sidecar", f"{STEM}.zip"),
                ("orphan-temporary", ".modgate/tmp/stray"),
                ("orphan-ziphash", f"{STEM}.ziphash"),
            ]
        assert await bench.mended() == [("dropped", True)] * 4
        assert await bench.found() == []
        assert fresh.exists()


async def test_what_was_fetched_with_credentials_is_checked_as_well(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        key = f"scope/{'0a' * 16}/{STEM}.mod"
        await bench.put(key, bench.built.mod)
        assert await bench.found(level="deep") == []
        flip(bench.path(key))
        assert await bench.found() == [("rot", key)]
        assert await bench.mended() == [("aside-scope", True)]
        assert await bench.found() == []
