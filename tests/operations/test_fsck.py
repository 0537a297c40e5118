"""fsck finds what was planted and nothing else, mends it, and then has nothing more to say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.operations.fsck_scene import KINDS, FsckScene, Planted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modgate.model.operations import Item


def _found(items: Sequence[Item], kind: str = "fault") -> list[Planted]:
    return sorted((item.facts["kind"], item.subject) for item in items if item.kind == kind)


def _show(title: str, facts: dict[str, Any]) -> None:
    kinds = ", ".join(f"{kind} {count}" for kind, count in facts["kinds"].items()) or "none"
    print(
        f"{title}: {facts['versions']:,} versions, {facts['objects']:,} objects, "
        f"{facts['read'] / 1e6:.1f} MB in {facts['seconds']:.2f} s ({facts['mb_per_second']:.1f} MB/s); "
        f"faults {facts['faults']} ({kinds}), repaired {facts['repaired']}, remaining {facts['remaining']}"
    )


def _find_mend_and_look_again(scene: FsckScene, count: int) -> None:
    clean, summary = scene.fsck()
    _show("before", summary.facts)
    assert _found(clean) == []
    planted = scene.plant(count)
    assert Counter(kind for kind, _ in planted).keys() == set(KINDS)

    items, summary = scene.fsck()
    _show("planted", summary.facts)
    assert _found(items) == planted
    assert summary.ok is False

    items, summary = scene.fsck(repair=True)
    _show("repair", summary.facts)
    assert _found(items, "repair") == planted
    assert [item.facts for item in items if item.kind == "repair" and not item.facts["repaired"]] == []
    assert summary.ok is True
    assert scene.is_whole()

    items, summary = scene.fsck(level="deep")
    _show("after, deep", summary.facts)
    assert _found(items) == []
    assert summary.ok is True


def test_what_is_planted_is_found_and_mended_and_nothing_else(tmp_path: Path) -> None:
    with FsckScene(tmp_path, 60) as scene:
        _find_mend_and_look_again(scene, 36)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fifty_faults_among_five_thousand_versions_are_found_and_mended(tmp_path: Path) -> None:
    with FsckScene(tmp_path, 5000, padding=20_000) as scene:
        _find_mend_and_look_again(scene, 50)
