"""Each kind of fault by itself: what is found at which level, and what a repair does and does not do."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Unavailable
from modgate.gomod.module import check
from modgate.ledger.memory import MemoryLedger
from modgate.model import BlobMeta, Sums, Verification, VerificationRecord
from modgate.storage.disk import DiskStore
from tests.support.fsck import NoWay, fsck, works_on
from tests.support.modules import BuiltModule, World, go_mod_h1, make_zip, zip_h1
from tests.support.static_sumdb import StaticDatabase, filler

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Context
    from modgate.model.inspection import Judged, Look
    from modgate.operations import Works

PATH, VERSION = "example.test/One", "v1.2.3"
STEM = f"example.test/!one/@v/{VERSION}"
LEVELS = ("quick", "full", "deep")


class Bench:
    """One version in a store, and a way that gives its bytes again."""

    def __init__(self, root: Path, store: DiskStore, built: BuiltModule) -> None:
        self.root = root
        self.store = store
        self.built = built
        self.ledger = MemoryLedger(clock=time.time)
        self.options: dict[str, Any] = {"way": GivesAgain(store, built)}

    def path(self, name: str) -> Path:
        return self.root / name

    async def put(self, key: str, data: bytes, *, h1: str = "", verified: str = "sumdb") -> None:
        await self.store.remove(key)
        await self.store.put(key, data, _meta(data, h1=h1, verified=verified))

    async def record(self, kind: str, h1: str) -> None:
        version = check(PATH, VERSION)
        await self.ledger.first_seen(VerificationRecord(version, kind, h1, "none", 1.0))

    @property
    def works(self) -> Works:
        return works_on(self.store, self.ledger, **self.options)

    async def found(self, **params: Any) -> list[tuple[str, str]]:
        """(reason, where) of each fault."""
        items, summary = await fsck(self.works, **params)
        assert summary.ok is not bool(items)
        return [(item.facts["reason"], item.subject) for item in items]

    async def mended(self, **params: Any) -> list[tuple[str, bool]]:
        """(what was done, whether that is all) for each fault."""
        items, summary = await fsck(self.works, repair=True, **params)
        done = [(item.facts["done"], item.facts["repaired"]) for item in items if item.kind == "repair"]
        assert summary.ok is all(repaired for _, repaired in done)
        return done


class GivesAgain(NoWay):
    """A way that brings the version, and nothing else."""

    def __init__(self, store: DiskStore, built: BuiltModule) -> None:
        self._store = store
        self._built = built

    async def ensure(self, ctx: Context, request: Request) -> int | None:  # noqa: ARG002  the protocol's
        if (request.path, request.version) != (self._built.path, self._built.version):
            raise Unavailable("it is not to be had", where=request.url_path)
        data = self._built.bytes_of(request.kind)
        h1 = self._built.h1 if request.kind == "zip" else ""
        await self._store.put(request.url_path, data, _meta(data, h1=h1))
        return len(data)


class Database:
    """A checksum database that covers everything and says what it is told to, or cannot be reached."""

    def __init__(self, sums: Sums | None) -> None:
        self._sums = sums

    def covers(self, path: ModulePath) -> bool:  # noqa: ARG002  the protocol's
        return True

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002
        if self._sums is None:
            raise Unavailable("it cannot be reached")
        return self._sums


def _meta(data: bytes, *, h1: str = "", verified: str = "sumdb") -> BlobMeta:
    digest = hashlib.sha256(data).hexdigest()
    return BlobMeta(sha256=digest, size=len(data), stored_at=1.7e9, verified=verified, h1=h1)


@asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[Bench]:
    built = World(folder / "world").add(PATH, VERSION)
    store = await DiskStore.open(folder / "store", clock=time.time)
    bench = Bench(folder / "store", store, built)
    try:
        for kind in ("info", "mod", "zip"):
            data = built.bytes_of(kind)
            await bench.put(f"{STEM}.{kind}", data, h1=built.h1 if kind == "zip" else "")
        listed = f"{VERSION}\n".encode()
        await store.replace("example.test/!one/@v/list", listed, _meta(listed))
        await store.replace("example.test/!one/@latest", built.info, _meta(built.info))
        await store.replace("example.test/!one/@v/main.info", built.info, _meta(built.info))
        yield bench
    finally:
        await store.close()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


SMALL = [
    f"{STEM}.info",
    f"{STEM}.mod",
    f"{STEM}.zip",
    "example.test/!one/@v/list",
    "example.test/!one/@latest",
]


@pytest.mark.parametrize("level", LEVELS)
async def test_a_sound_store_has_no_fault(tmp_path: Path, level: str) -> None:
    async with _opened(tmp_path) as bench:
        await bench.record("zip", bench.built.h1)
        await bench.record("mod", bench.built.mod_h1)
        assert await bench.found(level=level) == []


@pytest.mark.parametrize("key", SMALL)
async def test_a_flipped_bit_is_found_in_every_kind_of_object(tmp_path: Path, key: str) -> None:
    async with _opened(tmp_path) as bench:
        _flip(bench.path(key))
        assert await bench.found(level="quick") == []
        assert await bench.found() == [("rot", key)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("key", SMALL)
async def test_a_cut_object_is_found_without_reading_it(tmp_path: Path, key: str, level: str) -> None:
    async with _opened(tmp_path) as bench:
        _cut(bench.path(key))
        assert await bench.found(level=level) == [("half-size", key)]


@pytest.mark.parametrize("level", LEVELS)
async def test_a_cut_zip_is_found_although_nothing_was_noted_of_it(tmp_path: Path, level: str) -> None:
    async with _opened(tmp_path) as bench:
        bench.path(f".modgate/meta/{STEM}.zip").unlink()
        os.truncate(bench.path(f"{STEM}.zip"), 60)
        assert await bench.found(level=level) == [("half-zip", f"{STEM}.zip")]


async def test_a_store_without_notes_is_judged_by_its_bytes(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
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
    async with _opened(tmp_path) as bench:
        await bench.put(key, data)
        assert [reason for reason, where in await bench.found() if where == key] == ["content-form"]


async def test_a_zip_that_breaks_the_rules_is_found_by_a_deep_check(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        data = make_zip({f"{PATH}@{VERSION}/a.go": b"package a\n", "elsewhere/b.go": b"package b\n"})
        await bench.put(f"{STEM}.zip", data, h1=zip_h1(data))
        assert await bench.found() == []
        assert await bench.found(level="deep") == [("content-rules", f"{STEM}.zip")]


async def test_a_zip_with_another_go_mod_is_found_by_a_deep_check(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        data = make_zip({f"{PATH}@{VERSION}/go.mod": b"module example.test/Other\n"})
        await bench.put(f"{STEM}.zip", data, h1=zip_h1(data))
        assert await bench.found(level="deep") == [("record-mod", f"{STEM}.zip")]
        assert await bench.mended(level="deep") == [("fetched", True)]
        assert await bench.found(level="deep") == []


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
    async with _opened(tmp_path) as bench:
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


async def test_names_that_are_no_text_are_told_and_moved(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        Path(os.fsdecode(os.fsencode(bench.root) + b"/example.test/\xff\xfe")).write_bytes(b"x")
        assert await bench.found() == [("name-foreign", "example.test/\\xff\\xfe")]
        assert await bench.mended() == [("moved", True)]
        assert await bench.found() == []


@pytest.mark.parametrize("reason", ["name-link", "name-special"])
async def test_links_and_pipes_are_neither_followed_nor_opened(tmp_path: Path, reason: str) -> None:
    async with _opened(tmp_path) as bench:
        path = bench.path("example.test/!one/@v/v1.9.0.zip")
        if reason == "name-link":
            path.symlink_to("/dev/zero")
        else:
            os.mkfifo(path)
        assert await bench.found() == [(reason, "example.test/!one/@v/v1.9.0.zip")]
        assert await bench.mended() == [("moved", True)]
        assert await bench.found() == []


async def test_what_the_file_system_keeps_for_itself_is_no_fault(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        bench.path("lost+found").mkdir()
        bench.path("empty.example/folder").mkdir(parents=True)
        assert await bench.found() == []


async def test_a_version_of_which_parts_are_missing_is_no_fault(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await bench.store.remove(f"{STEM}.info")
        await bench.store.remove(f"{STEM}.mod")
        assert await bench.found(level="deep") == []


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", [None, "", "h1:" + "A" * 43 + "="])
async def test_a_wrong_or_missing_ziphash_is_written_anew(
    tmp_path: Path, text: str | None, level: str
) -> None:
    async with _opened(tmp_path) as bench:
        beside = bench.path(f"{STEM}.ziphash")
        beside.unlink()
        if text is not None:
            beside.write_text(text)
        reason = "ziphash-missing" if text is None else "ziphash-wrong"
        assert await bench.found(level=level) == [(reason, f"{STEM}.zip")]
        assert await bench.mended(level=level) == [("rewritten", True)]
        assert beside.read_text() == bench.built.h1


async def test_a_ziphash_whose_h1_nobody_proves_is_left(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await bench.put(f"{STEM}.zip", bench.built.zip, h1=bench.built.h1, verified="none")
        bench.path(f"{STEM}.ziphash").unlink()
        assert await bench.mended() == [("left-unproved", False)]
        await bench.record("zip", bench.built.h1)
        assert await bench.mended() == [("rewritten", True)]


@pytest.mark.parametrize("key", SMALL[:3])
async def test_damage_is_set_aside_and_fetched_again(tmp_path: Path, key: str) -> None:
    async with _opened(tmp_path) as bench:
        before = bench.path(key).read_bytes()
        _flip(bench.path(key))
        generation = bench.store.generation
        assert await bench.mended() == [("fetched", True)]
        assert bench.store.generation > generation
        assert bench.path(key).read_bytes() == before
        assert await bench.found(level="deep") == []


async def test_a_damaged_answer_that_may_change_is_asked_for_later(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        _flip(bench.path("example.test/!one/@v/list"))
        assert await bench.mended() == [("aside-later", True)]
        assert await bench.found() == []


@pytest.mark.parametrize("kept", [True, False])
async def test_what_cannot_be_fetched_again_is_set_aside_and_told(tmp_path: Path, kept: bool) -> None:
    async with _opened(tmp_path) as bench:
        bench.options = {"way": NoWay(), "kept": lambda _path: kept}
        _flip(bench.path(f"{STEM}.zip"))
        items, summary = await fsck(bench.works, repair=True)
        assert [item.facts["done"] for item in items if item.kind == "repair"] == ["aside"]
        assert items[-1].facts["why"] == "nothing is fetched here"
        assert (summary.ok, summary.facts["remaining"]) == (False, 1)
        assert summary.facts["quarantine"] == {"objects": 1, "size": len(bench.built.zip)}


@pytest.mark.parametrize("damage", ["record", "content", "sidecar"])
async def test_private_modules_are_only_set_aside_when_their_bytes_are_wrong(
    tmp_path: Path, damage: str
) -> None:
    async with _opened(tmp_path) as bench:
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
    async with _opened(tmp_path) as bench:
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
    async with _opened(tmp_path) as bench:
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        sums = Sums(bench.built.h1, bench.built.mod_h1, Verification.SUMDB)
        bench.options["database"] = Database(sums)
        assert await bench.mended() == [("left-ledger", False)]
        assert bench.path(f"{STEM}.zip").read_bytes() == bench.built.zip
        record = await bench.ledger.seen(check(PATH, VERSION), "zip")
        assert record is not None
        assert record.h1 == "h1:" + "B" * 43 + "="


async def test_nothing_is_set_aside_while_the_database_cannot_be_asked(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await bench.record("zip", "h1:" + "B" * 43 + "=")
        bench.options["database"] = Database(None)
        assert await bench.mended() == [("left-unproved", False)]
        assert bench.path(f"{STEM}.zip").exists()


async def test_a_torn_note_is_damage(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        note = bench.path(f".modgate/meta/{STEM}.zip")
        note.write_bytes(note.read_bytes()[:20])
        for level in LEVELS:
            assert await bench.found(level=level) == [("sidecar-torn", f"{STEM}.zip")]
        assert await bench.mended() == [("fetched", True)]
        assert await bench.found() == []


async def test_a_torn_note_of_a_private_module_is_made_anew(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        bench.options = {"way": NoWay(), "kept": lambda _path: True}
        bench.path(f".modgate/meta/{STEM}.zip").write_bytes(b"{")
        assert await bench.mended() == [("forgotten", True)]
        assert await bench.found() == []


async def test_left_overs_are_found_and_removed(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
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


async def test_only_a_part_is_looked_at_where_patterns_say_so(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await bench.put("other.test/two/@v/v1.0.0.mod", b"module other.test/two\n")
        _flip(bench.path("other.test/two/@v/v1.0.0.mod"))
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

    async with _opened(tmp_path) as bench:
        inspector = bench.works.inspector
        assert inspector is not None
        async with inspector.begin(rate=0, gentle=False) as inspection:
            (finding,) = await inspection.examine([f"{STEM}.zip"], judge)
        (fault,) = finding.judged.faults
        assert (fault.kind, fault.values["errno"]) == ("unreadable", errno.EIO)


async def test_reading_keeps_to_its_rate(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await bench.put("example.test/!one/@v/v1.3.0.mod", b"module example.test/One\n" + b"\n" * 300_000)
        _, fast = await fsck(bench.works, rate=0)
        _, slow = await fsck(bench.works, rate=1_000_000)
        assert slow.facts["read"] == fast.facts["read"]
        assert slow.facts["mb_per_second"] <= 1.3


# --- files of a checksum database


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
    async with _opened(tmp_path) as bench:
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
    async with _opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        await bench.put(key, change(bench.path(key).read_bytes()))
        assert (reason, key) in await bench.found(level=level)
        assert set(await bench.mended(level=level)) == {("aside-later", True)}
        assert await bench.found(level=level) == []


async def test_the_stored_record_of_the_database_is_held_against_zip_and_go_mod(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
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
    async with _opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        body = bench.path(LOOKUP).read_bytes().replace(bench.built.h1.encode(), b"h1:" + b"A" * 43 + b"=")
        await bench.put(LOOKUP, body)
        assert await bench.found(level="deep") == [("proof", LOOKUP)]


async def test_a_ledger_that_the_stored_record_contradicts_is_told(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        await _with_database(bench, tmp_path / "db")
        await bench.record("mod", "h1:" + "B" * 43 + "=")
        assert await bench.found() == [("record-both", f"{STEM}.mod")]
        assert await bench.mended() == [("left-ledger", False)]


async def test_what_was_fetched_with_credentials_is_checked_as_well(tmp_path: Path) -> None:
    async with _opened(tmp_path) as bench:
        key = f"scope/{'0a' * 16}/{STEM}.mod"
        await bench.put(key, bench.built.mod)
        assert await bench.found(level="deep") == []
        _flip(bench.path(key))
        assert await bench.found() == [("rot", key)]
        assert await bench.mended() == [("aside-scope", True)]
        assert await bench.found() == []
