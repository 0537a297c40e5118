"""After a start: first sights whose row the audit never got are written into it, beside what is served."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from modgate.firewall.afterwards import Afterwards
from modgate.model.routes import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.gomod.types import ModulePath
    from modgate.wiring.gate import Gate

__all__ = ["completing"]

_log = structlog.get_logger("modgate.audit")


@asynccontextmanager
async def completing(gate: Gate) -> AsyncIterator[None]:
    """Do it once, beside whatever the context does."""
    books = gate.standing.books

    def source(path: ModulePath) -> tuple[str, str]:
        found = gate.table.find(path).source
        return found, "published" if found == PUBLISHED else "verified"

    work = Afterwards(
        books.audit,
        books.outbox,
        source,
        clock=time.time,
        keep=lambda: gate.ground.config.ledger.keep_audit,
    )
    task = asyncio.create_task(_once(work))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _once(work: Afterwards) -> None:
    try:
        await work.run()
    except Exception as error:  # noqa: BLE001  a defect here must keep nobody from being served
        _log.error("internal error", exc_info=error)
