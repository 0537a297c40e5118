"""`refresh`: what may change is asked for at once, and what changed is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.operations.warm_scene import WarmScene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operations.warm_scene import Ran


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[WarmScene]:
    with WarmScene(tmp_path) as made:
        made.world.add("corp.test/a", "v1.0.0")
        made.world.add("corp.test/Deep/b", "v1.0.0")
        made.world.add("ex.test/c", "v1.0.0")
        made.world.query("ex.test/c", "main", "v1.0.0")
        made.seal()
        yield made


async def ask_first(scene: WarmScene) -> None:
    """Have lists and a branch kept."""
    modules = ["corp.test/a@latest", "corp.test/Deep/b@latest", "ex.test/c@latest", "ex.test/c@main"]
    ran = await scene.run("warm", modules=modules)
    assert ran.summary is not None
    assert ran.summary.ok, ran.items


def told(ran: Ran) -> dict[str, dict[str, Any]]:
    return {item.subject: item.facts for item in ran.items if item.kind == "module"}


async def test_a_named_module_is_asked_for_although_it_is_fresh(scene: WarmScene) -> None:
    await ask_first(scene)
    scene.world.add("ex.test/c", "v1.1.0")
    scene.world.add("ex.test/c", "v1.2.0")
    scene.world.query("ex.test/c", "main", "v1.2.0")
    scene.seal()
    ran = await scene.run("refresh", modules=["ex.test/c"])
    facts = told(ran)["ex.test/c"]
    assert (facts["before"], facts["after"]) == (1, 3)
    assert facts["new"] == ["v1.1.0", "v1.2.0"]
    assert facts["latest"] == "v1.2.0"
    assert facts["moved"]["main"] == ["v1.0.0", "v1.2.0"]
    assert ran.facts["changed"] == 1
    assert ran.facts["new_versions"] == 2
    assert "v1.2.0" in (scene.folder / "store/ex.test/c/@v/list").read_text()


async def test_a_pattern_means_what_the_store_has(scene: WarmScene) -> None:
    await ask_first(scene)
    scene.upstream.reset()
    ran = await scene.run("refresh", modules=["corp.test/*"])
    assert set(told(ran)) == {"corp.test/a", "corp.test/Deep/b"}
    assert ran.facts["changed"] == 0
    assert scene.upstream.gets("/corp.test/!deep/b/@v/list") == 1
    assert scene.upstream.gets("/ex.test/c/@v/list") == 0


async def test_everything_is_everything_that_is_kept(scene: WarmScene) -> None:
    await ask_first(scene)
    ran = await scene.run("refresh", all=True)
    assert set(told(ran)) == {"corp.test/a", "corp.test/Deep/b", "ex.test/c"}
    assert ran.summary is not None
    assert ran.summary.ok
    assert ran.progress[-1].total == ran.progress[-1].done == 3


async def test_a_module_that_cannot_be_asked_for_fails_and_keeps_what_is_kept(scene: WarmScene) -> None:
    await ask_first(scene)
    scene.upstream.fault("status", "/corp.test/a/*", status=500)
    ran = await scene.run("refresh", modules=["corp.test/*", "ex.test/none"])
    assert ran.failed() == {"corp.test/a": "Unavailable", "ex.test/none": "Absent"}
    assert set(told(ran)) == {"corp.test/Deep/b"}
    assert ran.summary is not None
    assert not ran.summary.ok
    assert (scene.folder / "store/corp.test/a/@v/list").read_text() == "v1.0.0\n"


async def test_a_branch_that_is_gone_is_told_and_forgotten(scene: WarmScene) -> None:
    await ask_first(scene)
    (scene.world.root / "ex.test/c/@v/main.info").unlink()
    ran = await scene.run("refresh", modules=["ex.test/c"])
    assert told(ran)["ex.test/c"]["moved"]["main"] == ["v1.0.0", None]
    assert not (scene.folder / "store/ex.test/c/@v/main.info").exists()
    again = await scene.run("refresh", modules=["ex.test/c"])
    assert "main" not in told(again)["ex.test/c"]["moved"]


async def test_one_says_what_is_meant(scene: WarmScene) -> None:
    params: tuple[dict[str, Any], ...] = ({}, {"modules": ["a.test/x"], "all": True}, {"modules": ["../x"]})
    for given in params:
        ran = await scene.run("refresh", **given)
        assert ran.failure is not None
        assert ran.failure.error == "Invalid"
