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
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.off import NoDatabase
from modgate.checksumdb.remote import Candidate
from modgate.errors import ModgateError
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import EntryKind, ProxyEntry, parse_proxy_list
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sqlite import SqliteLedger
from modgate.server.app import App, Settings
from modgate.server.descriptors import connections_within, raise_limit
from modgate.server.listener import Listen, Listener, Tls, new_event_loop
from modgate.server.memo import Memo
from modgate.server.wire import Limits
from modgate.source.cached import CachedSource
from modgate.source.chain import ChainSource, Link
from modgate.source.fair import FairMirror
from modgate.source.observed import Observer
from modgate.source.prefetch import PrefetchSource
from modgate.source.proxy import ProxySource
from modgate.source.routes import PrivateSource, Route, Routes
from modgate.source.settings import CacheSettings, Memory, PrefetchSettings
from modgate.source.turns import Turns
from modgate.source.verified import VerifiedSource
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.sumdb.spec import parse_gosumdb
from modgate.telemetry import Metrics, configure_logging
from modgate.transport.file import FileUpstream
from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.config import Config
    from modgate.gomod.types import ModulePath
    from modgate.model import BlobStore, ChecksumDatabase, Ledger, ModuleSource, Upstream

__all__ = ["serve"]

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
        parts = _Parts(config, store, ledger, metrics, instance, upstreams)
        observer = Observer(metrics, ledger, clock=time.time)
        stack.push_async_callback(observer.close)
        mirror = _checksums(parts)
        for upstream in parts.extra_upstreams:
            stack.push_async_callback(upstream.close)
        if mirror is not None:
            stack.push_async_callback(mirror.close)
        source = _stack(parts, mirror or NoDatabase(), observer)
        stack.push_async_callback(source.close)
        app = App(
            source,
            None if mirror is None else FairMirror(mirror, _turns(config)),
            settings=Settings(
                mount=config.prefix,
                instance=instance,
                trusted_proxies=tuple(ip_network(each) for each in config.trusted_proxies),
                sumdb_names=() if mirror is None else mirror.names,
                access_log="none" if config.log.access == "off" else config.log.access,
            ),
            ready=partial(_problems, [store.ready, ledger.ready, _one_ready(upstreams)]),
            metrics=metrics,
            memo=Memo(
                clock=time.monotonic, generation=lambda: store.generation, max_bytes=config.cache.memory
            ),
        )
        listener = Listener(app, _listen(config))
        listener.bind()
        await listener.serve()


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the stack is built from."""

    config: Config
    store: BlobStore
    ledger: Ledger
    metrics: Metrics
    instance: str
    upstreams: Sequence[tuple[Upstream, bool]]
    extra_upstreams: list[Upstream] = field(default_factory=list)


async def _open_store(config: Config) -> BlobStore:
    if config.store.path is None:
        return MemoryStore(config.store.limit)
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
            chain.append((_address(entry, config, instance, metrics), entry.falls_back_on_error))
        elif entry.kind is EntryKind.DIRECT:
            log.warning(
                "`direct` at the end of the upstream chain is left out: this gate fetches from module "
                "proxies only; what none of them has is answered with the last one's 404"
            )
    return chain


def _address(entry: ProxyEntry, config: Config, instance: str, metrics: Metrics) -> Upstream:
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
        redirect_hosts=fetch.redirect_hosts,
    )
    return HTTPUpstream(
        entry.url,
        settings,
        instance=instance,
        observe=metrics.observe_upstream,
        failed=metrics.inc_upstream_error,
    )


def _checksums(parts: _Parts) -> Mirror | None:
    """The mirror of the configured databases; None for `off`.

    A database is asked through the chain's proxies where they carry it, as the go command does, unless
    its specification names an address.
    """
    config = parts.config
    mirrored: list[Mirrored] = []
    for text in config.sumdb:
        spec = parse_gosumdb(text)
        if spec is None:
            continue
        direct = _address(ProxyEntry(EntryKind.PROXY, spec.direct_url), config, parts.instance, parts.metrics)
        ways = [] if spec.url else [Candidate(each, any_error=fall) for each, fall in parts.upstreams]
        parts.extra_upstreams.append(direct)
        mirrored.append(Mirrored(spec, [*ways, Candidate(direct, proxy=False)]))
    if not mirrored:
        return None
    return Mirror(
        mirrored,
        parts.store,
        parts.ledger,
        time.time,
        private=",".join((*config.no_proxy, *config.no_sumdb)),
        exempt=",".join(config.sumdb_exempt),
    )


def _stack(parts: _Parts, database: ChecksumDatabase, observer: Observer) -> ModuleSource:
    """The way of one request, outermost wrapper last."""
    config = parts.config
    private = ",".join(config.no_proxy)

    def is_private(path: ModulePath) -> bool:
        return match_prefix_patterns(private, path)

    chain = ChainSource(
        [
            Link(ProxySource(upstream, max_zip=config.fetch.max_object), fall)
            for upstream, fall in parts.upstreams
        ]
    )
    routes = Routes([Route(private, PrivateSource())] if private else [], chain)
    verified = VerifiedSource(
        routes, database, parts.ledger, clock=time.time, count=parts.metrics.verification
    )
    cached = CachedSource(
        verified,
        parts.store,
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
        turns=_turns(config),
        proves=verified.proves,
    )
    if not config.prefetch.enabled:
        return cached
    return PrefetchSource(
        cached,
        cached.ensure,
        PrefetchSettings(concurrency=config.prefetch.concurrency, unused_bytes=config.prefetch.max_bytes),
        clock=time.monotonic,
        private=is_private,
        watch=observer,
    )


def _turns(config: Config) -> Turns:
    return Turns(slots=config.fetch.per_client_fills, patience=_TURN_PATIENCE)


def _listen(config: Config) -> Listen:
    tls = None
    if config.tls.cert is not None and config.tls.key is not None:
        tls = Tls(config.tls.cert, config.tls.key, config.tls.client_ca)
    limits = config.limits
    connections = connections_within(raise_limit(), limits.connections)
    if connections < limits.connections:
        structlog.get_logger("modgate").warning(
            f"this process may open so few files (ulimit -Hn, LimitNOFILE=) that it takes {connections} "
            f"connections at a time instead of {limits.connections}"
        )
    return Listen(
        address=str(config.listen),
        tls=tls,
        grace=limits.grace,
        limits=Limits(
            connections=connections,
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
