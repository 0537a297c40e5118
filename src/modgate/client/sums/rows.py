"""The rows of the audit: what is known of one version that a go.sum names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.sums.lines import Entry, Fault
    from modgate.messages import Message

__all__ = ["Cause", "Facts", "Relation", "Report", "Row", "Status", "Verdict"]


class Status(StrEnum):
    """The verdict over one version.

    VERIFIED: a record with an inclusion proof under a signed tree head has these hashes. MISMATCH: such a
    record has others. UNVERIFIABLE: there is nobody to vouch for it, and that is known. UNKNOWN: who could
    vouch was not asked or gave no answer, which says nothing of the line.
    """

    VERIFIED = "verified"
    MISMATCH = "mismatch"
    UNVERIFIABLE = "unverifiable"
    UNKNOWN = "unknown"


class Cause(StrEnum):
    """Why a version is UNVERIFIABLE (the first four) or UNKNOWN (the others)."""

    PRIVATE = "private"
    OFF = "off"
    NOT_FOUND = "not-found"
    NO_SUCH_HASH = "no-such-hash"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    OVERLOADED = "overloaded"
    BAD_ANSWER = "bad-answer"
    TAMPERED = "tampered"
    NOT_IN_MIRROR = "not-in-mirror"
    OFFLINE = "offline"
    NOT_ASKED = "not-asked"


class Relation(StrEnum):
    """What the go.mod beside it says of a version. GRAPH: it does not name it; its dependencies do."""

    DIRECT = "direct"
    INDIRECT = "indirect"
    GRAPH = "graph"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status, and what stands behind it.

    Attributes:
        status: See Status.
        cause: For UNVERIFIABLE and UNKNOWN.
        words: The error's own words; for PRIVATE the patterns.
        own_log: The database is not the Go project's but one whose key GOSUMDB names.
        database: The name of the database whose record it was.
        record: Its number in the log, None without one.
        verified_at: When the proof was checked, seconds since 1970.
        wrong: (line number, the hash that the record has) of each line that disagrees.
    """

    status: Status
    cause: Cause | None = None
    words: str = ""
    own_log: bool = False
    database: str = ""
    record: int | None = None
    verified_at: float | None = None
    wrong: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a module proxy says of a version: nothing of it is proved.

    Attributes:
        published: The commit time in `.info`, which its author sets; empty where not said.
        newest: The newest version that is not retracted; empty where there is none or nobody said.
        newer: It is newer than the version in question.
        retracted: The author's reason, None where it is not retracted.
        deprecated: The author's message; empty where the module is not deprecated.
        failure: Why there are no facts, or not all.
    """

    published: str = ""
    newest: str = ""
    newer: bool = False
    retracted: str | None = None
    deprecated: str = ""
    failure: str = ""


@dataclass(slots=True)
class Row:
    """One version of one file.

    `first_seen` is when this user's modgate first met it (seconds since 1970), `changed` the hash that it
    had then, where that was another. `unused` is None where it is not known.
    """

    file: str
    entry: Entry
    verdict: Verdict
    relation: Relation | None = None
    owners: tuple[str, ...] = ()
    facts: Facts = Facts()
    first_seen: float | None = None
    changed: str = ""
    unused: bool | None = None


@dataclass(slots=True)
class Report:
    """The whole audit.

    Attributes:
        files: The go.sum files, as named.
        lines: How many lines they have together.
        rows: One for each version in each file.
        faults: Of lines.
        database: The checksum database's name; empty for GOSUMDB=off.
        tree: The size of the tree that everything was proved under.
        alarms: The database misbehaved: proofs and errors for people.
        notes: What could not be done.
        hints: Likewise, where it hardly matters.
        taken: When, seconds since 1970.
        asked: How many requests were made.
    """

    files: Sequence[str]
    lines: int
    rows: list[Row]
    faults: list[Fault]
    database: str = ""
    tree: int = 0
    alarms: list[str] = field(default_factory=list)
    notes: list[Message] = field(default_factory=list)
    hints: list[Message] = field(default_factory=list)
    taken: float = 0.0
    asked: int = 0
