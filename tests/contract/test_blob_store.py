"""Every blob store under the one contract."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from tests.contract.blob_store import BlobStoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import BlobStore


class TestDiskStore(BlobStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[BlobStore]:
        store = await DiskStore.open(tmp_path / "store", clock=time.time)
        yield store
        await store.close()
        assert list((tmp_path / "store" / ".modgate" / "tmp").iterdir()) == []


class TestMemoryStore(BlobStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[BlobStore]:
        store = MemoryStore(16 * 1024 * 1024)
        yield store
        await store.close()
        assert store.used == 0
