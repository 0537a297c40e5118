"""What a gate writes to its books until it is killed: `python -m tests.ledger.kill_worker LEDGER ME TOLD`.

LEDGER is a SQLite file or the address of a PostgreSQL database. What was acknowledged goes to the file TOLD,
a line each, straight to the system: whatever stands there must be in the ledger afterwards.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path

from modgate.gomod.types import ModulePath, Version
from modgate.ledger.sql import SqlLedger
from modgate.model.audit import Event
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded, Waiver
from modgate.model.outbox import Message
from modgate.wiring.books import build_books

__all__ = ["opened"]

PATH = ModulePath("example.com/m")


async def opened(where: str) -> SqlLedger:
    """The ledger at a path or an address."""
    if where.startswith("postgresql://"):
        return await SqlLedger.open_url(where, clock=time.time)
    return await SqlLedger.open(Path(where), clock=time.time, busy_timeout=30)


async def _work(where: str, me: str, told: int) -> None:
    ledger = await opened(where)
    books = build_books(ledger)

    def tell(kind: str, name: str) -> None:
        os.write(told, f"{kind} {name}\n".encode())

    async def decide(lane: int) -> None:
        for number in itertools.count():
            name = f"d-{me}-{lane}-{number}"
            decision = Decision(Effect.DENY, PATH, Version("v1.0.0"), consumer=f"team-{lane}", id=name)
            message = Message("hook", name, "denied", 1.0, f"team-{lane}", {"id": name})
            assert await books.decisions.record([Recorded(decision, 1.0, (message,))]) == [True]
            tell("decision", name)

    async def waive() -> None:
        for number in itertools.count():
            name = f"w-{me}-{number}"
            await books.waivers.grant(Waiver(name, "example.com/*", "owner", "reason", 2e9))
            tell("waiver", name)
            head = await books.audit.append([Event(2.0, "operation", facts={"name": name})])
            tell("audit", f"{head.number}:{head.hash.hex()}")

    async def count() -> None:
        for number in itertools.count():
            await books.consumers.add([Fetches(me, PATH, f"v1.0.{number}", "zip", 1, 3.0, 3.0)])
            tell("fetches", f"{me}:v1.0.{number}")

    await asyncio.gather(*(decide(lane) for lane in range(8)), waive(), count())


if __name__ == "__main__":
    asyncio.run(_work(sys.argv[1], sys.argv[2], os.open(sys.argv[3], os.O_WRONLY | os.O_APPEND | os.O_CREAT)))
