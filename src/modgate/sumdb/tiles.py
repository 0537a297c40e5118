"""Tiles: the log's stored hashes cut into files that never change, and how to trust what they say.

A tile of height H at level L and offset N lists W consecutive hashes of tree level H·L from N·2**H on; it
stands for the whole subtree above them, since the hashes in between can be computed. A full tile has
W = 2**H; a partial one is the right edge of the tree at some size. Its path is
`tile/H/L/NNN[.p/W]`, N in groups of three digits, all but the last with an `x`: `tile/8/0/x001/234.p/7`.

Nothing in a tile is believed before it is authenticated: `plan` names the tiles that lead from the wanted
hashes up to the tree's root, parents first, and `Plan.hashes` checks each against its parent, and the
edge tiles against the root hash. Fetching is left to the caller, so that the rule stays free of I/O.

Source of the rules: golang.org/x/mod/sumdb/tlog/tile.go.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modgate.errors import Invalid, Tampered
from modgate.sumdb.tlog import (
    HASH_SIZE,
    Hash,
    HashReader,
    node_hash,
    split_stored_hash_index,
    stored_hash_index,
    sub_tree_index,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.sumdb.records import Tree

__all__ = [
    "HEIGHT",
    "Known",
    "Plan",
    "Tile",
    "TileHashReader",
    "TileReader",
    "WrongSize",
    "edge_tiles",
    "hash_from_tile",
    "new_tiles",
    "parse_tile_path",
    "plan",
    "read_tile_data",
    "tile_for_index",
]

HEIGHT = 8
"""The height of tiles that the go command and every public database use."""

_MAX_HEIGHT = 30
_PATH_BASE = 1000
_INT64_MAX = 2**63 - 1
_NUMBER = re.compile(r"[0-9]{1,19}")
_GROUP = re.compile(r"x?[0-9]{3}")


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile's coordinates: height, level (-1: the records themselves), offset in its level, width."""

    h: int
    level: int
    n: int
    w: int

    def path(self) -> str:
        """The tile coordinate path `tile/H/L/NNN[.p/W]`."""
        rest, last = divmod(self.n, _PATH_BASE)
        number = f"{last:03d}"
        while rest > 0:
            rest, group = divmod(rest, _PATH_BASE)
            number = f"x{group:03d}/{number}"
        level = "data" if self.level == -1 else str(self.level)
        partial = "" if self.is_full else f".p/{self.w}"
        return f"tile/{self.h}/{level}/{number}{partial}"

    @property
    def is_full(self) -> bool:
        """Whether the tile lists 2**H hashes."""
        return self.w == 1 << self.h

    @property
    def size(self) -> int:
        """Bytes of its data."""
        return self.w * HASH_SIZE

    def full(self) -> Tile:
        """The tile that this one is, or is to become when the tree has grown."""
        return Tile(self.h, self.level, self.n, 1 << self.h)


class WrongSize(Invalid):
    """Data that is no tile at all: not W hashes long."""


def parse_tile_path(path: str) -> Tile:
    """Read a tile coordinate path. Raises Invalid for any but the one way to write it."""
    fields = path.split("/")
    if len(fields) < 4 or fields[0] != "tile" or not _NUMBER.fullmatch(fields[1]):
        raise _bad_path(path)
    height = int(fields[1])
    level = -1 if fields[2] == "data" else _number(fields[2], path)
    if not 1 <= height <= _MAX_HEIGHT:
        raise _bad_path(path)
    width = 1 << height
    groups = fields[3:]
    if len(groups) > 1 and groups[-2].endswith(".p"):
        width = _number(groups[-1], path)
        if not 0 < width < 1 << height:
            raise _bad_path(path)
        groups = [*groups[:-2], groups[-2].removesuffix(".p")]
    n = 0
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise _bad_path(path)
        n = n * _PATH_BASE + int(group.removeprefix("x"))
    tile = Tile(height, level, n, width)
    if n > _INT64_MAX or tile.path() != path:
        raise _bad_path(path)
    return tile


def tile_for_index(h: int, index: int) -> Tile:
    """The tile of height h and least width that stores the hash at a stored index. Raises Invalid."""
    tile, _, _ = _place(h, index)
    return tile


