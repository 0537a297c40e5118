"""The promises of the books of decisions, waivers and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.model.decision import Decision
    from modgate.model.outbox import Message

__all__ = ["DecisionBook", "PolicyRevision", "Recorded", "Standing", "Waiver", "WaiverBook"]


class Recorded(NamedTuple):
    """A decision with when it fell and the messages that tell of it; they go out only if it is new."""

    decision: Decision
    at: float
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """A decision as it was recorded: once, with how often it was met since."""

    decision: Decision
    first: float
    last: float
    count: int


@dataclass(frozen=True, slots=True)
class PolicyRevision:
    """A policy that was in force from `at` on: its name, the text of its file and what is known of who set
    it.
    """

    revision: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Waiver:
    """An exemption: it lifts what a policy would do, for a reason, until a day.

    Attributes:
        id: Such as `w-3f9a…`, or the one that the policy file gives.
        pattern: Module patterns as in GOPRIVATE.
        versions: A version range as in rules; empty for all.
        advisory: Only effects that this advisory brought about; empty for any.
        rule: Only this rule's; empty for any.
        consumers: Names or groups; empty for everybody.
        owner: Who answers for it. Never empty.
        reason: Why. Never empty.
        expires: Unix seconds. Always set.
        created: Unix seconds.
        revoked: Unix seconds; 0 while it stands.
    """

    id: str
    pattern: str
    owner: str
    reason: str
    expires: float
    versions: str = ""
    advisory: str = ""
    rule: str = ""
    consumers: tuple[str, ...] = ()
    created: float = 0.0
    revoked: float = 0.0


class DecisionBook(Protocol):
    """Records decisions other than plain allows. Raises `Unavailable` for what is broken, and nothing
    else.
    """

    async def record(self, items: Sequence[Recorded]) -> list[bool]:
        """Write a batch in one transaction, durably: whether each was new. A new one gets its row in the
        audit
        and its messages in the outbox in the same transaction; a known one is counted.
        """

    async def decision(self, identifier: str) -> Standing | None:
        """A decision by its id."""

    async def decisions(
        self, *, path: str = "", consumer: str = "", since: float = 0.0, limit: int = 100
    ) -> list[Standing]:
        """The newest first."""

    async def add_allowed(self, counts: Mapping[str, int], *, at: float) -> None:
        """Count plain allows, by rule (empty for the default), on the day of `at`."""

    async def allowed(self, *, since: float = 0.0) -> Mapping[str, int]:
        """Plain allows by rule."""

    async def adopt(self, policy: PolicyRevision) -> bool:
        """A policy came into force: recorded and audited if it is another than the last one; whether it
        was.
        """

    async def policies(self, *, limit: int = 20) -> list[PolicyRevision]:
        """The newest first."""

    async def forget(self, *, before: float) -> int:
        """Drop decisions last met before then; how many. The audit keeps its rows."""


class WaiverBook(Protocol):
    """Keeps waivers that were granted beside the policy file. Raises `Unavailable` for what is broken."""

    async def grant(self, waiver: Waiver) -> None:
        """Record it, with its row in the audit."""

    async def revoke(self, identifier: str, *, at: float) -> bool:
        """End it now; False if it is not there or has ended. Audited."""

    async def waivers(self, *, at: float | None = None) -> list[Waiver]:
        """All, by expiry; those in force at `at` where it is given."""
