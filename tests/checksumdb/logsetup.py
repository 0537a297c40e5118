"""An own log over twins in memory, an authority that a test fills, and a client that believes nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.checksumdb.log import ChecksumLog
from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, ModgateError
from modgate.ledger.logbook import MemoryLogBook
from modgate.ledger.memory import MemoryLedger
from modgate.model.answer import Verification
from modgate.model.checksums import Sums
from modgate.model.context import Context
from modgate.storage.memory import MemoryStore
from modgate.sumdb.note import generate_key
from modgate.sumdb.spec import parse_gosumdb
from modgate.transport.memory import MemoryUpstream
from tests.checksumdb.setup import mv

if TYPE_CHECKING:
    from modgate.gomod.types import ModuleVersion
    from modgate.model.blob import BlobStore
    from modgate.model.ledger import Ledger
    from modgate.model.logbook import LogBook

__all__ = ["ASK", "NAME", "Company", "Oracle", "h1", "sums_of"]

NAME = "sum.corp.example"
ASK = Context()


def h1(text: str) -> str:
    return "h1:" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def sums_of(path: str, version: str = "v1.0.0", verified: Verification = Verification.LOCAL) -> Sums:
    return Sums(h1(f"{path} {version} zip"), h1(f"{path} {version} mod"), verified)


@dataclass
class Oracle:
    """Knows what begins with `corp.example/`; `errors` says otherwise for a path."""

    errors: dict[str, ModgateError] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:  # noqa: ARG002  as every method
        self.asked[str(version)] += 1
        await self.gate.wait()
        if error := self.errors.get(version.path):
            raise error
        if not version.path.startswith(("corp.example/", "golang.org/")):
            raise Absent(f"{version}: unknown to everybody")
        return sums_of(version.path, version.version)


@dataclass
class Company:
    """`log` is the log of `book` in `store`; `another()` is a second process on both."""

    seed: bytes = b"c" * 32
    name: str = NAME
    book: LogBook = field(default_factory=MemoryLogBook)
    store: BlobStore = field(default_factory=lambda: MemoryStore(1 << 28))
    now: float = 1_800_000_000.0
    oracle: Oracle = field(default_factory=Oracle)
    steps: list[str] = field(default_factory=list)
    ledger: Ledger = field(init=False)
    log: ChecksumLog = field(init=False)

    def __post_init__(self) -> None:
        self.key, self.verifier_key = generate_key(self.name, self.seed)
        self.ledger = MemoryLedger(clock=lambda: self.now)
        self.log = self.another()

    def another(self, holder: str = "one", store: BlobStore | None = None) -> ChecksumLog:
        """A log as another process, or this one after a restart, has it."""
        self.log = ChecksumLog(
            self.key,
            book=self.book,
            store=store or self.store,
            ledger=self.ledger,
            authority=self.oracle,
            clock=lambda: self.now,
            holder=holder,
            reached=self.steps.append,
        )
        return self.log

    async def get(self, rest: str, ctx: Context = ASK) -> bytes:
        return (await self.log.fetch(ctx, self.name, rest)).body

    async def record(self, *numbers: int) -> None:
        """Log `corp.example/m<number>`, together."""
        paths = [f"corp.example/m{number}" for number in numbers]
        await asyncio.gather(*(self.log.log(ASK, mv(path), sums_of(path)) for path in paths))

    def client(self, log: ChecksumLog | None = None) -> Mirror:
        """A verifying client with an empty memory of its own."""
        asked = log or self.log

        async def page(path: str) -> bytes:
            return (await asked.fetch(ASK, self.name, path)).body

        spec = parse_gosumdb(self.verifier_key)
        assert spec is not None
        upstream = MemoryUpstream("https://log.test", otherwise=page)
        return Mirror(
            [Mirrored(spec, [Candidate(upstream, proxy=False)])],
            MemoryStore(1 << 26),
            MemoryLedger(clock=lambda: self.now),
            lambda: self.now,
        )

    async def alerts(self) -> list[str]:
        await self.log.flush()
        return [alert.kind for alert in await self.ledger.alerts()]

    async def kept(self, rest: str) -> bytes | None:
        await self.log.flush()
        blob = await self.store.get(f"sumdb/{self.name}/{rest}")
        return None if blob is None else await blob.read()
