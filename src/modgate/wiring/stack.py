"""The way of one request through the sources, outermost wrapper last.

What a principal may not read is refused first; what is stored is answered next; a miss is filled once,
every fill is verified at the door, and a private name never gets as far as a public upstream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.model.routes import BLOCK, DIRECT, PUBLISHED
from modgate.source.cached import CachedSource
from modgate.source.prefetch import PrefetchSource
from modgate.source.published import PublishedAside, PublishedSource
from modgate.source.routes import BlockedSource, PermittedSource, Routes
from modgate.source.settings import CacheSettings, Memory, PrefetchSettings
from modgate.source.turns import Turns
from modgate.source.verified import VerifiedSource

if TYPE_CHECKING:
    from modgate.config import Config
    from modgate.model import BlobStore, ChecksumDatabase, Ledger, ModuleSource
    from modgate.model.routes import RouteRule, RouteTable
    from modgate.source.observed import Observer
    from modgate.telemetry import Metrics
    from modgate.wiring.upstreams import Upstreams

__all__ = ["Ground", "Stack", "build_stack", "turns"]

_TURN_PATIENCE = 30.0
_BROKEN_MEMORY = 3.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What the stack stands on."""

    config: Config
    table: RouteTable
    store: BlobStore
    ledger: Ledger
    metrics: Metrics
    upstreams: Upstreams


@dataclass(frozen=True, slots=True)
class Stack:
    """The whole way (`source`), and the cache within it for what fills it by other ways."""

    source: ModuleSource
    cached: CachedSource


def build_stack(
    ground: Ground, database: ChecksumDatabase, observer: Observer, direct: ModuleSource | None
) -> Stack:
    """The stack; `direct` is version control, None without it."""
    config = ground.config
    sources = {rule: _source(ground, rule, direct) for rule in ground.table.all_rules}
    verified = VerifiedSource(
        Routes(ground.table, sources),
        database,
        ground.ledger,
        clock=time.time,
        count=ground.metrics.verification,
    )
    cached = CachedSource(
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
    )
    published = PublishedAside(
        cached, PublishedSource(ground.store), lambda path: ground.table.find(path).source == PUBLISHED
    )
    source: ModuleSource = PermittedSource(published, ground.table)
    if config.prefetch.enabled:
        source = PrefetchSource(
            source,
            cached.ensure,
            PrefetchSettings(concurrency=config.prefetch.concurrency, unused_bytes=config.prefetch.max_bytes),
            clock=time.monotonic,
            private=ground.table.is_private,
            watch=observer,
        )
    return Stack(source, cached)


def turns(config: Config) -> Turns:
    """Each client has only so many fills under way."""
    return Turns(slots=config.fetch.per_client_fills, patience=_TURN_PATIENCE)


def _source(ground: Ground, rule: RouteRule, direct: ModuleSource | None) -> ModuleSource:
    """What answers for one rule."""
    if rule.source == PUBLISHED:
        return PublishedSource(ground.store)
    if rule.source == DIRECT and direct is not None:
        return direct
    if rule.source in {BLOCK, DIRECT}:
        return BlockedSource(rule)
    return ground.upstreams.chain(rule.source, direct)
