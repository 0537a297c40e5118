"""One version in a store, and what may be done to it: for tests of single faults."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from modgate.errors import Unavailable
from modgate.gomod.module import check
from modgate.ledger.memory import MemoryLedger
from modgate.model import BlobMeta, Sums, VerificationRecord
from modgate.storage.disk import DiskStore
from tests.support.fsck import NoWay, fsck, works_on
from tests.support.modules import BuiltModule, World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Context
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
async def opened(folder: Path) -> AsyncIterator[Bench]:
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


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


SMALL = [
    f"{STEM}.info",
    f"{STEM}.mod",
    f"{STEM}.zip",
    "example.test/!one/@v/list",
    "example.test/!one/@latest",
]
