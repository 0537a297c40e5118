"""The conditions of a rule: each looks at one fact and answers yes, no, or "nobody knows".

All conditions of a rule must hold. One that does not hold settles it, whatever the others know; else one that
nobody can answer leaves the rule open, and the rule's `on_error` closes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from modgate.policy.facts import Unknown
from modgate.policy.selectors import Choice, consumer_matches, glob_matches, module_matches

if TYPE_CHECKING:
    from modgate.model.advisory import Hit, Severity
    from modgate.policy.facts import Facts
    from modgate.policy.ranges import VersionRange

__all__ = [
    "Age",
    "AsksHits",
    "Condition",
    "Consumers",
    "Groups",
    "Licences",
    "Modules",
    "Noted",
    "Private",
    "Scan",
    "SecurityFix",
    "Sources",
    "Versions",
]


class Condition(Protocol):
    """One condition. `key` is its name in `[rules.when]`, `need` the fact it costs (empty for a cheap one),
    `personal` whether another consumer may be answered otherwise, `whole` whether it is about a whole module.
    """

    @property
    def key(self) -> str:
        """See above."""

    @property
    def need(self) -> str:
        """See above."""

    @property
    def personal(self) -> bool:
        """See above."""

    @property
    def whole(self) -> bool:
        """See above."""

    def holds(self, facts: Facts) -> bool | Unknown:
        """The answer."""

    def wanted(self) -> str:
        """What it asks for, for people."""

    def found(self, facts: Facts) -> str:
        """What it looked at, for people; empty where there was nothing."""


@dataclass(frozen=True, slots=True)
class Modules:
    """Module paths by the globs of GOPRIVATE."""

    key: ClassVar[str] = "modules"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    choice: Choice

    def holds(self, facts: Facts) -> bool:
        """Whether the path is picked."""
        return self.choice.picks(facts.path, module_matches)

    def wanted(self) -> str:
        """The globs."""
        return str(self.choice)

    def found(self, facts: Facts) -> str:
        """The path."""
        return facts.path


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of a range."""

    key: ClassVar[str] = "versions"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    range: VersionRange

    def holds(self, facts: Facts) -> bool:
        """Whether the version lies in it."""
        return facts.version in self.range

    def wanted(self) -> str:
        """The range."""
        return self.range.text

    def found(self, facts: Facts) -> str:
        """The version."""
        return facts.version


@dataclass(frozen=True, slots=True)
class AsksHits:
    """Some advisory that affects the version has everything asked for; all of it is asked of the same one.

    Attributes:
        severities: Its severity is one of these; empty for any.
        ids: Its id or an alias is one of these; empty for any.
        reviewed: Whether a person reviewed it; None for either.
        doubtful: True: one not reviewed and without an end counts as any other. False: it is passed over.
            None: it counts, and softens the rule's effect to a warning unless its id is named.
        fixed: Whether it names a version that ends it; None for either.
        text: What is asked, as written.
    """

    key: ClassVar[str] = "advisory"
    need: ClassVar[str] = "hits"
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    severities: frozenset[Severity] = frozenset()
    ids: frozenset[str] = frozenset()
    reviewed: bool | None = None
    doubtful: bool | None = None
    fixed: bool | None = None
    text: str = field(default="", compare=False)

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether there is such an advisory."""
        return facts.hits if isinstance(facts.hits, Unknown) else any(map(self.takes, facts.hits))

    def takes(self, hit: Hit) -> bool:
        """Whether this one has it all."""
        advisory = hit.advisory
        return (
            (not self.severities or advisory.severity in self.severities)
            and (not self.ids or self.names(hit))
            and (self.reviewed is None or advisory.reviewed is self.reviewed)
            and (self.doubtful is not False or not hit.doubtful)
            and (self.fixed is None or bool(hit.fixed) is self.fixed)
        )

    def names(self, hit: Hit) -> bool:
        """Whether its id, or an alias, is among those that are asked for."""
        return hit.advisory.id in self.ids or not self.ids.isdisjoint(hit.advisory.aliases)

    def soft(self, hit: Hit) -> bool:
        """Whether it is too doubtful to do more than warn."""
        return hit.doubtful and self.doubtful is not True and not self.names(hit)

    def wanted(self) -> str:
        """What is asked, as written."""
        return self.text

    def found(self, facts: Facts) -> str:
        """The advisories with their severity."""
        if isinstance(facts.hits, Unknown):
            return ""
        return ", ".join(_told(hit) for hit in facts.hits)


def _told(hit: Hit) -> str:
    marks = [hit.advisory.severity.value]
    marks += ["doubtful"] if hit.doubtful else [] if hit.advisory.reviewed else ["unreviewed"]
    marks += [f"fixed in {hit.fixed}"] if hit.fixed else []
    return f"{hit.advisory.id} ({', '.join(marks)})"


@dataclass(frozen=True, slots=True)
class Age:
    """How long ago it was first seen: more than `above` and less than `below` seconds."""

    key: ClassVar[str] = "age"
    need: ClassVar[str] = "age"
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    above: float = -math.inf
    below: float = math.inf
    text: str = field(default="", compare=False)

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether it is of that age."""
        return facts.age if isinstance(facts.age, Unknown) else self.above <= facts.age < self.below

    def wanted(self) -> str:
        """The comparison as written."""
        return self.text

    def found(self, facts: Facts) -> str:
        """The age in days or hours, and by what."""
        if isinstance(facts.age, Unknown):
            return ""
        told = f"{facts.age / 86400:.1f}d" if facts.age >= 172800 else f"{facts.age / 3600:.1f}h"
        return f"{told} ({facts.aged_by})" if facts.aged_by else told


