"""What a log showed that is wrong, gathered: many modules that fail for one reason are one symptom.

A tier says what kind of proof it is. What ended the command stands above a request that failed and may have
been recovered by the chain, and that above silence at the end of the log; a slip in a setting that shows in
the URLs stands above all, since nothing else is worth mending before it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from modgate.client.causes import checksum, config, editor
from modgate.client.findings import Evidence, Finding
from modgate.client.golog.making import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Symptom", "Symptoms", "Tier"]

_MOST = 500
_EVIDENCE = 4
_MODULES = 50


class Tier(IntEnum):
    """What a symptom proves, from the weakest."""

    NOTE = 0
    CASCADE = 1
    SILENCE = 2
    REQUEST = 3
    FINAL = 4
    SLIP = 5


_FOLLOWS = {config.NO_SUCH_REQUIREMENT, config.OFFLINE_EDITOR, checksum.MISSING_GO_SUM, editor.IMPORT_HIDDEN}
"""What go and gopls say when something else had failed before."""


@dataclass(slots=True)
class Symptom:
    """One reason, and where it showed."""

    finding: Finding
    tier: Tier
    line: int
    count: int = 0
    modules: list[str] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    @property
    def told(self) -> Finding:
        """The finding with its evidence."""
        return replace(self.finding, evidence=tuple(self.evidence))

    @property
    def rank(self) -> tuple[int, int, float, int, int]:
        """For sorting: the strongest first."""
        affected = len(self.modules)
        return (-self.tier, -self.finding.impact, -affected, -round(self.finding.confidence * 20), self.line)


class Symptoms:
    """The symptoms of a log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: OrderedDict[tuple[str, str], Symptom] = OrderedDict()

    def __iter__(self) -> Iterator[Symptom]:
        return iter(sorted(self._known.values(), key=lambda symptom: symptom.rank))

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(
        self, finding: Finding, tier: Tier, lines: Iterable[tuple[int, str]], module: str = ""
    ) -> Symptom | None:
        """Take one in; `lines` are its proof, with their numbers. None where there are too many kinds."""
        if finding.cause in _FOLLOWS:
            tier = min(tier, Tier.CASCADE)
        key = (finding.cause.id, finding.subject)
        proof = list(lines)
        symptom = self._known.get(key)
        if symptom is None:
            if len(self._known) >= _MOST:
                return None
            symptom = self._known[key] = Symptom(finding, tier, proof[0][0] if proof else 0)
        symptom.count += 1
        if tier > symptom.tier or finding.confidence > symptom.finding.confidence:
            symptom.tier = max(tier, symptom.tier)
            symptom.finding = finding
        if module and module not in symptom.modules and len(symptom.modules) < _MODULES:
            symptom.modules.append(module)
        for number, raw in proof:
            if len(symptom.evidence) >= _EVIDENCE:
                break
            shown = plain(raw, 400)
            if shown and all(shown[-60:] != known.raw[-60:] for known in symptom.evidence):
                symptom.evidence.append(Evidence(raw=shown, source=f"{self._name}:{number}"))
        return symptom

    def any(self, tier: Tier) -> bool:
        """Whether there is one of this tier or above."""
        return any(symptom.tier >= tier for symptom in self._known.values())

    def of(self, *causes: object) -> list[Symptom]:
        """Those of these causes."""
        return [symptom for symptom in self._known.values() if symptom.finding.cause in causes]
