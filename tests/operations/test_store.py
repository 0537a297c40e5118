"""What is stored is listed, measured, pruned and pinned; what may not go stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid
from modgate.ledger.memory import MemoryLedger
from modgate.model.operations import Failure, Item, Summary
from modgate.operations import Works, run_operation
from modgate.storage.memory import MemoryStore
from tests.contract.blob_store import meta_of

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath
    from modgate.model import BlobMeta

NOW = 1_800_000_000.0
DAY = 86400.0


class Forgetful:
    """A way that notes which modules it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    async def forget(self, path: ModulePath) -> None:
        self.forgotten.append(path)


class Scene:
    """A store of a few modules, and operations on it."""

    def __init__(self) -> None:
        self.store = MemoryStore(1 << 24, clock=lambda: NOW)
        self.ledger = MemoryLedger(clock=lambda: NOW)
        self.way = Forgetful()

    async def fill(self) -> Scene:
        await self.version("example.com/a", "v1.0.0", days=100)
        await self.version("example.com/a", "v1.1.0", days=1)
        await self.version("example.com/a/sub", "v0.1.0", days=200, size=5000)
        await self.version("corp.example/x", "v1.0.0", days=300)
        await self.version("github.com/!upper/b", "v2.0.0+incompatible", days=5, size=90_000)
        await self.store.put("sumdb/x/tile/8/0/000", b"tile", meta_of(b"tile", stored_at=NOW))
        return self

    async def version(self, path: str, version: str, *, days: float, size: int = 1000) -> None:
        for kind, count in (("info", 40), ("mod", 30), ("zip", size)):
            data = bytes(count)
            await self.store.put(f"{path}/@v/{version}.{kind}", data, aged(data, days))
        data = version.encode()
        await self.store.replace(f"{path}/@v/list", data, aged(data, days))

    async def run(self, name: str, **params: Any) -> tuple[list[Item], dict[str, Any], bool]:
        works = Works(
            store=self.store,
            ledger=self.ledger,
            way=self.way,  # type: ignore[arg-type]  # the part that removing needs
            way_from=lambda _source: self.way,  # type: ignore[arg-type,return-value]
            database=None,  # type: ignore[arg-type]
            kept=lambda path: path.startswith("corp.example"),
            status=None,  # type: ignore[arg-type]
            clock=lambda: NOW,
            monotonic=lambda: 0.0,
            concurrency=4,
            serving=False,
        )
        items: list[Item] = []
        async for event in run_operation(works, name, params):
            match event:
                case Item():
                    items.append(event)
                case Failure():
                    raise Invalid(event.what)
                case Summary():
                    return items, event.facts, event.ok
        raise AssertionError("no summary")

    async def keys(self) -> list[str]:
        return [each.key async for batch in self.store.walk() for each in batch]


def aged(data: bytes, days: float) -> BlobMeta:
    return meta_of(data, stored_at=NOW - days * DAY)


@pytest.fixture
async def scene() -> Scene:
    return await Scene().fill()


async def test_modules_are_listed_with_what_is_known_of_them(scene: Scene) -> None:
    await scene.run("store-pin", subjects=["example.com/a@v1.0.0"])
    items, facts, _ = await scene.run("store-list")
    assert [each.subject for each in items] == [
        "corp.example/x",
        "example.com/a",
        "example.com/a/sub",
        "github.com/Upper/b",
    ]
    found = items[1].facts
    assert (found["versions"], found["objects"], found["bytes"]) == (2, 7, 2146)
    assert (found["pinned"], found["kept"], found["verified"]) == (1, False, ["sumdb"])
    assert found["used_at"] == NOW - DAY
    assert items[0].facts["kept"] is True
    assert facts["matched"] == facts["shown"] == 4


async def test_an_info_counts_as_unproved_only_where_nothing_else_is_there(scene: Scene) -> None:
    unproved = meta_of(b"i", stored_at=NOW, verified="none")
    await scene.store.put("example.com/bare/@v/v1.0.0.info", b"i", unproved)
    await scene.store.put("example.com/proved/@v/v1.0.0.info", b"i", unproved)
    await scene.store.put("example.com/proved/@v/v1.0.0.mod", b"m", meta_of(b"m", stored_at=NOW))
    items, _, _ = await scene.run("store-list", patterns=["example.com/bare", "example.com/proved"])
    assert [each.facts["verified"] for each in items] == [["none"], ["sumdb"]]


