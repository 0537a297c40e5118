"""Names: what the system's resolver says of each host, beside what others say of it.

Different answers prove nothing, because a CDN answers everybody differently: only the address can prove the
name, by a certificate. So nothing is found where the system's addresses prove it. Where they do not, the
addresses that other resolvers name are tried as well; one that proves the name convicts the first. A name
that go leaves to an HTTP proxy is none of this check's business.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import dns, system
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import (
    clean,
    endpoints,
    failed,
    hosts_of,
    ms,
    nameservers,
    read_text,
    sharing,
)
from modgate.client.findings import Cause, Evidence, Finding, Severity
from modgate.client.machine.host import System
from modgate.client.net.facts import FailureKind
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Failure, Resolution

_MOST = 4
_OF_RESOLVER = {
    FailureKind.REFUSED: dns.RESOLVER_REFUSED,
    FailureKind.TIMEOUT: dns.RESOLVER_TIMEOUT,
    FailureKind.SERVER_FAILURE: dns.SERVER_FAILURE,
    FailureKind.GARBAGE: dns.SERVER_FAILURE,
    FailureKind.NO_SUCH_HOST: dns.NO_SUCH_HOST,
    FailureKind.NO_ADDRESS: dns.NO_ADDRESS,
    FailureKind.UNREACHABLE: dns.RESOLVER_TIMEOUT,
}
_OF_SERVER = frozenset({dns.RESOLVER_REFUSED, dns.RESOLVER_TIMEOUT, dns.SERVER_FAILURE})

_NAMED = frozenset(
    {FailureKind.UNKNOWN_AUTHORITY, FailureKind.EXPIRED, FailureKind.NOT_YET_VALID, FailureKind.CERTIFICATE}
)


@dataclass(frozen=True, slots=True)
class _Proof:
    """What an address has to say for a name: None proves it."""

    address: str
    failure: Failure | None


async def _run(scene: Scene) -> Result:
    every = endpoints(scene)
    named = [endpoint for endpoint in hosts_of(every) if not endpoint.literal]
    seen = await asyncio.gather(*(_host(scene, endpoint) for endpoint in named))
    findings: list[Finding] = []
    down: set[tuple[Cause, str]] = set()
    for endpoint, (found, _) in zip(named, seen, strict=True):
        for finding in found:
            if finding.cause in _OF_SERVER:
                # A resolver that is down is one fault, however many names it was asked for.
                key = (finding.cause, str(finding.values["server"]))
                if key in down:
                    continue
                down.add(key)
            findings += [replace(finding, subject=one.shown) for one in sharing(every, endpoint)]
    return Result(
        findings=tuple(findings),
        data={"answers": [row for _, rows in seen for row in rows]},
    )


async def _host(scene: Scene, endpoint: Endpoint) -> tuple[list[Finding], list[dict[str, object]]]:
    """What was found of one name, and every answer as a row."""
    others = asyncio.gather(*(scene.net.resolve(endpoint.host, server) for server in scene.resolvers))
    ours = await scene.net.resolve(endpoint.host)
    if ours.failure is not None:
        found = await _unresolved(scene, endpoint, ours, await others)
    else:
        found = await _proved(scene, endpoint, ours, others)
    answers = [ours, *await others]
    return found, [_row(answer) for answer in answers]


async def _unresolved(
    scene: Scene, endpoint: Endpoint, ours: Resolution, others: Sequence[Resolution]
) -> list[Finding]:
    """The system has no address: which of its servers says so, and do others know the name?"""
    servers = nameservers(scene)
    said = await asyncio.gather(*(scene.net.resolve(endpoint.host, server) for server in servers))
    reached = [answer for answer in said if answer.failure is not None]
    worst = next((answer for answer in reached if _tells(answer.failure)), reached[0] if reached else ours)
    if ours.failure is not None and ours.failure.kind is FailureKind.NO_SUCH_HOST:
        worst = next((answer for answer in said if _kind(answer) is FailureKind.NO_SUCH_HOST), ours)
    failure = worst.failure
    assert failure is not None
    cause = _OF_RESOLVER.get(failure.kind, dns.SERVER_FAILURE)
    server = worst.server if worst.server != "system" else ", ".join(servers) or "system"
    evidence = [Evidence(_fact(answer)) for answer in (ours, *said, *others)]
    knows = [answer for answer in others if answer.addresses]
    values: dict[str, str | Message] = {"host": endpoint.host, "server": server, "text": failed(failure)}
    return [
        Finding(
            cause,
            {name: values[name] for name in cause.values},
            confidence=1.0 if knows or cause is not dns.SERVER_FAILURE else 0.9,
            evidence=tuple(evidence[:8]),
        )
    ]


async def _proved(
    scene: Scene, endpoint: Endpoint, ours: Resolution, others: asyncio.Future[list[Resolution]]
) -> list[Finding]:
    own = await _prove(scene, endpoint, ours.addresses)
    wrong = [proof for proof in own if proof.failure is not None and _convicts(proof.failure)]
    if any(proof.failure is None for proof in own) and not wrong:
        return []
    suspects = wrong or own
    elsewhere = [
        (answer, address)
        for answer in await others
        for address in answer.addresses[:_MOST]
        if address not in ours.addresses
    ]
    tried = await _prove(scene, endpoint, tuple(dict.fromkeys(address for _, address in elsewhere)))
    right = next((proof.address for proof in tried if proof.failure is None), None)
    evidence = tuple(
        Evidence(_proof_fact(endpoint, proof)) for proof in (*suspects[:_MOST], *tried[:_MOST])
    ) + tuple(Evidence(_fact(answer)) for answer in (ours, *await others))
    suspect = suspects[0]
    if all(_is_bogon(proof.address) and proof.failure and proof.failure.kind in _NAMED for proof in suspects):
        return []  # who shows a certificate for the name stands in for the host, and TLS is what fails
    line = _hosts_line(scene, endpoint.host, suspect.address)
    if line is not None and elsewhere:
        named = {"host": endpoint.name, "address": suspect.address, "file": line[0], "line": str(line[1])}
        source = f"{line[0]}:{line[1]}"
        seen = (Evidence(raw=line[2], source=source), *evidence)
        sure = 1.0 if right is not None else 0.8
        return [Finding(system.HOSTS_FILE, named, confidence=sure, evidence=seen, severity=Severity.ERROR)]
    if all(_is_bogon(proof.address) for proof in suspects):
        public = any(not _is_bogon(address) for _, address in elsewhere)
        proved = right is not None and not _is_bogon(right)
        if proved or (right is None and public) or _is_nowhere(suspect.address):
            values: dict[str, str | Message] = {
                "host": endpoint.name,
                "address": suspect.address,
                "resolver": _resolver(scene),
            }
            sure = 1.0 if right is not None else 0.9 if public else 0.7
            return [Finding(dns.BOGON, values, confidence=sure, evidence=evidence)]
    if right is None:
        return []
    return [
        Finding(
            dns.POISONED,
            {
                "host": endpoint.name,
                "address": suspect.address,
                "right": right,
                "resolver": _resolver(scene),
            },
            confidence=0.95 if wrong else 0.8,
            evidence=evidence,
        )
    ]


async def _prove(scene: Scene, endpoint: Endpoint, addresses: Sequence[str]) -> list[_Proof]:
    """Each address tried by TCP, TLS and the name in its certificate; by an answer where there is no TLS."""

    async def one(address: str) -> _Proof:
        if endpoint.scheme == "https":
            _, _, failure = await scene.net.handshake(address, endpoint.port, endpoint.host)
            return _Proof(address, failure)
        _, failure = await scene.net.connect(address, endpoint.port)
        return _Proof(address, failure)

    return list(await asyncio.gather(*(one(address) for address in addresses[:_MOST])))


def _convicts(failure: Failure) -> bool:
    """Somebody else's certificate: who answers there is not who was asked for."""
    return failure.kind is FailureKind.WRONG_NAME


