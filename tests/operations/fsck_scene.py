"""A store of many versions, filled by the real code, with faults planted where a test wants them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import time
from typing import TYPE_CHECKING, Any

from modgate.config import load
from modgate.gomod.module import check
from modgate.ledger.sql import SqlLedger
from modgate.model import BlobMeta, VerificationRecord
from modgate.model.operations import Failure, Item, Summary
from modgate.storage.disk import DiskStore
from modgate.wiring.operations import operate
from tests.support.modules import BuiltModule, World, escape, make_zip, zip_h1
from tests.support.static_sumdb import StaticDatabase, filler
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from modgate.config import Config

__all__ = ["KINDS", "FsckScene", "Planted"]

MODULES = ("example.test/Upper", "example.test/leaf", "example.test/deep/er", "gopkg.in/yaml.v1")
KINDS = ("rot", "half", "layout", "ziphash", "record", "orphan")
KEPT_BY_GO = ("info", "mod", "zip")

Planted = tuple[str, str]
"""Kind and place of a fault, as fsck is to report it."""


class FsckScene:
    """`with FsckScene(folder, 60) as scene:` has an upstream, a checksum database, and a filled store."""

    def __init__(self, folder: Path, versions: int, *, padding: int = 0) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.world = World(folder / "upstream")
        for number in range(versions):
            path = MODULES[number % len(MODULES)]
            self.world.add(path, f"v1.{number}.0", padding=padding)
        self.world.finish()
        self.database = StaticDatabase(folder / "db", filler(300) | self.world.records())
        self.upstream = FaultUpstream(self.world.root)
        asyncio.run(self._fill())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.upstream.kill()

    @property
    def built(self) -> list[BuiltModule]:
        return list(self.world.modules.values())

    @property
    def settings(self) -> dict[str, object]:
        """Flat configuration of a gate on this store."""
        return {
            "store": str(self.store),
            "upstream": self.upstream.url,
            "sumdb": self.database.spec((self.folder / "db").as_uri()),
            "vcs.enabled": "false",
        }

    def config(self, **values: object) -> Config:
        """Of a gate that has the scene's upstream and database."""
        flags = self.settings | {name.replace("__", "."): value for name, value in values.items()}
        given = {name: (value, "test") for name, value in flags.items()}
        return load(given, environ={"HOME": str(self.folder)}, ask_go=lambda environ: {}).config  # noqa: ARG005  no go

    def place(self, built: BuiltModule, kind: str) -> Path:
        """The file of an object in the store."""
        return self.store / built.url(kind).lstrip("/")

    def fsck(self, **params: Any) -> tuple[list[Item], Summary]:
        """Run it in this process, as the command line does where no server holds the store."""

        async def run() -> tuple[list[Item], Summary]:
            items: list[Item] = []
            ended: Summary | None = None
            async for event in operate(self.config(), "fsck", params):
                match event:
                    case Item():
                        items.append(event)
                    case Summary():
                        ended = event
                    case Failure():
                        raise AssertionError(event)
                    case _:
                        pass
            assert ended is not None
            return items, ended

        return asyncio.run(run())

    def is_whole(self) -> bool:
        """Whether every object that stands has the upstream's bytes."""
        return all(
            not self.place(built, kind).exists()
            or self.place(built, kind).read_bytes() == built.bytes_of(kind)
            for built in self.built
            for kind in KEPT_BY_GO
        )

    # --- faults

    def plant(self, count: int, kinds: Sequence[str] = KINDS, *, seed: int = 1) -> list[Planted]:
        """So many faults, the kinds in turn, each in a version of its own."""
        chosen = random.Random(seed)
        whole = [
            built for built in self.built if all(self.place(built, kind).exists() for kind in KEPT_BY_GO)
        ]
        victims = chosen.sample(whole, count)
        planted: list[Planted] = []
        for number, built in enumerate(victims):
            kind = kinds[number % len(kinds)]
            planted.append((kind, getattr(self, f"_{kind}")(built, number // len(kinds))))
        return sorted(planted)

    def _key(self, path: Path) -> str:
        return str(path.relative_to(self.store))

    def _rot(self, built: BuiltModule, turn: int) -> str:
        """One bit, and the time of the file as it was."""
        path = self.place(built, KEPT_BY_GO[turn % 3])
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        _overwrite(path, bytes(data))
        return self._key(path)

    def _half(self, built: BuiltModule, turn: int) -> str:
        path = self.place(built, KEPT_BY_GO[(turn + 2) % 3])
        os.truncate(path, path.stat().st_size // 2)
        return self._key(path)

    def _layout(self, built: BuiltModule, turn: int) -> str:
        folder = self.place(built, "info").parent
        match turn % 6:
            case 0:
                path = folder / f"{built.version}.INFO"
                path.write_bytes(built.info)
            case 1:
                path = folder / f"version-{turn}.zip"
                path.write_bytes(built.zip)
            case 2:
                path = folder / f"link-{turn}.info"
                path.symlink_to(self.place(built, "info"))
            case 3:
                path = folder / f"pipe-{turn}.mod"
                os.mkfifo(path)
            case 4:
                path = self.store / "example.test" / f"Capital{turn}"
                (path / "@v").mkdir(parents=True)
                (path / "@v" / "v1.0.0.mod").write_bytes(b"module example.test/Capital\n")
            case _:
                path = self.store / "example.test" / f"notes-{turn}.txt"
                path.write_text("do not forget the milk\n")
        return self._key(path)

    def _ziphash(self, built: BuiltModule, turn: int) -> str:
        path = self.place(built, "zip")
        beside = path.with_suffix(".ziphash")
        if turn % 2:
            beside.unlink()
        else:
            beside.write_text("h1:" + "A" * 43 + "=")
        return self._key(path)

    def _record(self, built: BuiltModule, turn: int) -> str:
        """Other bytes, with all that the store itself notes in agreement: only the records know better."""
        kind = ("zip", "mod")[turn % 2]
        other = built.mod + b"// other\n"
        if kind == "zip":
            prefix = f"{built.path}@{built.version}/"
            other = make_zip({f"{prefix}go.mod": built.mod, f"{prefix}evil.go": b"package evil\n"})
        path = self.place(built, kind)
        asyncio.run(self._swap(self._key(path), other, h1=zip_h1(other) if kind == "zip" else ""))
        return self._key(path)

    def _orphan(self, built: BuiltModule, turn: int) -> str:
        path = self.place(built, ("info", "mod", "zip")[turn % 3])
        key = self._key(path)
        path.unlink()
        if path.suffix == ".zip":
            # Its note went too: the .ziphash alone is left.
            (self.store / ".modgate" / "meta" / key).unlink()
            return key + "hash"
        return key

    # --- filling

    async def _swap(self, key: str, data: bytes, *, h1: str) -> None:
        store = await DiskStore.open(self.store, clock=time.time)
        await store.remove(key)
        await store.put(key, data, _meta(data, h1=h1))
        await store.close()

    async def _fill(self) -> None:
        store = await DiskStore.open(self.store, clock=time.time)
        ledger = await SqlLedger.open(self.store / ".modgate" / "ledger.sqlite3", clock=time.time)
        jobs = [*self._puts(store), *self._records(ledger)]
        for start in range(0, len(jobs), 500):
            await asyncio.gather(*(job() for job in jobs[start : start + 500]))
        await ledger.close()
        await store.close()

    def _puts(self, store: DiskStore) -> Iterator[Any]:
        def put(key: str, data: bytes, h1: str = "") -> Any:
            return lambda: store.put(key, data, _meta(data, h1=h1))

        for built in self.built:
            for kind in KEPT_BY_GO:
                h1 = built.h1 if kind == "zip" else ""
                yield put(built.url(kind).lstrip("/"), built.bytes_of(kind), h1)
        for path in {built.path for built in self.built}:
            for name in ("@v/list", "@latest"):
                key = f"{escape(path)}/{name}"
                yield self._replaced(store, key, (self.world.root / key).read_bytes())
        top = self.folder / "db"
        for file in sorted(top.rglob("*")):
            name = str(file.relative_to(top))
            if file.is_file() and not name.startswith(("tile/8/data", "lookup/filler")):
                key = f"sumdb/{self.database.name}/{name}"
                yield (
                    self._replaced(store, key, file.read_bytes())
                    if name == "latest"
                    else put(key, file.read_bytes())
                )

    def _replaced(self, store: DiskStore, key: str, data: bytes) -> Any:
        return lambda: store.replace(key, data, _meta(data))

    def _records(self, ledger: SqlLedger) -> Iterator[Any]:
        def record(built: BuiltModule, kind: str, h1: str) -> Any:
            version = check(built.path, built.version)
            return lambda: ledger.first_seen(VerificationRecord(version, kind, h1, "sumdb", 1.7e9))

        for built in self.built:
            yield record(built, "zip", built.h1)
            yield record(built, "mod", built.mod_h1)


def _meta(data: bytes, *, h1: str = "") -> BlobMeta:
    digest = hashlib.sha256(data).hexdigest()
    return BlobMeta(sha256=digest, size=len(data), stored_at=time.time(), verified="sumdb", h1=h1)


def _overwrite(path: Path, data: bytes) -> None:
    status = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
