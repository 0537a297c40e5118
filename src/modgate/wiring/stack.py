"""The way of one request through the sources, outermost wrapper last.

What a principal may not read is refused first; what is stored is answered next; a miss is filled once,
every fill is verified at the door, and a private name never gets as far as a public upstream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from shutil import which
from typing import TYPE_CHECKING

from modgate.firewall.witness import Witness
from modgate.model import Context
from modgate.model.routes import BLOCK, DIRECT, PUBLISHED
from modgate.source.bodies import drain
from modgate.source.cached import CachedSource
from modgate.source.fills import Fills
from modgate.source.permitted import PermittedSource
from modgate.source.prefetch import PrefetchSource
from modgate.source.published import PublishedAside, PublishedSource
from modgate.source.routes import BlockedSource, Routes
from modgate.source.settings import CacheSettings, Memory, PrefetchSettings
from modgate.source.turns import Turns
from modgate.source.verified import VerifiedSource

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.checksumdb.log import ChecksumLog
    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModuleVersion
    from modgate.model import BlobStore, ChecksumDatabase, Ledger, ModuleSource, Sums
    from modgate.model.audit import Event
    from modgate.model.credentials import Credentials
    from modgate.model.routes import RouteRule, RouteTable
    from modgate.source.observed import Observer
    from modgate.telemetry import Metrics
    from modgate.wiring.upstreams import Upstreams

__all__ = ["Ground", "Stack", "build_stack", "build_way", "turns"]

_TURN_PATIENCE = 30.0
_BROKEN_MEMORY = 3.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What the stack stands on; `note` takes events for the audit.

    `fills` are those of the gate, and `way` is the same for configurations that fetch alike.
    """

    config: Config
    table: RouteTable
    store: BlobStore
    ledger: Ledger
    metrics: Metrics
    upstreams: Upstreams
    held: Credentials
    note: Callable[[Event], None] = lambda _event: None
    fills: Fills = field(default_factory=Fills)
    way: int = 0

    def witness(self, *, kind: str = "verified") -> Witness:
        """The ledger's records of first sights, each of which the audit is told of as `kind`."""
        return Witness(self.ledger, self.note, lambda path: self.table.find(path).source, kind=kind)


@dataclass(frozen=True, slots=True)
class Stack:
    """The way of a request.

    Attributes:
        source: The whole way.
        permitted: The part of it that a fill for somebody takes.
        quiet: What there is, whoever asks, with nothing fetched ahead.
        prefetch: What fetches ahead; None where that is off.
        cached: The cache within.
    """

    source: ModuleSource
    permitted: ModuleSource
    quiet: ModuleSource
    prefetch: PrefetchSource | None
    cached: CachedSource

    async def fill(self, ctx: Context, request: Request) -> None:
        """Have an object come in, with the rights of the context. Raises what a source raises."""
        await drain(await self.permitted.fetch(replace(ctx, head=False), request))


def build_stack(
    ground: Ground,
    database: ChecksumDatabase,
    observer: Observer,
    direct: ModuleSource | None,
    log: ChecksumLog | None,
    *,
    guarded: Callable[[ModuleSource, ModuleSource], ModuleSource] | None = None,
) -> Stack:
    """The stack; `direct` is version control, `log` the gate's own checksum log, None without them.

    `guarded` puts the firewall in front of a source, whose quiet twin fetches nothing ahead.
    """
    config = ground.config

    async def logged(version: ModuleVersion, sums: Sums) -> None:
        if log is not None and (config.checksum_log.public or not database.covers(version.path)):
            await log.log(Context(background=True), version, sums)

    sources = {rule: _source(ground, rule, direct) for rule in ground.table.all_rules}
    cached = _cached(
        ground, Routes(ground.table, sources), database, observer, None if log is None else logged
    )
    published = PublishedAside(
        cached,
        PublishedSource(ground.store, ground.ledger),
        lambda path: ground.table.find(path).source == PUBLISHED,
    )
    permitted = PermittedSource(published, ground.table)
    prefetch = None
    if config.prefetch.enabled:
        prefetch = PrefetchSource(
            published,
            cached.ensure,
            PrefetchSettings(concurrency=config.prefetch.concurrency, unused_bytes=config.prefetch.max_bytes),
            clock=time.monotonic,
            private=lambda path: ground.table.is_private(path) or not ground.table.is_open(path),
            watch=observer,
        )
    source: ModuleSource = prefetch or published
    if guarded is not None:
        source = guarded(source, published)
    # Who may not read a module hears of that before he hears what is wrong with it.
    return Stack(PermittedSource(source, ground.table), permitted, published, prefetch, cached)


def build_way(
    ground: Ground, source: ModuleSource, database: ChecksumDatabase, observer: Observer
) -> CachedSource:
    """The verified way into the same store from another source than the routes; closed by its user."""
    return _cached(replace(ground, fills=Fills()), source, database, observer, None)


def _cached(
    ground: Ground,
    inner: ModuleSource,
    database: ChecksumDatabase,
    observer: Observer,
    logged: Callable[[ModuleVersion, Sums], Awaitable[None]] | None,
) -> CachedSource:
    """The store in front of a source whose every fill is verified."""
    config = ground.config
    verified = VerifiedSource(
        inner,
        database,
        ground.witness(),
        clock=time.time,
        count=ground.metrics.verification,
        logged=logged,
    )
    return CachedSource(
        verified,
        ground.store,
        CacheSettings(
            mutable_ttl=config.cache.mutable_ttl,
            remembered=Memory(
                absent=config.cache.absent_ttl,
                broken=min(_BROKEN_MEMORY, config.cache.verdict_ttl),
                tampered=config.cache.verdict_ttl,
            ),
        ),
        clock=time.time,
        watch=observer,
        turns=turns(config),
        proves=verified.proves,
        fills=ground.fills,
        way=ground.way,
    )


def turns(config: Config) -> Turns:
    """Each client has only so many fills under way."""
    return Turns(slots=config.fetch.per_client_fills, patience=_TURN_PATIENCE)


def _source(ground: Ground, rule: RouteRule, direct: ModuleSource | None) -> ModuleSource:
    """What answers for one rule."""
    if rule.source == PUBLISHED:
        return PublishedSource(ground.store, ground.ledger)
    if rule.source == DIRECT and direct is not None:
        return direct
    if rule.source in {BLOCK, DIRECT}:
        return BlockedSource(rule)
    # Without git every 404 of the chain would become a failure of this gate.
    return ground.upstreams.chain(rule.source, direct if which(ground.config.vcs.git) else None)