@dataclass(frozen=True, slots=True)
class Licences:
    """Some licence found in it is picked; where none was found, `none` stands for it."""

    key: ClassVar[str] = "licences"
    need: ClassVar[str] = "licences"
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    choice: Choice

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether one is picked; SPDX tells no capitals apart."""
        if isinstance(facts.licences, Unknown):
            return facts.licences
        return any(self.choice.picks(each.lower(), _licence_matches) for each in facts.licences or ("none",))

    def wanted(self) -> str:
        """The ids."""
        return str(self.choice)

    def found(self, facts: Facts) -> str:
        """What was found."""
        return "" if isinstance(facts.licences, Unknown) else ", ".join(facts.licences) or "none"


def _licence_matches(pattern: str, name: str) -> bool:
    return glob_matches(pattern.lower(), name)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the routes say it comes from."""

    key: ClassVar[str] = "source"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    choice: Choice

    def holds(self, facts: Facts) -> bool:
        """Whether the source is picked."""
        return self.choice.picks(facts.source, glob_matches)

    def wanted(self) -> str:
        """The sources."""
        return str(self.choice)

    def found(self, facts: Facts) -> str:
        """The source."""
        return facts.source


@dataclass(frozen=True, slots=True)
class Private:
    """Whether the routes call it private."""

    key: ClassVar[str] = "private"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = True
    value: bool

    def holds(self, facts: Facts) -> bool:
        """Whether it is as wanted."""
        return facts.private is self.value

    def wanted(self) -> str:
        """Yes or no."""
        return _yes(self.value)

    def found(self, facts: Facts) -> str:
        """Yes or no."""
        return _yes(facts.private)


@dataclass(frozen=True, slots=True)
class Noted:
    """Whether its authors call it retracted, or its module deprecated (`key`)."""

    key: str
    value: bool
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False

    @property
    def need(self) -> str:
        """The fact of the same name."""
        return self.key

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether it is as wanted."""
        note = self._note(facts)
        return note if isinstance(note, Unknown) else bool(note) is self.value

    def wanted(self) -> str:
        """Yes or no."""
        return _yes(self.value)

    def found(self, facts: Facts) -> str:
        """What they say."""
        note = self._note(facts)
        return "" if isinstance(note, Unknown) else note or _yes(False)

    def _note(self, facts: Facts) -> str | Unknown:
        return facts.retracted if self.key == "retracted" else facts.deprecated


@dataclass(frozen=True, slots=True)
class Scan:
    """Whether a scanner released it (True) or refused it (False)."""

    key: ClassVar[str] = "scan"
    need: ClassVar[str] = "scan"
    personal: ClassVar[bool] = False
    whole: ClassVar[bool] = False
    value: bool

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether it is as wanted."""
        return facts.scan if isinstance(facts.scan, Unknown) else facts.scan is self.value

    def wanted(self) -> str:
        """Released or refused."""
        return _SCANNED[self.value]

    def found(self, facts: Facts) -> str:
        """Released or refused."""
        return "" if isinstance(facts.scan, Unknown) else _SCANNED[facts.scan]


@dataclass(frozen=True, slots=True)
class SecurityFix:
    """Whether it ends an advisory that affects a version in use."""

    key: ClassVar[str] = "security_fix"
    need: ClassVar[str] = "fixes"
    personal: ClassVar[bool] = True
    whole: ClassVar[bool] = False
    value: bool

    def holds(self, facts: Facts) -> bool | Unknown:
        """Whether it is as wanted."""
        return facts.fixes if isinstance(facts.fixes, Unknown) else bool(facts.fixes) is self.value

    def wanted(self) -> str:
        """Yes or no."""
        return _yes(self.value)

    def found(self, facts: Facts) -> str:
        """The advisories."""
        return "" if isinstance(facts.fixes, Unknown) else ", ".join(facts.fixes) or _yes(False)


@dataclass(frozen=True, slots=True)
class Consumers:
    """Who asks, by name, glob or network."""

    key: ClassVar[str] = "consumers"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    choice: Choice

    def holds(self, facts: Facts) -> bool:
        """Whether the consumer is picked."""
        return self.choice.picks(facts.consumer, consumer_matches)

    def wanted(self) -> str:
        """The names."""
        return str(self.choice)

    def found(self, facts: Facts) -> str:
        """The name."""
        return facts.consumer


@dataclass(frozen=True, slots=True)
class Groups:
    """A group of who asks: one of the policy's, or a team. `defined` are the policy's, by name."""

    key: ClassVar[str] = "groups"
    need: ClassVar[str] = ""
    personal: ClassVar[bool] = True
    whole: ClassVar[bool] = True
    choice: Choice
    defined: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def holds(self, facts: Facts) -> bool:
        """Whether the consumer is in a wanted group and in none of those spared."""
        if self.choice.wanted and not any(self._in(group, facts) for group in self.choice.wanted):
            return False
        return not any(self._in(group, facts) for group in self.choice.spared)

    def wanted(self) -> str:
        """The groups."""
        return str(self.choice)

    def found(self, facts: Facts) -> str:
        """The groups of the consumer."""
        names = {name for name, _ in self.defined if self._in(name, facts)} | facts.groups
        return ", ".join(sorted(names))

    def _in(self, group: str, facts: Facts) -> bool:
        return group in facts.groups or any(
            consumer_matches(pattern, facts.consumer)
            for name, patterns in self.defined
            if name == group
            for pattern in patterns
        )


_SCANNED = {True: "released", False: "refused"}


def _yes(value: bool) -> str:
    return "yes" if value else "no"
