"""Who answers names on this Mac: a VPN, an extension, a DNS-over-HTTPS profile, Private Relay?

None of them is a fault; each explains why two programs get different answers. Safari, curl and go's usual
resolver ask the system and so follow a profile; go's own resolver (`GODEBUG=netdns=go`) asks the servers of
/etc/resolv.conf. Whether Private Relay is on cannot be read; whether the network lets it be on can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.causes import system as causes
from modgate.client.doctor.check import Check, Result
from modgate.client.findings import Evidence, Finding, Impact
from modgate.client.machine.answers import answer
from modgate.client.machine.host import System
from modgate.client.machine.macos import added_resolvers, parse_dns, parse_dscacheutil, parse_profiles
from modgate.client.machine.showing import safe
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.scene import Scene
    from modgate.client.machine.macos import DnsProfile

__all__ = ["doh_matrix"]

_RELAY = "mask.icloud.com"
_SCUTIL = ("scutil", "--dns")
_PROFILES = ("profiles", "show", "-output", "stdout-xml")
_WHO = (("safari", True), ("curl", True), ("go", True), ("pure-go", False), ("own-doh", False))
_FLUSH = "sudo dscacheutil -flushcache; sudo killall -HUP mDNSResponder"


def doh_matrix(profiles: Sequence[DnsProfile]) -> list[dict[str, str | bool]]:
    """Who asks whom, for `--json`: program, whether it asks the system, whether a profile's server answers
    it.
    """
    return [
        {"program": who, "asks_system": system, "encrypted": system and bool(profiles)}
        for who, system in _WHO
    ]


async def _run(scene: Scene) -> Result:
    listed = await answer(scene.host, _SCUTIL)
    if listed is None:
        return Result(unknown=Message("desktop.command.failed", {"command": " ".join(_SCUTIL)}))
    resolvers = parse_dns(listed)
    profiles = parse_profiles(await answer(scene.host, _PROFILES) or "")
    findings = [
        Finding(
            causes.VPN_RESOLVER,
            {
                "resolver": ", ".join(resolver.nameservers),
                "interface": resolver.interface or safe(resolver.domain) or "?",
            },
            impact=Impact.NOTE,
            confidence=0.8,
            evidence=(Evidence(raw=", ".join(resolver.nameservers), source="scutil --dns"),),
            subject=resolver.nameservers[0],
        )
        for resolver in added_resolvers(resolvers)
    ]
    findings.extend(
        Finding(
            causes.DOH_PROFILE,
            {"server": safe(profile.server) or "?"},
            impact=Impact.NOTE,
            confidence=0.9,
            evidence=(Evidence(raw=safe(profile.server), source=" ".join(_PROFILES[:2])),),
            subject="dns",
        )
        for profile in profiles
    )
    first = next((found for found in resolvers if found.nameservers and not found.multicast), None)
    facts = [Message("desktop.dns.primary", {"servers": ", ".join(first.nameservers)})] if first else []
    facts.extend(
        Message(f"desktop.doh.{who}", {"how": Message(f"desktop.doh.{_how(system, profiles)}")})
        for who, system in _WHO
    )
    if not scene.offline:
        relay = await answer(scene.host, ("dscacheutil", "-q", "host", "-a", "name", _RELAY))
        if relay is not None:
            key = "allowed" if parse_dscacheutil(relay) else "refused"
            facts.append(Message(f"desktop.relay.{key}", {"host": _RELAY}))
    facts.append(Message("desktop.dns.flush", {"command": _FLUSH}))
    return Result(tuple(findings), tuple(facts), data={"doh": doh_matrix(profiles)})


def _how(system: bool, profiles: Sequence[DnsProfile]) -> str:
    if not system:
        return "own"
    return "encrypted" if profiles else "system"


CHECK = Check("macos-dns", run=_run, network=False, groups=("SYS",), systems=frozenset({System.MACOS}))