def _tells(failure: Failure | None) -> bool:
    return failure is not None and failure.kind in {FailureKind.REFUSED, FailureKind.SERVER_FAILURE}


def _kind(answer: Resolution) -> FailureKind | None:
    return answer.failure.kind if answer.failure is not None else None


def _is_bogon(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    return not ip.is_global


def _is_nowhere(address: str) -> bool:
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    return ip.is_unspecified


def _resolver(scene: Scene) -> str:
    return ", ".join(nameservers(scene)) or "system"


def _hosts_line(scene: Scene, host: str, address: str) -> tuple[str, int, str] | None:
    """Where the hosts file gives the name this address: file, line, and the line itself."""
    windows = scene.host.system is System.WINDOWS
    file = r"C:\Windows\System32\drivers\etc\hosts" if windows else "/etc/hosts"
    for number, line in enumerate(read_text(scene, file).splitlines(), 1):
        words = line.partition("#")[0].lower().split()
        if words[:1] == [address.lower()] and host.lower() in words[1:]:
            return file, number, clean(line)
    return None


def _fact(answer: Resolution) -> Message:
    server = Message("net.dns.system") if answer.server == "system" else answer.server
    values: dict[str, str | Message] = {"host": answer.host, "server": server, "ms": ms(answer.seconds)}
    if answer.failure is not None:
        return Message("net.dns.failed", values | {"what": failed(answer.failure)})
    return Message("net.dns.answer", values | {"addresses": ", ".join(answer.addresses[:6])})


def _proof_fact(endpoint: Endpoint, proof: _Proof) -> Message:
    values: dict[str, str | Message] = {"host": endpoint.name, "address": proof.address}
    if proof.failure is None:
        return Message("net.dns.proved" if endpoint.scheme == "https" else "net.dns.connects", values)
    return Message("net.dns.unproved", values | {"what": failed(proof.failure)})


def _row(answer: Resolution) -> dict[str, object]:
    return {
        "host": answer.host,
        "server": answer.server,
        "addresses": list(answer.addresses),
        "cname": answer.cname,
        "seconds": round(answer.seconds, 4),
        "failure": answer.failure.kind.value if answer.failure else None,
    }


CHECK = Check("dns", run=_run, network=True, groups=("DNS",))
