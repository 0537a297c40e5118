"""The mirror when its upstream is honest."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from modgate.checksumdb.mirror import Mirror, Mirrored
from modgate.checksumdb.remote import Candidate
from modgate.errors import Absent, Denied, Invalid, Tampered, Unavailable, Unverified
from modgate.gomod.types import ModulePath
from modgate.model.answer import Verification
from modgate.model.blob import BlobMeta
from modgate.model.context import Context
from modgate.storage.disk import DiskStore
from modgate.storage.memory import MemoryBlob, MemoryStore
from modgate.sumdb.tiles import edge_tiles
from tests.checksumdb.setup import ASK, World, filled, mv, spec_of
from tests.support import sumdb_attacks

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.model.ledger import Alert, TreeHead
    from tests.support.sumdb_server import Reply, TestDatabase

STORED = Context(fetch=False)


async def test_sums_are_those_of_the_proved_record() -> None:
    world = World()
    found = await world.mirror.sums(ASK, mv("example.com/m3"))
    assert (found.zip, found.mod, found.verified) == ("h1:zip3=", "h1:mod3=", Verification.SUMDB)


async def test_a_record_may_lack_the_zip_line() -> None:
    db = filled()
    db.add("example.com/modonly", "v1.0.0", "", "h1:mod=")
    assert await World(db).sums("example.com/modonly") == ("", "h1:mod=")


async def test_many_askers_share_each_request() -> None:
    world = World()
    await asyncio.gather(*(world.sums(f"example.com/m{i % 30}") for i in range(300)))
    assert world.asked("lookup/") == 30
    assert max(world.db.requests.values()) == 1
    assert world.asked("latest") == 0


async def test_three_hundred_lookups_take_three_round_trips() -> None:
    rounds = 0
    waiting: list[asyncio.Event] = []

    async def pause() -> None:
        event = asyncio.Event()
        waiting.append(event)
        await event.wait()

    db = filled(100_000, modules=300)
    world = World(db, pause=pause)
    world.upstream.pages[f"sumdb/{db.name}/supported"] = b""
    all_sums = asyncio.gather(*(world.sums(f"example.com/m{i}") for i in range(300)))
    while not all_sums.done():
        for _ in range(300):
            await asyncio.sleep(0)
        now, waiting[:] = list(waiting), []
        rounds += bool(now)
        for event in now:
            event.set()
    await all_sums
    # Lookups; the tiles that lead to them, and beside them the edge of the tree.
    assert rounds <= 3
    assert max(db.requests.values()) == 1


async def test_heads_that_arrive_together_are_not_adopted_one_by_one() -> None:
    world = World()
    sizes = iter(range(world.db.size - 29, world.db.size + 1))
    heads = {f"lookup/example.com/m{i}@v1.0.0": world.db.head(next(sizes)) for i in range(30)}

    def own_head(db: TestDatabase, path: str, reply: Reply) -> Reply:
        if path in heads:
            reply.body = reply.body.replace(db.head(), heads[path])
        return reply

    world.db.hooks.append(own_head)
    await asyncio.gather(*(world.sums(f"example.com/m{i}") for i in range(30) if i < 29))
    await world.mirror.flush()
    assert len(await world.ledger.tree_heads(world.db.name)) <= 3


async def test_a_kept_lookup_needs_no_upstream() -> None:
    world = World()
    await world.sums("example.com/m3")
    await world.mirror.flush()
    world.upstream.broken = Unavailable("dead")
    world.restarted()
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")
    assert b"example.com/m3 v1.0.0 h1:zip3=" in await world.fetch("lookup/example.com/m3@v1.0.0")
    with pytest.raises(Unavailable):
        await world.sums("example.com/m4")


async def test_a_failure_is_not_remembered() -> None:
    world = World()
    world.upstream.broken = Unavailable("dead")
    with pytest.raises(Unavailable):
        await world.sums("example.com/m3")
    world.upstream.broken = None
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")


async def test_an_unknown_version_is_unverified_and_absent() -> None:
    world = World()
    with pytest.raises(Unverified, match="unknown to the test database"):
        await world.sums("example.com/none")
    with pytest.raises(Absent, match="unknown to the test database"):
        await world.fetch("lookup/example.com/none@v1.0.0")


async def test_gone_stays_gone() -> None:
    world = World()
    world.db.hooks.append(sumdb_attacks.status(410, "gone for good"))
    with pytest.raises(Absent) as caught:
        await world.fetch("lookup/example.com/m1@v1.0.0")
    assert caught.value.gone


async def test_a_refusal_of_the_upstream_keeps_its_text() -> None:
    world = World()
    world.db.hooks.append(sumdb_attacks.status(403, "not for you"))
    with pytest.raises(Denied, match="not for you"):
        await world.sums("example.com/m1")


async def test_an_asker_who_leaves_cancels_nothing() -> None:
    gate = asyncio.Event()
    world = World(pause=gate.wait)  # type: ignore[arg-type]
    leaving = asyncio.create_task(world.sums("example.com/m1"))
    staying = asyncio.create_task(world.sums("example.com/m1"))
    await asyncio.sleep(0)
    leaving.cancel()
    gate.set()
    assert await staying == ("h1:zip1=", "h1:mod1=")
    assert world.asked("lookup/") == 1


async def test_private_names_never_leave() -> None:
    world = World(private="corp.example/*,example.com/m1")
    for path in ("corp.example/secret", "corp.example/secret/sub", "example.com/m1"):
        with pytest.raises(Denied):
            await world.sums(path)
        with pytest.raises(Denied):
            await world.fetch(f"lookup/{path}@v1.0.0")
        assert not world.mirror.covers(ModulePath(path))
    assert not world.upstream.requests


async def test_exempt_names_are_not_covered_but_clients_may_ask() -> None:
    world = World(exempt="example.com/m1,golang.org/*")
    assert not world.mirror.covers(ModulePath("example.com/m1"))
    assert world.mirror.covers(ModulePath("example.com/m2"))
    assert not world.mirror.covers(ModulePath("golang.org/x/mod"))
    assert world.mirror.covers(ModulePath("golang.org/toolchain"))
    assert await world.fetch("lookup/example.com/m1@v1.0.0")


async def test_without_a_database_nothing_is_covered() -> None:
    world = World()
    mirror = Mirror([], world.store, world.ledger, world.clock)
    assert not mirror.covers(ModulePath("example.com/m1"))
    with pytest.raises(Absent):
        await mirror.fetch(ASK, world.db.name, "supported")


async def test_supported_is_answered_here() -> None:
    world = World()
    assert await world.fetch("supported") == b""
    assert not world.upstream.requests


async def test_a_foreign_database_is_absent() -> None:
    with pytest.raises(Absent):
        await World().mirror.fetch(ASK, "sum.golang.org", "supported")


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/../b", "a//b", "/a", "a/", "a b", "", "a\\b", "a/%2e%2e/b", "a?x"]
)
async def test_a_traversing_database_is_invalid(name: str) -> None:
    world = World()
    with pytest.raises(Invalid):
        await world.mirror.fetch(ASK, name, "supported")
    assert not world.upstream.requests


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "foo",
        "supported/x",
        "latest/",
        "lookup/",
        "lookup/example.com/m1",
        "lookup/example.com/M1@v1.0.0",
        "lookup/example.com/m1@V1.0.0",
        "lookup/../m1@v1.0.0",
        "lookup/example.com/m1@latest",
        "lookup/example.com/m1@v1",
        "lookup/example.com/m1@v1.0.0/go.mod",
        "lookup/example.com/m1@v1.0.0@v1.0.0",
        "tile/8/0/000.p/0",
        "tile/8/0/../000",
        "tile/8/0/0",
        "tile/7/0/000",
        "tile/8/data/000",
        "tile/8",
    ],
)
async def test_a_nonsense_path_is_invalid_and_asks_nobody(rest: str) -> None:
    world = World()
    with pytest.raises(Invalid):
        await world.fetch(rest)
    assert not world.upstream.requests


async def test_a_client_gets_what_it_can_verify() -> None:
    world = World()
    answer = await world.mirror.fetch(ASK, world.db.name, "lookup/example.com/m7@v1.0.0")
    assert answer.immutable
    assert answer.body == world.db.record(world.db._ids["example.com/m7@v1.0.0"]) + world.db.head()


async def test_the_text_is_kept_under_our_head_not_under_the_one_it_came_with() -> None:
    world = World()
    await world.sums("example.com/m29")
    served = world.db.head()
    world.db.add_filler(50)
    await world.sums("example.com/m2")
    kept = await world.kept("lookup/example.com/m2@v1.0.0")
    assert kept is not None
    assert kept.endswith(served)
    assert await world.kept("latest") == served


async def test_every_edge_tile_of_the_head_is_kept_with_it() -> None:
    world = World(filled(70_000))
    await world.sums("example.com/m29")
    for tile in edge_tiles(8, world.db.size):
        assert await world.kept(tile.path()) == world.db.tile(tile)
    assert await world.kept("supported") == b""


async def test_tiles_are_served_whole_and_cut() -> None:
    world = World()
    await world.sums("example.com/m29")
    world.db.requests.clear()
    for path in ("tile/8/0/000", "tile/8/0/000.p/17", "tile/8/1/000.p/1", "tile/8/1/000.p/2", "tile/8/0/001"):
        answer = await world.mirror.fetch(ASK, world.db.name, path)
        assert answer.immutable
        assert answer.content_type == "application/octet-stream"
        assert answer.body == world.db.answer(path).body
    assert world.upstream.requests["tile/8/0/000.p/17"] == 0


async def test_a_tile_beyond_the_view_makes_the_view_move() -> None:
    world = World()
    await world.sums("example.com/m29")
    world.db.add_filler(1000)
    edge = edge_tiles(8, world.db.size)[-1].path()
    assert await world.fetch(edge) == world.db.answer(edge).body
    with pytest.raises(Absent):
        await world.fetch("tile/8/0/999")
    assert world.upstream.requests["latest"] == 1


async def test_a_tile_beyond_the_view_is_not_absent_while_the_upstream_is_dead() -> None:
    world = World()
    await world.sums("example.com/m29")
    world.db.add_filler(1000)
    edge = edge_tiles(8, world.db.size)[-1].path()
    world.upstream.broken = Unavailable("dead")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.fetch(edge)
    world.upstream.broken = None
    world.now += 3
    assert await world.fetch(edge) == world.db.answer(edge).body
    with pytest.raises(Absent):
        await world.fetch("tile/8/0/999")


async def test_latest_is_asked_for_again_when_it_is_old() -> None:
    world = World()
    assert await world.fetch("latest") == world.db.head()
    old = world.db.head()
    world.db.add_filler(10)
    assert await world.fetch("latest") == old
    world.now += 61
    assert await world.fetch("latest") == world.db.head()
    assert world.upstream.requests["latest"] == 2


async def test_latest_is_served_old_while_the_upstream_is_dead() -> None:
    world = World()
    await world.fetch("latest")
    world.upstream.broken = Unavailable("dead")
    world.now += 1000
    assert await world.fetch("latest") == world.db.head()
    asked = world.upstream.requests["latest"]
    assert await world.fetch("latest") == world.db.head()
    assert world.upstream.requests["latest"] == asked


async def test_latest_without_any_head_is_unavailable_not_absent() -> None:
    world = World()
    world.upstream.broken = Unavailable("dead")
    with pytest.raises(Unavailable):
        await world.fetch("latest")


async def test_a_database_without_a_head_is_broken_not_empty() -> None:
    world = World()

    def empty(_db: TestDatabase, _path: str, reply: Reply) -> Reply:
        reply.body = b""
        return reply

    for hook in (empty, sumdb_attacks.status(404)):
        world.db.hooks[:] = [hook]
        world.now += 100
        with pytest.raises(Unavailable):
            await world.fetch("latest")
        with pytest.raises(Unavailable):
            await world.fetch("tile/8/0/000.p/1")


async def test_without_fetching_only_what_is_kept_is_answered() -> None:
    world = World()
    await world.sums("example.com/m1")
    await world.mirror.flush()
    world.restarted()
    world.upstream.requests.clear()
    assert (await world.mirror.sums(STORED, mv("example.com/m1"))).zip == "h1:zip1="
    assert (await world.mirror.fetch(STORED, world.db.name, "latest")).body == world.db.head()
    with pytest.raises(Unavailable):
        await world.mirror.sums(STORED, mv("example.com/m2"))
    for rest in ("lookup/example.com/m2@v1.0.0", "tile/8/0/001"):
        with pytest.raises(Absent):
            await world.mirror.fetch(STORED, world.db.name, rest)
    assert not world.upstream.requests


async def test_a_partial_tile_that_has_become_full_upstream_is_cut_from_the_full_one() -> None:
    world = World()
    old = world.db.head()
    world.db.add_filler(2000)

    def no_old_partials(db: TestDatabase, path: str, reply: Reply) -> Reply:
        if path.startswith("lookup/"):
            reply.body = reply.body.replace(db.head(), old)
        if ".p/" in path and path.startswith("tile/8/0/"):
            reply.status = 404
        return reply

    world.db.hooks.append(no_old_partials)
    assert await world.sums("example.com/m29") == ("h1:zip29=", "h1:mod29=")


async def test_a_rotten_tile_is_set_aside_and_fetched_again() -> None:
    world = World()
    await world.sums("example.com/m1")
    await world.mirror.flush()
    key = f"sumdb/{world.db.name}/tile/8/0/000"
    blob = await world.store.get(key)
    assert blob is not None
    wrong = bytes(8192)
    await world.store.replace(key, wrong, _meta(wrong))
    world.restarted()
    assert await world.sums("example.com/m2") == ("h1:zip2=", "h1:mod2=")
    assert await world.kept("tile/8/0/000") == world.db.answer("tile/8/0/000").body
    assert "sumdb-bitrot" in await world.alerts()


async def test_a_file_that_lost_bits_on_the_disk_is_fetched_again(tmp_path: Path) -> None:
    store = await DiskStore.open(tmp_path, clock=lambda: 1.8e9)
    world = World(store=store)
    await world.sums("example.com/m1")
    await world.mirror.close()
    await store.close()
    for rest in ("tile/8/0/000", "lookup/example.com/m1@v1.0.0"):
        file = tmp_path / "sumdb" / world.db.name / rest
        right = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(right[:-1] + b"x")
    world.store = await DiskStore.open(tmp_path, clock=lambda: 1.8e9)
    world.restarted()
    assert await world.sums("example.com/m1") == ("h1:zip1=", "h1:mod1=")
    assert await world.kept("tile/8/0/000") == world.db.answer("tile/8/0/000").body
    await world.mirror.close()
    await world.store.close()


class SlowStore(MemoryStore):
    """Looks for a while before it says that an object is not there."""

    def __init__(self) -> None:
        super().__init__(1 << 26)
        self._random = random.Random(1)

    async def get(self, key: str) -> MemoryBlob | None:
        found = await super().get(key)
        for _ in range(self._random.randrange(40)):
            await asyncio.sleep(0)
        return found


async def test_what_is_proved_while_the_store_is_searched_is_not_asked_for_again() -> None:
    world = World(filled(30_000, modules=300), store=SlowStore())
    for start in range(0, 300, 60):
        await asyncio.gather(*(world.sums(f"example.com/m{i}") for i in range(start, start + 60)))
    assert max(world.db.requests.values()) == 1


async def test_two_mirrors_over_one_store_never_move_the_head_back() -> None:
    world = World()
    await world.sums("example.com/m1")
    await world.mirror.flush()
    first, second = world.mirror, world.restarted()
    await second.sums(ASK, mv("example.com/m1"))
    world.db.add("example.com/a", "v1.0.0", "h1:a=", "")
    older = world.db.head()
    world.db.add("example.com/b", "v1.0.0", "h1:b=", "")
    await first.sums(ASK, mv("example.com/b"))
    newer = world.db.head()

    def late(db: TestDatabase, path: str, reply: Reply) -> Reply:
        reply.body = reply.body.replace(newer, older)
        return reply

    world.db.hooks.append(late)
    assert (await second.sums(ASK, mv("example.com/a"))).zip == "h1:a="
    assert await world.kept("latest") == newer
    await first.close()


async def test_a_rotten_lookup_is_set_aside_and_fetched_again() -> None:
    world = World()
    await world.sums("example.com/m1")
    await world.mirror.flush()
    key = "lookup/example.com/m1@v1.0.0"
    kept = await world.kept(key)
    assert kept is not None
    wrong = kept.replace(b"h1:zip1=", b"h1:evil=")
    await world.store.replace(f"sumdb/{world.db.name}/{key}", wrong, _meta(wrong))
    world.restarted()
    assert await world.sums("example.com/m1") == ("h1:zip1=", "h1:mod1=")
    assert await world.kept(key) == kept


async def test_the_ledger_keeps_the_history_of_heads() -> None:
    world = World()
    await world.sums("example.com/m1")
    first = world.db.size
    world.db.add("example.com/new", "v1.0.0", "h1:new=", "h1:newmod=")
    world.now += 5
    await world.sums("example.com/new")
    await world.mirror.flush()
    heads = await world.ledger.tree_heads(world.db.name)
    assert sorted((head.size, head.seen_at) for head in heads) == [
        (first, world.now - 5),
        (first + 1, world.now),
    ]
    assert {bytes(head.root_hash) for head in heads} == {world.db.tree(first).hash, world.db.tree().hash}


class DeadLedger:
    """A ledger whose database is gone."""

    async def add_tree_head(self, _head: TreeHead) -> None:
        raise Unavailable("database is locked")

    async def add_alert(self, _alert: Alert) -> None:
        raise Unavailable("database is locked")


async def test_a_dead_ledger_stops_nothing() -> None:
    world = World()
    world.ledger = DeadLedger()  # type: ignore[assignment]
    world.restarted()
    assert await world.sums("example.com/m1") == ("h1:zip1=", "h1:mod1=")
    world.db.hooks.append(sumdb_attacks.wrong_key)
    with pytest.raises(Tampered):
        await world.sums("example.com/m25")
    await world.mirror.close()


async def test_a_full_store_stops_the_head_but_keeps_what_is_there() -> None:
    world = World(store=MemoryStore(1))
    with pytest.raises(Unavailable) as caught:
        await world.sums("example.com/m1")
    assert caught.value.kind == "storage-full"
    assert await world.kept("latest") is None


async def test_a_tiny_memory_costs_time_and_nothing_else() -> None:
    world = World()
    mirror = Mirror(
        [Mirrored(spec_of(world.db), [Candidate(world.upstream, proxy=False)])],
        world.store,
        world.ledger,
        world.clock,
        tile_memory=1,
        lookups=1,
    )
    for i in range(30):
        found = await mirror.sums(ASK, mv(f"example.com/m{i}"))
        assert found.zip == f"h1:zip{i}="
    await mirror.close()
    assert max(world.db.requests.values()) == 1


async def test_closing_stops_what_is_under_way() -> None:
    never = asyncio.Event()
    world = World(pause=never.wait)  # type: ignore[arg-type]
    asking = asyncio.create_task(world.sums("example.com/m1"))
    await asyncio.sleep(0.01)
    await world.mirror.close()
    with pytest.raises(Unavailable) as caught:
        await asking
    assert caught.value.kind == "stopping"


def _meta(data: bytes) -> BlobMeta:
    return BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=0.0)
