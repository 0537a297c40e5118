"""Running checks at once: isolation, the common limit, the choice of them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from modgate.client.doctor.check import Check, Outcome, Result
from modgate.client.doctor.choose import choose
from modgate.client.doctor.run import Done, examine
from modgate.client.doctor.scenery import chain_of, scene_of, sumdb_of
from modgate.client.machine.host import System
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.settings import GoSettings, Layer, Setting, Value
from modgate.client.net.scripted import ScriptedProber
from modgate.errors import Invalid, Unavailable
from modgate.messages import Message

if TYPE_CHECKING:
    from modgate.client.doctor.scene import Scene


def _go(**values: str) -> GoSettings:
    return GoSettings({name: Setting(name, Value(Layer.GOENV, text)) for name, text in values.items()})


def _scene(*, offline: bool = False, **go: str) -> Scene:
    return scene_of(RecordedHost(), _go(**go), ScriptedProber(), clock=lambda: 0.0, offline=offline)


async def _good(_: Scene) -> Result:
    return Result()


async def _hangs(_: Scene) -> Result:
    await asyncio.sleep(60)
    return Result()


async def _dies(_: Scene) -> Result:
    raise ZeroDivisionError("a slip")


async def _cannot(_: Scene) -> Result:
    raise Unavailable("the file may not be read")


async def _unsure(_: Scene) -> Result:
    return Result(unknown=Message("doctor.verdict.nothing"))


def _check(name: str, run: object = _good, *, network: bool = False, groups: tuple[str, ...] = ()) -> Check:
    return Check(name, run, network=network, groups=groups)  # type: ignore[arg-type]


async def _examined(*checks: Check, limit: float = 5.0, offline: bool = False) -> dict[str, Done]:
    found: dict[str, Done] = {}
    async for done in examine(checks, _scene(offline=offline), monotonic=time.monotonic, limit=limit):
        found[done.check.name] = done
    return found


async def test_a_check_that_dies_harms_no_other() -> None:
    found = await _examined(_check("good"), _check("dies", _dies), _check("cannot", _cannot))
    assert found["good"].outcome is Outcome.GOOD
    assert found["dies"].outcome is Outcome.UNKNOWN
    assert found["dies"].broken == "ZeroDivisionError"
    assert found["cannot"].outcome is Outcome.UNKNOWN
    assert not found["cannot"].broken


async def test_what_has_not_ended_at_the_limit_is_unknown_and_the_rest_is_told_before() -> None:
    order: list[str] = []
    checks = (_check("hangs", _hangs), _check("good"))
    async for done in examine(checks, _scene(), monotonic=time.monotonic, limit=0.2):
        order.append(done.check.name)
        if done.check.name == "hangs":
            assert done.outcome is Outcome.UNKNOWN
            assert done.result.unknown is not None
            assert done.result.unknown.key == "doctor.unknown.late"
    assert order == ["good", "hangs"]


async def test_offline_leaves_out_what_needs_the_network() -> None:
    found = await _examined(_check("net", _dies, network=True), _check("local"), offline=True)
    assert found["net"].outcome is Outcome.SKIPPED
    assert found["local"].outcome is Outcome.GOOD


async def test_a_check_may_say_that_it_could_not_find_out() -> None:
    assert (await _examined(_check("unsure", _unsure)))["unsure"].outcome is Outcome.UNKNOWN


CHECKS = (
    _check("dns", groups=("DNS",)),
    _check("tls", groups=("TLS", "SYS")),
    Check("macos", _good, network=False, groups=("SYS",), systems=frozenset({System.MACOS})),
)


@pytest.mark.parametrize(
    ("only", "skip", "expected"),
    [
        ([], [], ["dns", "tls"]),
        (["dns"], [], ["dns"]),
        (["MG-TLS-004"], [], ["tls"]),
        (["sys"], [], ["tls"]),
        (["tls,dns"], [], ["dns", "tls"]),
        ([], ["dns"], ["tls"]),
        (["dns", "tls"], ["MG-DNS-001"], ["tls"]),
    ],
)
def test_checks_are_chosen_by_name_group_or_id(only: list[str], skip: list[str], expected: list[str]) -> None:
    chosen = choose(CHECKS, System.LINUX, only=only, skip=skip)
    assert [check.name for check in chosen] == expected


def test_a_name_that_is_none_is_told_with_the_nearest() -> None:
    with pytest.raises(Invalid, match="did you mean dns"):
        choose(CHECKS, System.LINUX, only=["dnss"])


def test_a_setting_that_cannot_be_read_leaves_its_place_empty() -> None:
    assert chain_of(_go(GOPROXY="ftp://x")) == ()
    assert sumdb_of(_go(GOSUMDB="https://sum.golang.org")) is None
    assert sumdb_of(_go(GOSUMDB="off")) is None
    assert sumdb_of(_go(GOSUMDB="sum.golang.google.cn")) == ("sum.golang.org", "https://sum.golang.google.cn")
    assert [entry.display for entry in chain_of(_go())] == ["https://proxy.golang.org", "direct"]
