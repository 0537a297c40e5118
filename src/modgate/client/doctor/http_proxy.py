"""The way through HTTP_PROXY and HTTPS_PROXY: is the proxy there, does it let us through, is it needed?

What is wrong with the variables themselves is told by the lint of settings; this check goes the way. A host
that cannot be had through the proxy is asked for directly as well, because that is the shortest repair.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.client.causes import proxy
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import asked_all, clean, endpoints, failed, hosts_of, ms
from modgate.client.findings import Evidence, Finding, Impact, Phase
from modgate.client.net.facts import FailureKind
from modgate.client.net.way import Way
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause
    from modgate.client.net.facts import Exchange
    from modgate.client.net.way import Proxy

_SILENT = frozenset({FailureKind.TIMEOUT, FailureKind.STALL})
_UNASKED = frozenset(
    {FailureKind.REFUSED, FailureKind.UNREACHABLE, FailureKind.FORBIDDEN, FailureKind.NO_SUCH_HOST}
    | {FailureKind.NO_ADDRESS, FailureKind.SERVER_FAILURE}
)

_CERTIFICATE = frozenset(
    {FailureKind.CERTIFICATE, FailureKind.NOT_YET_VALID, FailureKind.EXPIRED, FailureKind.WRONG_NAME}
    | {FailureKind.UNKNOWN_AUTHORITY}
)


async def _run(scene: Scene) -> Result:
    way = Way(scene.host.environ)
    everything = endpoints(scene)
    every = hosts_of(everything, proxied=True)
    facts = [fact for one in every if (fact := _way_fact(way, one)) is not None]
    pairs = await asked_all(scene, [one for one in everything if one.proxy is not None])
    found = await asyncio.gather(*(_find(scene, one, exchange) for one, exchange in pairs))
    findings: dict[tuple[Cause, str], Finding] = {}
    for finding in (each for both in found for each in both):
        findings.setdefault((finding.cause, finding.subject), finding)
    return Result(tuple(findings.values()), tuple(facts), data={"ways": [_row(way, one) for one in every]})


async def _find(scene: Scene, endpoint: Endpoint, exchange: Exchange) -> list[Finding]:
    failure, used = exchange.failure, endpoint.proxy
    if failure is None or failure.phase is not Phase.PROXY or used is None:
        return []
    cause = _cause(used, exchange)
    about_host = cause is proxy.CONNECT_REFUSED
    values: dict[str, str | Message] = {
        "proxy": clean(used.shown),
        "host": endpoint.name,
        "status": f"{failure.status} {clean(failure.text)}".strip(),
        "text": failed(failure),
        "variable": used.variable,
        "plain": clean(replace(used, scheme="http").shown),
    }
    seconds = ms(exchange.seconds)
    what = Message(
        "net.proxy.failed",
        {"proxy": clean(used.shown), "host": endpoint.name, "ms": seconds, "what": _said(exchange)},
    )
    evidence = [Evidence(what, source=used.variable)]
    found = []
    direct = await scene.net.get(endpoint.probe, direct=True)
    if direct.failure is None and direct.status < 500:
        works = Message("net.proxy.direct_works", {"host": endpoint.name, "status": str(direct.status)})
        evidence.append(Evidence(works))
        found.append(
            Finding(
                proxy.DIRECT_WORKS,
                {"proxy": clean(used.shown), "host": endpoint.name},
                Impact.NOTE,
                evidence=(Evidence(works),),
                subject=endpoint.shown,
            )
        )
    found.insert(
        0,
        Finding(
            cause,
            {name: values[name] for name in cause.values},
            evidence=tuple(evidence),
            subject=endpoint.shown if about_host else clean(used.shown),
        ),
    )
    return found


def _cause(used: Proxy, exchange: Exchange) -> Cause:
    failure = exchange.failure
    assert failure is not None
    if used.socks:
        return proxy.SOCKS_FAILED
    steps = [step for step in exchange.steps if step.name == "proxy"]
    if failure.kind is FailureKind.PROXY_STATUS:
        return proxy.AUTH_REQUIRED if failure.status == 407 else proxy.CONNECT_REFUSED
    if not steps or failure.kind in _UNASKED:
        return proxy.UNREACHABLE
    if used.scheme == "https" and len(steps) == 1 and failure.kind not in _CERTIFICATE:
        return proxy.NOT_TLS
    return proxy.HANGS if failure.kind in _SILENT else proxy.BROKEN_ANSWER


def _said(exchange: Exchange) -> Message | str:
    failure = exchange.failure
    assert failure is not None
    if failure.status:
        return f"{failure.status} {clean(failure.text)}".strip()
    return failed(failure)


def _way_fact(way: Way, endpoint: Endpoint) -> Message | None:
    configured = way.configured(endpoint.scheme)
    if configured is None:
        return None
    values = {"host": endpoint.name, "proxy": clean(configured.shown), "variable": configured.variable}
    exempt = way.exemption(endpoint.host, endpoint.port)
    if exempt is None:
        return Message("net.proxy.used", values)
    if exempt == "loopback":
        return Message("net.proxy.loopback", values)
    return Message("net.proxy.exempt", values | {"entry": clean(exempt)})


def _row(way: Way, endpoint: Endpoint) -> dict[str, object]:
    return {
        "host": endpoint.name,
        "proxy": clean(endpoint.proxy.shown) if endpoint.proxy else None,
        "exempt": way.exemption(endpoint.host, endpoint.port),
    }


CHECK = Check("http-proxy", run=_run, network=True, groups=("PRX",))
