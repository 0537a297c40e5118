from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.gomod.types import ModulePath, Version
from modgate.model.advisory import Advisory, Hit, Severity
from modgate.model.decision import Decision, Effect
from modgate.model.decisions import Waiver
from modgate.policy.decision import banned, decide
from modgate.policy.document import parse_policy
from modgate.policy.facts import Facts, Unknown
from modgate.policy.rollout import place
from modgate.policy.texts import MAX_BYTES, denial_lines

if TYPE_CHECKING:
    from modgate.policy.rules import Policy

NOW = 1_780_000_000.0
M = ModulePath("example.org/m")
V = Version("v1.0.0")


def _hit(
    identifier: str = "GO-1", severity: str = "critical", *, reviewed: bool = True, fixed: str = "v1.0.1"
) -> Hit:
    advisory = Advisory(identifier, (), ("CVE-1",), reviewed=reviewed, severity=Severity(severity))
    return Hit(advisory, M, fixed)


def _policy(*rules: str, top: str = "") -> Policy:
    written = [f'[[rules]]\nid = "r{number}"\n{rule}' for number, rule in enumerate(rules, start=1)]
    return parse_policy("\n".join(["version = 1", top, *written]))


def _decide(policy: Policy, facts: Facts, *waivers: Waiver) -> Decision:
    return decide(policy, facts, waivers=waivers, now=NOW)


FACTS = Facts(M, V, consumer="alice", hits=())
CRITICAL = 'effect = "deny"\nwhen = { severity = "critical" }'


def test_nothing_is_said_of_what_no_rule_meets() -> None:
    decision = _decide(_policy(CRITICAL), FACTS)
    assert (decision.effect, decision.id, decision.notable) == (Effect.ALLOW, "", False)


def test_a_severity_is_at_least_and_unknown_is_not_grave() -> None:
    policy = _policy('effect = "deny"\nwhen = { severity = "high" }')
    for severity, effect in (
        ("critical", "deny"),
        ("high", "deny"),
        ("medium", "allow"),
        ("unknown", "allow"),
    ):
        assert _decide(policy, replace(FACTS, hits=(_hit(severity=severity),))).effect == effect


def test_everything_asked_of_advisories_is_asked_of_the_same_one() -> None:
    policy = _policy('effect = "deny"\nwhen = { severity = "critical", fixed = true }')
    apart = (_hit("GO-1", "critical", fixed=""), _hit("GO-2", "low", fixed="v1.0.1"))
    assert _decide(policy, replace(FACTS, hits=apart)).effect is Effect.ALLOW


@pytest.mark.parametrize(
    ("when", "effect"),
    [
        ('severity = "critical"', "warn"),
        ('severity = "critical", doubtful = true', "deny"),
        ('severity = "critical", doubtful = false', "allow"),
        ('advisories = ["CVE-1"]', "deny"),
        ('advisories = ["GO-1"]', "deny"),
    ],
)
def test_a_doubtful_entry_warns_unless_a_rule_names_it_so(when: str, effect: str) -> None:
    doubtful = replace(FACTS, hits=(_hit(reviewed=False, fixed=""),))
    assert _decide(_policy(f'effect = "deny"\nwhen = {{ {when} }}'), doubtful).effect == effect


def test_a_doubtful_entry_shields_from_no_rule_below() -> None:
    policy = _policy(CRITICAL, 'effect = "ban"\nwhen = { modules = "example.org/*" }')
    assert _decide(policy, replace(FACTS, hits=(_hit(reviewed=False, fixed=""),))).rule == "r2"


@pytest.mark.parametrize(("on_error", "effect"), [("allow", "allow"), ("deny", "hide")])
def test_what_nobody_knows_is_decided_by_on_error_and_told(on_error: str, effect: str) -> None:
    policy = _policy(f'effect = "hide"\non_error = "{on_error}"\nwhen = {{ age = "< 7d" }}')
    decision = _decide(policy, replace(FACTS, age=Unknown("the ledger is away")))
    assert (decision.effect.value, decision.unknown) == (effect, "age: the ledger is away")


@pytest.mark.parametrize(("on_error", "effect"), [("allow", "allow"), ("deny", "deny")])
def test_an_exception_that_nobody_can_judge_lets_through_on_the_side_of_allow(
    on_error: str, effect: str
) -> None:
    exception = f'effect = "allow"\non_error = "{on_error}"\nwhen = {{ licences = "MIT" }}'
    assert _decide(_policy(exception, 'effect = "deny"'), FACTS).effect == effect


def test_a_condition_that_does_not_hold_settles_it_whatever_is_unknown() -> None:
    policy = _policy('effect = "deny"\non_error = "deny"\nwhen = { age = "< 7d", modules = "other.org" }')
    assert _decide(policy, FACTS).unknown == ""


