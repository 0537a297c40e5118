"""A configuration becomes the parts of a gate: store, ledger, upstreams, the way of a request.

`serve` puts a listener in front of them; an operation on the command line uses them as they are.
"""

from __future__ import annotations

import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.checksumdb.mirrors import Mirrors
from modgate.checksumdb.off import NoDatabase
from modgate.config import route_table
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sqlite import SqliteLedger
from modgate.source.fair import FairMirror
from modgate.source.observed import Observer
from modgate.source.permitted import PermittedMirror
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics
from modgate.wiring.checksums import build_log, build_mirror
from modgate.wiring.credentials import credentials
from modgate.wiring.publishing import build_publisher
from modgate.wiring.stack import Ground, build_stack, turns
from modgate.wiring.upstreams import Upstreams
from modgate.wiring.vcs import open_direct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.checksumdb.log import ChecksumLog
    from modgate.config import Config
    from modgate.gomod.protocol import Request
    from modgate.model import BlobStore, ChecksumDatabase, ChecksumMirror, Context, Ledger
    from modgate.source.publish import Publisher
    from modgate.wiring.stack import Stack

__all__ = ["Gate", "open_gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """The parts of one gate, open.

    Attributes:
        ground: Configuration, routes, store, ledger, metrics and upstreams.
        stack: The way of a request.
        database: What public modules are verified against.
        mirrors: The databases that are served, None where there is none.
        log: The gate's own checksum log.
        publisher: What takes versions, None where publishing is off.
        observer: Where alerts go.
        instance: The id by which this gate knows itself in a chain.
    """

    ground: Ground
    stack: Stack
    database: ChecksumDatabase
    mirrors: Mirrors | None
    log: ChecksumLog | None
    publisher: Publisher | None
    observer: Observer
    instance: str

    def guarded_mirrors(self) -> ChecksumMirror | None:
        """The databases in turns, and what restricted modules are called only for those who may read them."""
        if self.mirrors is None:
            return None
        fair = FairMirror(self.mirrors, turns(self.ground.config))
        return fair if self.log is None else PermittedMirror(fair, self.ground.table, self.log.name)


@asynccontextmanager
async def open_gate(config: Config, *, address: str = "") -> AsyncIterator[Gate]:
    """Open everything; close everything in the reverse order when the context ends.

    `address` is where a server listens, for whoever finds the store taken. Raises ModgateError.
    """
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        instance = secrets.token_hex(8)
        store = await _open_store(config, address)
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
        if log is not None:
            stack.push_async_callback(log.close)
            await log.start()
        served = [each for each in (log, mirror) if each is not None]
        mirrors = Mirrors(*served) if served else None
        publisher = build_publisher(ground, built.cached, observer, log)
        yield Gate(ground, built, database, mirrors, log, publisher, observer, instance)


async def _open_store(config: Config, address: str) -> BlobStore:
    if config.store.path is None:
        return MemoryStore(config.store.limit)
    return await DiskStore.open(config.store.path, clock=time.time, address=address)


async def _open_ledger(config: Config) -> Ledger:
    if config.store.path is None:
        return MemoryLedger(clock=time.time)
    return await SqliteLedger.open(config.store.path / ".modgate" / "ledger.sqlite3", clock=time.time)
