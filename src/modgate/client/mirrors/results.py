"""What measuring a mirror gave: plain facts, filled while it runs, judged elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modgate.client.mirrors.known import KnownMirror

__all__ = ["LOST", "Check", "Database", "Freshness", "MirrorResult", "Outcome", "Sample", "Transfer"]

LOST = "connection/lost"
"""A connection that was kept alive, without a word against it, was gone at the next request; that was then
made once more, as go does.
"""


class Outcome(StrEnum):
    """What came of one conformance check."""

    PASS = "pass"  # noqa: S105  a word
    FAIL = "fail"
    UNTESTED = "not-tested"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the conformance suite: `detail` are the words of the answer, cleaned, where it failed."""

    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One small request.

    Attributes:
        round: From 0; all mirrors share a round.
        cold: On a connection of its own, name resolution included; else on one that was used before.
        seconds: From the beginning to the response head; until it failed where it did.
        steps: Seconds by name: `dns`, `connect`, `proxy`, `tls`, `request`, `first-byte`.
        failure: `<phase>/<kind>` or `status/<code>`; empty where it went well.
    """

    round: int
    cold: bool
    seconds: float
    steps: tuple[tuple[str, float], ...] = ()
    failure: str = ""

    def step(self, name: str) -> float:
        """The seconds of one step."""
        return sum(seconds for step, seconds in self.steps if step == name)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One download of the zip, cut off at a limit.

    Attributes:
        size: Bytes that came.
        seconds: From the first of them to the last.
        rate: Bytes a second, those of the first piece left out, since it came with the head; 0 where too
            little came to tell.
        whole: All of it came.
        failure: As in Sample.
    """

    size: int
    seconds: float
    rate: float
    whole: bool
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Database:
    """How the checksum database is reached through a mirror.

    Attributes:
        supported: The status of `/supported`; 0 where none came.
        latest: The size of the newest tree it shows with a good signature, None where it shows none.
        lookup: The record of the version was found and its tree's signature is good.
        detail: What was wrong, cleaned.
    """

    supported: int = 0
    latest: int | None = None
    lookup: bool = False
    detail: str = ""

    @property
    def works(self) -> bool:
        """A go command behind this mirror can verify without reaching the database itself."""
        return self.supported == 200 and self.latest is not None and self.lookup


@dataclass(frozen=True, slots=True)
class Freshness:
    """What a mirror knows of a busy module.

    Attributes:
        module: Its path.
        newest: The newest version it names, empty where it names none.
        time: When that was made, RFC 3339, as `.info` says; empty where not said.
        versions: Released versions it lists.
        age: The `Age` header of the list in seconds, None where not given.
        mirror_age: A header of the mirror's own about its age (`X-Go-Mod-Age` and its like), empty where
            not given.
        behind: Versions newer than `newest` that another mirror names; None before the comparison.
        days: How long the first of them has existed, None where not behind or not known.
    """

    module: str
    newest: str = ""
    time: str = ""
    versions: tuple[str, ...] = ()
    age: int | None = None
    mirror_age: str = ""
    behind: int | None = None
    days: float | None = None


@dataclass(slots=True)
class MirrorResult:
    """Everything of one mirror.

    Attributes:
        name: Short, unique among the measured.
        url: As GOPROXY takes it, credentials taken out.
        known: What is stated of it, None for another's.
        reachable: Any answer came; None while nothing was tried.
        trouble: Why not, as in Sample.failure.
        samples: In the order of time.
        transfers: Likewise.
        database: None while not tried.
        toolchain: Whether a Go toolchain can be had; None while not tried.
        toolchain_status: Its HTTP status.
        freshness: By module.
        http_version: Of the first answer.
        status_existing: For a version that exists.
        status_absent: For one that does not.
        cache_control: Of an answer that never changes.
        server: The words of `Server` and `Via`, cleaned.
        redirects: `(URL that redirected, host it led to)` of the zip, in order.
        checks: The conformance suite.
        requests: How many were made.
        received: Bytes of bodies.
    """

    name: str
    url: str
    known: KnownMirror | None = None
    reachable: bool | None = None
    trouble: str = ""
    samples: list[Sample] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    database: Database | None = None
    toolchain: bool | None = None
    toolchain_status: int = 0
    freshness: dict[str, Freshness] = field(default_factory=dict)
    http_version: str = ""
    status_existing: int = 0
    status_absent: int = 0
    cache_control: str = ""
    server: str = ""
    redirects: tuple[tuple[str, str], ...] = ()
    checks: list[Check] = field(default_factory=list)
    requests: int = 0
    received: int = 0

    def good(self, *, cold: bool) -> list[float]:
        """Seconds of the requests of one kind that went well, in the order of time."""
        return [s.seconds for s in self.samples if s.cold == cold and not s.failure]

    def failures(self) -> Counter[str]:
        """How often each kind of failure came among the small requests and the downloads."""
        return Counter(
            [s.failure for s in self.samples if s.failure] + [t.failure for t in self.transfers if t.failure]
        )

    @property
    def attempts(self) -> int:
        """Small requests and downloads that were tried; one whose connection was lost was tried twice."""
        lost = sum(sample.failure == LOST for sample in self.samples)
        return len(self.samples) + lost + len(self.transfers)

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(self.failures().values())

    def check(self, name: str) -> Outcome:
        """What came of one conformance check; untested where it is not there."""
        return next((check.outcome for check in self.checks if check.name == name), Outcome.UNTESTED)
