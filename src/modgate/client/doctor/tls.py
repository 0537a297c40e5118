"""Handshakes: how far they come, and whose certificate is shown.

A handshake that is cut off or never answered is tried again at the same address under a name that nobody
blocks: if that is answered, it is the name that is blocked. What is wrong with a certificate is told in go's
order: the time, the name, the authority.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from modgate.client.causes import tls
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import asked_all, clean, endpoints, failed, hosts_of, ms
from modgate.client.findings import Evidence, Finding, Phase
from modgate.client.net.facts import FailureKind
from modgate.client.net.names import matches_name
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.findings import Cause
    from modgate.client.net.facts import Certificate, Exchange

_OTHER_NAME = "www.example.com"
_MOST_NAMES = 5
_CUT = {
    FailureKind.TIMEOUT: tls.TIMEOUT,
    FailureKind.RESET: tls.RESET,
    FailureKind.CLOSED: tls.CLOSED,
}
_REFUSED = {
    FailureKind.UNKNOWN_AUTHORITY: tls.UNKNOWN_AUTHORITY,
    FailureKind.WRONG_NAME: tls.WRONG_NAME,
    FailureKind.NOT_YET_VALID: tls.NOT_YET_VALID,
    FailureKind.EXPIRED: tls.EXPIRED,
    FailureKind.NOT_TLS: tls.NOT_TLS,
    FailureKind.ALERT: tls.ALERT,
    FailureKind.CERTIFICATE: tls.OTHER_CERTIFICATE,
}


async def _run(scene: Scene) -> Result:
    pairs = await asked_all(scene, [one for one in endpoints(scene) if one.scheme == "https"])
    found = await asyncio.gather(*(_find(scene, one, exchange) for one, exchange in pairs))
    hosts = hosts_of((one for one, _ in pairs), proxied=True)
    pairs = [(one, exchange) for one, exchange in pairs if one in hosts]
    return Result(
        findings=tuple(finding for finding in found if finding is not None),
        facts=tuple(_fact(one, exchange) for one, exchange in pairs if exchange.certificate),
        data={"certificates": [_row(one, exchange) for one, exchange in pairs if exchange.certificate]},
    )


async def _find(scene: Scene, endpoint: Endpoint, exchange: Exchange) -> Finding | None:
    failure = exchange.failure
    if failure is None or failure.phase is not Phase.TLS or exchange.redirects:
        return None
    values: dict[str, str | Message] = {
        "host": endpoint.name,
        "address": exchange.address,
        "text": failed(failure),
    }
    seconds = ms(exchange.step("tls"))
    what = Message("net.tls.failed", {"host": endpoint.name, "ms": seconds, "what": failed(failure)})
    evidence = [Evidence(what)]
    confidence = 1.0
    if failure.kind in _CUT:
        cause = _CUT[failure.kind]
        confidence = 0.9
        if endpoint.proxy is None and (proof := await _other_name(scene, endpoint, exchange)) is not None:
            cause, confidence = tls.SNI_BLOCKED, 0.95
            evidence.append(Evidence(proof))
    else:
        cause = _REFUSED.get(failure.kind, tls.ALERT)
    shown = exchange.certificate
    if shown is not None:
        evidence.append(Evidence(_fact(endpoint, exchange)))
        values |= _values(shown, cause, scene.clock())
    for name in cause.values:
        values.setdefault(name, "?")
    return Finding(
        cause,
        {name: values[name] for name in cause.values},
        confidence=confidence,
        evidence=tuple(evidence),
        subject=endpoint.shown,
    )


async def _other_name(scene: Scene, endpoint: Endpoint, exchange: Exchange) -> Message | None:
    """The proof that the same address shakes hands under another name, None where it does not."""
    _, shown, failure = await scene.net.handshake(exchange.address, endpoint.port, _OTHER_NAME)
    answered = shown is not None or (failure is not None and failure.kind is FailureKind.ALERT)
    if not answered:
        return None
    return Message(
        "net.tls.other_name",
        {"address": exchange.address, "other": _OTHER_NAME, "host": endpoint.name},
    )


def _values(shown: Certificate, cause: Cause, now: float) -> dict[str, str | Message]:
    names = ", ".join(shown.names[:_MOST_NAMES]) + (" …" if len(shown.names) > _MOST_NAMES else "")
    values: dict[str, str | Message] = {"issuer": clean(shown.issuer), "names": clean(names) or "?"}
    if cause is tls.NOT_YET_VALID:
        values["text"] = Message("net.tls.not_before", {"date": _date(shown.not_before), "now": _date(now)})
    if cause is tls.EXPIRED:
        values["text"] = Message("net.tls.not_after", {"date": _date(shown.not_after), "now": _date(now)})
    return values


def _date(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _fact(endpoint: Endpoint, exchange: Exchange) -> Message:
    shown = exchange.certificate
    assert shown is not None
    return Message(
        "net.tls.certificate" if shown.trusted else "net.tls.certificate_refused",
        {
            "host": endpoint.name,
            "names": clean(", ".join(_nearest_first(shown.names, endpoint.host)[:3])) or "?",
            "issuer": clean(shown.issuer),
            "until": _date(shown.not_after),
        },
    )


def _nearest_first(names: tuple[str, ...], host: str) -> list[str]:
    """Of a hundred names the one that was asked for is the one to show."""
    return sorted(names, key=lambda name: not matches_name((name,), host))


def _row(endpoint: Endpoint, exchange: Exchange) -> dict[str, object]:
    shown = exchange.certificate
    assert shown is not None
    return {
        "host": endpoint.name,
        "names": list(shown.names[:20]),
        "issuer": shown.issuer,
        "root": shown.chain_root,
        "not_before": shown.not_before,
        "not_after": shown.not_after,
        "trusted": shown.trusted,
        "sha256": shown.sha256,
    }


CHECK = Check("tls", run=_run, network=True, groups=("TLS",))
