"""A stack over twins: cached over verified over a source the test scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.gomod.protocol import Kind, Request, checked
from modgate.ledger.memory import MemoryLedger
from modgate.model import Context
from modgate.source.cached import CachedSource
from modgate.source.settings import CacheSettings
from modgate.source.turns import Turns
from modgate.source.verified import VerifiedSource
from modgate.storage.memory import MemoryStore
from tests.support.modules import BuiltModule, World
from tests.support.sources import Clock, Feed, ScriptedSource, TableDatabase, Witness, settled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import BlobStore, ModuleSource

BIG = 1_500_000
CTX = Context()


@dataclass
class Stack:
    """The parts, and what a test asks of them."""

    inner: ScriptedSource
    database: TableDatabase
    store: BlobStore
    settings: CacheSettings = field(default_factory=CacheSettings)
    clock: Clock = field(default_factory=Clock)
    watch: Witness = field(default_factory=Witness)
    turns: Turns = field(default_factory=lambda: Turns(slots=4, patience=30.0))
    verified: ModuleSource | None = None

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(clock=self.clock)
        self.counted: list[str] = []
        verified = self.verified or VerifiedSource(
            self.inner, self.database, self.ledger, clock=self.clock, count=self.counted.append
        )
        self.cached = CachedSource(
            verified,
            self.store,
            self.settings,
            clock=self.clock,
            watch=self.watch,
            turns=self.turns,
            proves=getattr(verified, "proves", None),
        )

    async def quiet(self) -> None:
        """No fill is under way any more: what was sealed is stored, too."""
        while self.cached._fills:
            await settled()

    def again(self, **parts: object) -> Stack:
        """Another gate over the same store and upstream: a restart, unless parts are given."""
        known = {"inner": self.inner, "database": self.database, "store": self.store, "clock": self.clock}
        return Stack(**{**known, **parts})  # type: ignore[arg-type]


def asked(built: BuiltModule, kind: str) -> Request:
    return checked(Kind(kind), built.path, built.version)


def feed(stack: Stack, built: BuiltModule, *, size: int | None = -1) -> Feed:
    """Let the zip come step by step; `size` None is an upstream that gives no length."""
    body = Feed(len(built.zip) if size == -1 else size)
    stack.inner.answers[asked(built, "zip").url_path] = body
    return body


@pytest.fixture
def big(tmp_path: Path) -> BuiltModule:
    return World(tmp_path / "world").add("example.test/big", padding=BIG)


@pytest.fixture
def small(tmp_path: Path) -> BuiltModule:
    return World(tmp_path / "world").add("example.test/small")


@pytest.fixture
async def stack(big: BuiltModule, small: BuiltModule) -> AsyncIterator[Stack]:
    """Covers `big` and `small`; every fill is over when the test is."""
    inner = ScriptedSource()
    inner.add(big)
    inner.add(small)
    store = MemoryStore(64 << 20)
    made = Stack(inner, TableDatabase(big, small), store)
    yield made
    await made.cached.close()
    assert not made.cached._fills
    await store.close()
