"""The verifying client, alone: the cases of x/mod's client tests and those of its two repairs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Invalid, Tampered, Unavailable
from modgate.sumdb.client import Client
from modgate.sumdb.fork import Forked
from modgate.sumdb.note import Note, new_signer, sign_note
from modgate.sumdb.records import EMPTY_TREE, Tree, format_tree
from modgate.sumdb.tiles import Tile, parse_tile_path
from modgate.sumdb.tlog import EMPTY_HASH
from tests.sumdb.twin import MemoryOps
from tests.support import sumdb_attacks as attacks
from tests.support.sumdb_server import Reply, TestDatabase

if TYPE_CHECKING:
    from modgate.sumdb.head import Record

SAMPLER = "rsc.io/sampler v1.3.0 h1:7uVkIFmeBqHfdjD+gZwtXXI+RODJ2Wc4O7MPEh/QiW4="


class Case:
    """x/mod's test client: four records, a kept head of size 1, tiles of height 2."""

    def __init__(self, db: TestDatabase | None = None) -> None:
        self.db = db or TestDatabase("localhost.localdev/sumdb")
        if db is None:
            self.db.add_text(
                "rsc.io/quote",
                "v1.5.2",
                "rsc.io/quote v1.5.2 h1:w5fcysjrx7yqtD/aO+QwRjYZOKnaM9Uh2b40tElTs3Y=\n"
                "rsc.io/quote v1.5.2/go.mod h1:LzX7hefJvL54yjefDEDHNONDjII0t9xZLPXsUe+TKr0=\n"
                "rsc.io/quote v1.5.2 h2:xyzzy\n",
            )
            self.db.add("golang.org/x/text", "v0.0.0-20170915032832-14c0d48ead0c", "h1:qgOY=", "h1:NqM8=")
            self.db.add_text(
                "rsc.io/sampler", "v1.3.0", f"{SAMPLER}\nrsc.io/sampler v1.3.0/go.mod h1:T1hP=\n"
            )
        self.ops = MemoryOps(self.db)
        self.latest = f"{self.db.name}/latest"
        if db is None:
            self.ops.config[self.latest] = self.db.head(1)
        self.client = Client(self.db.verifier_key, self.ops, height=2)

    def again(self) -> None:
        self.client = Client(self.db.verifier_key, self.ops, height=2)

    def kept_size(self) -> int:
        return int(self.ops.config[self.latest].split(b"\n")[1])

    async def lines(self, path: str, version: str) -> list[str]:
        record: Record = await self.client.lookup(path, version.removesuffix("/go.mod"))
        return record.lines(path, version)


async def test_a_lookup_is_proved_and_kept() -> None:
    case = Case()
    assert await case.lines("rsc.io/sampler", "v1.3.0") == [SAMPLER]
    assert case.kept_size() == 3
    case.ops.online = False
    case.again()
    assert await case.lines("rsc.io/sampler", "v1.3.0") == [SAMPLER]
    assert await case.lines("rsc.io/sampler", "v1.3.0/go.mod") == ["rsc.io/sampler v1.3.0/go.mod h1:T1hP="]
    with pytest.raises(Unavailable):
        await case.client.lookup("rsc.io/quote", "v1.5.2")


async def test_several_lines_and_upper_case() -> None:
    case = Case()
    assert len(await case.lines("rsc.io/quote", "v1.5.2")) == 2
    case.db.add("rsc.io/Quote", "v1.5.2", "h1:uppercase!=", "")
    assert await case.lines("rsc.io/Quote", "v1.5.2") == ["rsc.io/Quote v1.5.2 h1:uppercase!="]
    assert case.kept_size() == 4
    assert "localhost.localdev/sumdb/lookup/rsc.io/!quote@v1.5.2" in case.ops.cache


async def test_a_path_that_cannot_be_asked_for_is_invalid() -> None:
    case = Case()
    for path, version in [("rsc.io/ä", "v1.0.0"), ("rsc.io/x", "v1.0.0!")]:
        with pytest.raises(Invalid):
            await case.client.lookup(path, version)
    assert not case.db.requests


async def test_an_unknown_module_is_absent_and_a_missing_tile_is_not() -> None:
    case = Case()
    with pytest.raises(Absent):
        await case.client.lookup("rsc.io/none", "v1.0.0")
    case.db.hooks.append(attacks.missing_tiles)
    with pytest.raises(Unavailable):
        await case.client.lookup("rsc.io/sampler", "v1.3.0")


