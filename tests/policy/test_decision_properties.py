from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from modgate.model.decision import Effect
from modgate.policy.decision import banned, decide
from modgate.policy.facts import Unknown
from modgate.policy.rollout import Canary
from tests.policy.policies import CONSUMERS, NOW, UNKNOWN, facts, policies, waivers

if TYPE_CHECKING:
    from modgate.model.decisions import Waiver
    from modgate.policy.facts import Facts
    from modgate.policy.rules import Policy

SOME = st.lists(waivers(), max_size=3)


@given(policies(), facts(), SOME)
def test_deciding_never_raises_and_names_everything_but_a_plain_allow(
    policy: Policy, known: Facts, held: list[Waiver]
) -> None:
    decision = decide(policy, known, waivers=held, now=NOW)
    assert decision == decide(policy, known, waivers=held, now=NOW)
    assert bool(decision.id) == (decision.effect is not Effect.ALLOW or bool(decision.waiver))
    assert decision.would.rank >= decision.effect.rank or decision.rule == ""
    banned(policy, known, waivers=held, now=NOW)


@given(policies("first"), facts(), SOME)
def test_the_first_rule_is_never_severer_than_the_most_severe(
    policy: Policy, known: Facts, held: list[Waiver]
) -> None:
    first = decide(policy, known, waivers=held, now=NOW)
    most = decide(replace(policy, select="most-severe"), known, waivers=held, now=NOW)
    assert first.effect.rank <= most.effect.rank


@given(policies(), facts(), SOME, waivers())
def test_one_waiver_more_never_makes_it_severer(
    policy: Policy, known: Facts, held: list[Waiver], more: Waiver
) -> None:
    before = decide(policy, known, waivers=held, now=NOW).effect
    after = decide(policy, known, waivers=[*held, more], now=NOW).effect
    assert after.rank <= before.rank


@given(
    policies(), facts(), st.sampled_from(CONSUMERS), st.frozensets(st.sampled_from(("early", "late"))), SOME
)
def test_what_is_not_personal_is_the_same_for_everybody(
    policy: Policy, known: Facts, consumer: str, groups: frozenset[str], held: list[Waiver]
) -> None:
    mine = decide(policy, known, waivers=held, now=NOW)
    theirs = decide(policy, replace(known, consumer=consumer, groups=groups), waivers=held, now=NOW)
    if not mine.personal:
        assert (mine.effect, mine.rule, mine.would) == (theirs.effect, theirs.rule, theirs.would)


@given(policies(), facts(), SOME)
def test_a_module_that_is_not_touched_is_allowed_without_a_word(
    policy: Policy, known: Facts, held: list[Waiver]
) -> None:
    if policy.touches(known.path):
        return
    decision = decide(policy, known, waivers=held, now=NOW)
    assert (decision.effect, decision.id) == (Effect.ALLOW, "")


@given(policies(), facts(), SOME)
def test_a_module_that_no_advisory_names_needs_none(policy: Policy, known: Facts, held: list[Waiver]) -> None:
    if policy.touches(known.path, concerned=False) or (isinstance(known.hits, Unknown) or known.hits):
        return
    assert decide(policy, known, waivers=held, now=NOW).effect is Effect.ALLOW


@given(policies(), facts())
def test_facts_that_no_rule_needs_change_nothing(policy: Policy, known: Facts) -> None:
    blind = replace(
        known,
        **{
            name: UNKNOWN
            for name in ("hits", "age", "licences", "retracted", "scan")
            if name not in policy.needs
        },  # type: ignore[arg-type]
    )
    assert decide(policy, blind, now=NOW) == decide(policy, known, now=NOW)


@given(st.text(), st.text(), st.integers(0, 10_000), st.integers(0, 10_000))
def test_who_is_in_a_share_is_in_a_larger_one(rule: str, consumer: str, one: int, other: int) -> None:
    less, more = sorted((one, other))
    if Canary(less).takes_in(rule, consumer, frozenset()):
        assert Canary(more).takes_in(rule, consumer, frozenset())
