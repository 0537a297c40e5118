"""From everything that was found to the one thing to say: pure, and the same for any order of findings.

1. Findings of one cause about one subject are joined: the highest impact and confidence, all the proofs.
2. Each gets the impact that it has in this chain (`reach`): what go never reaches or recovers from is a note.
   So is a proxy that go does not know of, where nothing fails for the lack of it.
3. A finding that another one explains (`explain`) is a consequence. What explains takes on the impact of
   what it explains, unless it is a note itself; a circle is cut where the later phase would explain the
   earlier one.
4. What is left is ranked: impact; what concerns every program before what concerns an editor alone, and
   what was tried before what a container's address lets one suspect; proved (confidence of a half and more)
   before guessed; the order of the phases; confidence; severity; then id and subject, so that nothing depends
   on who came first.
5. The first of them that is more than a note is the root cause. The others stand on their own: several
   blocking ones are several faults, and each will show when the one before it is mended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.client.causes import editor, system
from modgate.client.doctor.explain import explains
from modgate.client.doctor.places import place_of
from modgate.client.doctor.reach import PROXY_IGNORED, Ground, as_note, weigh
from modgate.client.findings import Impact, Phase, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.client.findings import Evidence, Finding

__all__ = ["SURE", "Consequence", "Ground", "Verdict", "judge", "rank"]

SURE = 0.8
"""From this confidence on the verdict is said without `probably`."""

_PHASES = tuple(Phase)
_SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
_MOST_PROOFS = 12
_OF_THE_EDITOR = frozenset(value for name, value in vars(editor).items() if name.isupper())


@dataclass(frozen=True, slots=True)
class Consequence:
    """A finding, and the one that explains it."""

    finding: Finding
    of: Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to tell.

    Attributes:
        root: The first thing to mend, None where nothing needs mending.
        causes: Faults that nothing else explains, the root first.
        consequences: What those explain.
        notes: Good to know; they do not make a machine ill.
    """

    root: Finding | None = None
    causes: tuple[Finding, ...] = ()
    consequences: tuple[Consequence, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing but notes was found."""
        return self.root is None

    def as_judged(self, finding: Finding) -> Finding:
        """The finding as it was judged: joined, with the impact that it has here."""
        judged = (*self.causes, *(item.finding for item in self.consequences), *self.notes)
        return next((item for item in judged if _is_same(item, finding)), finding)


def judge(findings: Iterable[Finding], ground: Ground) -> Verdict:
    """The verdict on these findings."""
    weighed = sorted(weigh(_joined(findings), ground), key=rank)
    weighed = [as_note(finding) if _is_unneeded(finding, weighed) else finding for finding in weighed]
    notes = tuple(finding for finding in weighed if finding.shown_severity is Severity.NOTE)
    faults = [finding for finding in weighed if finding.shown_severity is not Severity.NOTE]
    parents = _parents(faults)
    lifted = _lifted(faults, parents)
    causes = sorted((lifted[i] for i in range(len(faults)) if parents[i] is None), key=rank)
    consequences = tuple(
        Consequence(lifted[i], lifted[_origin(i, parents)])
        for i in range(len(faults))
        if parents[i] is not None
    )
    return Verdict(causes[0] if causes else None, tuple(causes), consequences, notes)


def rank(finding: Finding) -> tuple[object, ...]:
    """The key that sorts findings, the one to mend first in front."""
    return (
        -finding.impact,
        finding.cause in _OF_THE_EDITOR,
        finding.cause is system.CONTAINER_LOOPBACK,
        finding.confidence < 0.5,
        _PHASES.index(finding.cause.phase),
        -finding.confidence,
        _SEVERITIES.index(finding.shown_severity),
        finding.cause.id,
        finding.subject,
        _values(finding),
    )


def _is_unneeded(finding: Finding, among: Iterable[Finding]) -> bool:
    """A proxy that go passes by, where nothing fails for the lack of it."""
    return finding.cause in PROXY_IGNORED and not any(explains(finding, other) for other in among)


def _joined(findings: Iterable[Finding]) -> list[Finding]:
    kept: list[Finding] = []
    for finding in sorted(findings, key=rank):
        same = next((i for i, known in enumerate(kept) if _is_same(known, finding)), None)
        if same is None:
            kept.append(finding)
        else:
            kept[same] = _merge(kept[same], finding)
    return kept


def _is_same(one: Finding, other: Finding) -> bool:
    """One cause, about one thing: the same place or subject, else the same values."""
    if one.cause is not other.cause:
        return False
    if not one.subject or not other.subject:
        return one.subject == other.subject and _values(one) == _values(other)
    here, there = place_of(one.subject), place_of(other.subject)
    if here is None or there is None:
        return one.subject == other.subject
    return here.within(there) or there.within(here)


def _values(finding: Finding) -> tuple[str, ...]:
    return tuple(sorted(f"{name}={value}" for name, value in finding.values.items()))


def _merge(first: Finding, second: Finding) -> Finding:
    evidence: list[Evidence] = list(first.evidence)
    evidence += [proof for proof in second.evidence if proof not in evidence]
    return replace(
        first,
        impact=max(first.impact, second.impact),
        confidence=max(first.confidence, second.confidence),
        evidence=tuple(evidence[:_MOST_PROOFS]),
        repair=first.repair or second.repair,
        severity=min(first.shown_severity, second.shown_severity, key=_SEVERITIES.index),
    )


def _parents(faults: Sequence[Finding]) -> list[int | None]:
    """For each fault the index of the one that explains it best, without circles."""
    parents: list[int | None] = [None] * len(faults)
    order = sorted(range(len(faults)), key=lambda i: _explainer_key(faults[i]))
    for child, fault in enumerate(faults):
        for candidate in order:
            parent = faults[candidate]
            if parent.confidence < 0.5 <= fault.confidence and parent.impact < Impact.BLOCKS:
                continue
            if explains(parent, fault) and not _leads_to(candidate, child, parents):
                parents[child] = candidate
                break
    return parents


def _explainer_key(finding: Finding) -> tuple[object, ...]:
    return (_PHASES.index(finding.cause.phase), -finding.confidence, rank(finding))


def _leads_to(start: int, goal: int, parents: Sequence[int | None]) -> bool:
    at: int | None = start
    while at is not None:
        if at == goal:
            return True
        at = parents[at]
    return False


def _origin(index: int, parents: Sequence[int | None]) -> int:
    parent = parents[index]
    while parent is not None:
        index, parent = parent, parents[parent]
    return index


def _lifted(faults: Sequence[Finding], parents: Sequence[int | None]) -> list[Finding]:
    """The faults, those that explain others with the highest impact among what they explain."""
    impacts = [fault.impact for fault in faults]
    for index, fault in enumerate(faults):
        parent = parents[index]
        while parent is not None:
            impacts[parent] = max(impacts[parent], fault.impact)
            parent = parents[parent]
    return [
        replace(fault, impact=impact) if impact is not fault.impact else fault
        for fault, impact in zip(faults, impacts, strict=True)
    ]
