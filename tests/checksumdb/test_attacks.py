"""The mirror when its upstream is hostile or broken: it fails closed, reports, and serves what it has."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, ModgateError, Tampered, Unavailable
from modgate.sumdb.fork import Forked
from tests.checksumdb.setup import World, filled
from tests.support import sumdb_attacks as attacks
from tests.support.sumdb_server import Reply, TestDatabase

if TYPE_CHECKING:
    from tests.support.sumdb_server import Hook

EVIL = "example.com/m3 v1.0.0 h1:evil=\nexample.com/m3 v1.0.0/go.mod h1:evil=\n"


def negative_id(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """An id that x/mod's index arithmetic would take for record 0."""
    if path.startswith("lookup/"):
        reply.body = b"-1" + reply.body[reply.body.index(b"\n") :]
    return reply


def id_beyond(db: TestDatabase, path: str, reply: Reply) -> Reply:
    if path.startswith("lookup/"):
        reply.body = b"%d" % db.size + reply.body[reply.body.index(b"\n") :]
    return reply


def page_of_a_portal(db: TestDatabase, path: str, reply: Reply) -> Reply:
    reply.body = b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>\n\n"
    return reply


def crossed_text(db: TestDatabase, path: str, reply: Reply) -> Reply:
    """The right names with wrong hashes."""
    if path.startswith("lookup/"):
        reply.body = reply.body.replace(b"h1:", b"h1:evil", 1)
    return reply


ATTACKS: list[tuple[str, Hook, type[ModgateError]]] = [
    ("wrong key", attacks.wrong_key, Tampered),
    ("malformed note", attacks.malformed_note, Unavailable),
    ("empty record", attacks.empty_record, Unavailable),
    ("unrelated record", attacks.unrelated_record, Tampered),
    ("lines behind the record's own", attacks.extra_lines(EVIL, in_note=False), Tampered),
    ("other hashes", crossed_text, Tampered),
    ("forged tiles", attacks.forged_tiles, Tampered),
    ("missing tiles", attacks.missing_tiles, Unavailable),
    ("truncated", attacks.truncated, Unavailable),
    ("an error page with 200", page_of_a_portal, Unavailable),
    ("a negative id", negative_id, Unavailable),
    ("an id beyond the tree", id_beyond, Tampered),
    ("500", attacks.status(500), Unavailable),
    ("429", attacks.status(429), Unavailable),
]


@pytest.mark.parametrize(("hook", "error"), [(a[1], a[2]) for a in ATTACKS], ids=[a[0] for a in ATTACKS])
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
async def test_an_attack_is_refused_and_nothing_of_it_is_kept(
    hook: Hook, error: type[ModgateError], *, warm: bool
) -> None:
    world = World(filled(70_000))
    if warm:
        await world.sums("example.com/m20")
    world.db.hooks.append(hook)
    with pytest.raises(error):
        await world.sums("example.com/m3")
    with pytest.raises(error):
        await world.fetch("lookup/example.com/m3@v1.0.0")
    assert await world.kept("lookup/example.com/m3@v1.0.0") is None
    assert bool(await world.alerts()) == (error is Tampered)
    if warm:
        # What was there goes on.
        assert await world.sums("example.com/m20") == ("h1:zip20=", "h1:mod20=")
        assert await world.fetch("latest") == world.db.head()
    # Healed: the next request recovers, and no poison is left, after a restart either.
    world.db.hooks.clear()
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")
    await world.mirror.flush()
    world.restarted()
    for i in range(30):
        assert await world.sums(f"example.com/m{i}") == (f"h1:zip{i}=", f"h1:mod{i}=")


async def test_lines_in_the_signed_tree_note_are_never_used() -> None:
    world = World()
    world.db.hooks.append(attacks.extra_lines(EVIL, in_note=True))
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")
    world.db.add_text("example.com/other", "v1.0.0", "example.com/unrelated v1.0.0 h1:x=\n")
    world.db.hooks[:] = [
        attacks.extra_lines("example.com/other v1.0.0 h1:evil=\n", in_note=True),
    ]
    with pytest.raises(Tampered, match="says nothing of"):
        await world.sums("example.com/other")


async def test_a_record_that_contradicts_itself_is_refused() -> None:
    db = filled()
    db.add_text("example.com/two", "v1.0.0", "example.com/two v1.0.0 h1:a=\nexample.com/two v1.0.0 h1:b=\n")
    with pytest.raises(Tampered):
        await World(db).sums("example.com/two")


async def test_a_record_without_h1_is_refused() -> None:
    db = filled()
    db.add_text("example.com/h2", "v1.0.0", "example.com/h2 v1.0.0 h2:xyzzy\n")
    with pytest.raises(Tampered):
        await World(db).sums("example.com/h2")


async def test_a_forged_tile_does_not_reach_a_client() -> None:
    world = World(filled(70_000))
    await world.sums("example.com/m20")
    world.db.hooks.append(attacks.forged_tiles)
    for path in ("tile/8/0/003", "tile/8/0/003.p/9"):
        with pytest.raises(Tampered):
            await world.fetch(path)
    assert await world.kept("tile/8/0/003") is None
    world.db.hooks.clear()
    assert await world.fetch("tile/8/0/003") == world.db.answer("tile/8/0/003").body


