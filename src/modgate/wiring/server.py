"""Where the parts meet: a configuration becomes a running gate. The only place that names concrete
stores, ledgers and upstreams.

The way of one request through the sources is `stack`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.mirrors import Mirrors
from modgate.checksumdb.off import NoDatabase
from modgate.config import route_table
from modgate.errors import ModgateError
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sqlite import SqliteLedger
from modgate.server.app import App, Settings
from modgate.server.descriptors import connections_within, raise_limit
from modgate.server.listener import Listen, Listener, Tls, new_event_loop
from modgate.server.memo import Memo
from modgate.server.wire import Limits
from modgate.source.fair import FairMirror
from modgate.source.observed import Observer
from modgate.source.permitted import PermittedMirror
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics, configure_logging
from modgate.wiring.checksums import build_log, build_mirror
from modgate.wiring.credentials import credentials
from modgate.wiring.publishing import build_publisher, build_publishing
from modgate.wiring.stack import Ground, build_stack, turns
from modgate.wiring.upstreams import Upstreams
from modgate.wiring.vcs import open_direct

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.checksumdb.log import ChecksumLog
    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.model import BlobStore, ChecksumMirror, Context, Ledger, Upstream

__all__ = ["serve"]


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
        held = credentials(config)
        stack.push_async_callback(held.close)
        upstreams = Upstreams(config, instance, metrics, held)
        stack.push_async_callback(upstreams.close)
        ground = Ground(config, route_table(config), store, ledger, metrics, upstreams)
        observer = Observer(metrics, ledger, clock=time.time)
        stack.push_async_callback(observer.close)
        mirror = build_mirror(ground)
        if mirror is not None:
            stack.push_async_callback(mirror.close)
        database = mirror or NoDatabase()
        direct = (
            await stack.enter_async_context(open_direct(config, held=held)) if config.vcs.enabled else None
        )

        async def fill(ctx: Context, request: Request) -> None:
            await built.fill(ctx, request)

        log = build_log(ground, database, fill, instance)
        built = build_stack(ground, database, observer, direct, log)
        stack.push_async_callback(built.source.close)
        mirrors: Mirrors | None = None
        if log is not None:
            stack.push_async_callback(log.close)
            await log.start()
        if log is not None or mirror is not None:
            mirrors = Mirrors(*(each for each in (log, mirror) if each is not None))
        publisher = build_publisher(ground, built.cached, observer, log)
        app = App(
            built.source,
            None if mirrors is None else _guarded(mirrors, ground, log),
            settings=Settings(
                mount=config.prefix,
                instance=instance,
                trusted_proxies=tuple(ip_network(each) for each in config.trusted_proxies),
                sumdb_names=() if mirrors is None else mirrors.names,
                access_log="none" if config.log.access == "off" else config.log.access,
            ),
            ready=partial(
                _problems, [store.ready, ledger.ready, _one_ready(upstreams.proxies(config.upstream))]
            ),
            metrics=metrics,
            publishing=build_publishing(ground, publisher),
            is_open=ground.table.is_open,
            memo=Memo(
                clock=time.monotonic,
                generation=lambda: (store.generation, publisher.generation if publisher else 0),
                max_bytes=config.cache.memory,
            ),
        )
        listener = Listener(app, _listen(config))
        listener.bind()
        await listener.serve()


def _guarded(mirrors: Mirrors, ground: Ground, log: ChecksumLog | None) -> ChecksumMirror:
    """In turns, and what restricted modules are called only for those who may read them."""
    fair = FairMirror(mirrors, turns(ground.config))
    return fair if log is None else PermittedMirror(fair, ground.table, log.name)


async def _open_store(config: Config) -> BlobStore:
    if config.store.path is None:
        return MemoryStore(config.store.limit)
    return await DiskStore.open(config.store.path, clock=time.time, address=str(config.listen))


async def _open_ledger(config: Config) -> Ledger:
    if config.store.path is None:
        return MemoryLedger(clock=time.time)
    return await SqliteLedger.open(config.store.path / ".modgate" / "ledger.sqlite3", clock=time.time)


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
