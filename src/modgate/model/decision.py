"""What a policy says of one module version for one consumer.

A decision's id is made from what it decides (policy revision, consumer, version, rule), so it is the same
each time, can stand in an answer before anything is written, and is recorded once.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Severity

__all__ = ["ALLOWED", "Decision", "Effect", "Mode"]


class Effect(enum.StrEnum):
    """What happens to a version, from mild to severe; `rank` compares. What each does to each kind of answer
    is the table in docs/policy.md.
    """

    ALLOW = "allow"
    WARN = "warn"
    HIDE = "hide"
    QUARANTINE = "quarantine"
    DENY = "deny"
    BAN = "ban"

    @property
    def rank(self) -> int:
        """0 (allow) to 5 (ban)."""
        return _RANKS[self]

    @property
    def refuses(self) -> bool:
        """Whether the zip is refused (a quarantined one until it is released)."""
        return self in {Effect.QUARANTINE, Effect.DENY, Effect.BAN}

    @property
    def unlists(self) -> bool:
        """Whether lists omit it."""
        return self.rank >= Effect.HIDE.rank


_RANKS = {each: number for number, each in enumerate(Effect)}


class Mode(enum.StrEnum):
    """How far a rule is in force: for all, for nobody yet, or for a share of the consumers."""

    ENFORCE = "enforce"
    DRY_RUN = "dry-run"
    CANARY = "canary"


@dataclass(frozen=True, slots=True)
class Decision:
    """What applies, and why.

    Attributes:
        id: Such as `d-7k3f…`; empty for a plain allow, which is only counted.
        effect: What applies to this consumer now.
        path: The module.
        version: The version.
        consumer: For whom; as `Context.consumer`.
        rule: The id of the rule that decided; empty for the policy's default.
        mode: How far that rule is in force.
        would: What the rule would do where it is not in force here (dry-run, the canary's other arm, a waiver
            that lifts it); else equal to `effect`.
        reason: One line for people.
        advisories: Ids that the rule matched.
        severity: The worst of them.
        fixed: The version to go to; empty where none is known.
        waiver: The id of the waiver that lifted the effect; empty for none.
        unknown: The facts that could not be had, with the reason, where the rule's `on_error` decided.
        revision: Names the policy's text and waivers that decided.
        contact: Where to ask for a waiver.
        personal: Whether another consumer may be answered otherwise: such answers are shared by nobody.
    """

    effect: Effect
    path: ModulePath
    version: Version
    consumer: str = ""
    id: str = ""
    rule: str = ""
    mode: Mode = Mode.ENFORCE
    would: Effect = Effect.ALLOW
    reason: str = ""
    advisories: tuple[str, ...] = ()
    severity: Severity = Severity.UNKNOWN
    fixed: str = ""
    waiver: str = ""
    unknown: str = ""
    revision: str = ""
    contact: str = ""
    personal: bool = False

    @property
    def notable(self) -> bool:
        """Whether it is recorded: everything but a plain allow."""
        return bool(self.id)


ALLOWED = Decision(Effect.ALLOW, ModulePath(""), Version(""))
"""The plain allow, for whoever needs no more."""
