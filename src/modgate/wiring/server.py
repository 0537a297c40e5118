"""A configuration becomes a running gate: the parts of `gate`, a listener in front of them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from modgate.errors import ModgateError
from modgate.server.app import App, Settings
from modgate.server.check import PolicyCheck
from modgate.server.descriptors import connections_within, raise_limit
from modgate.server.listener import Listen, Listener, Tls, new_event_loop
from modgate.server.memo import Memo
from modgate.server.running import Running
from modgate.server.shared import Limits
from modgate.server.switch import Switch
from modgate.server.vulndb import VulnDB
from modgate.telemetry import configure_logging
from modgate.telemetry.traces import traces
from modgate.wiring.admin import build_admin, serve_socket
from modgate.wiring.advisories import follow_advisories
from modgate.wiring.afterwards import completing
from modgate.wiring.consumers import build_naming, counting
from modgate.wiring.gate import open_gate
from modgate.wiring.index import follow_index
from modgate.wiring.notify import follow_notices
from modgate.wiring.publishing import build_publishing
from modgate.wiring.quick import stay
from modgate.wiring.reload import Reloader
from modgate.wiring.retention import Retention
from modgate.wiring.status import recent_answers, status_facts
from modgate.wiring.works import build_works

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from modgate.config import Config, Loaded
    from modgate.model import Upstream
    from modgate.operations import Works
    from modgate.wiring.gate import Gate, Inner

__all__ = ["serve"]

_KEPT_SECONDS = 10.0


def serve(loaded: Loaded, load: Callable[[], Loaded]) -> None:
    """Run the gate until it is stopped; `load` reads the configuration again, for a reload.

    Raises ModgateError for what keeps it from starting.
    """
    _log_as(loaded.config)
    with traces(os.environ), asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(loaded, load))


async def _serve(loaded: Loaded, load: Callable[[], Loaded]) -> None:
    """Open everything, serve, close everything in the reverse order."""
    config = loaded.config
    async with open_gate(config, address=str(config.listen)) as gate, AsyncExitStack() as stack:
        memo, running = _memo(gate), Running()
        advisories = await stack.enter_async_context(follow_advisories(gate))
        gate.wall.read_from(advisories.answers)
        vulndb = VulnDB(advisories.mirror)
        notices = await stack.enter_async_context(follow_notices(gate))
        stack.callback(advisories.on_change(notices.advisories_changed))
        notices.advisories_changed(None, advisories.index)
        stack.push_async_callback(running.close)
        app = _app(gate, gate.inner, memo, lambda: works(), running, vulndb)  # noqa: PLW0108  it is made below
        switch = Switch(app)
        recent = recent_answers(gate)

        async def status() -> dict[str, Any]:
            return await status_facts(
                gate,
                switch.app,
                url=listener.url,
                started=started,
                problems=await switch.app.problems(),
                recent=recent,
                config=reloader.facts(),
                index=following.facts(),
                advisories=advisories.facts(),
                webhooks=notices.facts(),
            )

        def works() -> Works:
            return build_works(
                gate, status=status, serving=True, advisories=advisories, dispatcher=notices.dispatcher
            )

        listener = Listener(switch, _listen(config), on_hangup=lambda: hangup())  # noqa: PLW0108  likewise
        reloader = Reloader(
            gate,
            switch,
            listener,
            loaded=loaded,
            load=load,
            app=lambda inner: _app(gate, inner, memo, works, running, vulndb),
            listen=_listen,
            loaded_now=_log_as,
        )

        def hangup() -> None:
            reloader.hangup()
            gate.wall.reload("SIGHUP")

        listener.bind()
        started = time.time()
        await stack.enter_async_context(_counting(gate))
        await stack.enter_async_context(completing(gate))
        await stack.enter_async_context(gate.wall.watching())
        following = await stack.enter_async_context(follow_index(gate))
        await stack.enter_async_context(recent.running())
        await stack.enter_async_context(_retention(gate).running())
        await stack.enter_async_context(serve_socket(config, works, running))
        await stack.enter_async_context(reloader.watching())
        if config.policy.file is not None and config.advisories.sources:
            # An index that is still empty would let past what a rule refuses.
            with suppress(TimeoutError):
                async with asyncio.timeout(_KEPT_SECONDS):
                    await advisories.wait_loaded()
        stay()
        await listener.serve()


def _counting(gate: Gate) -> AbstractAsyncContextManager[None]:
    """Writes down who was given what, as often as the configuration in force says."""
    standing = gate.standing
    return counting(
        standing.tally,
        standing.scribe,
        standing.books,
        pause=lambda: gate.ground.config.consumers.flush,
        metrics=standing.metrics,
    )


def _log_as(config: Config) -> None:
    json = config.log.format == "json" or (config.log.format == "auto" and not sys.stderr.isatty())
    configure_logging("json" if json else "human", level=getattr(logging, config.log.level.upper()))


def _retention(gate: Gate) -> Retention:
    standing = gate.standing
    return Retention(
        standing.ledger,
        standing.books,
        lambda: gate.ground.config.ledger,
        clock=time.time,
        holder=standing.instance,
        alert=standing.observer.alert,
    )


def _memo(gate: Gate) -> Memo:
    store, mount, guard = gate.standing.store, gate.ground.config.prefix, gate.wall.guard
    memo = Memo(
        clock=time.monotonic,
        generation=lambda: (
            store.generation,
            gate.publisher.generation if gate.publisher else 0,
            gate.epoch,
            guard.generation,
        ),
        max_bytes=gate.ground.config.cache.memory,
    )
    gate.standing.observer.tell_refreshed(lambda path: memo.forget(f"{mount}/{path}".encode()))
    return memo


def _app(  # noqa: PLR0917  each is one of a kind
    gate: Gate,
    inner: Inner,
    memo: Memo,
    works: Callable[[], Works],
    running: Running,
    vulndb: VulnDB,
) -> App:
    """What answers requests under one configuration."""
    ground, config = inner.ground, inner.ground.config
    mirrors = gate.mirrors
    return App(
        inner.stack.source,
        gate.guarded_mirrors(ground),
        settings=Settings(
            mount=config.prefix,
            instance=gate.standing.instance,
            naming=build_naming(config),
            sumdb_names=() if mirrors is None else mirrors.names,
            access_log="none" if config.log.access == "off" else config.log.access,
        ),
        ready=partial(
            _problems,
            [ground.store.ready, ground.ledger.ready, _one_ready(ground.upstreams.proxies(config.upstream))],
        ),
        metrics=ground.metrics,
        publishing=build_publishing(ground, inner.publisher),
        check=PolicyCheck(
            gate.wall.guard, lambda ctx, path: ground.table.find(path).admits(ctx), gate.wall.standing
        ),
        vulndb=vulndb,
        admin=build_admin(config, works, running),
        is_open=ground.table.is_open,
        tally=gate.standing.tally,
        memo=memo,
    )


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
