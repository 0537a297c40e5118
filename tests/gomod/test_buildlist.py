"""Which go.mod files are read and which versions are selected: the rules, and the real go beside them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from modgate.gomod import modfile
from modgate.gomod.buildlist import ModGraph, Needs, needs_of, prunes
from tests.support.gate import GoClient
from tests.support.modules import World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modgate.gomod.buildlist import Pair

NEW, OLD = "1.21", "1.16"


def load(graph: ModGraph, world: Mapping[Pair, Needs | None]) -> list[Pair]:
    """Give the graph what it wants; the go.mods that it read, sorted."""
    read: list[Pair] = []
    while wanted := graph.wanted():
        for pair in wanted:
            read.append(pair)
            graph.give(pair, world.get(pair))
    return sorted(read)


def needs(go: str, *require: str) -> Needs:
    return Needs(go, tuple((each.partition("@")[0], each.partition("@")[2]) for each in require))


WORLD: dict[Pair, Needs | None] = {
    ("a", "v1.0.0"): needs(NEW, "b@v1.1.0", "c@v1.0.0"),
    ("b", "v1.1.0"): needs(NEW, "c@v1.2.0", "d@v1.0.0"),
    ("c", "v1.0.0"): needs(OLD, "d@v1.3.0"),
    ("c", "v1.2.0"): needs(OLD, "d@v1.0.0"),
    ("d", "v1.0.0"): needs(NEW),
    ("d", "v1.3.0"): needs(NEW, "e@v1.0.0"),
    ("e", "v1.0.0"): needs(NEW),
    ("o", "v1.0.0"): needs(OLD, "b@v1.1.0"),
}


@pytest.mark.parametrize(
    ("go", "lists_all"),
    [
        *[(go, False) for go in ("", "1.16", "1.9", "1.17rc1", "x")],
        *[(go, True) for go in ("1.17", "1.17.3", "1.18rc1", "1.26.8", "2.0", "1." + "9" * 5000)],
    ],
)
def test_a_go_mod_lists_all_it_needs_from_1_17_on(go: str, *, lists_all: bool) -> None:
    assert prunes(go) is lists_all


def test_behind_a_new_go_mod_only_what_it_requires_is_known_not_read() -> None:
    graph = ModGraph({"main": needs(NEW, "a@v1.0.0")})
    assert load(graph, WORLD) == [("a", "v1.0.0")]
    assert graph.build_list() == [("a", "v1.0.0"), ("b", "v1.1.0"), ("c", "v1.0.0")]
    assert graph.downloads(()) == [("a", "v1.0.0")]
    assert graph.downloads({("c", "v1.0.0"), ("c", "v1.2.0")}) == [("a", "v1.0.0"), ("c", "v1.0.0")]
    assert graph.downloads() == graph.build_list()


def test_behind_an_old_go_mod_everything_is_read() -> None:
    graph = ModGraph({"main": needs(NEW, "o@v1.0.0")})
    assert load(graph, WORLD) == [("b", "v1.1.0"), ("c", "v1.2.0"), ("d", "v1.0.0"), ("o", "v1.0.0")]
    assert ("d", "v1.0.0") in graph.build_list()


def test_an_old_main_module_has_everything_read_and_downloads_all_of_it() -> None:
    graph = ModGraph({"main": needs(OLD, "a@v1.0.0")})
    read = load(graph, WORLD)
    assert ("c", "v1.0.0") in read
    assert ("c", "v1.2.0") in read
    assert ("e", "v1.0.0") in read
    selected = {"a": "v1.0.0", "b": "v1.1.0", "c": "v1.2.0", "d": "v1.3.0", "e": "v1.0.0"}
    assert dict(graph.build_list()) == selected
    assert graph.downloads(()) == sorted(selected.items())


def test_a_root_that_the_graph_raises_is_read_at_its_higher_version() -> None:
    graph = ModGraph({"main": needs(NEW, "b@v1.1.0", "c@v1.0.0")})
    assert ("c", "v1.2.0") in load(graph, WORLD)
    assert dict(graph.build_list())["c"] == "v1.2.0"
    assert ("c", "v1.2.0") in graph.downloads(())


def test_an_excluded_requirement_does_not_count() -> None:
    graph = ModGraph({"main": needs(NEW, "b@v1.1.0", "c@v1.0.0")}, exclude=[("c", "v1.2.0")])
    load(graph, WORLD)
    assert dict(graph.build_list())["c"] == "v1.0.0"


def test_a_replacement_is_read_in_place_of_what_it_replaces() -> None:
    replace = {("b", ""): ("fork", "v1.9.0"), ("c", "v1.0.0"): ("c", "v1.2.0"), ("d", ""): ("/here", "")}
    world = {**WORLD, ("fork", "v1.9.0"): needs(NEW, "e@v1.0.0")}
    graph = ModGraph(
        {"main": needs(NEW, "b@v1.1.0", "c@v1.0.0", "d@v1.0.0")},
        replace=replace,
        folders={"/here": needs(NEW, "o@v1.0.0")},
    )
    read = [("c", "v1.2.0"), ("e", "v1.0.0"), ("fork", "v1.9.0"), ("o", "v1.0.0")]
    assert load(graph, world) == read
    assert dict(graph.build_list()) == {
        "b": "v1.1.0",
        "c": "v1.0.0",
        "d": "v1.0.0",
        "e": "v1.0.0",
        "o": "v1.0.0",
    }
    assert graph.downloads(()) == [("c", "v1.2.0"), ("fork", "v1.9.0")]


def test_a_go_mod_that_cannot_be_had_ends_its_branch_alone() -> None:
    graph = ModGraph({"main": needs(NEW, "gone@v1.0.0", "b@v1.1.0")})
    assert load(graph, WORLD) == [("b", "v1.1.0"), ("gone", "v1.0.0")]
    assert ("d", "v1.0.0") in graph.build_list()


def test_a_circle_of_requirements_ends() -> None:
    world: dict[Pair, Needs | None] = {
        ("x", "v1.0.0"): needs(OLD, "y@v1.0.0", "main@v0.1.0"),
        ("y", "v1.0.0"): needs(OLD, "x@v1.0.0"),
        ("main", "v0.1.0"): needs(OLD, "x@v1.0.0"),
    }
    graph = ModGraph({"main": needs(OLD, "x@v1.0.0")})
    assert load(graph, world) == [("main", "v0.1.0"), ("x", "v1.0.0"), ("y", "v1.0.0")]
    assert graph.build_list() == [("x", "v1.0.0"), ("y", "v1.0.0")]


def _random_world(folder: Path, dice: random.Random) -> World:
    world = World(folder)
    names = [f"ex.test/m{number}" for number in range(9)]
    for level, path in enumerate(names):
        for minor in range(3):
            deeper = names[level + 1 :]
            chosen = dice.sample(deeper, min(len(deeper), dice.randint(0, 3)))
            requires = {each: f"v1.{dice.randint(0, 2)}.0" for each in chosen}
            world.add(path, f"v1.{minor}.0", requires=requires, go=dice.choice([OLD, NEW, "1.17"]))
    return world.finish()


@pytest.mark.go
@pytest.mark.parametrize("seed", range(3))
def test_the_build_list_and_the_go_mods_are_those_of_the_real_go(
    tmp_path: Path, go_command: str, seed: int
) -> None:
    dice = random.Random(seed)
    world = _random_world(tmp_path / "made", dice)
    client = GoClient(go_command, tmp_path / "client", (tmp_path / "made").as_uri())
    client.work.mkdir(parents=True)
    roots = {f"ex.test/m{number}": f"v1.{dice.randint(0, 1)}.0" for number in dice.sample(range(6), 4)}
    lines = [f"require {path} {version}" for path, version in roots.items()]
    lines += ["exclude ex.test/m7 v1.2.0", "replace ex.test/m8 => ex.test/m8 v1.1.0"]
    text = "\n".join(["module main.test/x", "", f"go {(OLD, NEW, NEW)[seed]}", "", *lines]) + "\n"
    (client.work / "go.mod").write_text(text)
    said = client.run("list", "-mod=mod", "-m", "-f", "{{.Path}} {{.Version}}", "all").stdout.split("\n")
    theirs = sorted(tuple(line.split()) for line in said if len(line.split()) == 2)

    go_mod = modfile.parse(text.encode())
    graph = ModGraph(
        {"main.test/x": needs_of(go_mod)},
        exclude=[(each.path, each.version) for each in go_mod.exclude],
        replace={("ex.test/m8", ""): ("ex.test/m8", "v1.1.0")},
    )
    by_pair: dict[Pair, Needs | None] = {
        key: needs_of(modfile.parse_lax(built.mod)) for key, built in world.modules.items()
    }
    read = load(graph, by_pair)
    assert graph.build_list() == theirs
    downloaded = client.modcache / "cache" / "download"
    theirs_read = {
        (str(file.parent.parent.relative_to(downloaded)), file.stem) for file in downloaded.rglob("*.mod")
    }
    assert set(read) <= theirs_read
    # Of a selected version that nothing is read behind, `go list` reads the go.mod for its own sake.
    assert theirs_read <= {*read, *map(graph.actual, graph.build_list())}
