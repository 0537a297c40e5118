"""Denials, alerts, waivers, a broken policy, a scanner's refusal: who hears of them, and how often."""

from __future__ import annotations

from dataclasses import replace

from modgate.firewall.alarms import Alarms
from modgate.firewall.notices import Settings
from modgate.firewall.subscriptions import Subscription
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.decision import ALLOWED, Decision, Effect, Mode
from modgate.model.decisions import Waiver
from modgate.model.sightings import ScanVerdict

DAY = 86400.0
DENIED = Decision(
    Effect.DENY,
    ModulePath("example.com/lib"),
    Version("v1.0.0"),
    consumer="team-a",
    id="d-7k3f",
    would=Effect.DENY,
    rule="critical",
    reason="GO-2026-0001 is critical",
    advisories=("GO-2026-0001",),
    fixed="v1.2.0",
    contact="#security",
)
WAIVER = Waiver("w-1", "example.com/*", "Ada", "a fix is coming", expires=100 * DAY, created=1 * DAY)


class Scene:
    def __init__(self, *subscriptions: Subscription) -> None:
        self.now = 50 * DAY
        settings = Settings(subscriptions=subscriptions or (Subscription("ops"),))
        self.alarms = Alarms(clock=lambda: self.now, settings=lambda: settings)

    def waivers(self, waiver: Waiver, at: float) -> list[tuple[str, str]]:
        self.now = at
        return [(each.event, each.key) for each in self.alarms.of_waivers([waiver], before=7 * DAY)]


def test_a_denial_is_told_by_its_own_id() -> None:
    [message] = Scene().alarms.of_decision(DENIED)
    assert (message.event, message.key, message.consumer) == ("denied", "denied:d-7k3f", "team-a")
    assert message.body["versions"] == [{"module": "example.com/lib", "version": "v1.0.0", "fixed": "v1.2.0"}]
    assert message.body["ask"] == "#security"


def test_what_disturbs_nobody_is_not_told() -> None:
    alarms = Scene().alarms
    for decision in (
        ALLOWED,
        replace(DENIED, effect=Effect.HIDE),
        replace(DENIED, effect=Effect.ALLOW, mode=Mode.DRY_RUN),
        replace(DENIED, effect=Effect.ALLOW, waiver="w-1"),
    ):
        assert alarms.of_decision(decision) == ()


def test_a_warning_a_quarantine_and_the_canarys_other_arm_are_told() -> None:
    alarms = Scene().alarms
    for decision in (
        replace(DENIED, effect=Effect.WARN),
        replace(DENIED, effect=Effect.QUARANTINE),
        replace(DENIED, effect=Effect.ALLOW, mode=Mode.CANARY),
    ):
        assert len(alarms.of_decision(decision)) == 1


def test_what_concerns_no_consumer_goes_to_the_operators_alone() -> None:
    scene = Scene(
        Subscription("ops"),
        Subscription("team", consumers=("team-a",)),
        Subscription("quiet", events=frozenset({"denied"})),
    )
    told = scene.alarms.of_alert("tampered", "example.com/lib", "other bytes than before")
    assert [each.target for each in told] == ["ops"]
    assert [each.target for each in scene.alarms.of_decision(DENIED)] == ["ops", "team", "quiet"]


def test_an_alert_that_lasts_is_told_once_a_day() -> None:
    scene = Scene()

    def key(text: str = "other bytes") -> str:
        [message] = scene.alarms.of_alert("tampered", "example.com/lib", text)
        return message.key

    first = key()
    scene.now += 3600
    assert key() == first
    assert key("other bytes again") != first
    scene.now += DAY
    assert key() != first


def test_a_waiver_is_told_of_before_its_end_and_after() -> None:
    scene = Scene()
    assert scene.waivers(WAIVER, 92 * DAY) == []
    expiring = ("waiver-expiring", f"waiver-expiring:w-1:{int(100 * DAY)}")
    assert scene.waivers(WAIVER, 94 * DAY) == [expiring]
    assert scene.waivers(WAIVER, 99 * DAY) == [expiring]
    assert [event for event, _ in scene.waivers(WAIVER, 100 * DAY)] == ["waiver-expired"]
    assert scene.waivers(WAIVER, 108 * DAY) == []
    assert scene.waivers(replace(WAIVER, revoked=95 * DAY), 99 * DAY) == []


def test_a_short_waiver_is_not_told_of_on_the_day_it_is_granted() -> None:
    scene = Scene()
    short = replace(WAIVER, created=96 * DAY)
    assert scene.waivers(short, 96.5 * DAY) == []
    assert len(scene.waivers(short, 98.5 * DAY)) == 1


def test_a_waiver_that_names_consumers_is_told_to_those_who_hear_of_them() -> None:
    scene = Scene(
        Subscription("ops"),
        Subscription("a", consumers=("team-a",)),
        Subscription("b", consumers=("team-b",)),
        Subscription("a-denials", events=frozenset({"denied"}), consumers=("team-a",)),
    )
    scene.now = 99 * DAY
    told = scene.alarms.of_waivers([replace(WAIVER, consumers=("team-a",))], before=7 * DAY)
    assert [each.target for each in told] == ["ops", "a"]


def test_a_refusing_scanner_and_a_broken_policy_are_told() -> None:
    alarms = Scene().alarms
    version = ModuleVersion(ModulePath("example.com/lib"), Version("v1.0.0"))
    verdict = ScanVerdict("h1:abc=", "trivy 1", clean=False, summary="a key was found", at=0.0)
    [message] = alarms.of_scan(version, verdict)
    assert (message.event, message.key) == ("scan", "scan:h1:abc=:trivy 1")
    assert alarms.of_scan(version, replace(verdict, clean=True)) == ()
    [message] = alarms.of_broken_policy("line 3: no such key", "/etc/policy.toml")
    assert message.event == "policy-broken"
