"""Decisions, facts and what came of each rule as documents: for machines, and for those who show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.policy.facts import NEEDS, Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.decision import Decision
    from modgate.policy.decision import Outcome
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy, Rule

__all__ = ["decision_document", "facts_document", "told_rules"]


def decision_document(decision: Decision) -> dict[str, Any]:
    """Every field by its name."""
    return {
        "id": decision.id,
        "effect": decision.effect.value,
        "module": decision.path,
        "version": decision.version,
        "consumer": decision.consumer,
        "rule": decision.rule,
        "mode": decision.mode.value,
        "would": decision.would.value,
        "reason": decision.reason,
        "advisories": list(decision.advisories),
        "severity": decision.severity.value,
        "fixed": decision.fixed,
        "waiver": decision.waiver,
        "unknown": decision.unknown,
        "revision": decision.revision,
        "contact": decision.contact,
        "personal": decision.personal,
    }


def facts_document(facts: Facts) -> dict[str, Any]:
    """What was known; `unknown` holds the reason for each fact that was not."""
    known: dict[str, Any] = {
        "source": facts.source,
        "private": facts.private,
        "groups": sorted(facts.groups),
        "fixed": facts.fixed,
    }
    unknown: dict[str, str] = {}
    for name in sorted(NEEDS):
        value = getattr(facts, name)
        if isinstance(value, Unknown):
            unknown[name] = value.why
        elif name != "hits":
            known[name] = list(value) if isinstance(value, tuple) else value
    if not isinstance(facts.hits, Unknown):
        known["advisories"] = [
            {
                "id": hit.advisory.id,
                "aliases": list(hit.advisory.aliases),
                "severity": hit.advisory.severity.value,
                "reviewed": hit.advisory.reviewed,
                "doubtful": hit.doubtful,
                "fixed": hit.fixed,
            }
            for hit in facts.hits
        ]
    return known | {"aged_by": facts.aged_by, "unknown": unknown}


def told_rules(policy: Policy, facts: Facts, asked: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Every rule of the policy in order, the default last: what came of it, and of each of its conditions.

    `outcome` is `decides`, `pending` (met, and not in force here), `lifted` (by a waiver), `met` (and another
    one decides), `open` (a missing fact, taken as not met), `not-met`, or `not-asked` (one above decided).
    """
    told = [_told(each, facts) for each in asked]
    names = {each.rule.id for each in asked}
    told += [_rule(rule, "not-asked", facts) for rule in policy.rules if rule.id not in names]
    deciding = [(each.effect.rank, -number) for number, each in enumerate(asked) if each.decides]
    ruled = [(rank, at) for rank, at in deciding if asked[-at].rule.id] or deciding
    winner = -max(ruled)[1] if ruled else -1
    for number, document in enumerate(told):
        if document["outcome"] == "decides" and number != winner:
            document["outcome"] = "met"
    return told


def _told(outcome: Outcome, facts: Facts) -> dict[str, Any]:
    if not outcome.met:
        came = "open" if outcome.unknown else "not-met"
    elif outcome.decides:
        came = "decides"
    else:
        came = "lifted" if outcome.lifted else "pending"
    return _rule(outcome.rule, came, facts) | {
        "effect": outcome.rule.effect.value,
        "here": outcome.effect.value if outcome.met else "",
        "in_force": outcome.in_force,
        "doubtful": outcome.soft,
        "waiver": outcome.waiver,
        "unknown": outcome.unknown,
        "advisories": [hit.advisory.id for hit in outcome.hits],
    }


def _rule(rule: Rule, came: str, facts: Facts) -> dict[str, Any]:
    asked = came != "not-asked"
    return {
        "id": rule.id,
        "effect": rule.effect.value,
        "mode": rule.mode.value,
        "on_error": "deny" if rule.closed else "allow",
        "outcome": came,
        "here": "",
        "in_force": False,
        "doubtful": False,
        "waiver": "",
        "unknown": "",
        "advisories": [],
        "conditions": [
            {
                "key": each.key,
                "wanted": each.wanted(),
                "found": each.found(facts),
                "holds": _answer(each.holds(facts)),
            }
            for each in (rule.conditions if asked else ())
        ],
    }


def _answer(answer: bool | Unknown) -> bool | None:
    return None if isinstance(answer, Unknown) else answer