async def test_bad_tiles_are_refused_at_the_start_and_later() -> None:
    case = Case()
    case.db.hooks.append(attacks.forged_tiles)
    with pytest.raises(Tampered, match="inconsistent tile"):
        await case.client.lookup("rsc.io/sampler", "v1.3.0")
    assert not case.ops.cache
    case.db.hooks.clear()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    case.db.add("rsc.io/new", "v1.0.0", "h1:n=", "")
    case.db.hooks.append(attacks.forged_tiles)
    with pytest.raises(Tampered):
        await case.client.lookup("rsc.io/new", "v1.0.0")
    assert case.kept_size() == 3
    case.db.hooks.clear()
    await case.client.lookup("rsc.io/new", "v1.0.0")
    assert not case.ops.security


async def test_a_kept_head_that_the_tiles_do_not_support_is_never_left_silently() -> None:
    case = Case()
    wrong = sign_note(Note(format_tree(Tree(1, EMPTY_HASH)).decode()), new_signer(case.db.signer_key))
    case.ops.config[case.latest] = wrong
    with pytest.raises(Tampered):
        await case.client.lookup("rsc.io/sampler", "v1.3.0")
    assert case.ops.config[case.latest] == wrong


async def test_a_fork_is_told_with_both_notes_and_a_proof() -> None:
    case = Case()
    other = Case(case.db.fork(3))
    for version in ("v1.5.2", "v1.5.4"):
        case.db.add("rsc.io/pkg1", version, "h1:hash!=", "")
    for version in ("v1.5.3", "v1.5.4"):
        other.db.add("rsc.io/pkg1", version, "h1:hash!=", "")
    case.db.add("rsc.io/pkg1", "v1.5.5", "h1:hash!=", "")
    await other.client.lookup("rsc.io/pkg1", "v1.5.4")
    other.ops.db = case.db
    with pytest.raises(Forked) as caught:
        await other.client.lookup("rsc.io/pkg1", "v1.5.5")
    text = caught.value.proof
    assert other.ops.security == [text]
    assert "SECURITY ERROR\ngo.sum database server misbehavior detected!\n" in text
    assert "old database:\n\tgo.sum database tree\n\t5\n" in text
    assert "new database:\n\tgo.sum database tree\n\t6\n" in text
    assert "proof of misbehavior:\n\t" in text
    assert "internal error" not in text
    assert other.kept_size() == 5


async def test_lines_outside_the_authenticated_text_are_never_returned() -> None:
    case = Case()
    case.db.add_text("golang.org/x/bad", "v1.0.0", "golang.org/x/good v1.0.0 h1:good=\n")
    case.db.hooks.append(attacks.extra_lines("golang.org/x/bad v1.0.0 h1:evil=\n", in_note=True))
    with pytest.raises(Tampered, match="says nothing of"):
        await case.client.lookup("golang.org/x/bad", "v1.0.0")


@pytest.mark.parametrize("path", ["rsc.io/sample", "rsc.io/sampler/v2", "rsc.io/Sampler"])
async def test_a_record_of_a_like_named_module_is_refused(path: str) -> None:
    case = Case()
    case.db.hooks.append(_as_sampler)
    with pytest.raises(Tampered):
        await case.client.lookup(path, "v1.3.0")


def _as_sampler(db: TestDatabase, path: str, reply: Reply) -> Reply:
    return Reply(db.record(2) + db.head()) if path.startswith("lookup/") else reply


async def test_the_view_never_goes_back() -> None:
    case = Case()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    for size in (0, 1, 2):
        await case.client.merge(case.db.head(size))
        assert case.client.head.tree == case.db.tree()
    case.again()
    await case.client.merge(case.db.head(1))
    assert case.client.head.tree == case.db.tree()


async def test_an_empty_message_is_the_empty_tree() -> None:
    case = Case()
    assert (await case.client.merge(b"")).tree == EMPTY_TREE


async def test_a_view_moved_by_another_process_is_followed() -> None:
    case = Case()
    case.db.add_filler(20)
    case.ops.conflicts = [case.db.head(9)]
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    assert case.kept_size() == case.db.size
    case.db.add_filler(5)
    newest = case.db.head()
    case.db.add_filler(5)
    case.ops.conflicts = [case.db.head()]
    await case.client.merge(newest)
    assert case.client.head.tree == case.db.tree()
    assert case.ops.config[case.latest] == case.db.head()