async def test_a_fork_beyond_our_view_is_proved_and_the_old_view_stays() -> None:
    world = World()
    await world.sums("example.com/m3")
    before = world.db.head()
    other = world.db.fork(world.db.size - 100)
    other.add_filler(150)
    other.add("example.com/forked", "v1.0.0", "h1:f=", "h1:fm=")
    other.add_filler(1)
    assert other.size > world.db.size
    world.db.hooks.append(attacks.forked_into(other))
    with pytest.raises(Forked) as caught:
        await world.sums("example.com/forked")
    assert before.decode().replace("\n", "\n\t").rstrip() in caught.value.proof
    assert other.head().decode().replace("\n", "\n\t").rstrip() in caught.value.proof
    assert "internal error" not in caught.value.proof
    assert await world.alerts() == ["sumdb-fork"]
    # The same proof is not told twice; the service goes on with the old view.
    world.now += 100
    assert await world.fetch("latest") == before
    assert await world.alerts() == ["sumdb-fork"]
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")
    world.restarted()
    with pytest.raises(Forked):
        await world.sums("example.com/forked")
    assert await world.kept("latest") == before
    # No tile of the fork was kept.
    world.db.hooks.clear()
    for i in range(30):
        assert await world.sums(f"example.com/m{i}") == (f"h1:zip{i}=", f"h1:mod{i}=")


@pytest.mark.parametrize("behind", [0, 1, 50, 300])
async def test_a_fork_at_or_before_our_view_is_proved(behind: int) -> None:
    world = World()
    for i in range(29):
        await world.sums(f"example.com/m{i}")
    other = world.db.fork(300)
    other.add("example.com/forked", "v1.0.0", "h1:f=", "h1:fm=")
    other.add_filler(world.db.size - behind - other.size)
    world.db.hooks.append(attacks.forked_into(other))
    with pytest.raises(Forked) as caught:
        await world.sums("example.com/forked")
    assert "internal error" not in caught.value.proof
    assert other.head().decode().replace("\n", "\n\t").rstrip() in caught.value.proof
    assert await world.alerts() == ["sumdb-fork"]
    assert await world.fetch("latest") == world.db.head()


@pytest.mark.parametrize("behind", [1, 50, 300])
async def test_a_fork_whose_proof_the_upstream_withholds_is_refused(behind: int) -> None:
    world = World()
    await world.sums("example.com/m29")
    other = world.db.fork(300)
    other.add("example.com/forked", "v1.0.0", "h1:f=", "h1:fm=")
    other.add_filler(world.db.size - behind - other.size)
    world.db.hooks.append(attacks.forked_into(other))
    with pytest.raises((Tampered, Unavailable)):
        await world.sums("example.com/forked")
    assert await world.kept("lookup/example.com/forked@v1.0.0") is None


async def test_a_rolled_back_upstream_is_reported_and_never_followed() -> None:
    world = World()
    await world.sums("example.com/m3")
    await world.mirror.flush()
    newest = world.db.head()
    world.db.hooks.append(attacks.forked_into(world.db.fork(300)))
    world.restarted()
    assert await world.fetch("latest") == newest
    assert await world.alerts() == []  # a cache on the way may be this late
    world.now += 7200
    assert await world.fetch("latest") == newest
    assert await world.alerts() == ["sumdb-rollback"]
    assert await world.kept("latest") == newest
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")


async def test_a_rolled_back_upstream_that_grows_again_is_a_fork() -> None:
    world = World()
    for i in range(29):
        await world.sums(f"example.com/m{i}")
    back = world.db.fork(300)
    back.add("example.com/new", "v1.0.0", "h1:n=", "h1:nm=")
    world.db.hooks.append(attacks.forked_into(back))
    with pytest.raises(Forked):
        await world.sums("example.com/new")


async def test_a_kept_head_of_another_key_is_refused_with_the_way_out() -> None:
    world = World()
    await world.sums("example.com/m3")
    await world.mirror.flush()
    world.db = TestDatabase(seed=bytes(32))
    world.db.add("example.com/m3", "v1.0.0", "h1:x=", "h1:y=")
    world.restarted()
    with pytest.raises(Tampered, match="remove sumdb/"):
        await world.sums("example.com/m3")


async def test_a_hanging_upstream_holds_up_only_its_own_askers() -> None:
    world = World()
    await world.sums("example.com/m3")
    world.db.hooks.append(attacks.hang)
    asking = asyncio.create_task(world.sums("example.com/m4"))
    assert await world.sums("example.com/m3") == ("h1:zip3=", "h1:mod3=")
    asking.cancel()
    await world.mirror.close()


async def test_nonsense_for_latest_is_unavailable() -> None:
    world = World()
    for hook in (page_of_a_portal, attacks.truncated, attacks.malformed_note):
        world.db.hooks[:] = [hook]
        world.now += 100
        with pytest.raises(Unavailable):
            await world.fetch("latest")
    world.db.hooks[:] = [attacks.wrong_key]
    world.now += 100
    with pytest.raises(Tampered):
        await world.fetch("latest")


async def test_a_tile_of_the_wrong_kind_is_invalid() -> None:
    with pytest.raises(Invalid):
        await World().fetch("tile/8/data/000")
