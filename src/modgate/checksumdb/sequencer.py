"""The sequencer of an own log: what was numbered in the book becomes tiles, a signed head, a published one.

1. Records are numbered in the book, in one transaction (by whoever logs them; see `log`).
2. Their tiles are written to the store.
3. The head is signed and kept in the book: the first one of a size stands. Lookups are written with it.
4. The head is published in the store as `latest`, and only then given to anybody.

A kill after any step is continued from the book: numbers never change, so the tiles and the head of a size
are the same whoever makes them. The lease keeps processes from doing the work twice, and nothing more: two
sequencers that both believe they hold it come to the same bytes.

A published head that the book does not lead to means that the book was restored from an older backup.
Going on would sign other records under numbers that clients have seen signed, which looks like a fork to
every one of them, so it is refused.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.checksumdb.turn import Turn
from modgate.errors import Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod.module import escape_path, escape_version
from modgate.model.logbook import LogHead
from modgate.sumdb.head import EMPTY_HEAD, Head, open_head
from modgate.sumdb.log import EMPTY_EDGE, Edge, data_tile, data_tiles, edge_tiles_of, grow, sign_tree
from modgate.sumdb.note import UnverifiedNote, verifier_list
from modgate.sumdb.records import format_record
from modgate.sumdb.tlog import record_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.checksumdb.alarms import Alarms
    from modgate.checksumdb.kept import Kept
    from modgate.checksumdb.logtiles import LogTiles
    from modgate.model.ledger import Ledger
    from modgate.model.logbook import LogBook, LogEntry
    from modgate.sumdb.note import Signer, Verifier
    from modgate.sumdb.tiles import Tile

__all__ = ["Parts", "Sequencer"]

_CHUNK = 8 * 256
_HEALED = 1024
"""At a start so many of the last records are looked at; with `_CHUNK` more than one step makes."""
_POLL = 0.005
_PATIENCE = 15.0
_RESTORED = (
    "Restore the newest ledger: to clients an older tree looks like a fork, and each of them refuses it for "
    "ever. If it is lost, begin a new log: another name, another key, another GOSUMDB."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a sequencer works with; `holder` names this process for the lease, `reached` is told each step."""

    signer: Signer
    verifier: Verifier
    book: LogBook
    tiles: LogTiles
    kept: Kept
    ledger: Ledger
    alarms: Alarms
    holder: str
    reached: Callable[[str], None]
    lease: float

    @property
    def name(self) -> str:
        """The log's name."""
        return self.signer.name


