"""What a guard decides, and what the source in front of the cache makes of it: cell by cell."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied
from modgate.gomod.protocol import Kind, checked
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model import Context
from modgate.model.advisory import Advisory, Block, Event, Severity
from modgate.model.decision import Effect
from modgate.policy.advisories import AdvisoryIndex
from modgate.policy.facts import Unknown
from tests.support.firewall import PATH, Bench, bench
from tests.support.sources import ScriptedSource, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.protocol import Request
    from modgate.model import Answer
    from modgate.model.decision import Decision

ME = Context(consumer="me")
YOU = Context(consumer="you")
DAY = 86400.0


def rule(effect: str, when: str = 'versions = "v1.1.0"', more: str = "") -> str:
    return f'[[rules]]\nid = "r"\neffect = "{effect}"\n{more}\n[rules.when]\nmodules = ["{PATH}"]\n{when}\n'


async def ask(wall: Bench, kind: Kind, version: str = "", ctx: Context = ME) -> str:
    """The body, or what it was refused with."""
    try:
        answer = await wall.guarded.fetch(ctx, checked(kind, PATH, version))
    except Denied as error:
        whole = error.decision.startswith("d-") and len(error.lines()) == 4
        return "denied" if whole else str(error)
    except Absent:
        return "absent"
    body = (await read(answer)).decode()
    return (
        str(json.loads(body)["Version"])
        if kind in {Kind.LATEST, Kind.QUERY}
        else body.replace("\n", " ").strip()
    )


CELLS = {
    #              list             @latest   branch    prefix    zip
    "warn": ("v1.0.0 v1.1.0", "v1.1.0", "v1.1.0", "v1.1.0", "zip v1.1.0"),
    "hide": ("v1.0.0", "v1.0.0", "v1.1.0", "v1.0.0", "zip v1.1.0"),
    "quarantine": ("v1.0.0", "v1.0.0", "denied", "v1.0.0", "denied"),
    "deny": ("v1.0.0", "v1.0.0", "denied", "v1.0.0", "denied"),
}


@pytest.mark.parametrize("effect", CELLS)
async def test_each_effect_on_each_kind_of_answer(effect: str) -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule(effect))
    found = (
        await ask(wall, Kind.LIST),
        await ask(wall, Kind.LATEST),
        await ask(wall, Kind.QUERY, "main"),
        await ask(wall, Kind.QUERY, "v1"),
        await ask(wall, Kind.ZIP, "v1.1.0"),
    )
    assert found == CELLS[effect]
    assert "v1.1.0" in await ask(wall, Kind.INFO, "v1.1.0")
    assert await ask(wall, Kind.MOD, "v1.1.0") == f"module {PATH}"
    assert await ask(wall, Kind.ZIP, "v1.0.0") == "zip v1.0.0"


async def test_a_banned_module_has_an_empty_list_whatever_its_source_says() -> None:
    wall = bench()
    wall.adopt(rule("ban", ""))
    assert await ask(wall, Kind.LIST) == ""
    for kind, version in (
        (Kind.LATEST, ""),
        (Kind.QUERY, "main"),
        (Kind.ZIP, "v1.0.0"),
        (Kind.INFO, "v1.0.0"),
    ):
        assert await ask(wall, kind, version) == "denied"
    wall.module("v1.0.0")
    assert await ask(wall, Kind.MOD, "v1.0.0") == f"module {PATH}"


async def test_a_head_is_refused_as_the_whole_is() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("deny"))
    assert await ask(wall, Kind.ZIP, "v1.1.0", replace(ME, head=True)) == "denied"


async def test_a_module_without_a_visible_version_is_refused_and_not_absent() -> None:
    wall = bench()
    wall.module("v1.1.0")
    wall.adopt(rule("hide"))
    assert await ask(wall, Kind.LIST) == ""
    assert await ask(wall, Kind.LATEST) == "denied"


async def test_what_a_consumer_has_is_hidden_from_others_alone() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.books.given["me", PATH] = frozenset({"v1.1.0"})  # type: ignore[arg-type]
    wall.adopt(rule("hide"))
    assert await ask(wall, Kind.LIST, ctx=ME) == "v1.0.0 v1.1.0"
    assert await ask(wall, Kind.LATEST, ctx=ME) == "v1.1.0"
    assert await ask(wall, Kind.LIST, ctx=YOU) == "v1.0.0"
    answer = await wall.guarded.fetch(YOU, checked(Kind.LIST, PATH))
    assert answer.personal


async def test_what_nobody_can_look_up_is_not_hidden() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("hide"))
    wall.books.broken = True
    assert await ask(wall, Kind.LIST) == "v1.0.0 v1.1.0"


async def test_what_a_denied_version_is_to_one_who_has_it_makes_no_difference() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.books.given["me", PATH] = frozenset({"v1.1.0"})  # type: ignore[arg-type]
    wall.adopt(rule("deny"))
    assert await ask(wall, Kind.LIST) == "v1.0.0"


async def test_what_a_hidden_version_retracts_is_hidden_and_what_a_denied_one_retracts_is_not() -> None:
    for effect, listed in (("hide", "v1.0.0"), ("deny", "v1.0.0 v1.0.1")):
        wall = bench()
        wall.module("v1.0.0", "v1.0.1", "v1.1.0", v1_1_0="v1.0.1")
        wall.adopt(rule(effect))
        assert await ask(wall, Kind.LIST) == listed


async def test_the_answer_names_the_decision_and_is_nobody_elses() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("warn"))
    mine = await wall.guarded.fetch(ME, checked(Kind.MOD, PATH, "v1.1.0"))
    yours = await wall.guarded.fetch(YOU, checked(Kind.MOD, PATH, "v1.1.0"))
    plain = await wall.guarded.fetch(ME, checked(Kind.MOD, PATH, "v1.0.0"))
    assert mine.decision is not None
    assert yours.decision is not None
    assert plain.decision is not None
    assert mine.decision.id != yours.decision.id
    assert mine.personal
    assert (plain.decision.id, plain.personal) == ("", False)


async def test_a_canary_changes_the_answer_for_its_share_and_for_nobody_else() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("deny", more='mode = "canary"\ncanary = { percent = 10 }'))
    names = [f"team-{number}" for number in range(1000)]
    first = [await ask(wall, Kind.ZIP, "v1.1.0", Context(consumer=name)) for name in names]
    again = [await ask(wall, Kind.ZIP, "v1.1.0", Context(consumer=name)) for name in names]
    assert first == again
    assert 70 <= first.count("denied") <= 130


def _advisory(severity: Severity = Severity.CRITICAL, fixed: str = "1.2.0") -> AdvisoryIndex:
    block = Block(PATH, (Event("introduced", "0"), Event("fixed", fixed)))
    return AdvisoryIndex([Advisory("GO-2030-1", (block,), severity=severity, severity_from="nvd")])


async def test_a_refusal_names_the_first_fixed_version_that_may_be_used() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0", "v1.4.0")
    wall.index.append(_advisory())
    young = f'[[rules]]\nid = "y"\neffect = "hide"\n[rules.when]\nmodules = ["{PATH}"]\nversions = "v1.2.0"\n'
    wall.adopt(young + '[[rules]]\nid = "v"\neffect = "deny"\n[rules.when]\nseverity = "high"\n')
    with pytest.raises(Denied) as caught:
        await wall.guarded.fetch(ME, checked(Kind.ZIP, PATH, "v1.1.0"))
    assert caught.value.lines()[1] == f"go get {PATH}@v1.3.0"
    assert caught.value.advisories == ("GO-2030-1",)
    assert await ask(wall, Kind.LIST) == "v1.3.0 v1.4.0"


async def test_without_a_list_the_advisory_says_where_to_go() -> None:
    wall = bench()
    wall.index.append(_advisory())
    wall.adopt('[[rules]]\nid = "v"\neffect = "deny"\n[rules.when]\nseverity = "high"\n')
    with pytest.raises(Denied) as caught:
        await wall.guarded.fetch(ME, checked(Kind.ZIP, PATH, "v1.1.0"))
    assert caught.value.lines()[1] == f"go get {PATH}@v1.2.0"


async def test_an_advisory_that_no_rule_minds_is_named_to_logs_all_the_same() -> None:
    wall = bench()
    wall.module("v1.0.0")
    wall.index.append(_advisory())
    wall.wall.look()
    answer = await wall.guarded.fetch(ME, checked(Kind.ZIP, PATH, "v1.0.0"))
    assert answer.decision is not None
    assert (answer.decision.id, answer.decision.advisories) == ("", ("GO-2030-1",))
    assert not answer.personal


async def test_the_generation_moves_with_policy_advisories_and_the_end_of_a_waiver() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    seen = [wall.wall.generation]
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall.clock.now + DAY))
    waiver = (
        f'[[waivers]]\nid = "w"\nmodules = ["{PATH}"]\nowner = "me"\nreason = "tests"\nexpires = "{end}"\n'
    )
    wall.adopt(rule("deny") + waiver)
    seen.append(wall.wall.generation)
    assert await ask(wall, Kind.ZIP, "v1.1.0") == "zip v1.1.0"
    wall.clock.now += DAY + 1
    assert await ask(wall, Kind.ZIP, "v1.1.0") == "denied"
    seen.append(wall.wall.generation)
    wall.index.append(_advisory())
    wall.wall.look()
    seen.append(wall.wall.generation)
    assert seen == sorted(set(seen))


YOUNG = 'age = "<7d"'


async def test_what_is_new_in_a_known_list_is_young_whatever_its_commit_says() -> None:
    wall = bench()
    wall.module("v1.0.0")
    wall.adopt(rule("hide", YOUNG))
    assert await ask(wall, Kind.LIST) == "v1.0.0"
    wall.clock.now += DAY
    wall.module("v1.0.0", "v1.1.0")
    assert await ask(wall, Kind.LIST) == "v1.0.0"
    wall.clock.now += 8 * DAY
    assert await ask(wall, Kind.LIST) == "v1.0.0 v1.1.0"


async def test_what_the_log_was_seen_without_is_young_whatever_its_commit_says() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("deny", YOUNG))
    wall.log.times["v1.1.0"] = wall.clock.now - DAY
    assert await ask(wall, Kind.ZIP, "v1.0.0") == "zip v1.0.0"
    assert await ask(wall, Kind.ZIP, "v1.1.0") == "denied"


async def test_a_commit_of_the_future_is_no_older_than_its_first_list() -> None:
    wall = bench()
    wall.module("v1.0.0", time="2099-01-01T00:00:00Z")
    wall.adopt(rule("hide", YOUNG))
    assert await ask(wall, Kind.LIST) == ""
    wall.clock.now += 8 * DAY
    assert await ask(wall, Kind.LIST) == "v1.0.0"


async def test_of_a_long_list_only_the_newest_are_dated() -> None:
    wall = bench()
    wall.module(*(f"v1.{number}.0" for number in range(100)))
    wall.adopt(rule("hide", YOUNG))
    assert len((await ask(wall, Kind.LIST)).split()) == 100
    assert sum(wall.source.counts[f"{PATH}/@v/v1.{number}.0.info"] for number in range(100)) == 20


@pytest.mark.parametrize(("on_error", "told"), [("allow", "zip v1.0.0"), ("deny", "denied")])
async def test_a_dead_ledger_leaves_it_to_the_rule_and_is_asked_once(on_error: str, told: str) -> None:
    wall = bench()
    wall.module("v1.0.0")
    wall.adopt(rule("deny", YOUNG, f'on_error = "{on_error}"'))
    wall.books.broken = True
    for _ in range(20):
        assert await ask(wall, Kind.ZIP, "v1.0.0") == told
    assert wall.books.asked <= 3, "the age, and the writing of a decision"
    decision = await wall.wall.decide(ME, checked(Kind.ZIP, PATH, "v1.0.0").module_version)
    assert "the ledger is dead" in decision.unknown
    await wall.wall.recorder.close()


async def test_a_refusal_is_written_down_once_and_an_allow_is_counted() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("deny"))
    for _ in range(3):
        assert await ask(wall, Kind.ZIP, "v1.1.0") == "denied"
        assert await ask(wall, Kind.ZIP, "v1.0.0") == "zip v1.0.0"
    assert [each.decision.effect for each in wall.books.recorded] == [Effect.DENY]
    await wall.wall.recorder.close()
    assert wall.books.counts == {"": 3}


async def test_decisions_wait_for_a_ledger_that_comes_back() -> None:
    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.adopt(rule("deny"))
    wall.books.broken = True
    assert await ask(wall, Kind.ZIP, "v1.1.0") == "denied"
    assert (wall.wall.recorder.waiting, wall.wall.recorder.failing) == (1, True)
    wall.books.broken = False
    await wall.wall.recorder.close()
    assert len(wall.books.recorded) == 1


async def test_a_version_that_nothing_touches_is_decided_in_microseconds() -> None:
    wall = bench()
    wall.module("v1.0.0")
    wall.adopt(rule("deny"))
    other = checked(Kind.ZIP, "example.test/other", "v1.0.0").module_version
    assert not wall.wall.touches(other.path)
    began = time.perf_counter()
    for _ in range(1000):
        await wall.wall.decide(ME, other)
        wall.wall.touches(other.path)
    print(f"{(time.perf_counter() - began) * 1000:.2f} µs a decision")


async def test_what_was_decided_without_a_look_outside_is_not_given_to_those_who_may_look() -> None:
    """Else `Disable-Module-Fetch: true` would open a way past a rule whose fact has to be fetched."""

    class Scans:
        async def verdicts(
            self,
            ctx: Context,
            path: ModulePath,  # noqa: ARG002  the protocol's
            versions: Sequence[Version],
            *,
            exact: bool,  # noqa: ARG002  the protocol's
        ) -> dict[Version, bool | Unknown]:
            return dict.fromkeys(versions, False if ctx.fetch else Unknown("not looked at"))

        async def settled(self, ctx: Context, decision: Decision) -> None:
            """There is nothing to wait for."""

    wall = bench()
    wall.module("v1.0.0", "v1.1.0")
    wall.wall.gatherer.scans = Scans()
    wall.adopt(rule("deny", "scan = false"))
    offline = Context(consumer="me", fetch=False)
    version = ModuleVersion(ModulePath(PATH), Version("v1.1.0"))
    assert (await wall.wall.decide(offline, version)).effect is Effect.ALLOW
    assert (await wall.wall.decide(ME, version)).effect is Effect.DENY
    assert (await wall.wall.decide(offline, version)).effect is Effect.DENY


async def test_who_asks_for_nothing_to_be_fetched_is_not_let_past_a_rule_whose_fact_has_to_be() -> None:
    """`/cached-only/` or a header would else turn any rule into its `on_error`, for what is stored."""

    class Stored(ScriptedSource):
        """Of what was asked for, the zips alone are stored."""

        async def fetch(self, ctx: Context, request: Request) -> Answer:
            if not ctx.fetch and request.kind is not Kind.ZIP:
                raise Absent("it is not stored", where=request.url_path)
            return await super().fetch(ctx, request)

    wall = bench(Stored())
    wall.module("v1.0.0", "v1.1.0", "v1.2.0", v1_2_0="v1.1.0")
    wall.adopt(rule("deny", "retracted = true", 'on_error = "allow"'))
    offline = replace(ME, fetch=False)
    assert await ask(wall, Kind.ZIP, "v1.1.0", offline) == "denied"
    assert await ask(wall, Kind.ZIP, "v1.0.0", offline) == "zip v1.0.0"
    asked = wall.source.counts.total()
    assert await ask(wall, Kind.ZIP, "v1.3.0", offline) == "absent"
    assert wall.source.counts.total() == asked + 1  # what is not stored is not asked about
