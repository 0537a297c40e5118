"""What a gate says when it is asked what it would do with versions, without fetching any: `POST
/policy/check`.

The body is `{"versions": ["module@version", …]}`; the answer holds a `Judged` for each, in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from modgate.model.decision import Decision

__all__ = ["MAX_BODY", "MAX_VERSIONS", "Checked", "Judged", "Question", "judged"]

MAX_VERSIONS = 20_000
"""In one question; a go.sum rarely has a tenth of it."""
MAX_BODY = 8 << 20
"""Bytes of a question."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which versions: `module@version`."""

    versions: list[str]


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What applies to one version, for whoever asked.

    Attributes:
        module: Its path.
        version: Its version.
        effect: An `Effect` value, or `unknown` where the gate does not say (`reason` tells why).
        would: What a rule would do that is not in force here (dry run, canary, waiver); else the effect.
        rule: The rule that decided.
        reason: One line.
        advisories: Ids.
        severity: A `Severity` value: the worst of them.
        fixed: The version to go to; empty where none is known.
        decision: The decision's id.
        waiver: The waiver that lifts it.
        contact: Where to ask for one.
        unknown: Facts that could not be had.
    """

    module: str
    version: str
    effect: str
    would: str = ""
    rule: str = ""
    reason: str = ""
    advisories: list[str] = []
    severity: str = "unknown"
    fixed: str = ""
    decision: str = ""
    waiver: str = ""
    contact: str = ""
    unknown: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer: which policy and which advisories it stands on; both empty where there are none."""

    decisions: list[Judged]
    revision: str = ""
    advisories: str = ""


def judged(decision: Decision) -> Judged:
    """A decision in this form."""
    return Judged(
        module=decision.path,
        version=decision.version,
        effect=decision.effect.value,
        would=decision.would.value,
        rule=decision.rule,
        reason=decision.reason,
        advisories=list(decision.advisories),
        severity=decision.severity.value,
        fixed=decision.fixed,
        decision=decision.id,
        waiver=decision.waiver,
        contact=decision.contact,
        unknown=decision.unknown,
    )
