"""What the memory store does beyond the contract: the bound, and whom it costs."""

from __future__ import annotations

import gc
from typing import BinaryIO

import pytest

from modgate.errors import Unavailable
from modgate.storage.memory import MemoryStore
from tests.contract.blob_store import body, meta_of


def key(number: int) -> str:
    return f"example.com/m/@v/v1.{number}.0.zip"


async def put(store: MemoryStore, number: int, size: int = 100) -> None:
    data = body(size, number)
    await store.put(key(number), data, meta_of(data))


async def test_the_longest_unused_goes_first() -> None:
    store = MemoryStore(300)
    for number in range(3):
        await put(store, number)
    assert await store.get(key(0)) is not None
    before = store.generation
    await put(store, 3)
    assert [await store.get(key(number)) is not None for number in range(4)] == [True, False, True, True]
    assert store.used == 300
    assert store.generation > before


async def test_an_object_above_the_bound_is_refused_and_costs_nobody_anything() -> None:
    store = MemoryStore(300)
    await put(store, 0)
    with pytest.raises(Unavailable) as full:
        await put(store, 1, 301)
    assert full.value.kind == "storage-full"
    assert await store.get(key(0)) is not None
    assert store.used == 100
    await store.ready()


async def test_what_is_being_written_counts_and_is_never_evicted() -> None:
    store = MemoryStore(300)
    await put(store, 0)
    writer = await store.create(key(1))
    await writer.write(body(150))
    assert store.used == 250
    await writer.write(body(150)[:100])  # makes room at the cost of what is stored
    assert await store.get(key(0)) is None
    with pytest.raises(Unavailable) as full:
        await writer.write(bytes(51))
    assert full.value.kind == "storage-full"
    with pytest.raises(Unavailable):
        await put(store, 2, 51)
    await writer.abort()
    assert store.used == 0
    await put(store, 2, 300)


async def test_a_forgotten_writer_gives_its_bytes_back() -> None:
    store = MemoryStore(300)
    writer = await store.create(key(1))
    await writer.write(bytes(200))
    del writer
    gc.collect()
    assert store.used == 0


async def test_the_loser_of_a_race_gives_its_bytes_back() -> None:
    store = MemoryStore(300)
    writer = await store.create(key(1))
    await writer.write(bytes(100))
    await put(store, 1)
    await writer.commit(meta_of(bytes(100)))
    await writer.aclose()
    assert store.used == 100


async def test_mutable_objects_stay_and_are_counted_once() -> None:
    store = MemoryStore(300)
    for number in range(20):
        data = body(100 + number, number)
        await store.replace("sumdb/x/latest", data, meta_of(data))
        assert store.used == 100 + number
    await put(store, 1)
    await put(store, 2)
    assert await store.get(key(1)) is None
    assert await store.get("sumdb/x/latest") is not None
    data = body(290)
    await store.replace("sumdb/x/latest", data, meta_of(data))
    assert store.used == 290
    with pytest.raises(Unavailable):
        await put(store, 3)


async def test_lists_make_room_like_anything_else() -> None:
    store = MemoryStore(300)
    for number in range(20):
        await store.replace(f"example.com/{number}/@v/list", bytes(100), meta_of(bytes(100)))
    await put(store, 1)
    assert store.used <= 300
    assert await store.get(key(1)) is not None
    assert await store.get("example.com/0/@v/list") is None


async def test_it_is_not_ready_when_nothing_could_make_room() -> None:
    store = MemoryStore(100)
    await store.replace("sumdb/x/latest", bytes(100), meta_of(bytes(100)))
    with pytest.raises(Unavailable) as full:
        await store.ready()
    assert full.value.kind == "storage-full"


async def test_a_blob_that_was_evicted_can_still_be_read() -> None:
    store = MemoryStore(100)
    await put(store, 0)
    blob = await store.get(key(0))
    assert blob is not None
    await put(store, 1)
    assert await blob.read() == body(100, 0)


async def test_check_and_commit_share_one_copy() -> None:
    store = MemoryStore(10**7)
    data = body(10**6)
    writer = await store.create(key(0))
    await writer.write(data)

    def whole(file: BinaryIO) -> bytes:
        return file.read()

    seen = await writer.check(whole)
    blob = await writer.commit(meta_of(data))
    assert blob.data is seen
    assert await blob.read() is seen
    assert writer.read_at(0, 10**7) is seen
