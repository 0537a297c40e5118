"""Running the checks: all at once, each on its own, none beyond the common limit.

A check that raises becomes `unknown` and harms no other; one that has not ended when the time is up is
cancelled, and "did not finish" is what is known of it. Results come in the order in which they are ready, so
that a person sees the quick ones while the slow ones wait for a network.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.doctor.check import Outcome, Result
from modgate.errors import ModgateError
from modgate.gomod.texts import shown
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from modgate.client.doctor.check import Check
    from modgate.client.doctor.scene import Scene

__all__ = ["LIMIT", "Done", "examine"]

LIMIT = 14.0
"""Seconds for all checks together."""

_GRACE = 0.3


@dataclass(frozen=True, slots=True)
class Done:
    """One check that ended. `broken` is what it died of where it is the check's own fault, else empty."""

    check: Check
    outcome: Outcome
    result: Result
    seconds: float
    broken: str = ""


async def examine(
    checks: Sequence[Check], scene: Scene, *, monotonic: Callable[[], float], limit: float = LIMIT
) -> AsyncIterator[Done]:
    """Run the checks at once and yield each as it ends; after `limit` seconds the rest as unknown."""
    started = monotonic()
    tasks: dict[asyncio.Task[Done], Check] = {}
    for check in checks:
        if scene.offline and check.network:
            yield Done(check, Outcome.SKIPPED, Result(), 0.0)
        else:
            tasks[asyncio.create_task(_run(check, scene, monotonic), name=check.name)] = check
    pending = set(tasks)
    try:
        while pending:
            left = limit - (monotonic() - started)
            if left <= 0:
                break
            ready, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(ready, key=list(tasks).index):
                yield task.result()
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=_GRACE)
        for task in sorted(pending, key=list(tasks).index):
            if task.done() and not task.cancelled():
                yield task.result()
            else:
                reason = Message("doctor.unknown.late", {"seconds": f"{limit:g}"})
                seconds = monotonic() - started
                yield Done(tasks[task], Outcome.UNKNOWN, Result(unknown=reason), seconds)
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)


async def _run(check: Check, scene: Scene, monotonic: Callable[[], float]) -> Done:
    started = monotonic()
    try:
        result = await check.run(scene)
    except ModgateError as error:
        reason = Message("doctor.unknown.said", {"text": shown(error.what)})
        return Done(check, Outcome.UNKNOWN, Result(unknown=reason), monotonic() - started)
    except Exception as error:  # noqa: BLE001  one check's fault must not hide what the others found
        name = type(error).__name__
        reason = Message("doctor.unknown.broken", {"text": shown(f"{name}: {error}")})
        return Done(check, Outcome.UNKNOWN, Result(unknown=reason), monotonic() - started, broken=name)
    return Done(check, _outcome(result), result, monotonic() - started)


def _outcome(result: Result) -> Outcome:
    if result.findings:
        return Outcome.FOUND
    return Outcome.UNKNOWN if result.unknown else Outcome.GOOD
