"""Everything that `modgate chain` knows of one chain, before it is shown or printed as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.chain.agreement import Verdict, open_end
from modgate.client.chain.rules import WANTED
from modgate.client.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.chain.ask import Given
    from modgate.client.chain.rehearse import Observed
    from modgate.client.chain.rules import Download
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.findings import Finding
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.gomod.types import ModulePath, ModuleVersion

__all__ = ["Story"]


@dataclass(slots=True)
class Story:
    """Everything that is known of one chain.

    Attributes:
        text: As given or found.
        lint: What is wrong with the text.
        broken: Why it cannot be read at all, empty where it can.
        entries: The entries in order.
        path: The module that was asked for, None for the rules alone.
        version: Its version; of the latest the one found, None where none was.
        latest: Whether the latest version was asked for.
        private: Whether GONOPROXY keeps this module away from the chain.
        faults: Staged, by index from 0.
        asked: What each entry gave.
        made_up: Staged entries that cannot be reached, so that a small module stands in for theirs.
        synthetic: The version that the small module bears, where it is not `version`.
        predicted: What go would do.
        staged: The chain as go was given it in the rehearsal.
        observed: What it did there.
        verdict: What prediction and rehearsal say of each other.
    """

    text: str
    lint: tuple[Finding, ...] = ()
    broken: str = ""
    entries: tuple[ProxyEntry, ...] = ()
    path: ModulePath | None = None
    version: ModuleVersion | None = None
    latest: bool = False
    private: bool = False
    faults: Mapping[int, FaultSpec] = field(default_factory=dict)
    asked: Mapping[tuple[int, str], Given] = field(default_factory=dict)
    made_up: frozenset[int] = frozenset()
    synthetic: ModuleVersion | None = None
    predicted: Download | None = None
    staged: tuple[ProxyEntry, ...] = ()
    observed: Observed | None = None
    verdict: Verdict | None = None

    @property
    def good(self) -> bool:
        """Whether the exit status is 0: nothing broken, and the download succeeds as far as known."""
        if self.broken:
            return False
        if self.observed is not None:
            return self.observed.good
        if self.predicted is None:
            return not any(finding.shown_severity is Severity.ERROR for finding in self.lint)
        return self.predicted.good or open_end(self.predicted)

    @property
    def module(self) -> str:
        """What was asked for, as a person writes it."""
        if self.path is None:
            return ""
        return str(self.version) if self.version is not None else f"{self.path}@latest"

    @property
    def endpoints(self) -> tuple[str, ...]:
        """What the entries are asked for, in order."""
        return ("list", "info", "mod", "zip") if self.latest else WANTED

    @property
    def agrees(self) -> bool | None:
        """Whether go did what was predicted; None where nothing was rehearsed or it cannot be told."""
        return {Verdict.AGREES: True, Verdict.DIFFERS: False}.get(self.verdict) if self.verdict else None
