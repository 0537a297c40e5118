"""What operations stand on, from the parts of a gate; and running one in this process, without a server."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

from modgate.errors import Unavailable
from modgate.operations import Works, run_operation
from modgate.storage.disk import DiskStore
from modgate.storage.inspect import DiskInspector
from modgate.sumdb.spec import parse_gosumdb
from modgate.wiring.aside import log_aside
from modgate.wiring.gate import open_gate
from modgate.wiring.records import build_records
from modgate.wiring.room import may_not_return
from modgate.wiring.stack import build_way
from modgate.wiring.webhooks import Webhooks

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from pathlib import Path

    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, Context, ModuleSource
    from modgate.model.inspection import Inspector
    from modgate.model.operations import Event
    from modgate.notify.dispatch import Dispatcher
    from modgate.operations import Bundle, Way
    from modgate.operations.works import Syncing
    from modgate.wiring.gate import Gate

__all__ = ["build_works", "operate_here"]


class _PresentWay:
    """The way into the store under the configuration in force: an operation may outlast a reload."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        return await self._gate.stack.cached.fetch(ctx, request)

    async def ensure(self, ctx: Context, request: Request) -> int | None:
        return await self._gate.stack.cached.ensure(ctx, request)

    async def refresh(self, ctx: Context, request: Request) -> None:
        await self._gate.stack.cached.refresh(ctx, request)

    async def forget(self, path: ModulePath) -> None:
        await self._gate.stack.cached.forget(path)

    async def close(self) -> None:
        """It is the gate's."""


def build_works(
    gate: Gate,
    *,
    status: Callable[[], Awaitable[dict[str, Any]]],
    serving: bool,
    advisories: Syncing | None = None,
    dispatcher: Dispatcher | None = None,
) -> Works:
    """What operations stand on."""
    ground = gate.ground

    def way_from(source: ModuleSource) -> Way:
        return build_way(gate.ground, source, gate.database, gate.standing.observer)

    def bundle(folder: Path) -> Awaitable[Bundle]:
        from modgate.wiring.bundle import open_bundle  # noqa: PLC0415  for exports alone

        return open_bundle(gate, folder)

    return Works(
        store=ground.store,
        ledger=ground.ledger,
        way=_PresentWay(gate),
        way_from=way_from,
        database=gate.database,
        kept=lambda path: may_not_return(gate.ground.table, path),
        status=status,
        clock=time.time,
        monotonic=time.monotonic,
        concurrency=ground.config.prefetch.concurrency,
        serving=serving,
        bundle=bundle,
        inspector=_inspector(gate),
        records=build_records(gate, advisories),
        firewall=gate.wall.guard,
        webhooks=Webhooks(gate, dispatcher),
        advisories=advisories,
    )


def _inspector(gate: Gate) -> Inspector | None:
    """What looks at the files of the store, with the keys of the databases whose files lie there."""
    store = gate.ground.store
    if not isinstance(store, DiskStore):
        return None
    specs = [spec for spec in map(parse_gosumdb, gate.ground.config.sumdb) if spec is not None]
    keys = {spec.name: spec.verifier_key for spec in specs}
    if gate.log is not None:
        keys[gate.log.name] = gate.log.verifier_key
    return DiskInspector(store, keys, clock=time.time, monotonic=time.monotonic)


async def operate_here(config: Config, name: str, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """The events of an operation on the configured store, which nobody else holds. Raises ModgateError."""
    log_aside()
    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(open_gate(config))
        advisories = None
        if name in {"advisories-sync", "impact"}:
            from modgate.wiring.advisories import open_advisories  # noqa: PLC0415  no other operation asks

            advisories = await stack.enter_async_context(open_advisories(gate))
        works = build_works(gate, status=_no_server, serving=False, advisories=advisories)
        async with aclosing(run_operation(works, name, params)) as events:
            async for event in events:
                yield event


async def _no_server() -> dict[str, Any]:
    raise Unavailable(
        "no server holds this store", next_step="Start one with `modgate serve`, or name it: --server URL."
    )
