"""A mirror over a test database, everything in memory; the clock stands until it is moved."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, Denied, Unavailable
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.ledger.memory import MemoryLedger
from modgate.model.context import Context
from modgate.storage.memory import MemoryStore
from modgate.sumdb.spec import parse_gosumdb
from modgate.transport.memory import MemoryUpstream
from tests.support.sumdb_server import TestDatabase

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.model.blob import BlobStore
    from modgate.model.ledger import Ledger
    from modgate.sumdb.spec import Spec

__all__ = ["ASK", "World", "bridge", "filled", "mv", "spec_of"]

ASK = Context()


def mv(path: str, version: str = "v1.0.0") -> ModuleVersion:
    return ModuleVersion(ModulePath(path), Version(version))


def filled(records: int = 700, *, modules: int = 30) -> TestDatabase:
    """A log of fillers with `example.com/m0` … spread over it."""
    db = TestDatabase()
    step = records // modules
    for i in range(modules):
        db.add_filler(step - 1)
        db.add(f"example.com/m{i}", "v1.0.0", f"h1:zip{i}=", f"h1:mod{i}=")
    return db


def spec_of(db: TestDatabase, url: str = "") -> Spec:
    spec = parse_gosumdb(f"{db.verifier_key} {url}".strip())
    assert spec is not None
    return spec


def bridge(
    db: TestDatabase, pause: Callable[[], Awaitable[None]] | None = None
) -> Callable[[str], Awaitable[bytes]]:
    """A page for every path of the database, with the error table of an upstream."""

    async def page(path: str) -> bytes:
        if pause is not None:
            await pause()
        reply = db.answer(path.removeprefix(f"sumdb/{db.name}/"))
        if reply.hang:
            await asyncio.Event().wait()
        text = reply.body.decode(errors="replace").strip()
        if reply.status in {404, 410}:
            raise Absent(text, gone=reply.status == 410)
        if reply.status in {403, 451}:
            raise Denied(text)
        if reply.status != 200:
            raise Unavailable(f"{reply.status} {text}", kind="bad-answer")
        return reply.body

    return page


@dataclass
class World:
    """`world.mirror` mirrors `world.db` through `world.upstream` into `world.store`."""

    db: TestDatabase = field(default_factory=filled)
    store: BlobStore = field(default_factory=lambda: MemoryStore(1 << 26))
    now: float = 1_800_000_000.0
    private: str = ""
    exempt: str = ""
    pause: Callable[[], Awaitable[None]] | None = None
    ledger: Ledger = field(init=False)
    upstream: MemoryUpstream = field(init=False)
    mirror: Mirror = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(clock=self.clock)
        self.upstream = MemoryUpstream("https://sum.test", otherwise=bridge(self.db, self.pause))
        self.mirror = self.restarted()

    def clock(self) -> float:
        return self.now

    def restarted(self) -> Mirror:
        """Another mirror over the same store, as after a restart."""
        self.mirror = Mirror(
            [Mirrored(spec_of(self.db), [Candidate(self.upstream, proxy=False)])],
            self.store,
            self.ledger,
            self.clock,
            private=partial(match_prefix_patterns, self.private),
            exempt=self.exempt,
        )
        return self.mirror

    async def sums(self, path: str, version: str = "v1.0.0") -> tuple[str, str]:
        found = await self.mirror.sums(ASK, mv(path, version))
        return found.zip, found.mod

    async def fetch(self, rest: str) -> bytes:
        return (await self.mirror.fetch(ASK, self.db.name, rest)).body

    async def kept(self, rest: str) -> bytes | None:
        await self.mirror.flush()
        blob = await self.store.get(f"sumdb/{self.db.name}/{rest}")
        return None if blob is None else await blob.read()

    async def alerts(self) -> list[str]:
        await self.mirror.flush()
        return [alert.kind for alert in await self.ledger.alerts()]

    def asked(self, kind: str) -> int:
        return sum(n for path, n in self.db.requests.items() if path.startswith(kind))
