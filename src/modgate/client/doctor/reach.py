"""What a fault matters where it stands in the chain: go stops, goes on, or never gets there.

After `,` go asks the next entry only where this one proved absence (404, 410); after `|` on any error that
go notices. It does not notice a server that never answers (go has no limit for a head or a body) nor, in
time, a wrong zip (it is opened only after the chain has been left). So for each entry in turn: if nothing
blocks it, it serves, and what is wrong with later ones is a note; if go moves on from it and a later one
serves, its own faults are notes as well; else it is where downloads stop. An entry that go leaves only after
a time limit still costs that time: its note degrades.

Source: TryProxies in cmd/go/internal/modfetch/proxy.go; tried with the go command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import body, connect, content, headers, proxy, status, system, tls
from modgate.client.doctor.places import place_of, places_of
from modgate.client.findings import Finding, Impact, Phase, Severity
from modgate.gomod.proxylist import EntryKind, redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.client.doctor.places import Place
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["NETWORK", "PROXY_IGNORED", "Ground", "as_note", "weigh"]

NETWORK = (
    *(Phase.DNS, Phase.CONNECT, Phase.PROXY, Phase.TLS),
    *(Phase.HEADERS, Phase.STATUS, Phase.BODY, Phase.CONTENT),
)
"""The phases of one request, in the order in which they happen."""

PROXY_IGNORED = frozenset(
    {system.SYSTEM_PROXY_UNUSED, system.PAC_UNUSED, proxy.ALL_PROXY_IGNORED, proxy.HTTP_ALONE}
)
"""A proxy that go does not know of: no fault where go needs none."""

ABSENT = frozenset({status.NOT_FOUND, status.GONE, status.MIRROR_LAG, status.NO_SUCH_VERSION})
_UNNOTICED = frozenset(
    {headers.STALL, body.STALL, content.NOT_A_ZIP, content.PORTAL, content.WRONG_PREFIX, content.MOVED}
)
_SLOW = frozenset({connect.TIMEOUT, tls.TIMEOUT, headers.HEADER_TIMEOUT, body.TIMEOUT})


@dataclass(frozen=True, slots=True)
class Ground:
    """What a verdict stands on besides the findings.

    Attributes:
        chain: GOPROXY as go reads it.
        sumdb: Base URL of the checksum database, empty where there is none.
        sumdb_idle: Whether the database's own host is without influence: a proxy carries it, go stops
            earlier, or it answers; None where that was not tried.
        served: URLs, without credentials, of entries through which every module that was tried came
            whole: that such an entry refuses another request is none of go's business.
        spared: Indexes of the entries to which go takes no HTTP proxy (loopback, NO_PROXY).
    """

    chain: tuple[ProxyEntry, ...] = ()
    sumdb: str = ""
    sumdb_idle: bool | None = None
    served: frozenset[str] = frozenset()
    spared: frozenset[int] = frozenset()


def weigh(findings: Sequence[Finding], ground: Ground) -> list[Finding]:
    """The findings with the impact that they have in this chain, in the same order."""
    findings = [as_note(finding) if _is_belied(finding, ground) else finding for finding in findings]
    about = [_entries_of(finding, ground) for finding in findings]
    blocking: list[list[Finding]] = [[] for _ in ground.chain]
    for finding, indexes in zip(findings, about, strict=True):
        if finding.impact is Impact.BLOCKS:
            for index in indexes:
                blocking[index].append(finding)
    idle = _idle(ground.chain, blocking)
    serves_without_direct = any(
        not faults and entry.kind is EntryKind.PROXY
        for entry, faults in zip(ground.chain, blocking, strict=True)
    ) and _is_left_out(ground.chain, idle)
    return [
        as_note(finding) if _matters_not(finding, indexes, idle, ground, serves_without_direct) else finding
        for finding, indexes in zip(findings, about, strict=True)
    ]


def _is_belied(finding: Finding, ground: Ground) -> bool:
    if finding.cause.phase is not Phase.STATUS or finding.cause in ABSENT:
        return False
    indexes = _entries_of(finding, ground)
    return bool(indexes) and all(
        redacted(ground.chain[index].url.rstrip("/")) in ground.served for index in indexes
    )


def _matters_not(
    finding: Finding, indexes: frozenset[int], idle: frozenset[int], ground: Ground, serves: bool
) -> bool:
    if _is_of_the_proxied(finding, ground):
        return indexes <= idle and ground.sumdb_idle is True
    if indexes:
        return indexes <= idle
    places = places_of(finding)
    if finding.cause.phase not in NETWORK or not places or _is_of_every_host(finding):
        return False
    database = place_of(ground.sumdb)
    if database is not None and any(place.meets(database) for place in places):
        return ground.sumdb_idle is True
    # A host that is neither in the chain nor the database: version control's, or one to compare with.
    return serves


def _entries_of(finding: Finding, ground: Ground) -> frozenset[int]:
    """The entries that a finding is about, none where it is about something else or everything."""
    chain = ground.chain
    if _is_of_the_proxied(finding, ground):
        return frozenset(range(len(chain))) - ground.spared
    if finding.cause.phase is Phase.VCS and finding.subject.startswith(EntryKind.DIRECT):
        return frozenset(i for i, entry in enumerate(chain) if entry.kind is EntryKind.DIRECT)
    if finding.cause.phase not in NETWORK or _is_of_every_host(finding):
        return frozenset()
    places = places_of(finding)
    found: set[int] = set()
    for index, entry in enumerate(chain):
        base = place_of(redacted(entry.url)) if entry.kind is EntryKind.PROXY else None
        if base is not None and any(_at(place, base) for place in places):
            found.add(index)
    return frozenset(found)


def _is_of_every_host(finding: Finding) -> bool:
    """A proxy variable stands in front of every host; the place that it names is the proxy's own."""
    return finding.cause.phase is Phase.PROXY and "host" not in finding.cause.values


