"""A dispatcher with real HTTP, for tests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from modgate.ledger.memory import MemoryLedger
from modgate.messages import Language
from modgate.model.outbox import Message
from modgate.notify.dispatch import Clocks, Dispatcher, Settings
from modgate.notify.post import HTTPPoster
from modgate.notify.target import Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from modgate.model.outbox import Outbox
    from tests.support.receiver import Received

SECRET = b"a secret of the tests"


def real_clocks(speed: float = 50.0) -> Clocks:
    """The real clock; pauses are shorter than they say."""
    return Clocks(time.time, time.monotonic, lambda seconds: asyncio.sleep(seconds / speed), random.random)


def target(url: str, name: str = "ops", **more: Any) -> Target:
    given: dict[str, Any] = {
        "format": "json",
        "language": Language.ENGLISH,
        "rate": 1000.0,
        "internal": True,
        "secrets": lambda: (SECRET,),
    }
    return Target(name, address=lambda: url, **(given | more))


def message(key: str, name: str = "ops", event: str = "test", **body: Any) -> Message:
    return Message(name, key, event, at=1_700_000_000.0, consumer="team-a", body=body)


@asynccontextmanager
async def dispatching(
    outbox: Outbox, targets: Sequence[Target], *, speed: float = 50.0, timeout: float = 5.0, **settings: Any
) -> AsyncIterator[Dispatcher]:
    given: dict[str, Any] = {"holder": "a", "backoff": 0.02, "poll": 0.5}
    dispatcher = Dispatcher(
        outbox,
        MemoryLedger(clock=time.time),
        poster=lambda _target: HTTPPoster(timeout=timeout, clock=time.time, proxies=dict),
        settings=Settings(**(given | settings)),
        clocks=real_clocks(speed),
    )
    await dispatcher.replace(targets)
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


async def until(reached: Callable[[], bool]) -> None:
    """Wait for something that must happen; the suite's time-out is the only limit."""
    while not reached():
        await asyncio.sleep(0.005)


async def settled(outbox: Outbox, name: str = "ops") -> None:
    """Wait until nothing of a webhook waits."""
    while await outbox.waiting(name, limit=1):
        await asyncio.sleep(0.005)


def verified(received: Received, secret: bytes = SECRET) -> bool:
    """Whether a signature is good: written from the specification, not from the code that signs."""
    headers = received.headers
    mac = hmac.new(secret, digestmod=hashlib.sha256)
    mac.update(headers["webhook-id"].encode("ascii") + b".")
    mac.update(headers["webhook-timestamp"].encode("ascii") + b".")
    mac.update(received.body)
    wanted = "v1," + base64.standard_b64encode(mac.digest()).decode("ascii")
    return wanted in headers["webhook-signature"].split(" ")
