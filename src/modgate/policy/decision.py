"""What a policy says of a version: facts in, a decision out.

1. The rules are asked in order. One whose conditions do not hold is passed over; one that a missing fact
   leaves open counts as met where it is `on_error = "deny"`, or where it allows and is `on_error = "allow"`.
2. A rule that is met but not in force here (dry-run, the other arm of a canary), or met by nothing but
   doubtful advisories, warns at most; it never ends the search, or trying it would change what others do.
3. A rule that a waiver lifts is passed over too. The search goes on, so that a waiver for one rule opens no
   way past another, but what follows is never severer than what was lifted: a waiver can do no harm.
4. `first`: the first rule that is left decides. `most-severe`: the severest of all that are left.
5. Where none is left the default applies.
6. A rule that quarantines is passed over once a scanner released the version, and denies once it refused it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modgate.model.advisory import Severity
from modgate.model.decision import Decision, Effect
from modgate.policy.facts import Unknown
from modgate.policy.rules import Rule
from modgate.policy.waivers import covers, lifts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modgate.model.advisory import Hit
    from modgate.model.decisions import Waiver
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy

__all__ = ["Outcome", "banned", "decide", "decision_id", "outcomes"]

_NAMED = 3
_SAID = {
    "age": "it is {} old",
    "licences": "its licence is {}",
    "retracted": "it was retracted: {}",
    "deprecated": "its module is deprecated: {}",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one rule.

    Attributes:
        rule: Which one; one with an empty id stands for the policy's default.
        met: Whether its conditions hold, a missing fact counted as `on_error` says.
        effect: What it does here: its own effect, a warning, or nothing.
        would: What it does where it is wholly in force.
        hits: The advisories by which it is met, those without that waivers took.
        unknown: The facts that could not be had; empty where none was missing, or none mattered.
        in_force: Whether it is in force for this consumer.
        soft: Whether it warns only because the advisories are doubtful.
        waiver: The waiver that took something of it.
        had: What it did before that, where the search would have ended with it.
        decides: Whether it can end the search: met, in force, and neither soft nor lifted.
        personal: Whether another consumer might come to something else here.
    """

    rule: Rule
    met: bool
    effect: Effect = Effect.ALLOW
    would: Effect = Effect.ALLOW
    hits: tuple[Hit, ...] = ()
    unknown: str = ""
    in_force: bool = True
    soft: bool = False
    waiver: str = ""
    had: Effect | None = None
    decides: bool = False
    personal: bool = False

    @property
    def lifted(self) -> bool:
        """Whether a waiver took all of it."""
        return bool(self.waiver) and self.effect is Effect.ALLOW


def decide(policy: Policy, facts: Facts, *, waivers: Sequence[Waiver] = (), now: float) -> Decision:
    """What applies to a version for a consumer at `now` (Unix seconds); `waivers` come beside the file's.

    Never raises.
    """
    return _conclude(policy, facts, list(outcomes(policy, facts, waivers=waivers, now=now)))


def banned(policy: Policy, facts: Facts, *, waivers: Sequence[Waiver] = (), now: float) -> Decision | None:
    """The ban of a whole module, whatever version `facts` name; None where it is not banned.

    Only rules about whole modules are asked: an allow for a single version makes no banned module seen.
    """
    if not any(rule.effect is Effect.BAN for rule in policy.rules):
        return None
    wholesale = replace(
        policy, rules=tuple(rule for rule in policy.rules if rule.whole), default=Effect.ALLOW
    )
    decision = decide(wholesale, facts, waivers=waivers, now=now)
    return decision if decision.effect is Effect.BAN else None


def outcomes(
    policy: Policy, facts: Facts, *, waivers: Sequence[Waiver] = (), now: float
) -> Iterator[Outcome]:
    """What comes of each rule that is asked, in order, the default last; `first` ends where it is decided."""
    groups = policy.groups_of(facts)
    around = (*policy.waivers, *waivers)
    held = [each for each in around if covers(each, facts, groups, now)]
    for_some = any(each.consumers and covers(each, facts, groups, now, anybody=True) for each in around)
    for rule in policy.rules:
        outcome = _ask(rule, facts, groups, held)
        if outcome.met and for_some and rule.effect is not Effect.ALLOW:
            outcome = replace(outcome, personal=True)
        yield outcome
        if outcome.decides and policy.select == "first":
            return
    yield _default(policy, held, personal=for_some and policy.default is not Effect.ALLOW)


def _default(policy: Policy, held: Sequence[Waiver], *, personal: bool) -> Outcome:
    does = policy.default
    rule = Rule("", does)
    if does is not Effect.ALLOW:
        _, waiver, lifted = lifts(held, "", ())
        if lifted:
            return Outcome(rule, met=True, would=does, waiver=waiver, had=does, personal=personal)
    return Outcome(rule, met=True, effect=does, would=does, decides=True, personal=personal)


