"""Files of a checksum database in a store: proved without asking it, and held against modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.operations.fsck_bench import LEVELS, PATH, STEM, VERSION, Bench, opened
from tests.support.fsck import fsck
from tests.support.modules import go_mod_h1, make_zip, zip_h1
from tests.support.static_sumdb import StaticDatabase, filler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


async def _with_database(bench: Bench, folder: Path) -> StaticDatabase:
    built = bench.built
    database = StaticDatabase(folder, filler(300) | {(built.path, built.version): built.record})
    top = f"sumdb/{database.name}"
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_file() and not name.startswith("lookup/filler"):
            await bench.put(f"{top}/{name}", file.read_bytes())
    bench.options["keys"] = {database.name: database.key}
    return database


LOOKUP = f"sumdb/sum.example.test/lookup/example.test/!one@{VERSION}"


async def test_a_database_in_order_has_no_fault(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        for level in LEVELS:
            assert await bench.found(level=level) == []


DATABASE_FAULTS: Mapping[str, tuple[str, Callable[[bytes], bytes], str, str]] = {
    "a head that is not signed": (
        "sumdb/sum.example.test/latest",
        lambda body: body.replace(b"sum.example.test ", b"sum.example.test A"),
        "full",
        "proof",
    ),
    "a record that the log does not hold": (
        LOOKUP,
        lambda body: body.replace(b"/go.mod h1:", b"/go.mod h1:A")[:-1],
        "deep",
        "proof",
    ),
    "a lookup of something else": (LOOKUP, lambda body: body.replace(b"One", b"Two"), "full", "content-form"),
    "half a tile": ("sumdb/sum.example.test/tile/8/0/000", lambda body: body[:-32], "full", "content-form"),
}


@pytest.mark.parametrize("case", DATABASE_FAULTS)
async def test_a_file_of_a_database_that_does_not_hold_is_set_aside(tmp_path: Path, case: str) -> None:
    key, change, level, reason = DATABASE_FAULTS[case]
    async with opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        await bench.put(key, change(bench.path(key).read_bytes()))
        assert (reason, key) in await bench.found(level=level)
        assert set(await bench.mended(level=level)) == {("aside-later", True)}
        assert await bench.found(level=level) == []


async def test_the_stored_record_of_the_database_is_held_against_zip_and_go_mod(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        database = await _with_database(bench, tmp_path / "db")
        other = make_zip(
            {f"{PATH}@{VERSION}/go.mod": bench.built.mod, f"{PATH}@{VERSION}/x.go": b"package x\n"}
        )
        await bench.put(f"{STEM}.zip", other, h1=zip_h1(other))
        await bench.put(f"{STEM}.mod", b"module example.test/One\n")
        items, _ = await fsck(bench.works)
        assert [(item.subject, item.facts["reason"]) for item in items] == [
            (f"{STEM}.mod", "record-database"),
            (f"{STEM}.zip", "record-database"),
        ]
        assert items[0].facts["values"] == {
            "h1": go_mod_h1(b"module example.test/One\n"),
            "record": bench.built.mod_h1,
            "database": database.name,
        }
        assert await bench.mended() == [("fetched", True), ("fetched", True)]


async def test_a_forged_record_of_the_database_blames_nobody_but_itself(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        body = bench.path(LOOKUP).read_bytes().replace(bench.built.h1.encode(), b"h1:" + b"A" * 43 + b"=")
        await bench.put(LOOKUP, body)
        assert await bench.found(level="deep") == [("proof", LOOKUP)]


async def test_a_ledger_that_the_stored_record_contradicts_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        await bench.record("mod", "h1:" + "B" * 43 + "=")
        assert await bench.found() == [("record-both", f"{STEM}.mod")]
        assert await bench.mended() == [("left-ledger", False)]
