"""A full, read-only or vanished disk: writes fail as a whole, hits go on, and all heals by itself."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Tampered, Unavailable
from modgate.storage.disk import DiskStore
from tests.contract.blob_store import LIST, body, meta_of, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from modgate.model import BlobStore

OLD = "example.com/old/@v/v1.0.0.mod"
NEW = "example.com/new/@v/v1.0.0.zip"
SIZE = 2 * 1024 * 1024


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"mounting a small tmpfs needs root: {done.stderr.strip()}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB and 200 inodes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    _mount("-t", "tmpfs", "-o", f"size={SIZE},nr_inodes=200", "none", str(disk))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=False, capture_output=True)


def fill_bytes(disk: Path) -> None:
    """Leave no byte free."""
    descriptor = os.open(disk / "filler", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        size = 256 * 1024
        while size:
            try:
                os.write(descriptor, bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 4
    finally:
        os.close(descriptor)


def fill_inodes(disk: Path) -> None:
    """Leave no inode free."""
    for number in range(1000):
        try:
            os.close(os.open(disk / f"filler{number}", os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return


class Trigger:
    """Does something once, when a stage is reached for the first time after `arm`."""

    def __init__(self) -> None:
        self._stage = ""
        self._act: Callable[[], None] = lambda: None

    def arm(self, stage: str, act: Callable[[], None]) -> None:
        self._stage, self._act = stage, act

    def __call__(self, stage: str) -> None:
        if stage == self._stage:
            self._stage = ""
            self._act()

    @property
    def fired(self) -> bool:
        return self._stage == ""


@pytest.fixture
def trigger() -> Trigger:
    return Trigger()


@pytest.fixture
async def store(small_disk: Path, trigger: Trigger) -> AsyncIterator[DiskStore]:
    store = await DiskStore.open(small_disk / "store", clock=time.time, stages=trigger)
    await store.put(OLD, b"old", meta_of(b"old"))
    await store.replace(LIST, b"v1\n", meta_of(b"v1\n"))
    yield store
    await store.close()


async def put(store: BlobStore) -> None:
    data = body(30_000)
    await store.put(NEW, data, meta_of(data, h1="h1:abc="))


async def commit(store: BlobStore) -> None:
    data = body(600_000)
    writer = await store.create(NEW)
    try:
        for start in range(0, len(data), 100_000):
            await writer.write(data[start : start + 100_000])
        await writer.commit(meta_of(data, h1="h1:abc="))
    finally:
        await writer.aclose()


async def replace(store: BlobStore) -> None:
    data = body(30_000)
    await store.replace(LIST, data, meta_of(data))


PUT = ("created", "written", "synced", "meta", "folder", "ziphash", "linked", "described")
STAGES = [
    *((put, stage) for stage in ("before", *PUT)),
    *((commit, stage) for stage in ("before", "flushed", *PUT)),
    *((replace, stage) for stage in ("before", "created", "written", "synced", "meta", "renamed")),
]


def _leftovers(root: Path) -> set[str]:
    """Every file below the store that is not part of the two old objects."""
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    own = {".modgate/format", ".modgate/lock", f".modgate/meta/{OLD}", f".modgate/meta/{LIST}"}
    return files - own - {OLD, LIST}


@pytest.mark.parametrize("fill", [fill_bytes, fill_inodes])
@pytest.mark.parametrize(("write", "stage"), STAGES)
async def test_a_disk_that_fills_up_at_any_stage_stores_all_or_nothing_and_heals(
    store: DiskStore,
    small_disk: Path,
    trigger: Trigger,
    *,
    write: Callable[[BlobStore], Awaitable[None]],
    stage: str,
    fill: Callable[[Path], None],
) -> None:
    if stage == "before":
        fill(small_disk)
    else:
        trigger.arm(stage, lambda: fill(small_disk))
    error = await _error_of(write(store))
    assert trigger.fired
    if stage == "before":
        assert error is not None

    assert await whole(store, OLD) == b"old"
    if error is not None:
        assert error.kind == "storage-full"
        assert "full" in str(error)
        assert await store.get(NEW) is None
        assert await whole(store, LIST) == b"v1\n"
        assert _leftovers(small_disk / "store") == set()
    fill(small_disk)  # again: what was taken back has made room
    with pytest.raises(Unavailable) as not_ready:
        await store.ready()
    assert not_ready.value.kind == "storage-full"

    for filler in small_disk.glob("filler*"):
        filler.unlink()
    await store.ready()
    await write(store)
    if write is replace:
        assert await whole(store, LIST) == body(30_000)
    else:
        assert await whole(store, NEW) == body(30_000 if write is put else 600_000)


async def _error_of(writing: Awaitable[None]) -> Unavailable | None:
    try:
        await writing
    except Unavailable as error:
        return error
    return None


async def test_an_object_larger_than_the_disk_is_refused_and_gives_its_space_back(
    store: DiskStore, small_disk: Path
) -> None:
    writer = await store.create(NEW)
    errors = [await _error_of(writer.write(bytes(100_000))) for _ in range(40)]
    assert [error.kind for error in errors if error is not None][:1] == ["storage-full"]
    with pytest.raises(Unavailable) as still:
        await writer.commit(meta_of(b""))
    assert still.value.kind == "storage-full"
    await writer.aclose()
    assert _leftovers(small_disk / "store") == set()
    await put(store)


async def test_a_store_on_a_full_disk_can_be_opened_and_serves(store: DiskStore, small_disk: Path) -> None:
    await store.close()
    fill_bytes(small_disk)
    again = await DiskStore.open(small_disk / "store", clock=time.time)
    assert await whole(again, OLD) == b"old"
    await again.close()


async def test_damage_on_a_full_disk_is_still_taken_out_of_service(
    store: DiskStore, small_disk: Path
) -> None:
    (small_disk / "store" / OLD).write_bytes(b"rot")
    fill_bytes(small_disk)
    fill_inodes(small_disk)
    with pytest.raises(Tampered):
        await whole(store, OLD)
    assert await store.get(OLD) is None


async def test_a_read_only_disk_serves_hits_and_refuses_writes_until_it_is_writable(
    store: DiskStore, small_disk: Path
) -> None:
    (small_disk / "store" / LIST).write_bytes(b"rot")
    # The lock is open for writing, so the file system itself cannot be remounted: a bind mount can.
    _mount("--bind", str(small_disk), str(small_disk))
    try:
        _mount("-o", "remount,ro,bind", str(small_disk))
        assert await whole(store, OLD) == b"old"
        for failing in (put(store), commit(store), replace(store), store.ready(), store.remove(OLD)):
            with pytest.raises(Unavailable, match="read-only"):
                await failing
        assert await whole(store, OLD) == b"old"
    finally:
        subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
    await store.ready()
    await put(store)


async def test_damage_on_a_read_only_disk_is_never_served(store: DiskStore, small_disk: Path) -> None:
    (small_disk / "store" / OLD).write_bytes(b"rot")
    _mount("--bind", str(small_disk), str(small_disk))
    try:
        _mount("-o", "remount,ro,bind", str(small_disk))
        for _ in range(2):
            with pytest.raises(Tampered, match="could not be set aside"):
                await whole(store, OLD)
    finally:
        subprocess.run(["umount", "--lazy", str(small_disk)], check=True)


async def test_a_store_whose_disk_vanished_proves_nothing_absent(store: DiskStore, small_disk: Path) -> None:
    _mount("-t", "tmpfs", "none", str(small_disk))
    try:
        for asking in (store.get(OLD), store.get(NEW), store.names("example.com/old/@v"), store.ready()):
            with pytest.raises(Unavailable, match="gone"):
                await asking
        with pytest.raises(Unavailable):
            await put(store)
    finally:
        subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
    assert await whole(store, OLD) == b"old"
