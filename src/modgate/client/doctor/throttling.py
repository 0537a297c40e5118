"""Throttling: how fast a large body comes from the first proxy that works, against a second host.

A slow line is no throttling, and a small body measures nothing: it is a finding only where both were
measured, the first is slow enough to hurt and the second several times as fast. The second host is asked
only where the first is slow, so that a healthy machine downloads one body of at most 2 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import connect
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import asked_all, clean, endpoints
from modgate.client.findings import Evidence, Finding, Impact
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Exchange

_LARGE = "golang.org/x/text/@v/v0.14.0.zip"
_OTHERS = ("https://goproxy.cn", "https://proxy.golang.org")
_MOST = 2 << 20
_SECONDS = 3.0
_LEAST = 32 << 10
_SLOW = 150_000.0
"""Bytes a second: a hundred modules of a megabyte would take ten minutes and more."""
_RATIO = 5.0


async def _run(scene: Scene) -> Result:
    working = [
        one
        for one, exchange in await asked_all(scene, [e for e in endpoints(scene) if not e.database])
        if exchange.failure is None and exchange.status < 500
    ]
    if not working:
        return Result()
    first = working[0]
    slow = await _measured(scene, f"{first.url}/{_LARGE}")
    rate = _rate(slow)
    if rate is None:
        return Result(facts=(Message("net.rate.none", {"host": first.name}),))
    data: dict[str, object] = {"rates": [_row(slow, rate)]}
    facts = [_fact(first.name, rate)]
    if rate >= _SLOW:
        return Result(facts=tuple(facts), data=data)
    others = [*scene.throughput_hosts, *(f"{one.url}/{_LARGE}" for one in working[1:])]
    others += [f"{base}/{_LARGE}" for base in _OTHERS if not first.url.startswith(base)]
    for url in others[:2]:
        other = await _measured(scene, url)
        its_rate = _rate(other)
        if its_rate is None:
            continue
        name = clean(url.split("/")[2].rpartition("@")[2])
        facts.append(_fact(name, its_rate))
        data["rates"] = [_row(slow, rate), _row(other, its_rate)]
        if its_rate < rate * _RATIO:
            continue
        values = {"host": first.name, "rate": _said(rate), "other": name, "other_rate": _said(its_rate)}
        finding = Finding(
            connect.THROTTLED,
            values,
            Impact.DEGRADES,
            0.9,
            tuple(Evidence(fact) for fact in facts),
            subject=first.shown,
        )
        return Result((finding,), tuple(facts), data=data)
    return Result(facts=tuple(facts), data=data)


async def _measured(scene: Scene, url: str) -> Exchange:
    return await scene.net.get(url, most=_MOST, seconds=_SECONDS)


def _rate(exchange: Exchange) -> float | None:
    """Bytes a second; None where too little came to tell."""
    seconds = exchange.step("body")
    if exchange.status != 200 or seconds <= 0:
        return None
    enough = exchange.size >= _LEAST or (exchange.size > 0 and seconds >= _SECONDS / 2)
    return exchange.size / seconds if enough else None


def _said(rate: float) -> str:
    return f"{rate / 1e6:.1f} MB/s" if rate >= 1e6 else f"{rate / 1e3:.0f} kB/s"


def _fact(host: str, rate: float) -> Message:
    return Message("net.rate.measured", {"host": host, "rate": _said(rate)})


def _row(exchange: Exchange, rate: float) -> dict[str, object]:
    return {"url": clean(exchange.url), "bytes": exchange.size, "bytes_per_second": round(rate)}


CHECK = Check("throttling", run=_run, network=True, groups=("NET",))
