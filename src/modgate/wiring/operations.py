"""Operations on a gate: over the parts in this process, or by asking the server that holds the store."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent, Invalid, Unavailable
from modgate.operations import Works, run_operation
from modgate.server.admin import Admin
from modgate.server.socket import serve_admin
from modgate.server.tokens import Tokens
from modgate.storage.disk import DiskStore
from modgate.storage.inspect import DiskInspector
from modgate.sumdb.spec import parse_gosumdb
from modgate.transport.admin import AdminClient
from modgate.wiring.aside import log_aside
from modgate.wiring.bundle import bundles
from modgate.wiring.gate import open_gate
from modgate.wiring.room import may_not_return
from modgate.wiring.stack import build_way

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, Context, ModuleSource
    from modgate.model.inspection import Inspector
    from modgate.model.operations import Event
    from modgate.operations import Way
    from modgate.server.running import Running
    from modgate.wiring.gate import Gate

__all__ = ["build_admin", "build_works", "operate", "serve_socket"]

SOCKET = "admin.sock"
"""The server's own socket, in `.modgate` under the store."""


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


def build_works(gate: Gate, *, status: Callable[[], Awaitable[dict[str, Any]]], serving: bool) -> Works:
    """What operations stand on."""
    ground = gate.ground

    def way_from(source: ModuleSource) -> Way:
        return build_way(gate.ground, source, gate.database, gate.standing.observer)

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
        bundle=bundles(gate),
        inspector=_inspector(gate),
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


def build_admin(config: Config, works: Callable[[], Works], running: Running) -> Admin | None:
    """What takes operations over the network; None where no token is configured. Raises Unavailable."""
    if config.admin.token_file is None:
        return None
    tokens = Tokens(config.admin.token_file, who="operators")
    tokens.check()
    return Admin(works, tokens, running)


@asynccontextmanager
async def serve_socket(config: Config, works: Callable[[], Works], running: Running) -> AsyncIterator[None]:
    """Take operations on the store's own socket until the context ends, where that is wanted."""
    path = _socket(config)
    if path is None:
        yield
        return
    async with serve_admin(Admin(works, None, running), path):
        yield


def _socket(config: Config) -> Path | None:
    if config.store.path is None or not config.admin.socket:
        return None
    return config.store.path.absolute() / ".modgate" / SOCKET


async def operate(
    config: Config, name: str, params: Mapping[str, Any], *, server: str = "", token: str = ""
) -> AsyncGenerator[Event, None]:
    """The events of an operation, by the nearest way.

    `server` names a running one. Otherwise the one that holds the configured store is asked by its socket;
    where none does, the operation runs here. Raises ModgateError for what keeps it from beginning.
    """
    if server:
        async with aclosing(AdminClient(url=server, token=token).run(name, params)) as events:
            async for event in events:
                yield event
        return
    path = _socket(config)
    if path is not None:
        begun = False
        try:
            async with aclosing(AdminClient(socket=path).run(name, params)) as events:
                async for event in events:
                    begun = True
                    yield event
        except Absent:
            if begun:
                raise
        else:
            return
    if config.store.path is None:
        raise Invalid(
            "the configured store is in memory: only the server that holds it can be asked",
            next_step="Name the server: --server URL.",
        )
    log_aside()
    async with AsyncExitStack() as stack:
        gate = await stack.enter_async_context(open_gate(config))
        works = build_works(gate, status=_no_server, serving=False)
        async with aclosing(run_operation(works, name, params)) as events:
            async for event in events:
                yield event


async def _no_server() -> dict[str, Any]:
    raise Unavailable(
        "no server holds this store", next_step="Start one with `modgate serve`, or name it: --server URL."
    )
