"""Which mirror to prefer: first whether it can be relied on, then how long a typical download takes.

Tiers, best first: (0) nothing to object; (1) it lags, or fails now and then; (2) it does not proxy the
checksum database; (3) it breaks a required rule of the protocol; (4) it could not be measured. Within a tier
the model decides: one cold request, 20 warm ones, 8 MiB of zips, divided by the share of requests that
succeed, because each failure has to be made up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from modgate.client.mirrors.conformance import REQUIRED
from modgate.client.mirrors.results import Outcome
from modgate.client.mirrors.stats import median
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.mirrors.results import MirrorResult

__all__ = ["MODEL_BYTES", "MODEL_WARM", "Ranked", "Tier", "rank", "rate_of", "typical_seconds"]

MODEL_WARM = 20
MODEL_BYTES = 8 << 20
LOSS = 0.02
LAG_DAYS = 1.0


class Tier(IntEnum):
    """How far a mirror can be relied on."""

    SOUND = 0
    RESERVED = 1
    NO_DATABASE = 2
    NONCONFORMING = 3
    UNMEASURED = 4


@dataclass(frozen=True, slots=True)
class Ranked:
    """A mirror with its place (from 1), its tier, why it is not higher, and the model's seconds (None where
    something for it is missing).
    """

    place: int
    result: MirrorResult
    tier: Tier
    reasons: tuple[Message, ...]
    seconds: float | None


def rank(results: Sequence[MirrorResult]) -> tuple[Ranked, ...]:
    """All mirrors, the best first; equal ones keep their order."""
    judged = [(result, *_judge(result), typical_seconds(result)) for result in results]
    judged.sort(key=lambda item: (item[1], item[3] is None, item[3] or 0.0))
    return tuple(
        Ranked(place, result, tier, reasons, seconds)
        for place, (result, tier, reasons, seconds) in enumerate(judged, start=1)
    )


def rate_of(result: MirrorResult) -> float | None:
    """The median rate of the downloads in bytes a second, None where none is known."""
    rates = [transfer.rate for transfer in result.transfers if transfer.rate > 0]
    return median(rates) if rates else None


def typical_seconds(result: MirrorResult) -> float | None:
    """The model's seconds, None where a part was not measured."""
    cold, warm = result.good(cold=True), result.good(cold=False)
    rate = rate_of(result)
    if not cold or rate is None:
        return None
    success = 1 - result.failed / result.attempts
    # A server that closes each connection makes every request a cold one.
    small = median(warm or cold)
    return (median(cold) + MODEL_WARM * small + MODEL_BYTES / rate) / success


def _judge(result: MirrorResult) -> tuple[Tier, tuple[Message, ...]]:
    if not result.reachable:
        return Tier.UNMEASURED, (Message("mirrors.reason.unreachable", {"what": result.trouble or "-"}),)
    tiers: list[tuple[Tier, Message]] = []
    broken = _broken(result)
    if result.status_existing in {404, 410}:
        tiers.append(
            (Tier.NONCONFORMING, Message("mirrors.reason.bogus", {"status": result.status_existing}))
        )
    else:
        tiers.extend((Tier.NONCONFORMING, message) for message in broken)
    if result.database is not None and not result.database.works:
        tiers.append((Tier.NO_DATABASE, _database_reason(result)))
    if result.attempts and result.failed / result.attempts > LOSS:
        values = {"failed": result.failed, "of": result.attempts}
        tiers.append((Tier.RESERVED, Message("mirrors.reason.failures", values)))
    tiers.extend((Tier.RESERVED, message) for message in _lags(result))
    if not result.good(cold=True):
        tiers.append((Tier.UNMEASURED, Message("mirrors.reason.unmeasured", {})))
    return max((tier for tier, _ in tiers), default=Tier.SOUND), tuple(
        message for _, message in sorted(tiers, key=lambda item: -item[0])
    )


def _broken(result: MirrorResult) -> list[Message]:
    """The first three of the required rules that are broken: the others rarely say more."""
    failed = [check for check in result.checks if check.outcome is Outcome.FAIL and check.name in REQUIRED]
    return [
        Message(
            "mirrors.reason.conformance",
            {"check": Message(f"mirrors.check.{check.name}"), "detail": check.detail or "-"},
        )
        for check in failed[:3]
    ]


def _database_reason(result: MirrorResult) -> Message:
    database = result.database
    assert database is not None
    if database.supported == 200:
        return Message("mirrors.reason.database-broken", {"detail": database.detail or "-"})
    return Message("mirrors.reason.no-database", {"status": database.supported or "-"})


def _lags(result: MirrorResult) -> list[Message]:
    return [
        Message(
            "mirrors.reason.lag",
            {"module": fresh.module, "versions": fresh.behind, "days": f"{fresh.days:.1f}"},
        )
        for fresh in result.freshness.values()
        if fresh.behind and fresh.days is not None and fresh.days >= LAG_DAYS
    ]