def hash_from_tile(tile: Tile, data: bytes, index: int) -> Hash:
    """The hash at a stored index, from a tile (or a wider version of it) that holds it.

    Raises Invalid: the tile is nonsense, the data too short, the index elsewhere.
    """
    if not (1 <= tile.h <= _MAX_HEIGHT and 0 <= tile.level < 64 and 1 <= tile.w <= 1 << tile.h):
        raise Invalid(f"invalid tile {tile.path()}")
    if len(data) < tile.size:
        raise WrongSize(f"data len {len(data)} too short for tile {tile.path()}")
    needed, start, end = _place(tile.h, index)
    if (tile.level, tile.n) != (needed.level, needed.n) or tile.w < needed.w:
        raise Invalid(f"index {index} is in {needed.path()} not {tile.path()}")
    return _root_of(data[start:end])


def new_tiles(h: int, old_size: int, new_size: int) -> list[Tile]:
    """The tiles of height h to publish when a tree grows from one size to another. Raises Invalid."""
    if h < 1:
        raise Invalid(f"invalid tile height {h}")
    tiles: list[Tile] = []
    level = 0
    while new_size >> (h * level) > 0:
        old, new = old_size >> (h * level), new_size >> (h * level)
        if old != new:
            tiles.extend(Tile(h, level, n, 1 << h) for n in range(old >> h, new >> h))
            width = new - (new >> h << h)
            if width:
                tiles.append(Tile(h, level, new >> h, width))
        level += 1
    return tiles


def edge_tiles(h: int, size: int) -> list[Tile]:
    """The partial tiles at the right edge of a tree: all that its root hash is computed from.

    They are a level's last tile wherever the size has a non-zero digit in base 2**h; full tiles
    never belong to them, for their root is a hash in the tile above.
    """
    found = (_in_tree(tile_for_index(h, x), 0, size) for x in sub_tree_index(0, size))
    return list(dict.fromkeys(tile for tile in found if tile is not None))


def read_tile_data(tile: Tile, reader: HashReader) -> bytes:
    """The data of a tile from stored hashes. Raises what the reader raises."""
    start = tile.n << tile.h
    indexes = [stored_hash_index(tile.h * tile.level, start + i) for i in range(tile.w)]
    return b"".join(reader.read_hashes(indexes))


