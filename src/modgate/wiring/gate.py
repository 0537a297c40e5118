"""A configuration becomes the parts of a gate: store, ledger, upstreams, the way of a request.

`serve` puts a listener in front of them; an operation on the command line uses them as they are.

The parts are of two kinds. Some stand as long as the gate does: the store, the ledger, the view of the
checksum databases and the own log, of each of which there must be one alone. The rest (`Inner`) is made anew
from another configuration by `Gate.replace`, beside the old, which goes when nobody uses it any more.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.mirrors import Mirrors
from modgate.checksumdb.off import NoDatabase
from modgate.config import route_table
from modgate.firewall.scribe import Scribe
from modgate.firewall.tally import Tally
from modgate.firewall.witness import alert_event
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from modgate.source.fair import FairMirror
from modgate.source.fills import Fills
from modgate.source.observed import Observer
from modgate.source.permitted import PermittedMirror
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics
from modgate.transport.credentials.secrets import SecretFile
from modgate.wiring.books import Books, build_books
from modgate.wiring.changes import fetches_alike
from modgate.wiring.checksums import build_log, build_mirror, retarget_mirror
from modgate.wiring.credentials import credentials
from modgate.wiring.firewall import Wall, wanted
from modgate.wiring.room import bound
from modgate.wiring.stack import Ground, build_stack, turns
from modgate.wiring.upstreams import Upstreams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.checksumdb.log import ChecksumLog
    from modgate.checksumdb.mirror import Mirror
    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.model import BlobStore, ChecksumDatabase, ChecksumMirror, Context, Ledger
    from modgate.model.routes import RouteTable
    from modgate.policy.rules import Policy
    from modgate.source.publish import Publisher
    from modgate.wiring.stack import Stack

__all__ = ["Gate", "Inner", "Standing", "open_gate"]

_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands as long as the gate does.

    Attributes:
        store: Where modules are kept.
        ledger: What was seen.
        metrics: What is counted.
        observer: Where alerts go.
        instance: The id by which this gate knows itself in a chain.
        books: Who used what, what was decided, what happened, what is to be told.
        tally: Counts what is given to whom until its book has it.
        scribe: Holds events until the audit has them.
    """

    store: BlobStore
    ledger: Ledger
    metrics: Metrics
    observer: Observer
    instance: str
    books: Books
    tally: Tally
    scribe: Scribe


@dataclass(frozen=True, slots=True)
class Inner:
    """What one configuration makes of it; `closing` gives it back. `policy` is the one that comes with it,
    None where it changes nothing of that.
    """

    ground: Ground
    stack: Stack
    publisher: Publisher | None
    policy: Policy | None
    closing: AsyncExitStack


