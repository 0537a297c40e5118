"""Tiles: what x/mod says, and that no wrong tile is ever believed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Invalid, ModgateError, Tampered
from modgate.sumdb.records import Tree
from modgate.sumdb.tiles import (
    Tile,
    TileHashReader,
    WrongSize,
    edge_tiles,
    hash_from_tile,
    new_tiles,
    parse_tile_path,
    plan,
    read_tile_data,
    tile_for_index,
)
from modgate.sumdb.tlog import Hash, stored_hash_index, stored_hashes, tree_hash
from tests.sumdb.test_tlog import Storage
from tests.sumdb.vectors import cases

if TYPE_CHECKING:
    from collections.abc import Sequence


class Log:
    """A log of `leaf N` records that serves tiles of one height; `bend` may change their data."""

    def __init__(self, size: int, height: int = 2) -> None:
        self.height = height
        self.storage = Storage()
        for n in range(size):
            self.storage.hashes += stored_hashes(n, b"leaf %d" % n, self.storage)
        self.tree = Tree(size, tree_hash(size, self.storage))
        self.asked: list[Tile] = []
        self.saved: list[Tile] = []
        self.zeroed = -1

    def read_tiles(self, tiles: Sequence[Tile]) -> list[bytes]:
        self.asked = list(tiles)
        return [self._bent(tile, read_tile_data(tile, self.storage)) for tile in tiles]

    def save_tiles(self, tiles: Sequence[Tile], data: Sequence[bytes]) -> None:
        assert [read_tile_data(tile, self.storage) for tile in tiles] == list(data)
        self.saved += tiles

    def _bent(self, tile: Tile, data: bytes) -> bytes:
        if self.zeroed < 0:
            return data
        found = tile_for_index(self.height, self.zeroed)
        if (found.level, found.n) != (tile.level, tile.n) or found.w > tile.w:
            return data
        # The bytes that the hash is computed from.
        from modgate.sumdb.tiles import _place  # noqa: PLC0415

        _, start, end = _place(self.height, self.zeroed)
        return data[:start] + bytes(end - start) + data[end:]


@pytest.mark.parametrize(
    "case", cases("tiles", "paths", "fuzz_paths", "more_paths"), ids=lambda case: ascii(case["path"])
)
def test_tile_paths_are_read_as_go_reads_them(case: dict[str, Any]) -> None:
    if not case["ok"]:
        with pytest.raises(Invalid):
            parse_tile_path(case["path"])
        return
    tile = parse_tile_path(case["path"])
    assert [tile.h, tile.level, tile.n, tile.w] == case["tile"]
    assert tile.path() == case["path"]


@pytest.mark.parametrize("case", cases("tiles", "new_tiles", "more_new_tiles"))
def test_new_tiles_are_those_of_go(case: dict[str, Any]) -> None:
    tiles = new_tiles(case["h"], case["old"], case["new"])
    assert len(tiles) == case["count"]
    text = "".join(tile.path() + "\n" for tile in tiles)
    assert hashlib.sha256(text.encode()).hexdigest() == case["paths"]


def test_hashes_are_in_the_tiles_that_go_says() -> None:
    for h, index, level, n, w in cases("tiles", "places"):
        assert tile_for_index(h, index) == Tile(h, level, n, w)


def test_tiles_and_the_tiles_asked_for_a_hash_are_those_of_go() -> None:
    for case in cases("tiles", "tree"):
        log = Log(case["size"])
        data = b"".join(read_tile_data(tile, log.storage) for tile in new_tiles(2, 0, case["size"]))
        assert hashlib.sha256(data).hexdigest() == case["tiles"]
        asked = []
        reader = TileHashReader(log.tree, log)
        for index in range(stored_hash_index(0, case["size"])):
            assert reader.read_hashes([index]) == [log.storage.hashes[index]]
            asked.append(" ".join(tile.path() for tile in log.asked) + "\n")
        assert hashlib.sha256("".join(asked).encode()).hexdigest() == case["asked"]
        assert set(log.saved) == {
            tile for tile in log.saved if tile.size == len(read_tile_data(tile, log.storage))
        }


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 15, 16, 17, 30, 63, 64, 65])
def test_a_tampered_hash_is_never_read(size: int) -> None:
    log = Log(size)
    everything = list(range(stored_hash_index(0, size)))
    reader = TileHashReader(log.tree, log)
    assert reader.read_hashes(everything) == [log.storage.hashes[x] for x in everything]
    log.saved.clear()
    for index in everything:
        log.zeroed = index
        with pytest.raises(Tampered):
            reader.read_hashes([index])
        with pytest.raises(Tampered):
            reader.read_hashes(everything)
    assert not log.saved


def test_an_index_beyond_the_tree_is_invalid() -> None:
    log = Log(10)
    for index in (-1, stored_hash_index(0, 10), 1000):
        with pytest.raises(Invalid):
            TileHashReader(log.tree, log).read_hashes([index])


def test_a_tile_of_another_length_is_no_tile() -> None:
    log = Log(10)
    needed = plan(log.tree, [0], 2)
    data = log.read_tiles(needed.tiles)
    for wrong in (data[0][:-1], data[0] + b"x", b"", b"<html>"):
        with pytest.raises(WrongSize):
            needed.hashes([wrong, *data[1:]])
    with pytest.raises(Invalid):
        needed.hashes(data[1:])


def test_edge_tiles_are_the_partial_ones_of_a_size() -> None:
    for size in (1, 255, 256, 257, 65535, 65536, 65537, 71_000_000):
        everything = {tile for tile in new_tiles(8, size - 1, size) if not tile.is_full}
        assert everything <= set(edge_tiles(8, size))
        assert all(not tile.is_full for tile in edge_tiles(8, size))
    assert edge_tiles(8, 0) == []


@pytest.mark.parametrize(
    ("tile", "data", "index"),
    [
        (Tile(0, 0, 0, 1), bytes(32), 0),
        (Tile(31, 0, 0, 1), bytes(32), 0),
        (Tile(2, -1, 0, 1), bytes(32), 0),
        (Tile(2, 64, 0, 1), bytes(32), 0),
        (Tile(2, 0, 0, 0), b"", 0),
        (Tile(2, 0, 0, 5), bytes(160), 0),
        (Tile(2, 0, 0, 2), bytes(32), 0),
        (Tile(2, 0, 1, 1), bytes(32), 0),
        (Tile(2, 0, 0, 1), bytes(32), 1),
    ],
)
def test_a_hash_is_not_read_from_a_wrong_tile(tile: Tile, data: bytes, index: int) -> None:
    with pytest.raises(ModgateError):
        hash_from_tile(tile, data, index)
    assert hash_from_tile(Tile(2, 0, 0, 1), bytes(32), 0) == Hash(bytes(32))


def test_a_height_of_nothing_is_invalid() -> None:
    with pytest.raises(Invalid):
        tile_for_index(0, 1)
    with pytest.raises(Invalid):
        new_tiles(0, 0, 1)
