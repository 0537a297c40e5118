"""The tiles of an own log: as they are stored, proved under a head, and made anew from the book.

What is in the store is a copy that anything may have happened to. It is believed only where it leads to
the root of a signed head; else the book, which the tree follows from, gives the tiles again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.checksumdb.bounded import Bounded
from modgate.errors import Tampered
from modgate.sumdb.log import Edge, data_tile, level_widths, split_data_tile
from modgate.sumdb.tiles import HEIGHT, Tile, WrongSize, plan
from modgate.sumdb.tlog import HASH_SIZE, node_hash, record_hash, stored_hash_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.checksumdb.alarms import Alarms
    from modgate.checksumdb.kept import Kept
    from modgate.model.logbook import LogBook
    from modgate.sumdb.records import Tree
    from modgate.sumdb.tiles import Known, Plan

__all__ = ["LogTiles"]

_WIDTH = 1 << HEIGHT


class LogTiles:
    """The tiles of one log; `memory` is in bytes of proved tiles."""

    def __init__(self, name: str, book: LogBook, kept: Kept, alarms: Alarms, *, memory: int) -> None:
        self._name = name
        self._book = book
        self._kept = kept
        self._alarms = alarms
        self._proved: Bounded[str, bytes] = Bounded(memory, len)

    async def texts(self, start: int, stop: int) -> list[bytes]:
        """The records `start:stop` of the book. Raises Tampered where one is missing, Unavailable."""
        entries = await self._book.records(self._name, start, stop)
        if [entry.number for entry in entries] != list(range(start, stop)):
            raise Tampered(
                f"the log book has not all of the records {start} to {stop - 1}",
                where=self._name,
                next_step="Restore the ledger from its newest backup.",
            )
        return [entry.text for entry in entries]

    async def edge(self, size: int, *, stored: bool = True) -> Edge:
        """The edge of the tree of a size: from stored tiles above the lowest level, or from the book alone.

        Raises Tampered, Unavailable.
        """
        rows: list[bytes] = []
        for level, width in enumerate(level_widths(size)):
            tile = Tile(HEIGHT, level, width >> HEIGHT, width % _WIDTH)
            data = await self._stored(tile) if stored and level and tile.w else None
            if data is None or len(data) != tile.size:
                data = await self._made(tile)
            rows.append(data)
        return Edge(size, tuple(rows))

    async def tile(self, tree: Tree, tile: Tile) -> bytes:
        """The data of a tile that is in the tree, proved. Raises Tampered, Unavailable."""
        found = self._proved.get(tile.path())
        if found is None:
            found = await (self._records(tree, tile) if tile.level < 0 else self._hashes(tree, tile))
            self._proved.put(tile.path(), found)
        return found

    async def _hashes(self, tree: Tree, tile: Tile) -> bytes:
        needed = plan(tree, [stored_hash_index(tile.level * tile.h, tile.n << tile.h)], tile.h)
        data = [await self._stored(each) for each in needed.tiles]
        whole = [
            await self._made(each) if one is None else one
            for each, one in zip(needed.tiles, data, strict=True)
        ]
        if self._known(needed, whole) is None:
            whole = [await self._made(each) for each in needed.tiles]
            if self._known(needed, whole) is None:
                raise Tampered(
                    "the log book no longer holds the records that were signed",
                    where=f"{self._name}/{tile.path()}",
                    next_step="Restore the ledger from its newest backup.",
                )
        for each, before, now in zip(needed.tiles, data, whole, strict=True):
            await self._keep(each, before, now)
        _, position = needed.wanted[0]
        return whole[position][: tile.size]

    async def _records(self, tree: Tree, tile: Tile) -> bytes:
        leaves = await self.tile(tree, Tile(tile.h, 0, tile.n, tile.w))
        before = await self._kept.read(f"{self._name}/{tile.path()}")
        if before is not None and _fits(tile, before, leaves):
            return before
        start = tile.n << tile.h
        now = data_tile(tile, await self.texts(start, start + tile.w))
        if not _fits(tile, now, leaves):
            raise Tampered(
                "the log book no longer holds the records that were signed",
                where=f"{self._name}/{tile.path()}",
                next_step="Restore the ledger from its newest backup.",
            )
        if tile.is_full or before is not None or start + tile.w == tree.n:
            await self._keep(tile, before, now)
        return now

    def _known(self, needed: Plan, data: Sequence[bytes]) -> Known | None:
        try:
            return needed.hashes(data)
        except (Tampered, WrongSize):
            return None

    async def _keep(self, tile: Tile, before: bytes | None, now: bytes) -> None:
        """Put what was made anew in the place of what was missing or wrong."""
        if before == now:
            return
        file = f"{self._name}/{tile.path()}"
        if before is not None:
            self._alarms.alert("sumdb-bitrot", f"{file}: it is not what the log holds; made anew")
            await self._kept.drop(file, "it is not what the log holds")
            if not tile.is_full:
                await self._kept.drop(f"{self._name}/{tile.full().path()}", "likewise")
        self._kept.write_soon([(file, now)])

    async def _stored(self, tile: Tile) -> bytes | None:
        """The tile from the store, or cut from the full one that it has become."""
        data = await self._kept.read(f"{self._name}/{tile.path()}")
        if data is None and not tile.is_full:
            full = await self._kept.read(f"{self._name}/{tile.full().path()}")
            data = full[: tile.size] if full is not None else None
        return data

    async def _made(self, tile: Tile) -> bytes:
        """The hashes of a tile, computed from the book: a level-0 tile at a time in memory."""
        start = tile.n << tile.h
        if tile.level == 0:
            texts = await self.texts(start, start + tile.w)
            return b"".join(map(record_hash, texts))
        below = [Tile(tile.h, tile.level - 1, start + i, _WIDTH) for i in range(tile.w)]
        return b"".join([_root(await self._made(each)) for each in below])


def _root(row: bytes) -> bytes:
    nodes = [row[i : i + HASH_SIZE] for i in range(0, len(row), HASH_SIZE)]
    while len(nodes) > 1:
        nodes = [node_hash(nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)]
    return nodes[0]


def _fits(tile: Tile, data: bytes, leaves: bytes) -> bool:
    """Whether a tile of records is what the hashes are of."""
    try:
        return b"".join(map(record_hash, split_data_tile(tile, data))) == leaves
    except WrongSize:
        return False
