"""Connections: every address of every host, in both families, and whether there is a network at all.

A host is blocked where none of its addresses connects although others do. Where nothing connects, neither a
host of the chain nor the resolvers that were named for comparison, there is one fault only: no network. An
IPv6 address that fails at once, without a route or refused, harms nobody; one that swallows connections
slows all.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import connect
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import endpoints, failed, hosts_of, ms, nameservers, sharing
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.net.facts import FailureKind
from modgate.client.net.resolve import is_address
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Failure

_MOST = 4
_AT_ONCE = 0.25
_DNS_PORT = 53
_CAUSES = {
    FailureKind.TIMEOUT: connect.TIMEOUT,
    FailureKind.REFUSED: connect.REFUSED,
    FailureKind.UNREACHABLE: connect.NO_ROUTE,
    FailureKind.RESET: connect.RESET,
    FailureKind.FORBIDDEN: connect.PERMISSION,
}
_SILENT = frozenset({FailureKind.TIMEOUT, FailureKind.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class _Attempt:
    address: str
    seconds: float
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """What came of one host. `unresolved` where it has no address to try."""

    endpoint: Endpoint
    attempts: tuple[_Attempt, ...]
    unresolved: Failure | None = None

    @property
    def reached(self) -> bool:
        return any(attempt.failure is None for attempt in self.attempts)


async def _run(scene: Scene) -> Result:
    every = endpoints(scene)
    seen = await asyncio.gather(*(_try(scene, one) for one in hosts_of(every)))
    facts = tuple(_fact(one.endpoint, attempt) for one in seen for attempt in one.attempts)
    data: dict[str, object] = {
        "connections": [_row(one.endpoint, attempt) for one in seen for attempt in one.attempts]
    }
    offline = await _offline(scene, seen)
    if offline is not None:
        return Result((offline,), facts, data=data)
    blocked = [
        replace(finding, subject=one.shown) for finding, at in _blocked(seen) for one in sharing(every, at)
    ]
    return Result((*blocked, *_broken_ipv6(seen)), facts, data=data)


async def _try(scene: Scene, endpoint: Endpoint) -> _Seen:
    addresses: Sequence[str] = (endpoint.host,)
    if not endpoint.literal:
        resolution = await scene.net.resolve(endpoint.host)
        if resolution.failure is not None:
            return _Seen(endpoint, (), resolution.failure)
        addresses = resolution.addresses
    kept = [address for address in addresses if ":" not in address][:_MOST]
    kept += [address for address in addresses if ":" in address][:_MOST]
    tried = await asyncio.gather(*(scene.net.connect(address, endpoint.port) for address in kept))
    return _Seen(
        endpoint,
        tuple(
            _Attempt(address, seconds, failure)
            for address, (seconds, failure) in zip(kept, tried, strict=True)
        ),
    )


async def _offline(scene: Scene, seen: Sequence[_Seen]) -> Finding | None:
    """Nothing outside answers: neither these hosts nor the resolvers that everybody knows."""
    if not seen or any(one.reached or _is_near(one) for one in seen):
        return None
    kinds = {attempt.failure.kind for one in seen for attempt in one.attempts if attempt.failure}
    names = {one.unresolved.kind for one in seen if one.unresolved is not None}
    if not kinds <= _SILENT or not names <= _SILENT | {FailureKind.SERVER_FAILURE}:
        return None
    resolved = any(one.attempts and not one.endpoint.literal for one in seen)
    if FailureKind.TIMEOUT in kinds and resolved:
        return None  # a name was resolved and a packet went out: something is there
    others = [server for server in scene.resolvers if is_address(server)]
    tried = await asyncio.gather(*(scene.net.connect(server, _DNS_PORT) for server in others))
    elsewhere = {failure.kind if failure else None for _, failure in tried}
    if len(others) < 2 or not elsewhere <= _SILENT:
        return None
    unreachable = elsewhere == {FailureKind.UNREACHABLE}
    if (FailureKind.TIMEOUT if unreachable else FailureKind.UNREACHABLE) in kinds:
        return None  # some are tried for long and others fail at once: there is a way to somewhere
    if names and await _resolver_refuses(scene, seen):
        return None
    evidence = [_fact(one.endpoint, attempt) for one in seen for attempt in one.attempts]
    evidence += [
        Message("net.dns.failed_short", {"host": one.endpoint.host, "what": failed(one.unresolved)})
        for one in seen
        if one.unresolved is not None
    ]
    evidence += [
        _said(server, server, seconds, failure)
        for server, (seconds, failure) in zip(others, tried, strict=True)
    ]
    return Finding(
        connect.OFFLINE,
        confidence=1.0 if unreachable else 0.8,
        evidence=tuple(Evidence(fact) for fact in evidence[:10]),
    )


async def _resolver_refuses(scene: Scene, seen: Sequence[_Seen]) -> bool:
    """A resolver on this machine that is not running is a fault of its own."""
    host = next(one.endpoint.host for one in seen if one.unresolved is not None)
    answers = await asyncio.gather(*(scene.net.resolve(host, server) for server in nameservers(scene)))
    return any(answer.failure and answer.failure.kind is FailureKind.REFUSED for answer in answers)


def _is_near(one: _Seen) -> bool:
    """Loopback is reached without any network."""
    addresses = [attempt.address for attempt in one.attempts]
    return any(ipaddress.ip_address(address.split("%", 1)[0]).is_loopback for address in addresses)


def _blocked(seen: Sequence[_Seen]) -> list[tuple[Finding, Endpoint]]:
    found = []
    for one in seen:
        if one.reached or not one.attempts:
            continue
        attempt = one.attempts[0]
        assert attempt.failure is not None
        cause = _CAUSES.get(attempt.failure.kind, connect.NO_ROUTE)
        values: dict[str, str | Message] = {
            "host": one.endpoint.name,
            "address": attempt.address,
            "text": failed(attempt.failure),
        }
        reached = [other for other in seen if other.reached]
        evidence = [_fact(one.endpoint, attempt) for attempt in one.attempts]
        evidence += [_fact(other.endpoint, attempt) for other in reached for attempt in other.attempts[:1]]
        finding = Finding(
            cause,
            {name: values[name] for name in cause.values},
            confidence=1.0 if reached else 0.9,
            evidence=tuple(Evidence(fact) for fact in evidence[:8]),
        )
        found.append((finding, one.endpoint))
    return found


def _broken_ipv6(seen: Sequence[_Seen]) -> list[Finding]:
    """Where IPv4 connects and no IPv6 address of any host does, and not at once."""
    both = [
        one
        for one in seen
        if any(":" in attempt.address for attempt in one.attempts)
        and any(":" not in attempt.address and attempt.failure is None for attempt in one.attempts)
    ]
    sixes = [(one, attempt) for one in both for attempt in one.attempts if ":" in attempt.address]
    if any(attempt.failure is None for _, attempt in sixes):
        return []
    for one, attempt in sixes:
        failure = attempt.failure
        if failure is None or (failure.kind is not FailureKind.TIMEOUT and attempt.seconds < _AT_ONCE):
            continue
        evidence = tuple(Evidence(_fact(one.endpoint, each)) for each in one.attempts)
        values = {"host": one.endpoint.name, "address": attempt.address}
        return [
            Finding(connect.IPV6_BROKEN, values, Impact.DEGRADES, 0.9, evidence, subject=one.endpoint.name)
        ]
    return []


def _fact(endpoint: Endpoint, attempt: _Attempt) -> Message:
    return _said(endpoint.name, attempt.address, attempt.seconds, attempt.failure)


def _said(host: str, address: str, seconds: float, failure: Failure | None) -> Message:
    values: dict[str, str | Message] = {"host": host, "address": address, "ms": ms(seconds)}
    if failure is None:
        return Message("net.connect.good", values)
    return Message("net.connect.failed", values | {"what": failed(failure)})


def _row(endpoint: Endpoint, attempt: _Attempt) -> dict[str, object]:
    return {
        "host": endpoint.name,
        "address": attempt.address,
        "seconds": round(attempt.seconds, 4),
        "failure": attempt.failure.kind.value if attempt.failure else None,
    }


CHECK = Check("connect", run=_run, network=True, groups=("NET",))
