"""Where the parts meet: a configuration becomes a running gate. The only place that names concrete
stores, ledgers and upstreams.

The stack is one expression in `_stack`; its order is the design: what is stored is answered first, a
miss is filled once, every fill is verified at the door, and a private name never gets as far as a
public upstream.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.off import NoDatabase
from modgate.errors import ModgateError
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import EntryKind, ProxyEntry, parse_proxy_list
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sqlite import SqliteLedger
from modgate.server.app import App, Settings
from modgate.server.listener import Listen, Listener, Tls, new_event_loop
from modgate.server.memo import Memo
from modgate.server.wire import Limits
from modgate.source.cached import CachedSource
from modgate.source.chain import ChainSource, Link
from modgate.source.observed import Observer
from modgate.source.prefetch import PrefetchSource
from modgate.source.proxy import ProxySource
from modgate.source.routes import PrivateSource, Route, Routes
from modgate.source.settings import CacheSettings, Memory, PrefetchSettings
from modgate.source.turns import Turns
from modgate.source.verified import VerifiedSource
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics, configure_logging
from modgate.transport.file import FileUpstream
from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.config import Config
    from modgate.gomod.types import ModulePath
    from modgate.model import BlobStore, ChecksumDatabase, ChecksumMirror, Ledger, ModuleSource, Upstream

__all__ = ["serve"]

_MEMORY_STORE = 512 << 20
_TURN_PATIENCE = 30.0
_BROKEN_MEMORY = 3.0


def serve(config: Config) -> None:
    """Run the gate until it is stopped. Raises ModgateError for what keeps it from starting."""
    json = config.log.format == "json" or (config.log.format == "auto" and not sys.stderr.isatty())
    configure_logging("json" if json else "human", level=getattr(logging, config.log.level.upper()))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    """Open everything, serve, close everything in the reverse order."""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        instance = secrets.token_hex(8)
        store = await _open_store(config)
        stack.push_async_callback(store.close)
        ledger = await _open_ledger(config)
        stack.push_async_callback(ledger.close)
        upstreams = _upstreams(config, instance, metrics)
        database, mirror = _checksums(config)
        observer = Observer(metrics, ledger, clock=time.time)
        stack.push_async_callback(observer.close)
        source = _stack(config, store, ledger, database, observer, upstreams, metrics)
        stack.push_async_callback(source.close)
        memo = Memo(
            clock=time.monotonic, generation=lambda: store.generation, max_bytes=config.cache.memory
        )
        app = App(
            source,
            mirror,
            settings=Settings(
                mount=config.prefix,
                instance=instance,
                access_log={"off": "none"}.get(config.log.access, config.log.access),
            ),
            ready=partial(_problems, [store.ready, ledger.ready, _one_ready(upstreams)]),
            metrics=metrics,
            memo=memo,
        )
        listener = Listener(app, _listen(config))
        listener.bind()
        await listener.serve()


async def _open_store(config: Config) -> BlobStore:
    if config.store.path is None:
        return MemoryStore(config.store.limit or _MEMORY_STORE)
    return await DiskStore.open(config.store.path, clock=time.time, address=str(config.listen))


async def _open_ledger(config: Config) -> Ledger:
    if config.store.path is None:
        return MemoryLedger(clock=time.time)
    return await SqliteLedger.open(config.store.path / ".modgate" / "ledger.sqlite3", clock=time.time)


def _upstreams(config: Config, instance: str, metrics: Metrics) -> list[tuple[Upstream, bool]]:
    """The chain's proxies, each with whether any error moves on to the next. `direct` is dropped."""
    log = structlog.get_logger("modgate")
    chain: list[tuple[Upstream, bool]] = []
    for entry in parse_proxy_list(config.upstream):
        if entry.kind is EntryKind.PROXY:
            chain.append((_upstream(entry, config, instance, metrics), entry.falls_back_on_error))
        elif entry.kind is EntryKind.DIRECT:
            log.warning(
                "`direct` at the end of the upstream chain is left out: this gate fetches from module "
                "proxies only; what none of them has is answered with the last one's 404"
            )
    return chain


def _upstream(entry: ProxyEntry, config: Config, instance: str, metrics: Metrics) -> Upstream:
    if entry.url.startswith("file:"):
        return FileUpstream(entry.url)
    fetch = config.fetch
    settings = TransportSettings(
        connect=fetch.connect_timeout,
        head=fetch.head_timeout,
        stall=fetch.stall_timeout,
        total=fetch.total_timeout,
        retries=fetch.retries,
        connections=fetch.concurrency,
        breaker_failures=config.breaker.failures,
        breaker_pause=config.breaker.reset,
    )
    return HTTPUpstream(entry.url, settings, instance=instance, observe=metrics.observe_upstream)


def _checksums(config: Config) -> tuple[ChecksumDatabase, ChecksumMirror | None]:
    return NoDatabase(), None


def _stack(
    config: Config,
    store: BlobStore,
    ledger: Ledger,
    database: ChecksumDatabase,
    observer: Observer,
    upstreams: Sequence[tuple[Upstream, bool]],
    metrics: Metrics,
) -> ModuleSource:
    """The way of one request, outermost wrapper last."""
    private = ",".join(config.no_proxy)

    def is_private(path: ModulePath) -> bool:
        return match_prefix_patterns(private, path)

    chain = ChainSource([Link(ProxySource(upstream), fall) for upstream, fall in upstreams])
    routes = Routes([Route(private, PrivateSource())] if private else [], chain)
    verified = VerifiedSource(routes, database, ledger, clock=time.time, count=metrics.verification)
    cached = CachedSource(
        verified,
        store,
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
        turns=Turns(slots=config.fetch.per_client_fills, patience=_TURN_PATIENCE),
    )
    if not config.prefetch.enabled:
        return cached
    return PrefetchSource(
        cached,
        cached.ensure,
        PrefetchSettings(
            concurrency=config.prefetch.concurrency, unused_bytes=config.prefetch.max_bytes
        ),
        clock=time.monotonic,
        private=is_private,
        watch=observer,
    )


def _listen(config: Config) -> Listen:
    tls = None
    if config.tls.cert is not None and config.tls.key is not None:
        tls = Tls(config.tls.cert, config.tls.key, config.tls.client_ca)
    limits = config.limits
    return Listen(
        address=str(config.listen),
        tls=tls,
        grace=limits.grace,
        limits=Limits(
            connections=limits.connections,
            head_seconds=limits.header_timeout,
            idle_seconds=limits.idle_timeout,
            stall_seconds=limits.stall_timeout,
        ),
        mount=config.prefix,
    )


def _one_ready(upstreams: Sequence[tuple[Upstream, bool]]) -> Callable[[], Awaitable[None]]:
    """Ready while any upstream of the chain can be asked."""

    async def ready() -> None:
        last: ModgateError | None = None
        for upstream, _ in upstreams:
            try:
                await upstream.ready()
            except ModgateError as error:
                last = error
            else:
                return
        if last is not None:
            raise last

    return ready


async def _problems(checks: Sequence[Callable[[], Awaitable[None]]]) -> list[str]:
    """One line for each part that could not do its work now."""
    problems = []
    for check in checks:
        try:
            await check()
        except ModgateError as error:
            problems.append(str(error))
    return problems
