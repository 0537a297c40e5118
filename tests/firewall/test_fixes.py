"""Who is told of an advisory is told of a version that the policy lets them have, or that there is none."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.firewall.fixes import Allowed, Way
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.advisory import Advisory, Block, Event, Severity
from modgate.policy.advisories import AdvisoryIndex
from tests.support.firewall import PATH, Bench, bench
from tests.support.sources import ScriptedSource

if TYPE_CHECKING:
    from modgate.gomod.protocol import Request
    from modgate.model import Answer, Context

PSEUDO = "v1.2.1-0.20300101000000-abcdefabcdef"
NOBODY = frozenset[str]()


def index_of(fixed: str = "1.2.0") -> AdvisoryIndex:
    block = Block(PATH, (Event("introduced", "0"), *((Event("fixed", fixed),) if fixed else ())))
    return AdvisoryIndex([Advisory("GO-2030-1", (block,), severity=Severity.CRITICAL, severity_from="nvd")])


def refusing(effect: str, *versions: str, when: str = "") -> str:
    return "".join(
        f'[[rules]]\nid = "r{n}"\neffect = "{effect}"\n[rules.when]\nmodules = ["{PATH}"]\n'
        f'versions = "{each}"\n{when}\n'
        for n, each in enumerate(versions)
    )


def scene(
    *versions: str, policy: str = "", fixed: str = "1.2.0", **retract: str
) -> tuple[Bench, AdvisoryIndex]:
    wall = bench()
    if versions:
        wall.module(*versions, **retract)
    index = index_of(fixed)
    wall.index.append(index)
    wall.adopt(policy)
    return wall, index


def ways_of(wall: Bench, patience: float = 5.0) -> Allowed:
    return Allowed(wall.wall, wall.wall.gatherer.modules, monotonic=wall.clock, patience=patience)


async def out(
    wall: Bench, index: AdvisoryIndex, consumer: str = "me", groups: frozenset[str] = NOBODY
) -> Way:
    version = ModuleVersion(ModulePath(PATH), Version("v1.1.0"))
    return await ways_of(wall).out(consumer, groups, version, index)


async def test_without_a_rule_the_first_fixed_version_is_named() -> None:
    assert await out(*scene("v1.1.0", "v1.2.0", "v1.3.0")) == Way("v1.2.0")


async def test_a_fix_that_is_denied_hidden_or_held_back_is_not_named_and_the_next_one_is() -> None:
    for effect in ("deny", "hide", "quarantine"):
        scenery = scene("v1.1.0", "v1.2.0", "v1.3.0", policy=refusing(effect, "v1.2.0"))
        assert await out(*scenery) == Way("v1.3.0"), effect


async def test_where_none_is_allowed_that_is_said() -> None:
    policy = refusing("deny", ">=1.2.0")
    assert await out(*scene("v1.1.0", "v1.2.0", "v1.3.0", policy=policy)) == Way(withheld="v1.2.0")


async def test_where_nothing_is_fixed_nothing_is_withheld() -> None:
    assert await out(*scene("v1.1.0", fixed="")) == Way()


async def test_what_its_author_took_back_is_not_named() -> None:
    assert await out(*scene("v1.1.0", "v1.2.0", "v1.3.0", v1_3_0="v1.2.0")) == Way("v1.3.0")
    assert await out(*scene("v1.1.0", "v1.2.0", v1_2_0="v1.2.0")) == Way(withheld="v1.2.0")


async def test_a_pseudo_version_that_no_list_names_is_judged_too() -> None:
    fixed = PSEUDO.removeprefix("v")
    assert await out(*scene("v1.1.0", "v1.2.0", fixed=fixed)) == Way(PSEUDO)
    policy = refusing("deny", PSEUDO)
    assert await out(*scene("v1.1.0", "v1.2.0", fixed=fixed, policy=policy)) == Way(withheld=PSEUDO)
    assert await out(*scene("v1.1.0", "v1.3.0", fixed=fixed, policy=policy)) == Way("v1.3.0")


async def test_without_a_list_what_the_advisories_call_fixed_is_judged() -> None:
    assert await out(*scene()) == Way("v1.2.0")
    assert await out(*scene(policy=refusing("deny", "v1.2.0"))) == Way(withheld="v1.2.0")


async def test_a_fix_that_the_list_does_not_name_yet_is_judged() -> None:
    assert await out(*scene("v1.0.0", "v1.1.0")) == Way("v1.2.0")
    assert await out(*scene("v1.1.0", policy=refusing("hide", "v1.2.0"))) == Way(withheld="v1.2.0")


async def test_each_consumer_hears_of_what_it_may_have_itself() -> None:
    wall, index = scene(
        "v1.1.0",
        "v1.2.0",
        "v1.3.0",
        policy=refusing("deny", "v1.2.0", when='consumers = ["strict"]')
        + f'[[rules]]\nid = "c"\neffect = "deny"\nmode = "canary"\ncanary = {{ groups = ["team"] }}\n'
        f'[rules.when]\nmodules = ["{PATH}"]\nversions = "v1.2.0"\n',
    )
    ways, version = ways_of(wall), ModuleVersion(ModulePath(PATH), Version("v1.1.0"))
    for _ in range(2):
        assert await ways.out("strict", NOBODY, version, index) == Way("v1.3.0")
        assert await ways.out("me", NOBODY, version, index) == Way("v1.2.0")
        assert await ways.out("other", frozenset({"team"}), version, index) == Way("v1.3.0")


async def test_who_has_a_hidden_fix_already_may_go_to_it() -> None:
    wall, index = scene("v1.1.0", "v1.2.0", "v1.3.0", policy=refusing("hide", "v1.2.0"))
    wall.books.given["me", PATH] = frozenset({Version("v1.2.0")})
    assert await out(wall, index) == Way("v1.2.0")
    assert await out(wall, index, "you") == Way("v1.3.0")


async def test_what_is_the_same_for_all_is_looked_for_once_until_the_policy_is_another() -> None:
    wall, index = scene("v1.1.0", "v1.2.0", "v1.3.0")
    ways, version = ways_of(wall), ModuleVersion(ModulePath(PATH), Version("v1.1.0"))
    assert await ways.out("me", NOBODY, version, index) == Way("v1.2.0")
    asked = wall.source.counts.total()
    wall.clock.now += 3600  # whatever was kept elsewhere is old
    assert await ways.out("you", NOBODY, version, index) == Way("v1.2.0")
    assert wall.source.counts.total() == asked
    wall.adopt(refusing("deny", "v1.2.0"))
    assert await ways.out("you", NOBODY, version, index) == Way("v1.3.0")


class Stalling(ScriptedSource):
    """Answers nothing that it would have to fetch."""

    async def fetch(self, ctx: Context, request: Request) -> Answer:
        if ctx.fetch:
            self.stalled += 1
            await asyncio.Event().wait()
        return await super().fetch(ctx, request)

    stalled = 0


async def test_a_source_that_stalls_keeps_nobody_from_being_told_of_what_is_stored() -> None:
    source = Stalling()
    wall = bench(source)
    wall.module("v1.1.0", "v1.3.0")
    index = index_of()
    wall.index.append(index)
    wall.adopt(refusing("deny", "v1.2.0"))
    ways, version = ways_of(wall, patience=0.01), ModuleVersion(ModulePath(PATH), Version("v1.1.0"))
    for consumer in ("me", "you", "they"):
        assert await ways.out(consumer, NOBODY, version, index) == Way("v1.3.0")
    assert source.stalled == 1