def _is_of_the_proxied(finding: Finding, ground: Ground) -> bool:
    """It is about every entry but those to which go takes no HTTP proxy."""
    return bool(ground.spared) and _is_of_every_host(finding) and finding.cause not in PROXY_IGNORED


def _at(place: Place, base: Place) -> bool:
    """A fault of a host is the fault of every entry there; one of a URL only of the entry above it."""
    return place.within(base)


def _idle(chain: Sequence[ProxyEntry], blocking: Sequence[Sequence[Finding]]) -> frozenset[int]:
    """The entries whose faults keep nothing from being downloaded."""
    everything = range(len(chain))
    for index, (entry, faults) in enumerate(zip(chain, blocking, strict=True)):
        if not faults and entry.kind is not EntryKind.OFF:
            # What degrades the entry that serves is felt in every download.
            return frozenset(everything) - {index}
        if entry.kind is EntryKind.OFF or not _moves_on(entry, faults):
            return frozenset(everything[index + 1 :])
    return frozenset()


def _moves_on(entry: ProxyEntry, faults: Iterable[Finding]) -> bool:
    causes = {fault.cause for fault in faults}
    if causes & _UNNOTICED:
        return False
    return entry.falls_back_on_error or causes <= ABSENT


def _is_left_out(chain: Sequence[ProxyEntry], idle: frozenset[int]) -> bool:
    """Whether what `direct` needs has no influence: it is not there, or nobody gets so far."""
    return all(entry.kind is not EntryKind.DIRECT or index in idle for index, entry in enumerate(chain))


def as_note(finding: Finding) -> Finding:
    """The finding where it keeps nothing from working; a time limit that go waits for still costs."""
    costs = finding.cause in _SLOW and finding.impact is Impact.BLOCKS
    impact = Impact.DEGRADES if costs else Impact.NOTE
    return replace(finding, impact=min(impact, finding.impact), severity=Severity.NOTE)