async def test_a_view_moved_backwards_by_another_process_is_moved_on() -> None:
    case = Case()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    case.db.add_filler(20)
    case.ops.conflicts = [case.db.head(2)]
    await case.client.merge(case.db.head())
    assert case.kept_size() == case.db.size


async def test_a_view_that_another_process_forked_is_refused() -> None:
    case = Case()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    fork = case.db.fork(2)
    fork.add_filler(1)
    case.db.add_filler(20)
    case.ops.conflicts = [fork.head()]
    with pytest.raises(Forked):
        await case.client.merge(case.db.head())


@pytest.mark.parametrize("kept", [b"nonsense", b"go.sum database tree\n1\n"])
async def test_a_kept_head_that_is_not_signed_is_refused(kept: bytes) -> None:
    case = Case()
    case.ops.config[case.latest] = kept
    with pytest.raises(Tampered, match="remove sumdb/"):
        await case.client.start()


async def test_tiles_are_given_only_when_proved() -> None:
    case = Case()
    case.db.add_filler(100)
    await case.client.merge(case.db.head())
    for path in ("tile/2/0/000", "tile/2/0/000.p/2", "tile/2/1/003", "tile/2/2/000", "tile/2/3/000.p/1"):
        assert await case.client.tile(parse_tile_path(path)) == case.db.tile(parse_tile_path(path))
    assert await case.client.tile(Tile(2, 0, 1000, 4)) is None
    assert await case.client.tile(Tile(2, 9, 0, 1)) is None
    for tile in (Tile(8, 0, 0, 1), Tile(2, -1, 0, 1)):
        with pytest.raises(Invalid):
            await case.client.tile(tile)
    case.db.hooks.append(attacks.forged_tiles)
    with pytest.raises(Tampered):
        await case.client.tile(Tile(2, 0, 9, 4))
    assert f"{case.db.name}/tile/2/0/009" not in case.ops.cache


async def test_rotten_files_are_set_aside_and_only_those() -> None:
    case = Case()
    case.db.add_filler(100)
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    rotten = f"{case.db.name}/tile/2/0/000"
    case.ops.cache[rotten] = bytes(128)
    case.again()
    assert await case.lines("rsc.io/quote", "v1.5.2")
    assert [line.partition(":")[0] for line in case.ops.dropped] == [rotten]
    assert case.ops.cache[rotten] == case.db.tile(Tile(2, 0, 0, 4))
    case.ops.cache[f"{case.db.name}/lookup/rsc.io/quote@v1.5.2"] = b"rotten"
    assert await case.lines("rsc.io/quote", "v1.5.2")
    assert len(case.ops.dropped) == 2


async def test_a_forging_upstream_does_not_get_good_files_set_aside() -> None:
    case = Case()
    case.db.add_filler(100)
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    case.db.hooks.append(attacks.forged_tiles)
    with pytest.raises(Tampered):
        await case.client.tile(Tile(2, 0, 15, 4))
    assert not case.ops.dropped


async def test_two_heads_of_one_size_need_no_tiles_to_be_a_fork() -> None:
    case = Case()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    fork = case.db.fork(2)
    fork.add_filler(1)
    case.ops.online = False
    case.ops.cache.clear()
    with pytest.raises(Forked) as caught:
        await case.client.merge(fork.head())
    assert fork.head().decode().replace("\n", "\n\t").rstrip() in caught.value.proof


async def test_another_lookups_bad_head_does_not_spoil_this_one() -> None:
    case = Case()
    await case.client.lookup("rsc.io/sampler", "v1.3.0")
    fork = case.db.fork(2)
    fork.add_filler(50)
    fork.add("rsc.io/forked", "v1.0.0", "h1:f=", "")
    case.db.add("rsc.io/good", "v1.0.0", "h1:g=", "")
    case.db.hooks.append(lambda _db, path, reply: fork.answer(path) if "forked" in path else reply)
    async with case.ops.moving():
        # Both wait to move the view; the good one is first, and finds the other's larger head.
        good = asyncio.create_task(case.client.lookup("rsc.io/good", "v1.0.0"))
        forked = asyncio.create_task(case.client.lookup("rsc.io/forked", "v1.0.0"))
        await asyncio.sleep(0.01)
    assert (await good).h1("rsc.io/good", "v1.0.0") == "h1:g="
    with pytest.raises((Tampered, Unavailable)):
        await forked