@dataclass(frozen=True, slots=True)
class Known:
    """Authenticated hashes by stored index: a HashReader over what a plan proved."""

    by_index: Mapping[int, Hash]

    def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
        """The hashes; Invalid for an index that was not planned."""
        try:
            return [self.by_index[x] for x in indexes]
        except KeyError as missing:
            raise Invalid(f"hash {missing} was not read") from None


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiles that prove some hashes of a tree: the edge tiles first, parents before children."""

    tree: Tree
    tiles: tuple[Tile, ...]
    edge: tuple[tuple[int, int], ...]
    """(stored index, position in `tiles`) of the subtrees that make the root."""
    wanted: tuple[tuple[int, int], ...]
    """(stored index, position in `tiles`) of the hashes asked for."""
    first_child: int
    """Position of the first tile that is checked against its parent, not against the root."""

    def hashes(self, data: Sequence[bytes]) -> Known:
        """Authenticate the tiles' data (one item a tile) and read the wanted hashes.

        Raises WrongSize (an item is no such tile), Tampered (the tiles disagree with the tree).
        """
        if len(data) != len(self.tiles):
            raise Invalid(f"read {len(data)} tiles, want {len(self.tiles)}")
        for tile, item in zip(self.tiles, data, strict=True):
            if len(item) != tile.size:
                raise WrongSize(f"{tile.path()} has {len(item)} bytes, want {tile.size}")
        # 1. The edge tiles support the root hash, or one of them is wrong.
        root: Hash | None = None
        for index, i in reversed(self.edge):
            left = hash_from_tile(self.tiles[i], data[i], index)
            root = left if root is None else node_hash(left, root)
        if root != self.tree.hash:
            raise Tampered("downloaded inconsistent tile", where=f"tree of size {self.tree.n}")
        # 2. Every other tile is full, and its own root is a hash in its parent, checked before it.
        position = {tile: i for i, tile in enumerate(self.tiles)}
        for tile, item in zip(self.tiles[self.first_child :], data[self.first_child :], strict=True):
            parent = _in_tree(tile, 1, self.tree.n)
            if parent is None or parent not in position:
                raise Invalid(f"{tile.path()} has no parent in the plan")
            index = stored_hash_index(parent.level * parent.h, tile.n)
            if hash_from_tile(parent, data[position[parent]], index) != _root_of(item):
                raise Tampered("downloaded inconsistent tile", where=tile.path())
        # 3. What is wanted is now as good as the root.
        known = {x: hash_from_tile(self.tiles[i], data[i], x) for x, i in (*self.edge, *self.wanted)}
        return Known(known)


def plan(tree: Tree, indexes: Sequence[int], h: int = HEIGHT) -> Plan:
    """Which tiles prove these stored hashes of a tree. Raises Invalid for an index not in the tree."""
    limit = stored_hash_index(0, tree.n)
    order: dict[Tile, int] = {}
    edge: list[tuple[int, int]] = []
    for x in sub_tree_index(0, tree.n):
        tile = _in_tree(tile_for_index(h, x), 0, tree.n)
        assert tile is not None
        edge.append((x, order.setdefault(tile, len(order))))
    first_child = len(order)
    wanted: list[tuple[int, int]] = []
    for x in indexes:
        if not 0 <= x < limit:
            raise Invalid(f"hash {x} is not in a tree of size {tree.n}")
        own = _in_tree(tile_for_index(h, x), 0, tree.n)
        assert own is not None
        # Climb to a tile that is in the plan already, then add the way down to our own.
        missing: list[Tile] = []
        tile = own
        while tile not in order:
            missing.append(tile)
            parent = _in_tree(tile, 1, tree.n)
            # Only full tiles have parents, and every partial tile is an edge tile.
            if parent is None or not tile.is_full:
                raise Invalid(f"{tile.path()} hangs in the air")
            tile = parent
        for tile in reversed(missing):
            order[tile] = len(order)
        wanted.append((x, order[own]))
    return Plan(tree, tuple(order), tuple(edge), tuple(wanted), first_child)


class TileReader(Protocol):
    """Reads and keeps tiles."""

    @property
    def height(self) -> int:
        """The height of the available tiles."""

    def read_tiles(self, tiles: Sequence[Tile]) -> list[bytes]:
        """The data of each tile, not yet trusted."""

    def save_tiles(self, tiles: Sequence[Tile], data: Sequence[bytes]) -> None:
        """These tiles are proved and may be kept."""


@dataclass(frozen=True, slots=True)
class TileHashReader:
    """A HashReader over the tiles of a tree; every hash that it returns is proved to be in the tree."""

    tree: Tree
    reader: TileReader

    def read_hashes(self, indexes: Sequence[int]) -> list[Hash]:
        """The hashes. Raises Invalid (not in the tree), WrongSize, Tampered."""
        needed = plan(self.tree, indexes, self.reader.height)
        data = self.reader.read_tiles(needed.tiles)
        known = needed.hashes(data)
        self.reader.save_tiles(needed.tiles, data)
        return known.read_hashes(indexes)


def _in_tree(tile: Tile, k: int, size: int) -> Tile | None:
    """The tile's k-th parent as it stands in a tree of this size; None where the tree is too small."""
    level, n = tile.level + k, tile.n >> (k * tile.h)
    left = (size >> (level * tile.h)) - (n << tile.h)
    return Tile(tile.h, level, n, min(left, 1 << tile.h)) if left > 0 else None


def _place(h: int, index: int) -> tuple[Tile, int, int]:
    """The tile that stores a hash, and the bytes in it that the hash is computed from."""
    if h < 1:
        raise Invalid(f"invalid tile height {h}")
    level, n = split_stored_hash_index(index)
    tile_level, level = divmod(level, h)
    tile_n = n << level >> h
    n -= tile_n << h >> level
    start, end = n << level, (n + 1) << level
    return Tile(h, tile_level, tile_n, end), start * HASH_SIZE, end * HASH_SIZE


@functools.lru_cache(maxsize=512)
def _root_of(data: bytes) -> Hash:
    """The hash of the complete subtree over these hashes (a power of two of them).

    Remembered, because the tiles at the top and the edge take part in every proof.
    """
    row = [Hash(data[i : i + HASH_SIZE]) for i in range(0, len(data), HASH_SIZE)]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def _number(text: str, path: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _INT64_MAX:
        raise _bad_path(path)
    return int(text)


def _bad_path(path: str) -> Invalid:
    return Invalid(f"malformed tile path {path[:100]!r}")
