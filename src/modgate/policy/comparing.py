"""What another policy would change for one version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.policy.decision import decide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.decisions import Waiver
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy

__all__ = ["compare"]


def compare(
    old: Policy, new: Policy, facts: Facts, *, waivers: Sequence[Waiver] = (), now: float
) -> dict[str, Any] | None:
    """The two effects and rules, as a document; None where both policies do the same."""
    before = decide(old, facts, waivers=waivers, now=now)
    after = decide(new, facts, waivers=waivers, now=now)
    if (before.effect, before.would) == (after.effect, after.would):
        return None
    return {
        "module": facts.path,
        "version": facts.version,
        "consumer": facts.consumer,
        "before": before.effect.value,
        "after": after.effect.value,
        "would": after.would.value,
        "rule_before": before.rule,
        "rule": after.rule,
        "reason": after.reason,
        "advisories": list(after.advisories),
        "unknown": after.unknown,
    }
