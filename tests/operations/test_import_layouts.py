"""Folders that go, Athens and goproxy filled: the good versions come in, each bad one is named."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.operations.import_scene import LAYOUTS, Ran, Scene, damages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.modules import BuiltModule


def _damage(scene: Scene, layout: str, place: Callable[[BuiltModule, str], Path]) -> dict[str, BuiltModule]:
    """Damage five versions, spread over the folder: by name."""
    kinds = damages(layout)
    step = len(scene.built) // len(kinds)
    hit = {}
    for number, damage in enumerate(kinds):
        built = scene.built[number * step + 1]
        damage(scene, built, partial(place, built))
        hit[f"{built.path}@{built.version}"] = built
    return hit


async def _five_wrong(tmp_path: Path, layout: str, count: int) -> tuple[Scene, Ran, set[str]]:
    scene = Scene(tmp_path, count)
    place = LAYOUTS[layout](scene, tmp_path / "there")
    hit = _damage(scene, layout, place)
    ran = await scene.take(tmp_path / "there")
    assert ran.summary is not None
    assert not ran.summary.ok
    assert ran.facts["layout"] == layout
    assert (ran.facts["found"], ran.facts["imported"], ran.facts["refused"]) == (count, count - 5, 5)
    assert ran.facts["unverifiable"] == 0
    assert set(ran.refused()) == set(hit)
    good = {b.url(kind).lstrip("/") for b in scene.built for kind in ("info", "mod", "zip")}
    bad = {b.url(kind).lstrip("/") for b in hit.values() for kind in ("info", "zip")}
    stored = scene.stored()
    assert stored >= good - bad - {b.url("mod").lstrip("/") for b in hit.values()}
    assert not stored & bad
    for key in stored:
        made = scene.world.root / key
        assert (tmp_path / "store" / key).read_bytes() == made.read_bytes()
    return scene, ran, set(hit)


@pytest.mark.parametrize("layout", LAYOUTS)
async def test_all_good_versions_come_in_and_five_bad_ones_are_named(tmp_path: Path, layout: str) -> None:
    scene, ran, _ = await _five_wrong(tmp_path, layout, 30)
    again = await scene.take(tmp_path / "there")
    assert (again.facts["imported"], again.facts["there"], again.facts["refused"]) == (0, 25, 5)
    assert again.refused() == ran.refused()


@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS)
async def test_of_three_hundred_versions_the_five_bad_ones_are_named(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ran, _ = await _five_wrong(tmp_path, layout, 300)
    with capsys.disabled():
        print(f"\n{layout}: 300 found, {ran.facts['imported']} imported, 5 refused:")
        for item in ran.items:
            if "reason" in item.facts:
                print(f"  {item.subject:<34} {item.facts['reason']:<8} {item.facts['text'][:90]}")