def test_a_rule_on_trial_warns_and_says_what_it_would_do_and_ends_no_search() -> None:
    trial = f'{CRITICAL}\nmode = "dry-run"'
    found = replace(FACTS, hits=(_hit(),))
    alone = _decide(_policy(trial), found)
    assert (alone.effect, alone.would, alone.rule) == (Effect.WARN, Effect.DENY, "r1")
    below = _decide(_policy(trial, 'effect = "hide"'), found)
    assert (below.effect, below.rule) == (Effect.HIDE, "r2")


def test_the_order_decides_or_the_severity() -> None:
    rules = ('effect = "warn"', 'effect = "deny"')
    assert _decide(_policy(*rules), FACTS).effect is Effect.WARN
    assert _decide(_policy(*rules, top='select = "most-severe"'), FACTS).effect is Effect.DENY


def test_an_exception_stands_above_what_it_is_an_exception_of() -> None:
    policy = _policy('effect = "allow"\nwhen = { modules = "example.org" }', 'effect = "ban"')
    assert _decide(policy, FACTS).effect is Effect.ALLOW
    assert _decide(policy, replace(FACTS, path=ModulePath("other.org/m"))).effect is Effect.BAN


def test_a_default_that_denies_lets_through_what_a_rule_allows() -> None:
    policy = _policy('effect = "allow"\nwhen = { modules = "example.org" }', top='default = "deny"')
    assert _decide(policy, FACTS).effect is Effect.ALLOW
    other = _decide(policy, replace(FACTS, path=ModulePath("other.org/m")))
    assert (other.effect, other.rule, other.reason) == (Effect.DENY, "", "no rule allows it")
    assert policy.touches("other.org/m", concerned=False)


def _waiver(**more: str) -> Waiver:
    given = {"id": "w-1", "pattern": "example.org", "owner": "o", "reason": "r", **more}
    return Waiver(expires=NOW + 1, **given)  # type: ignore[arg-type]


def test_a_waiver_lifts_for_its_advisory_alone() -> None:
    policy = _policy(CRITICAL)
    one, two = replace(FACTS, hits=(_hit(),)), replace(FACTS, hits=(_hit(), _hit("GO-2")))
    lifted = _decide(policy, one, _waiver(advisory="GO-1"))
    assert (lifted.effect, lifted.would, lifted.waiver) == (Effect.ALLOW, Effect.DENY, "w-1")
    assert lifted.notable
    left = _decide(policy, two, _waiver(advisory="GO-1"))
    assert (left.effect, left.advisories) == (Effect.DENY, ("GO-2",))


def test_a_waiver_for_one_rule_opens_no_way_past_another() -> None:
    policy = _policy(CRITICAL, 'effect = "deny"\nwhen = { licences = "none" }')
    facts = replace(FACTS, hits=(_hit(),), licences=())
    decision = _decide(policy, facts, _waiver(rule="r1"))
    assert (decision.effect, decision.rule) == (Effect.DENY, "r2")


def test_what_follows_a_waiver_is_never_severer_than_what_it_lifted() -> None:
    policy = _policy('effect = "warn"', 'effect = "ban"')
    decision = _decide(policy, FACTS, _waiver(rule="r1"))
    assert (decision.effect, decision.would, decision.waiver) == (Effect.WARN, Effect.BAN, "w-1")


def test_an_ended_or_revoked_waiver_does_nothing() -> None:
    found = replace(FACTS, hits=(_hit(),))
    for waiver in (replace(_waiver(), expires=NOW), replace(_waiver(), revoked=NOW - 5)):
        assert _decide(_policy(CRITICAL), found, waiver).effect is Effect.DENY


@pytest.mark.parametrize(("scan", "effect"), [(True, "allow"), (False, "deny"), (None, "quarantine")])
def test_a_scanner_releases_or_refuses_what_is_quarantined(scan: bool | None, effect: str) -> None:
    policy = _policy('effect = "quarantine"')
    facts = FACTS if scan is None else replace(FACTS, scan=scan)
    assert _decide(policy, facts).effect == effect
    assert policy.needs == {"scan"}


def test_a_ban_is_found_without_a_version_and_an_allowed_version_does_not_undo_it() -> None:
    policy = _policy(
        'effect = "allow"\nwhen = { versions = "v1.0.0" }', 'effect = "ban"\nwhen = { source = "public" }'
    )
    assert _decide(policy, FACTS).effect is Effect.ALLOW
    module = banned(policy, replace(FACTS, version=Version("")), now=NOW)
    assert module is not None
    assert (module.effect, module.rule) == (Effect.BAN, "r2")


