"""A configuration becomes a running gate: the parts of `gate`, a listener in front of them."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import AsyncExitStack
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import structlog

from modgate import __version__
from modgate.errors import ModgateError
from modgate.server.app import App, Settings
from modgate.server.descriptors import connections_within, raise_limit
from modgate.server.listener import Listen, Listener, Tls, new_event_loop
from modgate.server.memo import Memo
from modgate.server.wire import Limits
from modgate.telemetry import configure_logging
from modgate.wiring.gate import open_gate
from modgate.wiring.operations import build_admin, build_works, serve_socket
from modgate.wiring.publishing import build_publishing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.config import Config
    from modgate.model import Upstream
    from modgate.operations import Works
    from modgate.wiring.gate import Gate

__all__ = ["serve"]


def serve(config: Config) -> None:
    """Run the gate until it is stopped. Raises ModgateError for what keeps it from starting."""
    json = config.log.format == "json" or (config.log.format == "auto" and not sys.stderr.isatty())
    configure_logging("json" if json else "human", level=getattr(logging, config.log.level.upper()))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: Config) -> None:
    """Open everything, serve, close everything in the reverse order."""
    async with open_gate(config, address=str(config.listen)) as gate, AsyncExitStack() as stack:
        app = _app(config, gate, lambda: works)
        listener = Listener(app, _listen(config))
        works = build_works(gate, status=partial(_status, time.time()), serving=True)
        listener.bind()
        await stack.enter_async_context(serve_socket(config, works))
        await listener.serve()


def _app(config: Config, gate: Gate, works: Callable[[], Works]) -> App:
    """What answers requests."""
    ground, publisher = gate.ground, gate.publisher
    store, ledger, upstreams = ground.store, ground.ledger, ground.upstreams
    return App(
        gate.stack.source,
        gate.guarded_mirrors(),
        settings=Settings(
            mount=config.prefix,
            instance=gate.instance,
            trusted_proxies=tuple(ip_network(each) for each in config.trusted_proxies),
            sumdb_names=() if gate.mirrors is None else gate.mirrors.names,
            access_log="none" if config.log.access == "off" else config.log.access,
        ),
        ready=partial(_problems, [store.ready, ledger.ready, _one_ready(upstreams.proxies(config.upstream))]),
        metrics=ground.metrics,
        publishing=build_publishing(ground, publisher),
        admin=build_admin(config, works),
        is_open=ground.table.is_open,
        memo=Memo(
            clock=time.monotonic,
            generation=lambda: (store.generation, publisher.generation if publisher else 0),
            max_bytes=config.cache.memory,
        ),
    )


async def _status(started: float) -> dict[str, Any]:
    """The facts of `modgate status`."""
    return {"version": __version__, "uptime_seconds": time.time() - started}


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
