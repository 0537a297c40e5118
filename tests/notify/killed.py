"""A process that sends what a ledger holds to an address, until it is killed.

`python -m tests.notify.killed LEDGER URL`
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from modgate.ledger.sql import SqlLedger
from modgate.notify.dispatch import Dispatcher, Settings
from modgate.notify.post import HTTPPoster
from modgate.wiring.books import build_books
from tests.notify.parts import real_clocks, target


async def main(ledger_file: str, url: str) -> None:
    ledger = await SqlLedger.open(Path(ledger_file), clock=time.time)
    dispatcher = Dispatcher(
        build_books(ledger).outbox,
        ledger,
        poster=lambda _target: HTTPPoster(timeout=5.0, clock=time.time, proxies=dict),
        # One holder for all of them: whoever is killed gives no lease back.
        settings=Settings(holder="the-same", attempts=1000, backoff=0.001),
        clocks=real_clocks(),
    )
    await dispatcher.replace([target(url)])
    print("up", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