def _ask(rule: Rule, facts: Facts, groups: frozenset[str], held: Sequence[Waiver]) -> Outcome:
    # 1. Is it met? An open rule is met on the side that its `on_error` names.
    answer = rule.met(facts)
    personal = rule.personal and rule.met(facts, common=True) is not False
    unknown = answer.why if isinstance(answer, Unknown) else ""
    if answer is False or (unknown and rule.closed is (rule.effect is Effect.ALLOW)):
        return Outcome(rule, met=False, unknown=unknown, personal=personal)
    # 6. What did a scanner say?
    does = rule.effect
    if does is Effect.QUARANTINE and isinstance(facts.scan, bool):
        if facts.scan:
            return Outcome(rule, met=False, personal=personal)
        does = Effect.DENY
    # 2. How much of it is in force here?
    hits = rule.hits(facts)
    outcome = Outcome(
        rule,
        met=True,
        unknown=unknown,
        in_force=rule.in_force(facts.consumer, groups),
        personal=personal,
    )
    before = _weighed(outcome, does, hits)
    if does is Effect.ALLOW:
        return before
    # 3. What do waivers leave of it?
    left, waiver, lifted = lifts(held, rule.id, hits)
    had = before.effect if before.decides else None
    if lifted:
        return replace(before, effect=Effect.ALLOW, soft=False, waiver=waiver, had=had, decides=False)
    if not waiver:
        return before
    after = _weighed(outcome, does, left)
    return after if after.decides else replace(after, waiver=waiver, had=had)


def _weighed(outcome: Outcome, does: Effect, hits: tuple[Hit, ...]) -> Outcome:
    """With what it does by these advisories: `does`, or a warning."""
    asked = outcome.rule.asks_hits
    soft = asked is not None and bool(hits) and does.rank > Effect.WARN.rank and all(map(asked.soft, hits))
    would = Effect.WARN if soft else does
    effect = would if outcome.in_force or does is Effect.ALLOW else Effect.WARN
    decides = outcome.in_force and not soft
    return replace(outcome, effect=effect, would=would, hits=hits, soft=soft, decides=decides)


def _conclude(policy: Policy, facts: Facts, asked: list[Outcome]) -> Decision:
    first = policy.select == "first"
    # 4. and 5.
    left = [each for each in asked if each.decides and each.rule.id]
    found = (left[0] if first else max(left, key=_severe)) if left else asked[-1]
    effect, waiver = found.effect, ""
    # 3. Nothing severer than what was lifted on the way.
    for each in asked if first else ():
        if each.had is not None and each.had.rank < effect.rank:
            effect, waiver = each.had, each.waiver
    # 2. What is not in force warns.
    pending = [each for each in asked if each.effect is Effect.WARN and not each.decides]
    if pending and effect is Effect.ALLOW:
        found, effect = max(pending, key=_would), Effect.WARN
    lifted = [each for each in asked if each.lifted]
    if lifted and effect is Effect.ALLOW:
        found = max(lifted, key=_would)
        waiver = found.waiver
    personal = any(each.personal for each in asked)
    unknown = "; ".join(dict.fromkeys(each.unknown for each in asked if each.unknown))
    severities = [hit.advisory.severity for hit in found.hits]
    decision = Decision(
        effect,
        facts.path,
        facts.version,
        facts.consumer,
        rule=found.rule.id,
        mode=found.rule.mode,
        would=found.would,
        advisories=tuple(hit.advisory.id for hit in found.hits),
        severity=max(severities, key=lambda each: each.rank, default=Severity.UNKNOWN),
        fixed=facts.fixed,
        waiver=waiver or found.waiver,
        unknown=unknown,
        revision=policy.revision,
        contact=policy.contact,
        personal=personal,
    )
    if effect is Effect.ALLOW and not decision.waiver:
        return decision
    if decision.waiver:
        decision = replace(decision, revision=f"{policy.revision}+{decision.waiver}")
    return replace(decision, reason=_reason(found, facts), id=decision_id(decision))


def _severe(outcome: Outcome) -> int:
    return outcome.effect.rank


def _would(outcome: Outcome) -> int:
    return outcome.would.rank


def _reason(found: Outcome, facts: Facts) -> str:
    rule = found.rule
    if rule.effect is Effect.QUARANTINE and found.would is Effect.DENY:
        return "the scanner refused it"
    if rule.reason:
        return rule.reason
    if not rule.id:
        return "no rule allows it"
    if found.hits:
        return f"known vulnerability: {', '.join(_named(hit) for hit in found.hits[:_NAMED])}" + (
            f" and {len(found.hits) - _NAMED} more" if len(found.hits) > _NAMED else ""
        )
    said = [
        _SAID[each.key].format(told)
        for each in rule.conditions
        if each.key in _SAID and (told := each.found(facts))
    ]
    return ", ".join(said) or f"rule {rule.id}"


def _named(hit: Hit) -> str:
    severity = hit.advisory.severity
    return hit.advisory.id if severity is Severity.UNKNOWN else f"{hit.advisory.id} ({severity})"


def decision_id(decision: Decision) -> str:
    """The name of a decision: equal for equal revision, consumer, path, version, rule and effect."""
    parts = (
        decision.revision,
        decision.consumer,
        decision.path,
        decision.version,
        decision.rule,
        decision.effect.value,
    )
    digest = hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).digest()
    return f"d-{base64.b32encode(digest).decode().lower()}"
