"""The growing log beside the test database, beside stored hashes in Go's order, and in any steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.errors import Invalid
from modgate.sumdb.head import open_head
from modgate.sumdb.log import (
    EMPTY_EDGE,
    Edge,
    data_tile,
    data_tiles,
    edge_tiles_of,
    grow,
    grow_hashes,
    sign_tree,
    split_data_tile,
)
from modgate.sumdb.note import generate_key, new_signer, new_verifier, verifier_list
from modgate.sumdb.records import EMPTY_TREE, format_record
from modgate.sumdb.tiles import HEIGHT, Tile, WrongSize, edge_tiles, new_tiles, read_tile_data
from modgate.sumdb.tlog import Hash, record_hash, stored_hashes, tree_hash
from tests.sumdb.vectors import cases, unb64
from tests.support.sumdb_server import TestDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence


def texts(count: int, start: int = 0) -> list[bytes]:
    return [b"filler.example/m%d v1.0.0 h1:%d=\n" % (i, i) for i in range(start, start + count)]


def database(size: int) -> TestDatabase:
    db = TestDatabase()
    db.add_filler(size)
    return db


class Stored:
    """Go's dense order of stored hashes, in a list."""

    def __init__(self) -> None:
        self.hashes: list[Hash] = []

    def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
        return [self.hashes[x] for x in indexes]


@given(st.lists(st.integers(0, 700), max_size=6))
def test_in_any_steps_the_tiles_and_the_root_are_those_of_the_whole(steps: list[int]) -> None:
    edge, size = EMPTY_EDGE, 0
    tiles: dict[Tile, bytes] = {}
    for step in steps:
        growth = grow(edge, texts(step, size))
        expected = new_tiles(HEIGHT, size, size + step)
        size += step
        edge = growth.edge
        written = dict(growth.full) | dict(edge_tiles_of(edge))
        assert set(expected) <= set(written)
        tiles |= written
    db = database(size)
    assert edge.tree == db.tree()
    assert all(db.tile(tile) == data for tile, data in tiles.items())
    assert set(edge_tiles(HEIGHT, size)) == {tile for tile, _ in edge_tiles_of(edge)}


def test_at_every_small_size_root_and_tiles_agree_with_the_stored_hashes() -> None:
    stored, edge = Stored(), EMPTY_EDGE
    assert edge.tree == EMPTY_TREE
    for n, text in enumerate(texts(600)):
        stored.hashes += stored_hashes(n, text, stored)
        growth = grow(edge, [text])
        edge = growth.edge
        assert edge.tree.hash == tree_hash(n + 1, stored)
        for tile, data in (*growth.full, *edge_tiles_of(edge)):
            assert read_tile_data(tile, stored) == data


def test_a_second_level_of_tiles_is_finished_and_begun() -> None:
    size = 256 * 256 + 3
    growth = grow(EMPTY_EDGE, texts(size))
    db = database(size)
    assert growth.edge.tree == db.tree()
    assert [tile for tile, _ in growth.full if tile.level == 1] == [Tile(8, 1, 0, 256)]
    assert [tile.path() for tile, _ in edge_tiles_of(growth.edge)] == ["tile/8/0/256.p/3", "tile/8/2/000.p/1"]
    assert all(db.tile(tile) == data for tile, data in (*growth.full, *edge_tiles_of(growth.edge)))


def test_the_trees_are_those_of_go() -> None:
    edge = EMPTY_EDGE
    for case in cases("tlog", "tree"):
        edge = grow_hashes(edge, [record_hash(b"leaf %d" % edge.size)]).edge
        assert (edge.size, edge.tree.hash) == (case["size"], unb64(case["tree"]))


def test_rows_that_are_no_edge_of_the_size_are_refused() -> None:
    edge = grow(EMPTY_EDGE, texts(300)).edge
    for size, rows in ((299, edge.rows), (300, edge.rows[:1]), (300, (*edge.rows, b"")), (0, (b"",))):
        with pytest.raises(Invalid):
            Edge(size, rows)


@pytest.mark.parametrize("text", [b"", b"no newline", b"two\n\nblank\n", b"control\x01\n", b"\xff\n"])
def test_a_malformed_record_never_gets_a_number(text: bytes) -> None:
    with pytest.raises(Invalid):
        grow(EMPTY_EDGE, [*texts(2), text])


def test_a_head_is_signed_under_the_logs_name_and_always_the_same() -> None:
    key, verifier = generate_key("sum.corp.example", b"k" * 32)
    tree = grow(EMPTY_EDGE, texts(5)).edge.tree
    note = sign_tree(tree, new_signer(key))
    assert note == sign_tree(tree, new_signer(key))
    assert open_head(note, verifier_list(new_verifier(verifier))).tree == tree
    assert note.decode().splitlines()[-1].startswith("— sum.corp.example ")


def test_data_tiles_are_named_for_each_step() -> None:
    assert data_tiles(0, 300) == [Tile(8, -1, 0, 256), Tile(8, -1, 1, 44)]
    assert data_tiles(300, 301) == [Tile(8, -1, 1, 45)]
    assert data_tiles(300, 512) == [Tile(8, -1, 1, 256)]
    assert data_tiles(300, 300) == []


def test_data_tiles_hold_the_records_and_both_ways_to_write_them_are_read() -> None:
    tile, records = Tile(8, -1, 1, 44), texts(44, 256)
    data = data_tile(tile, records)
    assert data.startswith(records[0] + b"\n" + records[1])
    assert not data.endswith(b"\n\n")
    assert split_data_tile(tile, data) == records
    numbered = b"".join(format_record(256 + i, text) for i, text in enumerate(records))
    assert split_data_tile(tile, numbered) == records
    one = Tile(8, -1, 0, 1)
    assert split_data_tile(one, data_tile(one, texts(1))) == texts(1)
    assert split_data_tile(one, format_record(0, texts(1)[0])) == texts(1)
    for bad in (data_tile(one, texts(1)), b"", data + b"\nmore\n", data[:-1]):
        with pytest.raises(WrongSize):
            split_data_tile(tile, bad)
    with pytest.raises(Invalid):
        data_tile(tile, records[1:])
