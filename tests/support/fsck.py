"""The real fsck over a store that no process holds: for tests that leave one behind."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from modgate.checksumdb.off import NoDatabase
from modgate.errors import Absent, Unavailable
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from modgate.model.operations import Failure, Item, Summary
from modgate.operations import Works, run_operation
from modgate.storage.disk import DiskStore
from modgate.storage.inspect import DiskInspector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modgate.gomod.protocol import Request
    from modgate.gomod.types import ModulePath
    from modgate.model import Answer, ChecksumDatabase, Context, Ledger, ModuleSource
    from modgate.operations import Way

__all__ = ["NoWay", "assert_clean", "faults_of", "fsck", "works_on"]


class NoWay:
    """A way into the store on which nothing comes."""

    async def fetch(self, ctx: Context, request: Request) -> Answer:  # noqa: ARG002  the protocol's
        """Raise."""
        raise Absent("nothing is fetched here", where=request.url_path)

    async def ensure(self, ctx: Context, request: Request) -> int | None:  # noqa: ARG002
        """Raise."""
        raise Absent("nothing is fetched here", where=request.url_path)

    async def refresh(self, ctx: Context, request: Request) -> None:  # noqa: ARG002
        """Raise."""
        raise Absent("nothing is fetched here", where=request.url_path)

    async def forget(self, path: ModulePath) -> None:
        """Nothing is remembered."""

    async def close(self) -> None:
        """Nothing is held."""


def works_on(
    store: DiskStore,
    ledger: Ledger,
    *,
    way: Way | None = None,
    database: ChecksumDatabase | None = None,
    kept: Callable[[ModulePath], bool] = lambda _path: False,
    keys: Mapping[str, str] | None = None,
    serving: bool = False,
) -> Works:
    """What `fsck` stands on."""
    taken: Way = way or NoWay()

    def way_from(_source: ModuleSource) -> Way:
        return taken

    async def status() -> dict[str, Any]:
        raise Unavailable("no server")

    return Works(
        store=store,
        ledger=ledger,
        way=taken,
        way_from=way_from,
        database=database or NoDatabase(),
        kept=kept,
        status=status,
        clock=time.time,
        monotonic=time.monotonic,
        concurrency=4,
        serving=serving,
        inspector=DiskInspector(store, keys or {}, clock=time.time, monotonic=time.monotonic),
    )


async def fsck(works: Works, **params: Any) -> tuple[list[Item], Summary]:
    """Run it; the items and how it ended."""
    items: list[Item] = []
    ended: Summary | None = None
    async for event in run_operation(works, "fsck", params):
        match event:
            case Item():
                items.append(event)
            case Summary():
                ended = event
            case Failure():
                raise AssertionError(f"fsck failed: {event.what} {event.where}")
            case _:
                pass
    assert ended is not None, "fsck ended without a summary"
    return items, ended


def faults_of(folder: Path, **params: Any) -> list[tuple[str, str, str]]:
    """(kind, where, reason) of each fault that fsck finds in the folder of a store that nobody holds.

    What a crash left in `.modgate/tmp` is swept first, as it is when a server starts.
    """

    async def run() -> list[tuple[str, str, str]]:
        store = await DiskStore.open(folder, clock=time.time)
        try:
            path = folder / ".modgate" / "ledger.sqlite3"
            ledger: Ledger = MemoryLedger(clock=time.time)
            if path.exists():
                ledger = await SqlLedger.open(path, clock=time.time)
            try:
                items, _ = await fsck(works_on(store, ledger), **params)
            finally:
                await ledger.close()
        finally:
            await store.close()
        return [(item.facts["kind"], item.subject, item.facts["reason"]) for item in items]

    # Also for a caller that runs in an event loop: it must not find another one in its thread.
    found: list[list[tuple[str, str, str]] | BaseException] = []

    def in_thread() -> None:
        try:
            found.append(asyncio.run(run()))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    match found[0]:
        case BaseException() as error:
            raise error
        case faults:
            return faults


def assert_clean(folder: Path, *, level: str = "deep") -> None:
    """Fail, naming every fault, unless fsck calls the store in this folder clean. No process may hold it."""
    faults = faults_of(folder, level=level)
    lines = "\n".join("  ".join(fault) for fault in faults)
    assert not faults, f"fsck finds {len(faults)} faults in {folder}:\n{lines}"