async def test_a_list_is_sorted_chosen_and_cut(scene: Scene) -> None:
    items, facts, _ = await scene.run("store-list", sort="size", limit=2)
    assert [each.subject for each in items] == ["github.com/Upper/b", "example.com/a/sub"]
    assert (facts["matched"], facts["shown"]) == (4, 2)
    items, _, _ = await scene.run("store-list", sort="used", limit=1)
    assert items[0].subject == "corp.example/x"
    items, _, _ = await scene.run("store-list", patterns=["example.com"], versions=True)
    assert [each.subject for each in items] == [
        "example.com/a/sub@v0.1.0",
        "example.com/a@v1.0.0",
        "example.com/a@v1.1.0",
    ]
    items, _, _ = await scene.run("store-list", patterns=["example.com/*@v1.1*"], versions=True)
    assert [each.subject for each in items] == ["example.com/a@v1.1.0"]
    assert (await scene.run("store-list", pinned=True))[0] == []
    for wrong in ("[", "a@", "@v1"):
        with pytest.raises(Invalid, match="no pattern"):
            await scene.run("store-list", patterns=[wrong])


async def test_the_store_is_measured_by_prefix_and_kind(scene: Scene) -> None:
    items, facts, _ = await scene.run("store-usage")
    assert [each.subject for each in items] == ["github.com", "example.com", "corp.example"]
    assert facts["kinds"]["zip"] == {"bytes": 98_000, "objects": 5}
    assert facts["kinds"]["sumdb"] == {"bytes": 4, "objects": 1}
    assert facts["bytes"] == sum(kind["bytes"] for kind in facts["kinds"].values())
    assert facts["objects"] == len(await scene.keys())
    items, facts, _ = await scene.run("store-usage", patterns=["example.com"], depth=3)
    assert [each.subject for each in items] == ["example.com/a/sub", "example.com/a"]
    assert "sumdb" not in facts["kinds"]


async def test_what_is_removed_goes_whole_and_is_forgotten(scene: Scene) -> None:
    items, facts, ok = await scene.run("store-remove", patterns=["example.com/a@v1.0.0"], dry_run=True)
    assert ([each.kind for each in items], facts["versions"], ok) == (["would"], 1, True)
    assert "example.com/a/@v/v1.0.0.zip" in await scene.keys()
    assert scene.way.forgotten == []
    await scene.run("store-remove", patterns=["example.com/a@v1.0.0"])
    left = await scene.keys()
    assert not [each for each in left if "v1.0.0" in each and "example.com/a/" in each]
    assert {"example.com/a/@v/v1.1.0.info", "example.com/a/@v/list"} <= set(left)
    assert scene.way.forgotten == ["example.com/a"]
    await scene.run("store-remove", patterns=["example.com"])
    assert not [each for each in await scene.keys() if each.startswith("example.com")]
    assert "sumdb/x/tile/8/0/000" in await scene.keys()


async def test_what_is_pinned_or_may_not_come_back_stays(scene: Scene) -> None:
    await scene.run("store-pin", subjects=["example.com/a", "example.com/a/sub@v0.1.0"])
    before = await scene.keys()
    items, facts, _ = await scene.run("store-remove", patterns=["example.com", "corp.example"])
    assert {each.facts["why"] for each in items} == {"pinned", "kept"}
    assert facts["refused"] == {"pinned": 3, "kept": 1}
    assert sorted(await scene.keys()) == sorted(before)
    await scene.run("store-remove", patterns=["corp.example"], irretrievable=True)
    assert not [each for each in await scene.keys() if each.startswith("corp.example")]


async def test_only_what_is_long_unused_goes(scene: Scene) -> None:
    await scene.store.get("example.com/a/sub/@v/v0.1.0.mod")
    items, _, _ = await scene.run("store-remove", older_than=90 * DAY)
    assert [(each.kind, each.subject) for each in items] == [
        ("refused", "corp.example/x@v1.0.0"),
        ("removed", "example.com/a@v1.0.0"),
    ]
    with pytest.raises(Invalid, match="nothing is named"):
        await scene.run("store-remove")


@pytest.mark.parametrize("age", [-1.0, float("nan"), float("inf")])
async def test_an_age_that_is_none_removes_nothing(scene: Scene, age: float) -> None:
    for patterns in ([], ["example.com"]):
        with pytest.raises(Invalid, match="older_than"):
            await scene.run("store-remove", older_than=age, patterns=patterns)


async def test_pins_are_set_listed_and_taken_back(scene: Scene) -> None:
    items, facts, _ = await scene.run(
        "store-pin", subjects=["example.com/a", "a.example/new@v1.0.0"], note="n"
    )
    assert [each.facts["new"] for each in items] == [True, True]
    assert facts == {"pinned": 2, "known": 0}
    assert (await scene.run("store-pin", subjects=["example.com/a"]))[1] == {"pinned": 0, "known": 1}
    items, _, _ = await scene.run("store-pin")
    assert [each.subject for each in items] == ["a.example/new@v1.0.0", "example.com/a"]
    _, facts, ok = await scene.run("store-unpin", subjects=["example.com/a", "example.com/none"])
    assert (facts, ok) == ({"unpinned": 1, "unknown": 1}, False)
    for wrong in ("not a path", "example.com/a@latest", "example.com/a@v2.0.0", ""):
        with pytest.raises(Invalid):
            await scene.run("store-pin", subjects=[wrong])
