"""What is known to be wrong with module versions: advisories in the form of the OSV schema, and who is hit.

Times are Unix seconds. Versions in `Event` are SemVer without the leading `v`, as the Go vulnerability
database writes them; versions elsewhere are Go's.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version

__all__ = ["Advisories", "Advisory", "Block", "Event", "Hit", "Severity", "SyncState"]


class Severity(enum.StrEnum):
    """How bad it is, by the words of CVSS. `unknown` is a state of its own: nobody has said, which is neither
    harmless nor grave. Compare by `rank`.
    """

    UNKNOWN = "unknown"
    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """-1 for unknown, then 0 (none) to 4 (critical)."""
        return _RANKS[self]


_RANKS = {each: number for number, each in enumerate(Severity, start=-1)}


class Event(NamedTuple):
    """One turn of a range: `kind` is `introduced`, `fixed` or `last_affected`; `introduced` `0` is always."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class Block:
    """What one advisory says of one module; a module with several ranges has a block for each.

    Attributes:
        path: A module path, or `stdlib`, or `toolchain`.
        events: The events of one SEMVER range, as written. Empty: only `versions` count.
        versions: Versions named one by one beside ranges (OSV `versions`), as written.
        custom: Whether it also has `custom_ranges`, which no rule may be matched against.
    """

    path: str
    events: tuple[Event, ...]
    versions: tuple[str, ...] = ()
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Advisory:
    """One entry of a database, without its long text.

    Attributes:
        id: Such as `GO-2024-2687`.
        aliases: CVE and GHSA ids.
        summary: One line.
        blocks: The modules it concerns.
        modified: When it was last changed.
        published: When it was published.
        withdrawn: When it was taken back; 0 while it stands. A withdrawn one hits nothing.
        reviewed: False where the database marks it as not looked at by a person.
        severity: See `Severity`.
        severity_from: Where that comes from: `osv`, `ghsa`, `nvd`, `trivy`, …; empty for unknown.
        score: The CVSS base score, 0 where there is none.
        url: A page for people.
        source: The name of the database it came from.
    """

    id: str
    blocks: tuple[Block, ...]
    aliases: tuple[str, ...] = ()
    summary: str = ""
    modified: float = 0.0
    published: float = 0.0
    withdrawn: float = 0.0
    reviewed: bool = True
    severity: Severity = Severity.UNKNOWN
    severity_from: str = ""
    score: float = 0.0
    url: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """What an advisory says of a version that it affects; the same for all versions of an interval.

    Attributes:
        advisory: Which one.
        path: The module (`stdlib`, `toolchain`).
        fixed: The `fixed` that closes the interval in which the version lies, as a Go version; empty where
            nothing closes it (an open range).
        custom: Whether the module's block has `custom_ranges`: with an open range often a false alarm.
    """

    advisory: Advisory
    path: str
    fixed: str = ""
    custom: bool = False

    @property
    def doubtful(self) -> bool:
        """Not reviewed and open-ended: such an entry warns, and denies only where a rule names it so."""
        return not self.advisory.reviewed and not self.fixed


@dataclass(frozen=True, slots=True)
class SyncState:
    """How old what is known is.

    Attributes:
        source: The database, as configured, without secrets.
        digest: Names its content; empty where it was never read.
        entries: How many advisories it gave.
        checked_at: When it was last asked and answered.
        changed_at: When its content last changed.
        error: What the last attempt said; empty when it went well.
    """

    source: str
    digest: str = ""
    entries: int = 0
    checked_at: float = 0.0
    changed_at: float = 0.0
    error: str = ""


class Advisories(Protocol):
    """The index of everything known, of one moment: never changed, only replaced by another."""

    @property
    def digest(self) -> str:
        """Names the content: equal digests answer alike. Empty for an index that was never filled."""

    def __len__(self) -> int:
        """How many advisories there are, withdrawn ones included."""

    def get(self, identifier: str) -> Advisory | None:
        """An advisory by its id or an alias."""

    def hits(self, path: str, version: str) -> tuple[Hit, ...]:
        """What affects a version; empty for one that is no version. A dictionary look-up and comparisons."""

    def concerns(self, path: str) -> bool:
        """Whether any advisory that was not withdrawn names the module."""

    def first_fixed(self, path: ModulePath, version: Version, listed: tuple[Version, ...]) -> Version | None:
        """The smallest of the `listed` versions (visible, not retracted) from the closing fix on that no
        advisory affects, iterated until nothing does; the closing fix itself where it is a pseudo-version,
        which no list names. None where there is none.
        """
