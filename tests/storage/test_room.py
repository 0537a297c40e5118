"""A store with a size limit: what goes, what stays, who waits, and what is never exceeded."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.model import NoRoom
from modgate.storage import room
from modgate.storage.disk import DiskStore
from modgate.storage.usage import BLOCK, cost_of
from modgate.storage.walk import files_below
from tests.contract.blob_store import body, meta_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import BlobWriter

MOD = 100_000
COST = cost_of("x.zip", MOD)


class World:
    """A bounded store, a clock that a test sets, and what is spared."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 2_000_000_000.0
        self.spared: set[str] = set()
        self.broken = False
        self.asked = 0
        self.store: DiskStore

    async def open(self, limit: int) -> DiskStore:
        self.store = await DiskStore.open(self.root, clock=lambda: self.now)
        self.store.bound(limit, self.read, monotonic=time.monotonic)
        return self.store

    async def read(self) -> Callable[[ModulePath, Version], bool]:
        self.asked += 1
        if self.broken:
            raise Unavailable("the ledger is gone")
        spared = frozenset(self.spared)
        return lambda path, version: path in spared or f"{path}@{version}" in spared

    async def put(self, number: int, size: int = MOD, kind: str = "zip") -> None:
        self.now += 1
        data = body(size, number % 250)
        await self.store.put(key(number, kind), data, meta_of(data))

    async def stored(self) -> set[int]:
        found = [each.key async for batch in self.store.walk() for each in batch]
        return {int(each.split("/m")[1].split("/")[0]) for each in found if each.endswith(".zip")}

    def on_disk(self) -> int:
        """All bytes of objects, sidecars and temporary files."""
        count = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name not in {"lock", "format"}:
                    try:
                        count += os.lstat(f"{folder}/{name}").st_size
                    except FileNotFoundError:
                        continue
        return count


async def counted(store: DiskStore) -> None:
    async with asyncio.timeout(10):
        while store.usage().used is None:
            await asyncio.sleep(0.01)


