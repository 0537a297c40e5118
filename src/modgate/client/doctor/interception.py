"""Interception that works: a company's authority that this machine trusts signs for everybody.

The evidence is real only where hosts of different owners show certificates of one issuer, none of which
carries a public log's proof: every public authority logs what it signs, an inspecting gateway cannot. go
works behind it, so it is a note; an authority that is not trusted is told by the check of handshakes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import tls
from modgate.client.doctor.check import Check, Result
from modgate.client.doctor.endpoints import asked_all, clean, endpoints, hosts_of
from modgate.client.findings import Evidence, Finding, Impact, Severity
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.endpoints import Endpoint
    from modgate.client.doctor.scene import Scene
    from modgate.client.net.facts import Certificate


async def _run(scene: Scene) -> Result:
    some = [
        one for one in hosts_of(endpoints(scene), proxied=True) if one.scheme == "https" and not one.literal
    ]
    shown = [
        (one, exchange.certificate)
        for one, exchange in await asked_all(scene, some)
        if exchange.certificate is not None and not exchange.redirects
    ]
    facts = tuple(_fact(one, certificate) for one, certificate in shown)
    by_issuer: dict[tuple[str, str], list[tuple[Endpoint, Certificate]]] = {}
    for one, certificate in shown:
        if certificate.trusted and not certificate.logged and not certificate.self_signed:
            key = (certificate.issuer, certificate.chain_root)
            by_issuer.setdefault(key, []).append((one, certificate))
    findings = tuple(
        Finding(
            tls.INTERCEPTED,
            {"host": alike[0][0].name, "issuer": clean(issuer)},
            Impact.NOTE,
            0.8,
            tuple(Evidence(_fact(one, certificate)) for one, certificate in alike),
            subject=alike[0][0].name,
            severity=Severity.NOTE,
        )
        for (issuer, _), alike in by_issuer.items()
        if len({_owner(one.host) for one, _ in alike}) > 1
    )
    return Result(findings, facts)


def _owner(host: str) -> str:
    """The last two labels, or three where the second level is a registry's (`com.cn`): who runs the host."""
    labels = host.split(".")
    wide = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if wide else -2 :])


def _fact(endpoint: Endpoint, certificate: Certificate) -> Message:
    return Message(
        "net.interception.logged" if certificate.logged else "net.interception.private",
        {"host": endpoint.name, "issuer": clean(certificate.issuer), "root": clean(certificate.chain_root)},
    )


CHECK = Check("interception", run=_run, network=True, groups=("TLS",))
