"""Each kind of fault by itself: what is found, and at which level."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.model.inspection import Fault, Judged
from modgate.storage.usage import cost_of
from modgate.storage.walk import files_below
from tests.operations.fsck_bench import LEVELS, PATH, SMALL, STEM, VERSION, cut, flip, opened
from tests.support.fsck import fsck
from tests.support.modules import make_zip, zip_h1

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.gomod.types import ModulePath, Version
    from modgate.model.inspection import Look


@pytest.mark.parametrize("level", LEVELS)
async def test_a_sound_store_has_no_fault(tmp_path: Path, level: str) -> None:
    async with opened(tmp_path) as bench:
        await bench.record("zip", bench.built.h1)
        await bench.record("mod", bench.built.mod_h1)
        assert await bench.found(level=level) == []


@pytest.mark.parametrize("key", SMALL)
async def test_a_flipped_bit_is_found_in_every_kind_of_object(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as bench:
        flip(bench.path(key))
        assert await bench.found(level="quick") == []
        assert await bench.found() == [("rot", key)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", SMALL)
async def test_a_cut_object_is_found_without_reading_it(tmp_path: Path, key: str, level: str) -> None:
    async with opened(tmp_path) as bench:
        cut(bench.path(key))
        assert await bench.found(level=level) == [("half-size", key)]


@pytest.mark.parametrize("level", LEVELS)
async def test_a_cut_zip_is_found_although_nothing_was_noted_of_it(tmp_path: Path, level: str) -> None:
    async with opened(tmp_path) as bench:
        bench.path(f".modgate/meta/{STEM}.zip").unlink()
        os.truncate(bench.path(f"{STEM}.zip"), 60)
        assert await bench.found(level=level) == [("half-zip", f"{STEM}.zip")]


async def test_a_store_without_notes_is_judged_by_its_bytes(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        for path in (bench.root / ".modgate" / "meta").rglob("*.*"):
            if path.is_file():
                path.unlink()
        (bench.root / ".modgate/meta/example.test/!one/@latest").unlink()
        (bench.root / ".modgate/meta/example.test/!one/@v/list").unlink()
        assert await bench.found(level="deep") == []
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        assert await bench.found() == [("record-ledger", f"{STEM}.zip")]


CONTENT: Mapping[str, tuple[str, bytes]] = {
    "an .info of another version": (f"{STEM}.info", b'{"Version":"v1.2.4"}'),
    "an .info that is a page": (f"{STEM}.info", b"<html></html>"),
    "a .mod that is a page": (f"{STEM}.mod", b"<!doctype html>"),
    "a list that is a page": ("example.test/!one/@v/list", b"<html>v1.0.0</html>"),
    "a newest version of another major": ("example.test/!one/@latest", b'{"Version":"v2.0.0"}'),
    "a zip that is none": (f"{STEM}.zip", b"PK\x05\x06 but not really"),
}


@pytest.mark.parametrize("case", CONTENT)
async def test_an_object_that_is_not_what_its_name_says_is_found(tmp_path: Path, case: str) -> None:
    key, data = CONTENT[case]
    async with opened(tmp_path) as bench:
        await bench.put(key, data)
        assert [reason for reason, where in await bench.found() if where == key] == ["content-form"]


async def test_a_zip_that_breaks_the_rules_is_found_by_a_deep_check(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        data = make_zip({f"{PATH}@{VERSION}/a.go": b"package a\n", "elsewhere/b.go": b"package b\n"})
        await bench.put(f"{STEM}.zip", data, h1=zip_h1(data))
        assert await bench.found() == []
        assert await bench.found(level="deep") == [("content-rules", f"{STEM}.zip")]


NAMES = {
    "example.test/!one/@v/V1.0.0.info": "name-case",
    f"example.test/!one/@v/{VERSION}.Zip": "name-foreign",
    "example.test/One/@v/v1.0.0.info": "name-case",
    "example.test/!one/@v/v2.0.0.mod": "name-version",
    "example.test/!one/@v/1.0.0.zip": "name-version",
    "example.test/!one/@v/v1.0.0.info.tmp": "name-foreign",
    "example.test/!one/@v/v9.9.9.lock": "name-foreign",
    "example.test/!one/README": "name-foreign",
    "README": "name-foreign",
    "nodot/@v/v1.0.0.mod": "name-foreign",
    "sumdb/sum.example.test/lookup/x@y": "name-foreign",
    "sumdb/sum.example.test/tile/8/0/1": "name-foreign",
    "sumdb/notes": "name-foreign",
    "scope/abc/example.test/!one/@v/list": "name-foreign",
    "example.test/!one/@v/inner/v1.0.0.mod": "name-foreign",
}


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_without_a_place_is_found_and_moved_not_deleted(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as bench:
        path = bench.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
        for level in LEVELS:
            (found,) = await bench.found(level=level)
            assert found[0] == NAMES[name]
            assert name == found[1] or name.startswith(found[1] + "/")
        assert await bench.mended() == [("moved", True)]
        assert await bench.found() == []
        kept = [each for each in (bench.root / ".modgate" / "quarantine").rglob(path.name) if each.is_file()]
        assert [each.read_bytes() for each in kept] == [b"precious"]


@pytest.mark.parametrize("name", ["example.test/notes", "example.test/!one/@x/deep/down.zip"])
async def test_what_is_moved_away_no_longer_counts_against_the_limit(tmp_path: Path, name: str) -> None:
    async def spared() -> Callable[[ModulePath, Version], bool]:
        return lambda _path, _version: True

    async with opened(tmp_path) as bench:
        before = sum(1 for _ in files_below(bench.store.tree, ""))
        path = bench.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100_000))
        bench.store.bound(1 << 24, spared, monotonic=time.monotonic)
        assert await bench.mended() == [("moved", True)]
        usage = bench.store.usage()
        stand = [(key, found.st_size) for key, found in files_below(bench.store.tree, "")]
        assert usage.objects == len(stand) == before
        assert usage.used == sum(cost_of(key, size) for key, size in stand)


async def test_names_that_are_no_text_are_told_and_moved(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        Path(os.fsdecode(os.fsencode(bench.root) + b"/example.test/\xff\xfe")).write_bytes(b"x")
        assert await bench.found() == [("name-foreign", "example.test/\\xff\\xfe")]
        assert await bench.mended() == [("moved", True)]
        assert await bench.found() == []


@pytest.mark.parametrize("reason", ["name-link", "name-special"])
async def test_links_and_pipes_are_neither_followed_noropened(tmp_path: Path, reason: str) -> None:
    async with opened(tmp_path) as bench:
        path = bench.path("example.test/!one/@v/v1.9.0.zip")
        if reason == "name-link":
            path.symlink_to("/dev/zero")
        else:
            os.mkfifo(path)
        assert await bench.found() == [(reason, "example.test/!one/@v/v1.9.0.zip")]
        assert await bench.mended() == [("moved", True)]
        assert await bench.found() == []


async def test_what_the_file_system_and_go_keep_for_themselves_is_no_fault(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        bench.path("lost+found").mkdir()
        bench.path("empty.example/folder").mkdir(parents=True)
        bench.path(f"{STEM}.lock").touch()
        assert await bench.found() == []


async def test_a_version_of_which_parts_are_missing_is_no_fault(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.store.remove(f"{STEM}.info")
        await bench.store.remove(f"{STEM}.mod")
        assert await bench.found(level="deep") == []


async def test_only_a_part_is_looked_at_where_patterns_say_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.put("other.test/two/@v/v1.0.0.mod", b"module other.test/two\n")
        flip(bench.path("other.test/two/@v/v1.0.0.mod"))
        bench.path("README").write_text("x")
        bench.path("example.test/!one/@v/notes").write_text("x")
        assert await bench.found(patterns=["example.test/One"]) == [
            ("name-foreign", "example.test/!one/@v/notes")
        ]
        assert await bench.found(patterns=["*.test/two", "nowhere.test"]) == [
            ("rot", "other.test/two/@v/v1.0.0.mod")
        ]
        assert await bench.found(patterns=["example.test/[NO]ne"]) == [
            ("name-foreign", "example.test/!one/@v/notes")
        ]


async def test_what_cannot_be_read_is_a_fault_of_its_own(tmp_path: Path) -> None:
    def judge(look: Look) -> Judged:
        raise OSError(errno.EIO, os.strerror(errno.EIO), look.key)

    async with opened(tmp_path) as bench:
        inspector = bench.works.inspector
        assert inspector is not None
        async with inspector.begin(rate=0, gentle=False) as inspection:
            (finding,) = await inspection.examine([f"{STEM}.zip"], judge)
        (fault,) = finding.judged.faults
        assert (fault.kind, fault.values["errno"]) == ("unreadable", errno.EIO)


async def test_reading_keeps_to_its_rate(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.put("example.test/!one/@v/v1.3.0.mod", b"module example.test/One\n" + b"\n" * 300_000)
        _, fast = await fsck(bench.works, rate=0)
        _, slow = await fsck(bench.works, rate=1_000_000)
        assert slow.facts["read"] == fast.facts["read"]
        assert slow.facts["mb_per_second"] <= 1.3


async def test_a_fault_of_what_went_while_it_was_judged_is_none(tmp_path: Path) -> None:
    def judge(look: Look) -> Judged:
        path = bench.path(look.key)
        if path.exists():
            path.unlink()
        return Judged((Fault("rot", look.key, "rot"),))

    async with opened(tmp_path) as bench:
        inspector = bench.works.inspector
        assert inspector is not None
        async with inspector.begin(rate=0, gentle=False) as inspection:
            assert await inspection.examine([f"{STEM}.zip"], judge) == []
