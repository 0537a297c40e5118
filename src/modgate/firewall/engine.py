"""The guard: the policy in force, asked with what is known (`model.guard.Guard`).

1. A module that no rule can touch and no advisory names is let through by one look into a dictionary.
2. Only facts are gathered that the rules which may touch the module ask for.
3. Decisions are kept until anything they were made of may be different: the policy, the advisories, waivers,
   the end of a waiver (`generation` moves); an age, or a fact that could not be had, for seconds.
4. Nothing here raises, and nothing waits for the ledger longer than `patience` allows.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from modgate.firewall.fixes import usable_of, way_out
from modgate.gomod import query
from modgate.gomod.types import ModuleVersion, Version
from modgate.model.decision import Decision, Effect
from modgate.model.guard import Visible
from modgate.policy import decision as policies
from modgate.policy.facts import Facts, Unknown
from modgate.policy.rules import ALLOW_ALL, Policy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modgate.firewall.facts import Gathered, Gatherer
    from modgate.firewall.received import Received
    from modgate.firewall.recorder import Recorder
    from modgate.gomod.types import ModulePath
    from modgate.model.advisory import Advisories
    from modgate.model.context import Context
    from modgate.model.decisions import Waiver
    from modgate.policy.decision import Outcome

__all__ = ["Explained", "Firewall"]

_KEPT = 50_000
_PLANS = 50_000
_FIXES_FOR = 30.0


class _Plan(NamedTuple):
    """What a module costs: whether the policy may say anything of it, and the facts that takes."""

    touched: bool
    concerned: bool
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Explained:
    """How a decision came about.

    Attributes:
        policy: The policy in force.
        facts: What was known.
        outcomes: What came of each rule that was asked.
        decision: What applies.
    """

    policy: Policy
    facts: Facts
    outcomes: tuple[Outcome, ...]
    decision: Decision


_OF_ZIPS = frozenset({"licences", "scan"})


class Firewall:
    """Decides what consumers may have (`model.guard.Guard`).

    Args:
        gatherer: Finds facts.
        received: What consumers have.
        recorder: Writes down what was decided.
        advisories: The index in force; Unknown while none could be read.
        clock: Unix seconds.
        monotonic: Seconds.
    """

    def __init__(
        self,
        gatherer: Gatherer,
        received: Received,
        recorder: Recorder,
        advisories: Callable[[], Advisories | Unknown],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.gatherer = gatherer
        self.received = received
        self.recorder = recorder
        self._advisories = advisories
        self._clock = clock
        self._monotonic = monotonic
        self._policy = ALLOW_ALL
        self._index = advisories()
        self._waivers: tuple[Waiver, ...] = ()
        self._edge = math.inf
        self._generation = 0
        self._plans: dict[str, _Plan] = {}
        self._kept: OrderedDict[tuple[object, ...], tuple[float, Decision]] = OrderedDict()
        self._fixes: dict[tuple[str, str], tuple[float, str]] = {}

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._policy

    @property
    def waivers(self) -> tuple[Waiver, ...]:
        """Those granted beside the policy's file."""
        return self._waivers

    @property
    def generation(self) -> int:
        """See `Guard`. Asked on every hit, so nothing is looked at here: see `look`."""
        return self._generation

    def look(self) -> None:
        """See whether the advisories are others, or a waiver has ended. Every decision looks, and somebody
        several times a second, for the sake of answers that are ready-made.
        """
        if self._advisories() is not self._index or self._clock() >= self._edge:
            self._renew()

    def adopt(self, policy: Policy) -> None:
        """Another policy is in force."""
        self._policy = policy
        self._renew()

    def adopt_waivers(self, waivers: Iterable[Waiver]) -> None:
        """These stand beside the policy's file."""
        found = tuple(waivers)
        if found != self._waivers:
            self._waivers = found
            self._renew()

    def _renew(self) -> None:
        self._index = self._advisories()
        self._edge = self._policy.edges(self._clock(), self._waivers)
        self._generation += 1
        self._plans.clear()
        self._kept.clear()
        self._fixes.clear()

    def touches(self, path: ModulePath) -> bool:
        """False where nothing can be decided against any version, and no advisory names the module."""
        plan = self._plan(path)
        return plan.touched or plan.concerned

    def _plan(self, path: ModulePath) -> _Plan:
        self.look()
        plan = self._plans.get(path)
        if plan is None:
            plan = self._planned(path)
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[path] = plan
        return plan

    def _planned(self, path: ModulePath) -> _Plan:
        policy, index = self._policy, self._index
        unread = isinstance(index, Unknown)
        concerned = not isinstance(index, Unknown) and index.concerns(path)
        # What nobody could read may name any module: the rules' `on_error` decides then.
        asked = concerned or unread
        if not policy.touches(path, concerned=asked):
            return _Plan(touched=False, concerned=concerned, needs=frozenset())
        rules = [rule for rule in policy.rules if rule.touches(path, concerned=asked)]
        return _Plan(
            touched=True, concerned=concerned, needs=frozenset().union(*(rule.needs for rule in rules))
        )

    async def banned(self, ctx: Context, path: ModulePath) -> Decision | None:
        """What bans the whole module."""
        if not self._plan(path).touched:
            return None
        facts = self.gatherer.cheap(ctx, path, Version(""))
        return policies.banned(self._policy, facts, waivers=self._waivers, now=self._clock())

    async def decide(self, ctx: Context, version: ModuleVersion) -> Decision:
        """What applies to a version."""
        plan = self._plan(version.path)
        kept = self._recalled(ctx, version.path, version.version)
        if kept is not None:
            return kept
        generation = self._generation
        needs = plan.needs | {"hits"} if plan.concerned else plan.needs
        gathered = await self._gather(ctx, version.path, [version.version], needs, exact=True)
        found = gathered[version.version]
        decision = self._judge(found.facts)
        if decision.notable:
            decision = await self._with_fix(ctx, decision, found.facts)
        self._keep(decision, ctx, found.until, generation)
        return decision

    async def about(self, ctx: Context, version: ModuleVersion) -> Decision:
        """What applies as far as it can be known without the zip."""
        plan = self._plan(version.path)
        if not plan.needs & _OF_ZIPS:
            return await self.decide(ctx, version)
        needs = (plan.needs | {"hits"} if plan.concerned else plan.needs) - _OF_ZIPS
        gathered = await self._gather(ctx, version.path, [version.version], needs, exact=True)
        decision = self._judge(gathered[version.version].facts)
        if decision.unknown:
            return Decision(Effect.ALLOW, version.path, version.version, consumer=ctx.consumer)
        return (
            await self._with_fix(ctx, decision, gathered[version.version].facts)
            if decision.notable
            else decision
        )

    async def settled(self, ctx: Context, decision: Decision) -> Decision:
        """The decision once a scan that runs has ended."""
        if decision.effect is not Effect.QUARANTINE:
            return decision
        await self.gatherer.scans.settled(ctx, decision)
        self._kept.pop(_own(ctx, decision.path, decision.version), None)
        self._kept.pop((decision.path, decision.version), None)
        return await self.decide(ctx, ModuleVersion(decision.path, decision.version))

    async def visible(self, ctx: Context, path: ModulePath, listed: Sequence[Version]) -> Visible:
        """The versions of a list that the consumer is shown."""
        plan = self._plan(path)
        if not plan.touched or not listed:
            return Visible(tuple(listed), personal=False, changed=False)
        gathered = await self._gather(ctx, path, listed, plan.needs, exact=False)
        decisions = [self._judge(each.facts) for each in gathered.values()]
        personal = any(each.personal for each in decisions)
        hidden = {each.version: each.effect for each in decisions if each.effect.unlists}
        young = {version for version, effect in hidden.items() if effect is Effect.HIDE}
        if young:
            personal = True
            await self._omit_retracted(ctx, path, listed, hidden, young)
            received = await self.received.versions(ctx.consumer, path)
            kept = young if isinstance(received, Unknown) else young & received
            hidden = {version: effect for version, effect in hidden.items() if version not in kept}
        shown = tuple(version for version in listed if version not in hidden)
        return Visible(shown, personal, changed=bool(hidden))

    async def _omit_retracted(
        self,
        ctx: Context,
        path: ModulePath,
        listed: Sequence[Version],
        hidden: dict[Version, Effect],
        young: set[Version],
    ) -> None:
        """What the newest version takes back stays taken back while that one is hidden for its youth. One
        that is refused has no say: it could take back everything good.
        """
        newest = query.latest(listed)
        if newest not in young:
            return
        go_mod = await self.gatherer.modules.go_mod(ctx, ModuleVersion(path, Version(newest)))
        if isinstance(go_mod, Unknown):
            return
        retracted = query.retracted_by((each.low, each.high) for each in go_mod.retract)
        for version in listed:
            if version not in hidden and retracted(version):
                hidden[version] = Effect.HIDE
                young.add(version)

    def note(self, ctx: Context, decision: Decision) -> None:
        """It was carried out."""
        if not ctx.background:
            self.recorder.note(decision)

    async def written(self) -> None:
        """See `Guard`."""
        await self.recorder.written()

    async def explain(self, ctx: Context, version: ModuleVersion) -> Explained:
        """How the decision of a version comes about; every fact that a rule may ask for is gathered."""
        plan = self._plan(version.path)
        needs = plan.needs | {"hits"}
        facts = (await self._gather(ctx, version.path, [version.version], needs, exact=True))[
            version.version
        ].facts
        found = tuple(policies.outcomes(self._policy, facts, waivers=self._waivers, now=self._clock()))
        decision = self._judge(facts)
        if decision.notable:
            decision = await self._with_fix(ctx, decision, facts)
        return Explained(self._policy, replace(facts, fixed=decision.fixed), found, decision)

    async def facts(self, ctx: Context, version: ModuleVersion, needs: frozenset[str]) -> Facts:
        """What is known of a version; `needs` as in `policy.facts.NEEDS`."""
        return (await self._gather(ctx, version.path, [version.version], needs, exact=True))[
            version.version
        ].facts

    async def _gather(
        self,
        ctx: Context,
        path: ModulePath,
        versions: Sequence[Version],
        needs: frozenset[str],
        *,
        exact: bool,
    ) -> dict[Version, Gathered]:
        return await self.gatherer.gather(ctx, path, versions, needs, self._index, exact=exact)

    def _judge(self, facts: Facts) -> Decision:
        decision = policies.decide(self._policy, facts, waivers=self._waivers, now=self._clock())
        if decision.advisories or isinstance(facts.hits, Unknown) or not facts.hits:
            return decision
        # No rule minds them; logs and traces name them all the same.
        worst = max((hit.advisory.severity for hit in facts.hits), key=lambda each: each.rank)
        ids = tuple(hit.advisory.id for hit in facts.hits)
        return replace(decision, advisories=ids, severity=worst)

    async def _with_fix(self, ctx: Context, decision: Decision, facts: Facts) -> Decision:
        """With the version to go to instead: the first that is fixed and may be used."""
        key = (facts.path, facts.version)
        ready = self._fixes.get(key)
        if ready is not None and self._monotonic() < ready[0]:
            return replace(decision, fixed=ready[1])
        generation = self._generation
        usable, personal = await usable_of(self, self.gatherer.modules, ctx, facts.path)
        fixed = way_out(facts, usable, self._index)
        if not personal and generation == self._generation:
            if len(self._fixes) >= _KEPT:
                self._fixes.clear()
            self._fixes[key] = (self._monotonic() + _FIXES_FOR, fixed)
        return replace(decision, fixed=fixed)

    def _recalled(self, ctx: Context, path: str, version: str) -> Decision | None:
        now = self._monotonic()
        for key in ((path, version), _own(ctx, path, version)):
            kept = self._kept.get(key)
            if kept is not None and now < kept[0]:
                return kept[1]
        return None

    def _keep(self, decision: Decision, ctx: Context, until: float, generation: int) -> None:
        if generation != self._generation:
            return
        if decision.unknown and not ctx.fetch:
            return  # whoever may fetch finds out more, and must not be let past for want of it
        shared = not decision.personal and not decision.notable
        path, version = decision.path, decision.version
        self._kept[(path, version) if shared else _own(ctx, path, version)] = (until, decision)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)


def _own(ctx: Context, path: str, version: str) -> tuple[object, ...]:
    return (path, version, ctx.consumer, ctx.groups)