class Gate:
    """The parts of one gate, open. Made by `open_gate`."""

    def __init__(self, standing: Standing, table: RouteTable) -> None:
        self.standing = standing
        self.table = table
        self.mirror: Mirror | None = None
        self.log: ChecksumLog | None = None
        self.wall = Wall(self)
        self._inner: Inner | None = None
        self._epoch = 0
        self._fills = Fills()
        self._ways = 0
        self._retiring: set[AsyncExitStack] = set()

    @property
    def inner(self) -> Inner:
        """What is in force."""
        assert self._inner is not None
        return self._inner

    @property
    def ground(self) -> Ground:
        """Configuration, routes, store, ledger, metrics and upstreams in force."""
        return self.inner.ground

    @property
    def stack(self) -> Stack:
        """The way of a request."""
        return self.inner.stack

    @property
    def publisher(self) -> Publisher | None:
        """What takes versions, None where publishing is off."""
        return self.inner.publisher

    @property
    def database(self) -> ChecksumDatabase:
        """What public modules are verified against."""
        return self.mirror or NoDatabase()

    @property
    def mirrors(self) -> Mirrors | None:
        """The databases that are served, None where there is none."""
        served = [each for each in (self.log, self.mirror) if each is not None]
        return Mirrors(*served) if served else None

    @property
    def epoch(self) -> int:
        """Grows with each configuration that comes into force."""
        return self._epoch

    def guarded_mirrors(self, ground: Ground) -> ChecksumMirror | None:
        """The databases in turns, and what restricted modules are called only for those who may read them."""
        mirrors = self.mirrors
        if mirrors is None:
            return None
        fair = FairMirror(mirrors, turns(ground.config))
        return fair if self.log is None else PermittedMirror(fair, ground.table, self.log.name)

    async def start(self, config: Config) -> None:
        """The first configuration. Raises ModgateError."""
        standing = self.standing
        closing = AsyncExitStack()
        try:
            ground = self._ground(config, closing)
            self.mirror = build_mirror(ground)
            self.log = build_log(ground, self.database, self._fill, standing.instance)
            self._inner = await self._build(ground, closing)
            self.wall.adopt(config, self._inner.policy)
            if self.log is not None:
                await self.log.start()
        except BaseException:
            await self.close(closing)
            raise

    async def prepare(self, config: Config) -> Inner:
        """What another configuration makes of the gate, not yet in force. Raises ModgateError."""
        closing = AsyncExitStack()
        try:
            return await self._build(self._ground(config, closing), closing)
        except BaseException:
            await closing.aclose()
            raise

    def adopt(self, inner: Inner) -> Inner:
        """Put it in force at once; returns what was in force, for `retire`."""
        old, self._inner = self.inner, inner
        self.table = inner.ground.table
        if self.mirror is not None:
            retarget_mirror(self.mirror, inner.ground)
        self.wall.adopt(inner.ground.config, inner.policy)
        self._epoch += 1
        return old

    async def retire(self, old: Inner, *, patience: float) -> None:
        """Close it when its fills have ended, or after `patience` seconds, except for those that clients of
        what is in force have joined: nothing happened that should end these.
        """
        cached, loop = old.stack.cached, asyncio.get_running_loop()
        end = loop.time() + patience
        self._retiring.add(old.closing)
        try:
            while cached.lent or (cached.running and loop.time() < end):  # noqa: ASYNC110  it happens once
                await asyncio.sleep(_LOOK)
            await old.closing.aclose()
        finally:
            self._retiring.discard(old.closing)

    async def close(self, closing: AsyncExitStack | None = None) -> None:
        """Close everything of the gate, in the reverse order of its making."""
        inner, self._inner = self._inner, None
        await self.wall.close()
        if self.log is not None:
            await self.log.close()
        if inner is not None:
            await inner.closing.aclose()
        elif closing is not None:
            await closing.aclose()
        for each in list(self._retiring):
            await each.aclose()
        if self.mirror is not None:
            await self.mirror.close()

    def _ground(self, config: Config, closing: AsyncExitStack) -> Ground:
        standing = self.standing
        held = credentials(config)
        closing.push_async_callback(held.close)
        upstreams = Upstreams(config, standing.instance, standing.metrics, held)
        closing.push_async_callback(upstreams.close)
        upstreams.check()
        return Ground(
            config,
            route_table(config),
            standing.store,
            standing.ledger,
            standing.metrics,
            upstreams,
            held,
            standing.scribe.note,
            self._fills,
            self._way(config),
        )

    def _way(self, config: Config) -> int:
        """The way of what is in force where a configuration fetches as that does, a new one otherwise."""
        if self._inner is not None and fetches_alike(self._inner.ground.config, config):
            return self._inner.ground.way
        self._ways += 1
        return self._ways

    async def _build(self, ground: Ground, closing: AsyncExitStack) -> Inner:
        config, observer = ground.config, self.standing.observer
        policy = await self.wall.prepare(config)
        direct = None
        if config.vcs.enabled:
            from modgate.wiring.vcs import open_direct  # noqa: PLC0415  git stays out of gates without it

            direct = await closing.enter_async_context(open_direct(config, held=ground.held))
        guarded = self.wall.guarded if wanted(config) else None
        built = build_stack(ground, self.database, observer, direct, self.log, guarded=guarded)
        closing.push_async_callback(built.source.close)
        publisher = None
        if config.publish.enabled:
            from modgate.wiring.publishing import build_publisher  # noqa: PLC0415  likewise

            publisher = build_publisher(ground, built.cached, observer, self.log)
        return Inner(ground, built, publisher, policy, closing)

    async def _fill(self, ctx: Context, request: Request) -> None:
        await self.stack.fill(ctx, request)


@asynccontextmanager
async def open_gate(config: Config, *, address: str = "") -> AsyncIterator[Gate]:
    """Open everything; close everything in the reverse order when the context ends.

    `address` is where a server listens, for whoever finds the store taken. Raises ModgateError.
    """
    async with AsyncExitStack() as stack:
        store = await _open_store(config, address)
        stack.push_async_callback(store.close)
        ledger = await _open_ledger(config)
        stack.push_async_callback(ledger.close)
        metrics = Metrics()
        metrics.store(store.usage)
        observer = Observer(metrics, ledger, clock=time.time)
        stack.push_async_callback(observer.close)
        books = build_books(await _books_ledger(ledger, stack))
        tally, scribe = Tally(clock=time.time), Scribe()
        stack.push_async_callback(scribe.flush, books.audit)
        observer.tell_alerts(partial(_note_alert, scribe))
        standing = Standing(store, ledger, metrics, observer, secrets.token_hex(8), books, tally, scribe)
        gate = Gate(standing, route_table(config))
        bound(store, config.cache.limit, ledger, lambda: gate.table)
        await gate.start(config)
        stack.push_async_callback(gate.close)
        yield gate


def _note_alert(scribe: Scribe, kind: str, subject: str, text: str) -> None:
    scribe.note(alert_event(kind, subject, text, time.time()))


async def _open_store(config: Config, address: str) -> BlobStore:
    if config.store.path is None:
        return MemoryStore(config.store.limit, clock=time.time)
    return await DiskStore.open(config.store.path, clock=time.time, address=address)


async def _open_ledger(config: Config) -> Ledger:
    if config.ledger.url:
        file = config.ledger.password_file
        password = None if file is None else SecretFile(file, named="ledger.password_file").read
        ledger = await SqlLedger.open_url(config.ledger.url, clock=time.time, password=password, later=True)
        if ledger.absent is not None:
            structlog.get_logger("modgate").warning(
                "the ledger's database is away: what is stored is served, what must be recorded fails until "
                "it is back",
                reason=str(ledger.absent),
            )
        return ledger
    if config.store.path is None:
        return MemoryLedger(clock=time.time)
    return await SqlLedger.open(config.store.path / ".modgate" / "ledger.sqlite3", clock=time.time)


async def _books_ledger(ledger: Ledger, stack: AsyncExitStack) -> SqlLedger:
    """Where the books lie: with everything else, or in memory beside a ledger that has no tables."""
    if isinstance(ledger, SqlLedger):
        return ledger
    apart = await SqlLedger.open_memory(clock=time.time)
    stack.push_async_callback(apart.close)
    return apart
