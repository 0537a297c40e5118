"""fsck beside a gate at work: what comes, goes or is replaced meanwhile is no fault."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.gomod.module import check
from modgate.ledger.memory import MemoryLedger
from modgate.model import BlobMeta, VerificationRecord
from modgate.model.operations import Progress
from modgate.operations import run_operation
from modgate.storage.disk import DiskStore
from tests.support.fsck import fsck, works_on
from tests.support.modules import BuiltModule, World

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.operations import Works

PATH = "example.test/Busy"
LEVELS = ("quick", "full", "deep")


def _meta(data: bytes, h1: str = "") -> BlobMeta:
    digest = hashlib.sha256(data).hexdigest()
    return BlobMeta(sha256=digest, size=len(data), stored_at=time.time(), verified="sumdb", h1=h1)


class _Load:
    """Fills, refreshes, removals and damaged objects that are set aside, as fast as they go."""

    def __init__(self, store: DiskStore, ledger: MemoryLedger, built: list[BuiltModule]) -> None:
        self._store = store
        self._ledger = ledger
        self._built = built
        self._chosen = random.Random(5)
        self.done = 0
        self.over = False

    async def run(self) -> None:
        while not self.over:
            built = self._chosen.choice(self._built)
            kind = self._chosen.choice(("info", "mod", "zip"))
            key = built.url(kind).lstrip("/")
            match self._chosen.randrange(6):
                case 0:
                    await self._store.remove(key)
                case 1:
                    await self._store.set_aside(key, "a test")
                case 2:
                    body = "".join(f"v1.{n}.0\n" for n in range(self._chosen.randrange(1, 400))).encode()
                    await self._store.replace(f"{key.partition('/@v/')[0]}/@v/list", body, _meta(body))
                case 3:
                    with suppress(Unavailable):  # removed by another while it was stored
                        await self._streamed(key, built, kind)
                case _:
                    with suppress(Unavailable):
                        await self._put(key, built, kind)
            self.done += 1

    async def _put(self, key: str, built: BuiltModule, kind: str) -> None:
        data = built.bytes_of(kind)
        await self._record(built, kind)
        await self._store.put(key, data, _meta(data, built.h1 if kind == "zip" else ""))

    async def _streamed(self, key: str, built: BuiltModule, kind: str) -> None:
        data = built.bytes_of(kind)
        await self._record(built, kind)
        writer = await self._store.create(key)
        for start in range(0, len(data), 50_000):
            await writer.write(data[start : start + 50_000])
        await writer.commit(_meta(data, built.h1 if kind == "zip" else ""))
        await writer.aclose()

    async def _record(self, built: BuiltModule, kind: str) -> None:
        if kind != "info":
            h1 = built.h1 if kind == "zip" else built.mod_h1
            version = check(built.path, built.version)
            await self._ledger.first_seen(VerificationRecord(version, kind, h1, "sumdb", 1.0))


async def _runs_beside_load(folder: Path, runs: int) -> tuple[int, int]:
    """How much the load did, and how many objects fsck examined."""
    world = World(folder / "world")
    built = [world.add(PATH, f"v1.{number}.0", padding=30_000 * (number % 5)) for number in range(30)]
    store = await DiskStore.open(folder / "store", clock=time.time)
    ledger = MemoryLedger(clock=time.time)
    loads = [_Load(store, ledger, built) for _ in range(4)]
    tasks = [asyncio.create_task(load.run()) for load in loads]
    examined = 0
    try:
        for number in range(runs):
            works = works_on(store, ledger, serving=bool(number % 2))
            items, summary = await fsck(works, level=LEVELS[number % 3], rate=0)
            assert [(item.subject, item.facts) for item in items] == []
            assert summary.ok
            examined += summary.facts["objects"]
    finally:
        for load in loads:
            load.over = True
        await asyncio.gather(*tasks)
        await store.close()
    return sum(load.done for load in loads), examined


async def test_nothing_is_a_fault_because_it_comes_or_goes_meanwhile(tmp_path: Path) -> None:
    done, examined = await _runs_beside_load(tmp_path, 24)
    print(f"{done} changes to the store while {examined} objects were examined")
    assert done > 100
    assert examined > 100


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_thousand_runs_beside_a_load_report_nothing(tmp_path: Path) -> None:
    done, examined = await _runs_beside_load(tmp_path, 1000)
    print(f"{done} changes to the store while {examined} objects were examined")


async def test_a_fault_is_found_and_mended_beside_the_same_load(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    built = [world.add(PATH, f"v1.{number}.0") for number in range(10)]
    sound = world.add("example.test/still", "v1.0.0")
    store = await DiskStore.open(tmp_path / "store", clock=time.time)
    ledger = MemoryLedger(clock=time.time)
    load = _Load(store, ledger, built)
    await load._put(sound.url("mod").lstrip("/"), sound, "mod")
    victim = tmp_path / "store" / sound.url("mod").lstrip("/")
    victim.write_bytes(victim.read_bytes().replace(b"go", b"og"))
    task = asyncio.create_task(load.run())
    works: Works = works_on(store, ledger)
    try:
        items, summary = await fsck(works)
        assert [(item.facts["kind"], item.subject) for item in items] == [
            ("rot", sound.url("mod").lstrip("/"))
        ]
        assert not summary.ok
        await fsck(works, repair=True)
        assert not victim.exists()
        items, summary = await fsck(works)
        assert items == []
        assert summary.facts["quarantine"]["objects"] >= 1
    finally:
        load.over = True
        await task
        await store.close()


async def test_a_run_that_is_left_ends_at_once_and_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    store = await DiskStore.open(tmp_path / "store", clock=time.time)
    ledger = MemoryLedger(clock=time.time)
    load = _Load(store, ledger, [])
    for number in range(3):
        built = world.add(PATH, f"v1.{number}.0", padding=400_000)
        await load._put(built.url("zip").lstrip("/"), built, "zip")
    works = works_on(store, ledger)
    try:
        # A thousand bytes a second: it would take twenty minutes.
        async with aclosing(run_operation(works, "fsck", {"rate": 1000, "repair": True})) as events:
            async for event in events:
                assert isinstance(event, Progress)
                break
        items, summary = await fsck(works)
        assert (items, summary.ok) == ([], True)
    finally:
        await store.close()
