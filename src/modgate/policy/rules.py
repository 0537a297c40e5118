"""A policy as it is in force: ordered rules, waivers, a default. Read from a file by `policy.document`.

Everything was checked and compiled when it was read; what looks at it afterwards cannot fail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from modgate.model.decision import Effect, Mode
from modgate.policy.conditions import AsksHits, Modules
from modgate.policy.facts import Unknown
from modgate.policy.selectors import consumer_matches, module_matches
from modgate.policy.waivers import pattern_covers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.model.advisory import Hit
    from modgate.model.decisions import Waiver
    from modgate.policy.conditions import Condition
    from modgate.policy.facts import Facts
    from modgate.policy.rollout import Canary

__all__ = ["ALLOW_ALL", "Policy", "Rule", "Select"]

Select = Literal["first", "most-severe"]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: Its name; in decisions, waivers and the audit.
        effect: What it does to what meets its conditions.
        conditions: All must hold; a rule without any is met by everything.
        mode: How far it is in force.
        canary: For whom, in the mode `canary`.
        closed: Whether it counts as met where a fact it needs could not be had (`on_error = "deny"`).
        reason: One line for people; empty for one made up of what matched.
    """

    id: str
    effect: Effect
    conditions: tuple[Condition, ...] = ()
    mode: Mode = Mode.ENFORCE
    canary: Canary | None = None
    closed: bool = False
    reason: str = ""

    @cached_property
    def asks_hits(self) -> AsksHits | None:
        """Its condition about advisories."""
        return next((each for each in self.conditions if isinstance(each, AsksHits)), None)

    @cached_property
    def personal(self) -> bool:
        """Whether it may answer two consumers differently."""
        return self._split or any(each.personal for each in self.conditions)

    @cached_property
    def whole(self) -> bool:
        """Whether it is about modules and never about single versions of them."""
        return self.effect in {Effect.ALLOW, Effect.BAN} and all(each.whole for each in self.conditions)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The facts it costs: a subset of `facts.NEEDS`."""
        scan = {"scan"} if self.effect is Effect.QUARANTINE else set[str]()
        return frozenset(scan | {each.need for each in self.conditions if each.need})

    @property
    def _split(self) -> bool:
        return self.mode is Mode.CANARY

    def met(self, facts: Facts, *, common: bool = False) -> bool | Unknown:
        """Whether all its conditions hold; `common`: those that are the same for every consumer."""
        unknown: list[str] = []
        for each in self.conditions:
            if common and each.personal:
                continue
            answer = each.holds(facts)
            if isinstance(answer, Unknown):
                unknown.append(f"{each.key}: {answer.why}")
            elif not answer:
                return False
        return Unknown("; ".join(unknown)) if unknown else True

    def hits(self, facts: Facts) -> tuple[Hit, ...]:
        """The advisories by which it is met; empty for a rule that asks for none."""
        asked = self.asks_hits
        if asked is None or isinstance(facts.hits, Unknown):
            return ()
        return tuple(filter(asked.takes, facts.hits))

    def in_force(self, consumer: str, groups: frozenset[str]) -> bool:
        """Whether it is in force for a consumer."""
        if self.mode is Mode.CANARY:
            return self.canary is not None and self.canary.takes_in(self.id, consumer, groups)
        return self.mode is Mode.ENFORCE

    def touches(self, path: str, *, concerned: bool) -> bool:
        """Whether some version of the module may meet it. `concerned`: whether any advisory names it."""
        if not concerned and self.asks_hits is not None:
            return False
        return all(each.choice.picks(path, module_matches) for each in self._paths)

    @cached_property
    def _paths(self) -> tuple[Modules, ...]:
        return tuple(each for each in self.conditions if isinstance(each, Modules))


@dataclass(frozen=True)
class Policy:
    """A whole policy.

    Attributes:
        rules: In order; a short form such as `[cooldown]` stands at the end as the rule it means.
        select: Whether the first rule that is met decides, or the most severe of all that are.
        default: What applies where no rule in force is met.
        contact: Where to ask for a waiver.
        groups: Names, globs and networks of consumers by the name of the group.
        waivers: Those of the file.
        revision: Names the content: equal for documents that say the same, whatever their comments.
        text: The file.
    """

    rules: tuple[Rule, ...] = ()
    select: Select = "first"
    default: Effect = Effect.ALLOW
    contact: str = ""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = ()
    waivers: tuple[Waiver, ...] = ()
    revision: str = ""
    text: str = field(default="", repr=False, compare=False)

    @cached_property
    def needs(self) -> frozenset[str]:
        """The facts that its rules cost: a subset of `facts.NEEDS`."""
        return frozenset().union(*(rule.needs for rule in self.rules))

    def touches(self, path: str, *, concerned: bool = True) -> bool:
        """False where nothing but a plain allow can ever be said of any version of the module: the quick way
        out. `concerned`: whether any advisory names the module, where that is known.
        """
        if self.default is not Effect.ALLOW:
            return True
        return any(
            rule.effect is not Effect.ALLOW and rule.touches(path, concerned=concerned) for rule in self.rules
        )

    def groups_of(self, facts: Facts) -> frozenset[str]:
        """The groups of the consumer: teams, and the policy's own."""
        if not self.groups:
            return facts.groups
        return facts.groups | {
            name
            for name, patterns in self.groups
            if any(consumer_matches(pattern, facts.consumer) for pattern in patterns)
        }

    def rule(self, identifier: str) -> Rule | None:
        """A rule by its id."""
        return next((rule for rule in self.rules if rule.id == identifier), None)

    def edges(self, now: float, waivers: Iterable[Waiver] = ()) -> float:
        """The next time after `now` (Unix seconds) at which a waiver of the file, or of `waivers`, ends and
        what was decided may be decided otherwise; infinity for none.
        """
        ends = (each.expires for each in (*self.waivers, *waivers) if not each.revoked)
        return min((end for end in ends if end > now), default=math.inf)

    def expired(self, now: float) -> tuple[Waiver, ...]:
        """Waivers of the file that have ended and do nothing any more."""
        return tuple(each for each in self.waivers if each.expires <= now)

    def waived(self, path: str) -> bool:
        """Whether a waiver of the file concerns the module."""
        return any(pattern_covers(each, path) for each in self.waivers)


ALLOW_ALL = Policy(revision="none")
"""What is in force where no policy is configured."""
