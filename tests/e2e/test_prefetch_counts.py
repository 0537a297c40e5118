"""What fetching ahead costs and saves, in requests at the upstream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage

pytestmark = pytest.mark.go
ROOT = {"example.test/root": "v1.0.0"}
ZIP = "/example.test/root/@v/v1.0.0.zip"
MOD = "/example.test/root/@v/v1.0.0.mod"


def _settled(stage: Stage) -> dict[str, int]:
    """The counts of modules once nothing more happens."""
    before: dict[str, int] = {}
    while True:
        time.sleep(0.4)
        now = {
            path: gets
            for path, (gets, _, _) in stage.upstream.counts().items()
            if not path.startswith("/db/")
        }
        if now == before:
            return now
        before = now


def test_a_go_mod_announces_its_zip(furnished: Stage) -> None:
    gate = furnished.gate()
    gate.ask(MOD)
    assert _settled(furnished)[ZIP] == 1
    furnished.upstream.reset()
    gate.ask(ZIP)
    assert furnished.upstream.gets(ZIP) == 0


def test_a_go_mod_of_before_graph_pruning_announces_what_it_requires(stage: Stage) -> None:
    # From go 1.17 on, the main module's go.mod lists the whole graph: nothing behind it is loaded.
    for path, go in (("elder", "1.16"), ("younger", "1.17")):
        stage.world.add(f"example.test/{path}-leaf")
        stage.world.add(f"example.test/{path}", requires={f"example.test/{path}-leaf": "v1.0.0"}, go=go)
    stage.seal()
    gate = stage.gate()
    gate.ask("/example.test/elder/@v/v1.0.0.mod")
    gate.ask("/example.test/younger/@v/v1.0.0.mod")
    counts = _settled(stage)
    assert counts["/example.test/elder-leaf/@v/v1.0.0.mod"] == 1
    assert "/example.test/younger-leaf/@v/v1.0.0.mod" not in counts


def test_switched_off_nothing_is_fetched_that_was_not_asked(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(prefetch={"enabled": False}))
    gate.ask(MOD)
    assert _settled(furnished) == {MOD: 1}


def test_a_download_costs_each_object_once_with_prefetch_and_without(furnished: Stage) -> None:
    costs = []
    for enabled in (True, False):
        furnished.upstream.reset()
        config = furnished.quick(prefetch={"enabled": enabled}, cache={"mutable_ttl": 60})
        client = furnished.client(furnished.gate(config=config))
        client.module(ROOT)
        client.run("mod", "tidy")
        counts = _settled(furnished)
        assert max(counts.values()) == 1, counts
        costs.append(sum(path.endswith(".zip") for path in counts))
    assert costs[1] == 4, "root, middle, leaf, Upper"
    assert costs[0] <= 5


def test_asking_for_updates_does_not_fetch_zips_ahead(furnished: Stage) -> None:
    gate = furnished.gate()
    client = furnished.client(gate)
    client.module(ROOT)
    client.run("mod", "tidy")
    known = _settled(furnished)
    client.run("list", "-m", "-u", "all")
    added = [path for path in _settled(furnished) if path not in known and path.endswith(".zip")]
    assert not added


def test_private_modules_are_never_fetched_ahead(furnished: Stage) -> None:
    config = furnished.quick(private=["example.test/middle"])
    gate = furnished.gate(config=config)
    gate.ask(MOD)
    assert not [path for path in _settled(furnished) if "/middle/" in path]
