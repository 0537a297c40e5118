"""Every blob store under the one contract."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.storage.usage import cost_of
from tests.contract.blob_store import BlobStoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.model import BlobStore


class TestDiskStore(BlobStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[BlobStore]:
        store = await DiskStore.open(tmp_path / "store", clock=time.time)
        yield store
        await store.close()
        assert list((tmp_path / "store" / ".modgate" / "tmp").iterdir()) == []


class TestBoundedDiskStore(BlobStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[BlobStore]:
        async def nothing() -> Callable[[str, str], bool]:
            return lambda _path, _version: False

        store = await DiskStore.open(tmp_path / "store", clock=time.time)
        store.bound(64 << 20, nothing, monotonic=time.monotonic)
        yield store
        await store.close()
        usage = store.usage()
        assert usage.in_flight == 0
        assert usage.used is None or usage.used == sum(
            cost_of(str(path.relative_to(store.tree.root)), path.stat().st_size)
            for path in store.tree.root.rglob("*")
            if path.is_file() and ".modgate" not in path.parts and path.suffix != ".ziphash"
        )


class TestMemoryStore(BlobStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[BlobStore]:
        store = MemoryStore(16 * 1024 * 1024)
        yield store
        await store.close()
        assert store.used == 0
