"""The clock: this machine's against the Date headers of several servers.

A few minutes break nothing. It is an error where a certificate was refused for its time and the servers say
that it is our clock which is wrong; else a note, from five minutes on. The median decides, so that one server
with a clock of its own convicts nobody.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.causes import system
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import asked_all, endpoints, hosts_of
from modgate.client.findings import Evidence, Finding, Impact, Phase, Severity
from modgate.client.net.facts import FailureKind
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Exchange

_WORTH_A_NOTE = 300.0
_OLDEST = 1_767_225_600.0
"""2026-01-01: this program did not exist before, so a clock before that is wrong without any server."""

_TIME_KINDS = frozenset({FailureKind.NOT_YET_VALID, FailureKind.EXPIRED})


@dataclass(frozen=True, slots=True)
class _Measure:
    """`ahead` is how far this machine's clock is before the server's, in seconds."""

    endpoint: Endpoint
    ahead: float


async def _run(scene: Scene) -> Result:
    pairs = await asked_all(scene, hosts_of(endpoints(scene), proxied=True))
    refused = [one for one, exchange in pairs if _is_refused_for_time(exchange)]
    measures = [measure for one, exchange in pairs if (measure := _measure(one, exchange)) is not None]
    if refused and not measures:
        measures = await _by_plain_http(scene, refused)
    facts = tuple(_fact(measure) for measure in measures)
    evidence = tuple(Evidence(fact) for fact in facts)
    now = scene.clock()
    if not measures:
        if now >= _OLDEST:
            return Result(facts=facts)
        ahead, server = now - _OLDEST, "modgate"
    else:
        ahead = _median([measure.ahead for measure in measures])
        server = min(measures, key=lambda measure: abs(measure.ahead - ahead)).endpoint.name
    if abs(ahead) < _WORTH_A_NOTE:
        return Result(facts=facts)
    finding = Finding(
        system.CLOCK_WRONG,
        {"seconds": f"{abs(ahead):.0f}", "server": server},
        Impact.BLOCKS if refused else Impact.NOTE,
        1.0 if len(measures) > 1 else 0.9,
        evidence,
        subject="clock",
        severity=Severity.ERROR if refused else Severity.NOTE,
    )
    return Result((finding,), facts)


async def _by_plain_http(scene: Scene, refused: list[Endpoint]) -> list[_Measure]:
    """Without TLS a server still tells the time: whatever it answers at port 80 has a Date."""
    hosts = refused[:3]
    asked = await asyncio.gather(
        *(scene.net.get(f"http://{_bracketed(one.host)}/", method="HEAD", most=0) for one in hosts)
    )
    return [
        measure
        for one, exchange in zip(hosts, asked, strict=True)
        if (measure := _measure(one, exchange)) is not None
    ]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _measure(endpoint: Endpoint, exchange: Exchange) -> _Measure | None:
    """A cache's answer is as old as its Age header says."""
    if exchange.date is None:
        return None
    age = exchange.headers.get("age", "")
    return _Measure(endpoint, exchange.received - exchange.date - (float(age) if age.isdigit() else 0.0))


def _is_refused_for_time(exchange: Exchange) -> bool:
    failure = exchange.failure
    return failure is not None and failure.phase is Phase.TLS and failure.kind in _TIME_KINDS


def _span(ahead: float) -> str:
    return f"{ahead:+.0f}"


def _fact(measure: _Measure) -> Message:
    return Message("net.clock.measured", {"host": measure.endpoint.name, "seconds": _span(measure.ahead)})


def _median(values: list[float]) -> float:
    """As `statistics` has it, whose import takes longer than the rest of this check."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


CHECK = Check("clock", run=_run, network=True, groups=("SYS",))
