"""The words in which a fault is told: phases, causes, findings, and the one root cause.

A *cause* is a kind of fault with a stable id (`MG-DNS-003`); a *finding* is one occurrence of it with its
values, the proof, how sure we are, and the repair. Whoever finds something returns findings and says nothing
in words: the texts stand in the message catalogue under the cause's id, in every language. What looks like a
secret never gets into one: it is taken out when the finding is made, whoever made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from modgate.gomod.harmless import harmless
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.repair.plan import Repair

__all__ = ["Cause", "Evidence", "Finding", "Impact", "Phase", "Say", "Severity", "cause_json"]

Say = Callable[[Message], str]
"""What turns a message into text: `Catalogue.say`."""


class Phase(StrEnum):
    """Where a person has to act. What failed first and was recovered by the chain is a note, not the
    cause.
    """

    CONFIG = "config"
    DNS = "dns"
    CONNECT = "connect"
    PROXY = "proxy"
    TLS = "tls"
    HEADERS = "headers"
    STATUS = "status"
    BODY = "body"
    CONTENT = "content"
    CHECKSUM = "checksum"
    VCS = "vcs"
    TOOLCHAIN = "toolchain"
    OK = "ok"


class Severity(StrEnum):
    """How a finding is shown: an error keeps go from working, a warning will, a note is good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Impact(IntEnum):
    """What an occurrence does to a download now; the root cause is looked for from the top."""

    NOTE = 0
    RISK = 1
    DEGRADES = 2
    BLOCKS = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """A kind of fault.

    Attributes:
        id: Stable, `MG-<GROUP>-<NNN>`; never given a second meaning.
        phase: Where the person has to act.
        row: The row of the published failure catalogue (docs/failures.md), None where it has none.
        severity: How an occurrence is shown unless its finding says otherwise.
        values: The placeholders that the texts may use; a finding gives every one of them. Beside `module`,
            which may carry an `@version`, stands `path`, the same without it: what commands take.
    """

    id: str
    phase: Phase
    row: int | None
    severity: Severity
    values: tuple[str, ...] = ()

    @property
    def area(self) -> str:
        """The area of the catalogue that holds the texts: `cause_dns` for MG-DNS-003."""
        return f"cause_{self.id.split('-')[1].lower()}"

    def key(self, name: str) -> str:
        """The key of one text: `title` (a few words), `text` (what a colleague would say), `fix` (what to
        do).
        """
        return f"{self.area}.{self.id.rpartition('-')[2]}.{name}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One proof: what was done or read, and what came of it.

    Attributes:
        what: Said in the person's language.
        raw: The words themselves (a log line, an answer), credentials taken out; shown as they are.
        source: Where it was seen: `file:line`, a URL, a command; empty where `what` says it.
    """

    what: Message | None = None
    raw: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "raw", harmless(self.raw))
        object.__setattr__(self, "source", harmless(self.source))


_NOTHING: Mapping[str, str | Message] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Finding:
    """One occurrence of a cause.

    Attributes:
        cause: What kind of fault.
        values: For the placeholders of the cause, all of them; text that may be shown, or a message where it
        must be said in the person's language.
        impact: What it does to a download now.
        confidence: 0 to 1: 1.0 proven by an experiment or by go's own words, 0.5 a good guess.
        evidence: The proofs, the strongest first.
        subject: What it is about, so that findings of one thing can be joined: an endpoint, a file, a
        variable.
        repair: The change that mends it, where one can be made safely.
        severity: Where it differs from the cause's.
    """

    cause: Cause
    values: Mapping[str, str | Message] = field(default_factory=lambda: _NOTHING)
    impact: Impact = Impact.BLOCKS
    confidence: float = 1.0
    evidence: tuple[Evidence, ...] = ()
    subject: str = ""
    repair: Repair | None = None
    severity: Severity | None = None

    def __post_init__(self) -> None:
        missing = set(self.cause.values) - set(self.values)
        if missing:
            raise ValueError(f"{self.cause.id} lacks the values {sorted(missing)}")
        shown = {
            name: harmless(value) if isinstance(value, str) else value for name, value in self.values.items()
        }
        object.__setattr__(self, "values", shown)
        object.__setattr__(self, "subject", harmless(self.subject))

    @property
    def shown_severity(self) -> Severity:
        """The finding's own severity, else the cause's."""
        return self.severity or self.cause.severity

    def message(self, name: str) -> Message:
        """The title, text or fix, ready to be said."""
        values = dict(self.values)
        if "module" in values:
            module = values["module"]
            path = module.partition("@")[0] if isinstance(module, str) else module
            values.setdefault("path", path)
        return Message(self.cause.key(name), values)


def cause_json(finding: Finding | None, say: Say) -> dict[str, object] | None:
    """The object `root_cause` of every `--json` output, schema 1; None stays None."""
    if finding is None:
        return None
    return {
        "id": finding.cause.id,
        "phase": finding.cause.phase.value,
        "catalogue": finding.cause.row,
        "confidence": round(finding.confidence, 2),
        "text": say(finding.message("text")),
        "fix": say(finding.message("fix")),
    }
