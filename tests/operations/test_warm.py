"""`warm`: what is wanted is there afterwards, what fails is named, and a second run asks for nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.wiring.operations import operate
from tests.operations.warm_scene import WarmScene
from tests.support.fsck import assert_clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[WarmScene]:
    with WarmScene(tmp_path) as made:
        world = made.world
        world.add("ex.test/a", requires={"ex.test/b": "v1.1.0"})
        world.add("ex.test/b", "v1.1.0", requires={"ex.test/Cap": "v1.0.0"})
        world.add("ex.test/Cap", "v1.0.0", go="1.16", requires={"ex.test/deep": "v1.0.0"})
        world.add("ex.test/deep")
        for minor in (1, 2, 3):
            world.add("ex.test/tool", f"v1.{minor}.0", requires={"ex.test/b": "v1.1.0"})
        made.seal()
        yield made


GO_MOD = (
    "module main.test/app\n\ngo 1.21\n\nrequire (\n\tex.test/a v1.0.0\n\tex.test/b v1.1.0 // indirect\n)\n"
)


def go_sum(scene: WarmScene, *versions: str, extra: str = "") -> str:
    keys = [(each.partition("@")[0], each.partition("@")[2]) for each in versions]
    return "".join(scene.world.modules[key].record.decode() for key in keys) + extra


async def test_a_go_mod_without_a_go_sum_brings_its_whole_build_list(scene: WarmScene) -> None:
    project = scene.project("app", {"go.mod": GO_MOD})
    ran = await scene.warm(project / "go.mod")
    assert ran.summary is not None
    assert ran.summary.ok, ran
    assert scene.stored("zip") == {
        "/ex.test/a/@v/v1.0.0.zip",
        "/ex.test/b/@v/v1.1.0.zip",
        "/ex.test/!cap/@v/v1.0.0.zip",
    }
    assert {url.removesuffix("mod") for url in scene.stored("mod")} == {
        url.removesuffix("info") for url in scene.stored("info")
    }
    assert ran.facts["modules"] == 3
    assert ran.facts["fetched"] == 9
    assert ran.progress[-1].done == ran.progress[-1].total == 9
    assert_clean(scene.folder / "store")


async def test_a_go_sum_beside_the_go_mod_narrows_the_zips_to_what_is_built(scene: WarmScene) -> None:
    lines = go_sum(scene, "ex.test/a@v1.0.0", "ex.test/b@v1.1.0", "ex.test/tool@v1.1.0")
    project = scene.project("app", {"go.mod": GO_MOD, "go.sum": lines})
    ran = await scene.warm(project)
    assert ran.facts["left_out"] == 1  # ex.test/tool, of an earlier build list
    assert scene.stored("zip") == {"/ex.test/a/@v/v1.0.0.zip", "/ex.test/b/@v/v1.1.0.zip"}
    assert "/ex.test/tool/@v/v1.1.0.mod" in scene.stored("mod")
    await scene.warm(project / "go.sum")
    assert "/ex.test/tool/@v/v1.1.0.zip" in scene.stored("zip")


async def test_a_second_run_asks_the_upstream_for_nothing(scene: WarmScene) -> None:
    project = scene.project("app", {"go.mod": GO_MOD})
    first = await scene.warm(project)
    scene.upstream.reset()
    asked = sum(scene.sums.requests.values())
    second = await scene.warm(project)
    assert scene.upstream.total() == 0
    assert sum(scene.sums.requests.values()) == asked
    assert (second.facts["fetched"], second.facts["there"]) == (0, first.facts["fetched"])
    assert second.summary is not None
    assert second.summary.ok


async def test_what_stands_is_found_without_an_upstream(scene: WarmScene) -> None:
    project = scene.project("app", {"go.mod": GO_MOD})
    await scene.warm(project)
    scene.upstream.kill()
    ran = await scene.warm(project)
    assert ran.summary is not None
    assert ran.summary.ok, ran


async def test_a_version_that_fails_is_named_and_the_rest_comes(scene: WarmScene) -> None:
    (scene.world.root / "ex.test/b/@v/v1.1.0.zip").unlink()
    broken = scene.world.modules["ex.test/Cap", "v1.0.0"]
    scene.world.write(broken.url("mod"), broken.mod + b"// changed\n")
    ran = await scene.warm(scene.project("app", {"go.mod": GO_MOD}))
    assert ran.summary is not None
    assert not ran.summary.ok
    assert ran.failed() == {"ex.test/b@v1.1.0": "Absent", "ex.test/Cap@v1.0.0": "Tampered"}
    assert "/ex.test/a/@v/v1.0.0.zip" in scene.stored("zip")
    assert "/ex.test/b/@v/v1.1.0.zip" not in scene.stored("zip")
    assert "/ex.test/!cap/@v/v1.0.0.mod" not in scene.stored("mod")
    assert ran.facts["failed_versions"] == 2
    assert_clean(scene.folder / "store")


async def test_what_go_sum_has_beyond_a_download_may_be_absent_upstream(scene: WarmScene) -> None:
    lines = go_sum(scene, "ex.test/a@v1.0.0", "ex.test/b@v1.1.0", "ex.test/Cap@v1.0.0")
    for kind in ("info", "mod", "zip"):
        (scene.world.root / f"ex.test/!cap/@v/v1.0.0.{kind}").unlink()
    ran = await scene.warm(scene.project("app", {"go.mod": GO_MOD, "go.sum": lines}))
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    assert ran.facts["absent"] == 3


async def test_a_failure_that_passes_is_tried_once_more(
    scene: WarmScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modgate.operations.warm_fill._PAUSE", 1.0)
    scene.upstream.fault("status", "*/b/@v/v1.1.0.mod", status=500)
    warming = asyncio.create_task(
        scene.warm(scene.project("app", {"go.mod": GO_MOD}), config=scene.config(cache__verdict_ttl=0))
    )
    while not scene.upstream.gets("/ex.test/b/@v/v1.1.0.mod"):
        await asyncio.sleep(0.01)
    scene.upstream.heal()
    ran = await warming
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    # Its go.mod came late, and what is behind it came all the same.
    assert "/ex.test/!cap/@v/v1.0.0.zip" in scene.stored("zip")


@pytest.mark.parametrize(
    ("subject", "version"),
    [
        ("ex.test/tool@latest", "v1.3.0"),
        ("ex.test/tool@v1.2", "v1.2.0"),
        ("ex.test/tool@main", "v1.1.0"),
        ("ex.test/tool@upgrade", "v1.3.0"),
        ("ex.test/tool@<v1.3.0", "v1.2.0"),
        ("ex.test/tool@v1.2.0", "v1.2.0"),
    ],
)
async def test_a_query_is_resolved_and_brings_what_its_version_needs(
    scene: WarmScene, subject: str, version: str
) -> None:
    scene.world.query("ex.test/tool", "main", "v1.1.0")
    ran = await scene.run("warm", modules=[subject])
    assert ran.summary is not None
    assert ran.summary.ok, ran.items
    told = [item.facts["version"] for item in ran.items if item.kind == "resolved"]
    assert told == ([version] if subject != f"ex.test/tool@{version}" else [])
    assert scene.stored("zip") == {f"/ex.test/tool/@v/{version}.zip", "/ex.test/b/@v/v1.1.0.zip"}


async def test_a_retracted_version_is_not_the_latest(scene: WarmScene) -> None:
    scene.world.add("ex.test/tool", "v1.4.0", retract=["v1.4.0"])
    scene.seal()
    ran = await scene.run("warm", modules=["ex.test/tool@latest"], alone=True)
    assert ran.items[0].facts["version"] == "v1.3.0"
    assert scene.stored("zip") == {"/ex.test/tool/@v/v1.3.0.zip"}


async def test_a_query_that_means_nothing_fails_alone(scene: WarmScene) -> None:
    ran = await scene.run("warm", modules=["ex.test/none@latest", "ex.test/deep@v1.0.0", "ex.test/tool@v7"])
    assert ran.failed() == {"ex.test/none@latest": "Absent", "ex.test/tool@v7": "Absent"}
    assert scene.stored("zip") == {"/ex.test/deep/@v/v1.0.0.zip"}


async def test_a_private_module_whose_route_is_closed_fails_and_is_asked_of_nobody(scene: WarmScene) -> None:
    config = scene.config(private="corp.test")
    text = GO_MOD.replace("ex.test/b v1.1.0 // indirect", "corp.test/secret v1.0.0")
    ran = await scene.warm(scene.project("app", {"go.mod": text}), config=config)
    assert set(ran.failed()) == {"corp.test/secret@v1.0.0"}
    assert not any("corp.test" in path for path in scene.upstream.counts())
    assert not any("corp.test" in path for path in scene.sums.requests)


async def test_parameters_that_are_none_are_refused(scene: WarmScene) -> None:
    for params in ({"zips": ["x"]}, {"jobs": 0}, {"file": "/etc/passwd"}, {"zips": ["../x@v1.0.0"]}):
        ran = await scene.run("warm", **params)
        assert ran.failure is not None
        assert ran.failure.error == "Invalid"


async def test_a_warm_that_is_broken_off_ends_at_once_and_can_be_gone_on_with(scene: WarmScene) -> None:
    for number in range(30):
        scene.world.add(f"ex.test/big{number}", padding=200_000)
    scene.seal()
    zips = [f"ex.test/big{number}@v1.0.0" for number in range(30)]
    events = operate(scene.config(), "warm", {"zips": zips, "jobs": 3})
    async for event in events:
        if getattr(event, "done", 0) > 5:
            break
    async with asyncio.timeout(5):
        await events.aclose()
    assert_clean(scene.folder / "store")
    ran = await scene.run("warm", zips=zips)
    assert ran.facts["there"] > 5
    assert ran.facts["there"] + ran.facts["fetched"] == 90