def along(writer: BlobWriter, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += writer.read_at(len(data), size)
    return data


def key(number: int, kind: str = "zip") -> str:
    return f"example.com/m{number}/@v/v1.0.0.{kind}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "store")
    yield world
    await world.store.close()


async def test_what_was_longest_unused_makes_way(world: World) -> None:
    store = await world.open(20 * COST)
    for number in range(20):
        await world.put(number)
    assert await world.stored() == set(range(20))
    for number in range(6):
        world.now += 1
        assert await store.get(key(number)) is not None
    for number in range(20, 26):
        await world.put(number)
    left = await world.stored()
    assert set(range(6)) | set(range(20, 26)) <= left
    assert not left & {6, 7, 8, 9, 10, 11}
    assert store.usage().used == len(left) * COST


async def test_a_zip_goes_though_its_go_mod_is_used(world: World) -> None:
    store = await world.open(10 * COST)
    await world.put(0)
    await world.put(0, 100, "mod")
    for number in range(1, 20):
        await world.put(number)
        assert await store.get(key(0, "mod")) is not None
    assert await store.get(key(0)) is None


async def test_what_is_spared_stays_and_a_pin_counts_at_once(world: World) -> None:
    store = await world.open(10 * COST)
    world.spared = {"example.com/m0", "example.com/m1@v1.0.0"}
    for number in range(40):
        if number == 20:
            world.spared.add("example.com/m15")
        await world.put(number)
    assert {0, 1, 15} <= await world.stored()
    world.spared.clear()
    for number in range(40, 60):
        await world.put(number)
    assert not {0, 1, 15} & await world.stored()
    assert store.usage().evictions >= 50


async def test_where_pins_cannot_be_read_nothing_goes(world: World) -> None:
    store = await world.open(10 * COST)
    for number in range(10):
        await world.put(number)
    world.broken = True
    with pytest.raises(NoRoom) as caught:
        await world.put(10)
    assert caught.value.kind == "storage-full"
    assert await world.stored() == set(range(10))
    assert store.usage().evictions == 0


async def test_lists_and_the_files_of_a_checksum_database_are_never_evicted(world: World) -> None:
    store = await world.open(10 * COST)
    await store.replace("example.com/m0/@v/list", b"v1.0.0\n", meta_of(b"v1.0.0\n"))
    await store.put("sumdb/x/tile/8/0/000", b"tile", meta_of(b"tile"))
    await store.put("sumdb/x/lookup/example.com/m@v1.0.0.info", b"l", meta_of(b"l"))
    for number in range(40):
        await world.put(number)
    for stays in (
        "example.com/m0/@v/list",
        "sumdb/x/tile/8/0/000",
        "sumdb/x/lookup/example.com/m@v1.0.0.info",
    ):
        assert await store.get(stays) is not None


async def test_a_full_store_takes_the_proofs_of_a_checksum_database_and_nothing_else(world: World) -> None:
    store = await world.open(10 * COST)
    world.spared = {f"example.com/m{number}" for number in range(10)}
    for number in range(10):
        await world.put(number)
    with pytest.raises(NoRoom):
        await world.put(10)
    await store.put("sumdb/x/tile/8/0/000", b"tile", meta_of(b"tile"))
    await store.replace("sumdb/x/latest", b"head", meta_of(b"head"))
    assert await store.get("sumdb/x/latest") is not None
    usage = store.usage()
    assert usage.used is not None
    assert usage.used <= usage.limit + 4 * BLOCK
    assert usage.in_flight == 0


async def test_an_object_larger_than_the_limit_can_be_read_along_and_evicts_nobody(world: World) -> None:
    store = await world.open(10 * COST)
    for number in range(9):
        await world.put(number)
    data = body(12 * COST)
    writer = await store.create(key(99), size=len(data))
    for start in range(0, len(data), 100_000):
        await writer.write(data[start : start + 100_000])
    with pytest.raises(NoRoom):
        await writer.commit(meta_of(data))
    assert along(writer, len(data)) == data
    assert await store.get(key(99)) is None
    assert await world.stored() == set(range(9))
    assert store.usage().in_flight >= len(data) - 256 * 1024
    await writer.aclose()
    assert store.usage().in_flight == 0
    assert not list((world.root / ".modgate/tmp").iterdir())
    await world.put(9)


async def test_one_writer_is_beyond_the_limit_and_the_others_wait_for_it(world: World) -> None:
    store = await world.open(20 * COST)
    world.spared = {f"example.com/m{number}" for number in range(18)}
    for number in range(18):
        await world.put(number)
    data = body(6 * COST)
    most = 0

    async def write(number: int) -> str:
        nonlocal most
        writer = await store.create(key(number))
        try:
            for start in range(0, len(data), 100_000):
                await writer.write(data[start : start + 100_000])
                most = max(most, world.on_disk())
            await writer.commit(meta_of(data))
        except NoRoom:
            return "passed on"
        finally:
            await writer.aclose()
        return "stored"

    done = await asyncio.gather(*(write(number) for number in range(100, 105)))
    assert done == ["passed on"] * 5
    assert most <= 20 * COST + len(data) + 3 * BLOCK
    assert await world.stored() == set(range(18))
    assert store.usage().in_flight == 0


async def test_who_waits_too_long_for_room_hears_that_the_store_is_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PATIENCE", 0.05)
    store = await world.open(10 * COST)
    data = body(12 * COST)
    first, second = await store.create(key(0), size=len(data)), await store.create(key(1), size=len(data))
    await first.write(data)
    with pytest.raises(Unavailable, match="beyond it already") as caught:
        await second.write(data)
    assert caught.value.kind == "storage-full"
    await first.aclose()
    await second.aclose()
    third = await store.create(key(2))
    await third.write(data)
    await third.aclose()


async def test_many_writers_at_once_stay_within_the_limit_and_lose_nothing_spared(world: World) -> None:
    store = await world.open(30 * COST)
    world.spared = {f"example.com/m{number}" for number in range(5)}
    for number in range(5):
        await world.put(number)
    stop = False
    most = 0

    async def watch() -> None:
        nonlocal most
        while not stop:
            most = max(most, await asyncio.to_thread(world.on_disk))

    async def write(worker: int) -> int:
        kept = 0
        for turn in range(30):
            number = 100 + worker * 100 + turn
            data = body(40_000 + 9_000 * (number % 90), number % 250)
            writer = await store.create(key(number))
            for start in range(0, len(data), 70_000):
                await writer.write(data[start : start + 70_000])
            try:
                blob = await writer.commit(meta_of(data))
                assert await blob.read() == data
                del blob  # who holds one may be about to open it
                kept += 1
            except NoRoom:
                assert along(writer, len(data)) == data
            await writer.aclose()
        return kept

    watching = asyncio.create_task(watch())
    kept = await asyncio.gather(*(write(worker) for worker in range(6)))
    stop = True
    await watching
    assert sum(kept) >= 150
    assert most <= 30 * COST + 900_000
    assert set(range(5)) <= await world.stored()
    usage = store.usage()
    assert usage.in_flight == 0
    assert usage.used == sum(
        cost_of(each.key, each.size) for each in [one async for batch in store.walk() for one in batch]
    )
    assert usage.objects == len(await world.stored())


async def test_a_limit_lowered_below_what_is_stored_evicts_down_to_it(world: World) -> None:
    await world.open(30 * COST)
    for number in range(30):
        await world.put(number)
    await world.store.close()
    world.spared = {"example.com/m0"}
    store = await world.open(10 * COST)
    async with asyncio.timeout(10):
        while (store.usage().used or 1 << 60) > 10 * COST:
            await asyncio.sleep(0.01)
    left = await world.stored()
    assert 0 in left
    assert left - {0} == set(range(30 - len(left) + 1, 30))


async def test_the_last_use_outlives_a_restart_and_is_written_down_once_an_hour(world: World) -> None:
    store = await world.open(10 * COST)
    for number in range(10):
        await world.put(number)
    for number in range(10):
        os.utime(world.root / key(number), (world.now - 86400 + number, world.now - 90000))
    await store.close()
    store = await world.open(10 * COST)
    await counted(store)
    before = (world.root / key(0)).stat()
    blob = await store.get(key(0))
    assert blob is not None
    written = (world.root / key(0)).stat()
    assert written.st_atime == pytest.approx(world.now, abs=0.01)
    assert written.st_mtime_ns == before.st_mtime_ns
    world.now += 60 - world.now % 3600 % 60
    again = world.now + 60
    await store.get(key(0))
    world.now = again
    await store.get(key(0))
    assert (world.root / key(0)).stat().st_atime < again
    met = [each async for batch in store.walk(key(0)) for each in batch]
    assert met[0].used_at == pytest.approx(again, abs=0.01)
    await store.close()
    store = await world.open(10 * COST)
    await world.put(10)
    assert await world.stored() == set(range(11)) - {1, 2}


async def test_the_generation_moves_once_for_an_eviction(world: World) -> None:
    store = await world.open(100 * COST)
    for number in range(100):
        await world.put(number)
    before = store.generation
    await world.put(100)
    async with asyncio.timeout(5):
        while store.usage().evictions < 5:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert store.usage().evictions >= 5
    assert store.generation == before + 1


async def test_a_large_object_that_is_about_to_be_opened_stays(world: World) -> None:
    store = await world.open(10 * COST)
    for number in range(10):
        await world.put(number)
    blob = await store.get(key(0))
    assert blob is not None
    for number in range(1, 10):
        world.now += 1
        await store.get(key(number))
    for number in range(10, 19):
        await world.put(number)
    assert await blob.read() == body(MOD, 0)
    assert 0 in await world.stored()
    del blob
    for number in range(20, 31):
        await world.put(number)
    assert 0 not in await world.stored()


async def test_an_evicted_object_can_come_again_and_its_empty_folders_are_gone(world: World) -> None:
    store = await world.open(5 * COST)
    for number in range(12):
        await world.put(number)
    assert await store.get(key(0)) is None
    assert not (world.root / "example.com/m0").exists()
    assert not (world.root / ".modgate/meta/example.com/m0").exists()
    await world.put(0)
    blob = await store.get(key(0))
    assert blob is not None
    assert await blob.read() == body(MOD, 0)


async def test_nothing_is_written_before_the_folder_is_counted(world: World) -> None:
    await world.open(30 * COST)
    for number in range(30):
        await world.put(number)
    await world.store.close()
    store = await world.open(30 * COST)
    assert store.usage().used is None
    assert await store.get(key(3)) is not None
    await world.put(30)
    usage = store.usage()
    assert usage.used is not None
    assert usage.used <= usage.limit
    assert 30 in await world.stored()


async def test_a_file_that_somebody_took_away_does_not_hold_up_an_eviction(world: World) -> None:
    store = await world.open(10 * COST)
    for number in range(10):
        await world.put(number)
    for number in range(5):
        (world.root / key(number)).unlink()
    for number in range(10, 18):
        await world.put(number)
    left = await world.stored()
    assert set(range(10, 18)) <= left
    assert store.usage().used == len(left) * COST


async def test_a_store_that_closes_ends_who_waits(world: World) -> None:
    store = await world.open(10 * COST)
    data = body(12 * COST)
    first, second = await store.create(key(0)), await store.create(key(1))
    await first.write(data)
    waiting = asyncio.create_task(second.write(data))
    await asyncio.sleep(0.05)
    await store.close()
    with pytest.raises(Unavailable) as caught:
        await waiting
    assert caught.value.kind == "stopping"
    await first.aclose()
    await second.aclose()


async def test_a_proof_that_is_beyond_the_limit_is_stored_as_any_other(world: World) -> None:
    store = await world.open(10 * COST)
    world.spared = {f"example.com/m{number}" for number in range(10)}
    for number in range(10):
        await world.put(number)
    data = body(3 * COST)
    writer = await store.create("sumdb/x/lookup/example.com/m@v1.0.0", size=len(data))
    await writer.write(data)
    async with asyncio.timeout(10):
        await writer.commit(meta_of(data))
    await writer.aclose()
    assert await store.get("sumdb/x/lookup/example.com/m@v1.0.0") is not None
    assert store.usage().in_flight == 0


async def test_a_writer_that_nobody_closed_gives_its_room_back_whoever_collects_it(world: World) -> None:
    store = await world.open(10 * COST)
    writers = [await store.create(key(number), size=400_000) for number in range(2)]
    for writer in writers:
        await writer.write(body(300_000))
    await writers[0].aclose()
    assert store.usage().in_flight > 0
    usage = store.tree.usage
    assert usage is not None
    collected = threading.Event()
    del writer

    def collect() -> None:
        with usage._lock:  # the collector comes at any moment
            writers.clear()
        collected.set()

    threading.Thread(target=collect, daemon=True).start()
    assert await asyncio.to_thread(collected.wait, 10)
    async with asyncio.timeout(10):
        while store.usage().in_flight:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("stage", ["renamed", "described", "dirsynced", "taken", "undescribed"])
async def test_a_step_that_fails_leaves_the_count_true(tmp_path: Path, stage: str) -> None:
    failing = False

    def reached(step: str) -> None:
        if failing and step == stage:
            raise OSError(errno.ENOSPC, "full")

    world = World(tmp_path / "store")
    store = await DiskStore.open(world.root, clock=lambda: world.now, stages=reached)
    store.bound(100 * COST, world.read, monotonic=time.monotonic)
    for name in ("a", "b", "c"):
        await store.replace(f"example.com/{name}/@v/list", b"list", meta_of(b"list"))
    failing = True
    generation = store.generation
    data = body(50_000)
    with suppress(Unavailable):
        await store.replace("example.com/a/@v/list", data, meta_of(data))
    with suppress(Unavailable):
        await store.replace("example.com/new/@v/list", data, meta_of(data))
    with suppress(Unavailable):
        await store.remove("example.com/b/@v/list")
    with suppress(Unavailable):
        await store.set_aside("example.com/c/@v/list", "rotten")
    assert store.generation == generation + 2, "what remembers them must ask again"
    stand = [cost_of(name, found.st_size) for name, found in files_below(store.tree, "")]
    assert (store.usage().used, store.usage().objects) == (sum(stand), len(stand))
    assert store.usage().in_flight == 0
    await store.close()