class Sequencer:
    """One log in one process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._name = parts.name
        self._latest = f"{parts.name}/latest"
        self._verifiers = verifier_list(parts.verifier)
        self._lock = asyncio.Lock()
        self._edge: Edge = EMPTY_EDGE
        self._head: Head = EMPTY_HEAD
        self._started = False
        self._turn = Turn(parts.ledger, f"sumlog {parts.name}", parts.holder, ttl=parts.lease)
        self._pruning: set[asyncio.Task[None]] = set()

    @property
    def head(self) -> Head:
        """The newest head that this process has published."""
        return self._head

    async def start(self) -> None:
        """Take up the log where it is. Raises Tampered (see above), Unavailable."""
        if not self._started:
            async with self._lock:
                await self._start()

    async def reach(self, size: int) -> Head:
        """A published head with at least so many records, which the book must have.

        Raises Unavailable, Tampered.
        """
        async with self._lock:
            await self._start()
            await self._follow()
            try:
                await self._reach(size)
            finally:
                self._turn.idle()
            return self._head

    async def _reach(self, size: int) -> None:
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while self._head.tree.n < size:
            self._turn.busy()
            if self._turn.held or await self._turn.take():
                await self._sequence()
                continue
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(
                    "another process holds the log and does not go on",
                    where=self._name,
                    kind="overloaded",
                    retry_after=self._parts.lease,
                )
            await asyncio.sleep(_POLL)
            await self._follow()

    async def take_early(self) -> None:
        """Take the lease, if it is free, for work that will soon be there. Raises Unavailable."""
        self._turn.busy()
        try:
            if not self._turn.held:
                await self._turn.take()
        finally:
            self._turn.idle()

    async def newest(self) -> Head:
        """The newest head that any process has signed. Raises Unavailable, Tampered."""
        async with self._lock:
            await self._start()
            await self._follow()
            return self._head

    async def close(self) -> None:
        """Give the lease back, and wait for what is being tidied."""
        await self._turn.give_back()
        await asyncio.gather(*self._pruning, return_exceptions=True)

    async def _start(self) -> None:
        if self._started:
            return
        parts = self._parts
        published = await self._published()
        signed = await self._signed()
        if published.tree.n > signed.tree.n:
            raise self._refused(
                f"the log book knows heads up to {signed.tree.n} records, and one of {published.tree.n} "
                "is published"
            )
        if published.tree.n == signed.tree.n and published.tree != signed.tree:
            raise self._refused(
                f"another head of {signed.tree.n} records is published than the log book's: it is the book "
                "of another log with this key"
            )
        size = await parts.book.size(self._name)
        if size < signed.tree.n:
            raise self._refused(f"the log book has {size} records, and a head of {signed.tree.n} is signed")
        edge = await parts.tiles.edge(published.tree.n)
        if edge.tree != published.tree:
            edge = await parts.tiles.edge(published.tree.n, stored=False)
        if edge.tree != published.tree:
            raise self._refused(
                f"the first {published.tree.n} records of the log book are not those that are published"
            )
        self._edge, self._head = edge, published
        await self._heal()
        if signed.tree.n > published.tree.n:
            await self._grow(signed.tree.n, signed)
        self._started = True

    async def _heal(self) -> None:
        """Write again what a power cut took: the store need not flush what can be made anew."""
        kept, size = self._parts.kept, self._edge.size
        first = max(0, size - _HEALED) & ~0xFF
        if first == size:
            return
        try:
            edge, _, files = await self._made(await self._parts.tiles.edge(first), size)
            if edge != self._edge:
                edge, _, files = await self._made(await self._parts.tiles.edge(first, stored=False), size)
        except Tampered:  # a record is gone
            edge, files = EMPTY_EDGE, []
        if edge != self._edge:
            # The book has rotted: its other records can still be answered, from tiles that are good.
            what = f"{self._name}: the log book no longer holds the records that were signed"
            self._parts.alarms.alert("sumdb-tampered", what)
            return
        found = await asyncio.gather(*(kept.read_dated(file) for file, _ in files))
        for (file, data), there in zip(files, found, strict=True):
            if there is not None and there[0] != data:
                self._parts.alarms.alert("sumdb-bitrot", f"{file}: it is not what the log holds; made anew")
                await kept.drop(file, "it is not what the log holds")
            if there is None or there[0] != data:
                await kept.write([(file, data)])
        entries = await self._parts.book.records(self._name, first, size)
        answers = [self._answer(entry, self._head) for entry in entries]
        found = await asyncio.gather(*(kept.read_dated(file) for file, _ in answers))
        missing = [each for each, there in zip(answers, found, strict=True) if there is None]
        await kept.write_together(missing)

    async def _published(self) -> Head:
        """The head in the store; one that rotted counts as lost, and is made again from the book.

        Raises Tampered where it is another key's, Unavailable.
        """
        found = await self._parts.kept.read_dated(self._latest)
        if not found or not found[0]:
            return EMPTY_HEAD
        try:
            return open_head(found[0], self._verifiers)
        except UnverifiedNote:
            return self._open(found[0], "the head in the store")
        except (Invalid, Tampered) as error:
            reason = f"it is no signed head any more ({error.what})"
            self._parts.alarms.alert("sumdb-bitrot", f"{self._latest}: {reason}; made anew")
            await self._parts.kept.drop(self._latest, reason)
            return EMPTY_HEAD

    async def _signed(self) -> Head:
        head = await self._parts.book.head(self._name)
        return EMPTY_HEAD if head is None else self._open(head.note, "the head in the log book")

    async def _follow(self) -> None:
        """Go where another process went."""
        signed = await self._signed()
        if signed.tree.n > self._head.tree.n:
            await self._grow(signed.tree.n, signed)

    async def _sequence(self) -> None:
        """Steps 2 to 4 for all that is numbered by now, unless another process did them meanwhile."""
        await self._follow()
        size = await self._parts.book.size(self._name)
        if size < self._edge.size:
            raise self._refused(f"the log book has {size} records, and {self._edge.size} are published")
        if size > self._edge.size:
            await self._grow(size, None)

    async def _grow(self, size: int, signed: Head | None) -> None:
        """Steps 2 to 4 up to a size; `signed` is its head where there is one."""
        parts, edge = self._parts, self._edge
        finished: list[Tile] = []
        while edge.size < size:  # 2
            edge, full = await self._tiles(edge, size)
            finished += full
            if signed is None and edge.size < size:
                await self._turn.take()
        parts.reached("tiled")
        if signed is None:  # 3
            note = sign_tree(edge.tree, parts.signer)
            standing = await parts.book.set_head(self._name, LogHead(size, note))
            signed = self._open(standing.note, "the head in the log book")
            parts.reached("signed")
        if signed.tree != edge.tree:
            raise self._refused(f"the log book no longer holds the {size} records that were signed")
        await self._lookups(self._edge.size, size, signed)
        await self._publish(signed)  # 4
        parts.reached("published")
        self._edge, self._head = edge, signed
        self._turn.idle(lambda: parts.alarms.head(signed.tree))
        if finished:
            self._prune(finished)

    async def _tiles(self, edge: Edge, size: int) -> tuple[Edge, list[Tile]]:
        """Write the tiles of the next records."""
        edge, full, files = await self._made(edge, size)
        await self._parts.kept.write_together(files)
        return edge, full

    async def _made(self, edge: Edge, size: int) -> tuple[Edge, list[Tile], list[tuple[str, bytes]]]:
        """The tiles of the next records as files: the full ones, and at the end the unfinished ones."""
        parts = self._parts
        first = edge.size & ~0xFF
        stop = min(size, first + _CHUNK)
        texts = await parts.tiles.texts(first, stop)
        known = edge.size - first
        # What the book says of the records before must be what was hashed then.
        if known and b"".join(map(record_hash, texts[:known])) != edge.rows[0]:
            raise self._refused(f"records before {edge.size} are no longer those that are published")
        growth = grow(edge, texts[known:])
        tiles = list(growth.full)
        if stop == size:
            tiles += edge_tiles_of(growth.edge)
        files = [(f"{self._name}/{tile.path()}", data) for tile, data in tiles]
        for tile in data_tiles(edge.size, stop):
            if tile.is_full or stop == size:
                start = (tile.n << tile.h) - first
                data = data_tile(tile, texts[start : start + tile.w])
                files.append((f"{self._name}/{tile.path()}", data))
        return growth.edge, [tile for tile, _ in growth.full], files

    async def _lookups(self, start: int, stop: int, head: Head) -> None:
        """Write the answers to lookups, so that the folder is complete without this server."""
        for first in range(start, stop, _CHUNK):
            entries = await self._parts.book.records(self._name, first, min(stop, first + _CHUNK))
            await self._parts.kept.write_together([self._answer(entry, head) for entry in entries])

    def _answer(self, entry: LogEntry, head: Head) -> tuple[str, bytes]:
        escaped = f"{escape_path(entry.version.path)}@{escape_version(entry.version.version)}"
        return f"{self._name}/lookup/{escaped}", format_record(entry.number, entry.text) + head.message

    async def _publish(self, head: Head) -> None:
        kept = self._parts.kept
        standing = await self._published()
        if standing.tree.n >= head.tree.n:
            # Another process on this store was faster, or the book went back under us.
            signed = await self._signed()
            if standing.tree.n > signed.tree.n or (
                standing.tree.n == head.tree.n and standing.tree != head.tree
            ):
                raise self._refused(
                    f"a head of {standing.tree.n} records is published that is not the book's"
                )
            return
        await kept.write([(f"{self._name}/supported", b"")])
        await kept.replace(self._latest, head.message)

    def _open(self, note: bytes, which: str) -> Head:
        try:
            return open_head(note, self._verifiers)
        except (Invalid, Tampered) as error:
            raise self._refused(
                f"{which} is not signed by the key of this log: {error.what}",
                "Give back the key that the log was begun with, or begin a new log under another name.",
            ) from error

    def _refused(self, what: str, next_step: str = _RESTORED) -> Tampered:
        error = Tampered(f"the checksum log is not continued: {what}", where=self._name, next_step=next_step)
        self._parts.alarms.alert("sumdb-fork", str(error))
        return error

    def _prune(self, finished: list[Tile]) -> None:
        """Remove the unfinished forms of tiles that are full now: whoever wants one is given the full one."""

        async def prune() -> None:
            for tile in finished:
                for level in {str(tile.level), "data"} if tile.level == 0 else {str(tile.level)}:
                    path = tile.path().replace(f"tile/{tile.h}/{tile.level}/", f"tile/{tile.h}/{level}/")
                    try:
                        await self._parts.kept.clear(f"{self._name}/{path}.p")
                    except ModgateError:
                        return  # they are only superfluous

        task = asyncio.create_task(prune())
        self._pruning.add(task)
        task.add_done_callback(self._pruning.discard)