def test_the_id_is_of_what_is_decided() -> None:
    policy, found = _policy(CRITICAL), replace(FACTS, hits=(_hit(),))
    one = _decide(policy, found)
    assert one.id == _decide(policy, found).id
    assert len(one.id) == 18
    assert one.id.startswith("d-")
    others = [
        _decide(policy, replace(found, consumer="bob")),
        _decide(policy, replace(found, version=Version("v1.0.2"))),
        _decide(_policy(CRITICAL, top='contact = "x"'), found),
        _decide(policy, found, _waiver()),
        _decide(policy, replace(found, hits=(_hit(reviewed=False, fixed=""),))),
    ]
    assert len({one.id, *(each.id for each in others)}) == 6


def test_a_canary_at_ten_percent_takes_in_a_tenth_of_a_thousand_and_always_the_same() -> None:
    canary = 'mode = "canary"\ncanary = { percent = 10 }'
    policy, found = _policy(f"{CRITICAL}\n{canary}"), replace(FACTS, hits=(_hit(),))

    def caught() -> set[str]:
        names = [f"team-{number}" for number in range(1000)]
        return {
            name for name in names if _decide(policy, replace(found, consumer=name)).effect is Effect.DENY
        }

    first = caught()
    assert 70 <= len(first) <= 130
    assert first == caught()
    wider = _policy(f"{CRITICAL}\n{canary.replace('10', '20')}")
    assert all(_decide(wider, replace(found, consumer=name)).effect is Effect.DENY for name in first)


def test_a_consumer_has_the_same_place_in_every_process() -> None:
    program = (
        "from modgate.policy.rollout import Canary\n"
        "canary = Canary(1000)\n"
        "print([n for n in range(300) if canary.takes_in('r1', f'team-{n}', frozenset())])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{[n for n in range(300) if place('r1', f'team-{n}') < 1000]}\n"}


def test_named_groups_are_in_whatever_their_share() -> None:
    policy = _policy(
        f'{CRITICAL}\nmode = "canary"\ncanary = {{ groups = ["early"] }}',
        top='groups = { early = ["10.1.0.0/16"] }',
    )
    found = replace(FACTS, hits=(_hit(),))
    assert _decide(policy, replace(found, consumer="10.1.2.3")).effect is Effect.DENY
    assert _decide(policy, replace(found, groups=frozenset({"early"}))).effect is Effect.DENY
    assert _decide(policy, replace(found, consumer="10.2.2.3")).effect is Effect.WARN


def test_security_fixes_skip_the_cooldown() -> None:
    policy = _policy(top='cooldown = { age = "7d", security_fixes = true }')
    young = replace(FACTS, age=3600.0)
    assert _decide(policy, replace(young, fixes=())).effect is Effect.HIDE
    assert _decide(policy, replace(young, fixes=("GO-1",))).effect is Effect.ALLOW


def test_a_denial_has_four_lines_with_the_command_that_fixes() -> None:
    policy = _policy(CRITICAL, top='contact = "#go-security"')
    path = ModulePath("github.com/BurntSushi/toml")
    decision = _decide(policy, replace(FACTS, path=path, hits=(_hit(),), fixed="v1.0.1"))
    assert denial_lines(decision) == (
        "github.com/BurntSushi/toml@v1.0.0 is denied: known vulnerability: GO-1 (critical)",
        "go get github.com/BurntSushi/toml@v1.0.1",
        "Ask for a waiver: #go-security",
        f"Decision: {decision.id}",
    )


@pytest.mark.parametrize("effect", [Effect.DENY, Effect.BAN, Effect.QUARANTINE])
@pytest.mark.parametrize("fixed", ["", "v1.0.1"])
@pytest.mark.parametrize("advisories", [(), tuple(f"GO-2024-{number}" for number in range(200))])
def test_a_denial_stays_within_what_go_shows(effect: Effect, fixed: str, advisories: tuple[str, ...]) -> None:
    for path in ("example.org/m", f"example.org/{'x' * 200}", f"example.org/{'y' * 450}"):
        decision = Decision(
            effect,
            ModulePath(path),
            V,
            id="d-aaaaaaaaaaaaaaaa",
            reason="böse\n\n\x1b[31mtext " * 90,
            fixed=fixed,
            advisories=advisories,
            contact="ask\x00 " * 90,
        )
        lines = denial_lines(decision, instead="example.org/m/v2@v2.0.0")
        text = "\n".join(lines)
        assert len(lines) == 4
        assert all(line.strip() and line.isprintable() for line in lines)
        assert len(text.encode()) <= MAX_BYTES
        if fixed and effect is Effect.DENY:
            assert lines[1] == f"go get {path}@{fixed}"
