"""How a log grows: from its right edge and new records to the tiles, the tree and the signed head.

A log's tree at a size has one root, whoever computes it and in however many steps, because everything here
follows from the records alone. So a log can be continued after a crash, by another process, or by two at
once, without the danger of two heads of one size that contradict each other.

What is needed to go on is the edge: for each level of tiles the hashes of its last, unfinished tile (at
most 255 each). A full row is a finished tile, whose root is the next hash of the row above; the root of
the tree is folded from the rows.

Source of the rules: golang.org/x/mod/sumdb/tlog (NewTiles, TreeHash); data tiles: go.dev/design/25530-sumdb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.sumdb.note import Note, sign_note
from modgate.sumdb.records import EMPTY_TREE, Tree, format_record, format_tree
from modgate.sumdb.tiles import HEIGHT, Tile, WrongSize
from modgate.sumdb.tlog import HASH_SIZE, Hash, node_hash, record_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.sumdb.note import Signer

__all__ = [
    "EMPTY_EDGE",
    "Edge",
    "Growth",
    "data_tile",
    "data_tiles",
    "edge_tiles_of",
    "grow",
    "grow_hashes",
    "level_widths",
    "sign_tree",
    "split_data_tile",
]

_WIDTH = 1 << HEIGHT
_ROW = _WIDTH * HASH_SIZE


def level_widths(size: int) -> tuple[int, ...]:
    """How many hashes each level of tiles has in a tree of this size, lowest first."""
    widths: list[int] = []
    while size > 0:
        widths.append(size)
        size >>= HEIGHT
    return tuple(widths)


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree.

    Attributes:
        size: How many records the tree has.
        rows: For each level of tiles, lowest first, the hashes of its unfinished tile, 32 bytes each.
    """

    size: int
    rows: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        widths = tuple(w % _WIDTH * HASH_SIZE for w in level_widths(self.size))
        if tuple(map(len, self.rows)) != widths:
            raise Invalid(f"these rows are not the edge of a tree of size {self.size}")

    @property
    def tree(self) -> Tree:
        """The tree that ends here."""
        if self.size == 0:
            return EMPTY_TREE
        root: bytes | None = None
        for row in self.rows:
            end = len(row) // HASH_SIZE
            while end:
                # The subtrees of a row are as large as the bits of its width, the largest first.
                size = end & -end
                left = _fold(row[(end - size) * HASH_SIZE : end * HASH_SIZE])
                root = left if root is None else node_hash(left, root)
                end -= size
        assert root is not None
        return Tree(self.size, Hash(root))


EMPTY_EDGE = Edge(0)


@dataclass(frozen=True, slots=True)
class Growth:
    """What new records make of a log: the edge it has now, and the tiles that were finished on the way."""

    edge: Edge
    full: tuple[tuple[Tile, bytes], ...]


def grow(edge: Edge, records: Sequence[bytes]) -> Growth:
    """Append records (their texts, as the log holds them) to a log. Raises Invalid for a malformed one."""
    for number, text in enumerate(records, start=edge.size):
        format_record(number, text)
    return grow_hashes(edge, [record_hash(text) for text in records])


def grow_hashes(edge: Edge, leaves: Sequence[Hash]) -> Growth:
    """Likewise, from the records' hashes."""
    rows = [bytearray(row) for row in edge.rows]
    full: list[tuple[Tile, bytes]] = []
    size = edge.size
    for leaf in leaves:
        node: bytes = leaf
        place = size
        for level in range(len(rows) + 1):
            if level == len(rows):
                rows.append(bytearray())
            rows[level] += node
            if len(rows[level]) < _ROW:
                break
            data = bytes(rows[level])
            full.append((Tile(HEIGHT, level, place >> HEIGHT, _WIDTH), data))
            rows[level].clear()
            node, place = _fold(data), place >> HEIGHT
        size += 1
    return Growth(Edge(size, tuple(map(bytes, rows))), tuple(full))


def edge_tiles_of(edge: Edge) -> list[tuple[Tile, bytes]]:
    """The unfinished tiles as they stand, lowest level first."""
    return [
        (Tile(HEIGHT, level, width >> HEIGHT, width % _WIDTH), edge.rows[level])
        for level, width in enumerate(level_widths(edge.size))
        if width % _WIDTH
    ]


def data_tile(tile: Tile, records: Sequence[bytes]) -> bytes:
    """The data of a tile of records (level -1): their texts, a blank line between two. Raises Invalid.

    So sum.golang.org writes it, and so those who watch logs read it; the numbers follow from the place.
    """
    if tile.level != -1 or len(records) != tile.w:
        raise Invalid(f"{len(records)} records are not {tile.path()}")
    return b"\n".join(records)


def split_data_tile(tile: Tile, data: bytes) -> list[bytes]:
    """The records in the data of a tile of level -1. Raises WrongSize where they are not as many.

    Understands what x/mod's server writes as well: each record with its number and a blank line.
    """
    start = tile.n << tile.h
    records = [text + b"\n" for text in data.removesuffix(b"\n").split(b"\n\n")]
    if data.endswith(b"\n\n"):
        records[-1] = records[-1].removesuffix(b"\n")
        numbered = [text.partition(b"\n") for text in records]
        if [number for number, _, _ in numbered] == [b"%d" % i for i in range(start, start + len(records))]:
            records = [text for _, _, text in numbered]
    if len(records) != tile.w or not data.endswith(b"\n"):
        raise WrongSize(f"{len(records)} records in {tile.path()}")
    return records


def data_tiles(old_size: int, new_size: int) -> list[Tile]:
    """The tiles of records that a tree has gained since it had the old size: full ones, and the last."""
    tiles = [Tile(HEIGHT, -1, n, _WIDTH) for n in range(old_size >> HEIGHT, new_size >> HEIGHT)]
    if new_size % _WIDTH and new_size != old_size:
        tiles.append(Tile(HEIGHT, -1, new_size >> HEIGHT, new_size % _WIDTH))
    return tiles


def sign_tree(tree: Tree, signer: Signer) -> bytes:
    """The signed head of a tree: always the same bytes for the same tree and key."""
    return sign_note(Note(format_tree(tree).decode()), signer)


def _fold(row: bytes) -> bytes:
    """The root over a power of two of hashes."""
    nodes = [row[i : i + HASH_SIZE] for i in range(0, len(row), HASH_SIZE)]
    while len(nodes) > 1:
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]
