"""A process that writes to the books and tells of each step when it is durable, until it is killed.

`python -m tests.ledger.books.writer DATABASE NAME [STEPS]`: DATABASE is a file or a postgresql:// address.
Lines on standard output: `decided ID`, `delivered NUMBER`, `marked N`.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from pathlib import Path

from modgate.gomod.types import ModulePath, Version
from modgate.ledger.sql import SqlLedger
from modgate.model.consumers import Fetches
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Recorded
from modgate.model.outbox import Message
from modgate.wiring.books import Books, build_books

__all__ = ["MESSAGES", "open_ledger", "recorded"]

MESSAGES = 2
"""How many messages each decision has, each for a target of its own."""


async def open_ledger(database: str) -> SqlLedger:
    """A ledger at an address or in a file; patient, since several begin at once."""
    if database.startswith("postgresql:"):
        return await SqlLedger.open_url(database, clock=time.time)
    return await SqlLedger.open(Path(database), clock=time.time, busy_timeout=30.0)


def recorded(identifier: str) -> Recorded:
    """A decision with its messages."""
    decision = Decision(
        Effect.DENY,
        ModulePath("example.com/m"),
        Version("v1.0.0"),
        f"team-{identifier}",
        identifier,
        rule="r",
    )
    messages = [
        Message(f"target-{i}", f"denied:{identifier}", "denied", 5.0, f"team-{identifier}", {"i": i})
        for i in range(MESSAGES)
    ]
    return Recorded(decision, 5.0, tuple(messages))


async def _decide(books: Books, name: str, steps: range | itertools.count[int]) -> None:
    for number in steps:
        ids = [f"{name}-{number}-{i}" for i in range(1 + number % 3)]
        assert await books.decisions.record([recorded(each) for each in ids]) == [True] * len(ids)
        print("\n".join(f"decided {each}" for each in ids), flush=True)


async def _mark(books: Books, name: str, steps: range | itertools.count[int]) -> None:
    for number in steps:
        message = Message(f"marks-{name}", str(number), "advisory", 5.0)
        await books.outbox.enqueue([message], mark=(name, str(number)))
        await books.consumers.add([Fetches(f"team-{name}", "m", "v1.0.0", "zip", 1, 1.0, 2.0)])
        print(f"marked {number}", flush=True)


async def _deliver(books: Books, *, end: bool) -> None:
    while True:
        waiting = await books.outbox.waiting("target-0", limit=5)
        for each in waiting:
            await books.outbox.delivered(each.number, at=6.0)
            print(f"delivered {each.number}", flush=True)
        if end and not waiting:
            return
        await asyncio.sleep(0.001)


async def main(database: str, name: str, steps: range | itertools.count[int]) -> None:
    ledger = await open_ledger(database)
    books = build_books(ledger)
    await asyncio.gather(_decide(books, name, steps), _mark(books, name, steps))
    await _deliver(books, end=True)
    await ledger.close()


async def forever(database: str, name: str) -> None:
    books = build_books(await open_ledger(database))
    steps = itertools.count
    await asyncio.gather(
        _decide(books, name, steps()), _mark(books, name, steps()), _deliver(books, end=False)
    )


if __name__ == "__main__":
    given = sys.argv[1:]
    if len(given) == 3:
        asyncio.run(main(given[0], given[1], range(int(given[2]))))
    else:
        asyncio.run(forever(given[0], given[1]))
