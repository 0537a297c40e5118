"""The gate's own checksum database: a transparency log of the versions that it filled.

It speaks the protocol of sum.golang.org under its own name and key, so that `GOSUMDB="<key>"` is all that a
client is told: private modules are in it, and public ones after the public database proved them. Names of
private modules are looked up here because nobody else hears them.

A version has one record, for ever. Sums that differ from it are an attack or a fault, never a new record:
they are refused, people are told, and the record stands.

Sources: go help goproxy; x/mod/sumdb/server.go; GOROOT/src/cmd/go/internal/modfetch/sumdb.go.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Protocol, TypeVar

from modgate.checksumdb.alarms import Alarms
from modgate.checksumdb.bounded import Bounded
from modgate.checksumdb.kept import Kept
from modgate.checksumdb.logtiles import LogTiles
from modgate.checksumdb.sequencer import Parts, Sequencer
from modgate.errors import Absent, Invalid, Tampered, Unavailable, Unverified
from modgate.gomod.module import check, unescape_path, unescape_version
from modgate.model.answer import Verification
from modgate.model.checksums import MirrorAnswer, Sums
from modgate.sumdb.log import sign_tree
from modgate.sumdb.note import new_signer, new_verifier, verifier_key_of
from modgate.sumdb.records import EMPTY_TREE, format_record
from modgate.sumdb.spec import check_name
from modgate.sumdb.tiles import HEIGHT, Tile, parse_tile_path
from modgate.sumdb.tlog import HASH_SIZE, record_hash

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModuleVersion
    from modgate.model.blob import BlobStore
    from modgate.model.context import Context
    from modgate.model.ledger import Ledger
    from modgate.model.logbook import LogBook, LogEntry
    from modgate.sumdb.head import Head
    from modgate.sumdb.records import Tree

__all__ = ["Authority", "ChecksumLog", "record_text"]

T = TypeVar("T")

_TILE_MEMORY = 16 * 1024 * 1024
_FILE_MEMORY = 1024 * 1024
_ENTRIES = 10_000
_WIDTH = 1 << HEIGHT
_BATCH = 500
_WAITING = 20_000
_H1 = re.compile(r"h1:[A-Za-z0-9+/]{43}=")


class Authority(Protocol):
    """Who says what the sums of a version are that the log does not know yet."""

    async def sums(self, ctx: Context, version: ModuleVersion) -> Sums:
        """The sums that may be logged. Raises Absent or Unverified (there is no such version), and what a
        ModuleSource raises where it cannot say.
        """


def _unwatched(step: str) -> None:
    """Nobody watches the steps."""


class ChecksumLog:
    """A `ChecksumMirror` of its own name.

    Args:
        key: The private key `PRIVATE+KEY+<name>+…`; the log has its name.
        book: Where records are numbered.
        store: Where tiles and heads are published, under `sumdb/<name>/`.
        ledger: For the lease, alerts and the history of heads.
        authority: Asked for the sums of a version that is not in the log.
        clock: Unix seconds.
        holder: Names this process among those that share the book.
        reached: Told the name of each durable step, so that a test can stop there.
        lease: Seconds for which one process sequences before another may believe it dead.
    """

    def __init__(
        self,
        key: str,
        *,
        book: LogBook,
        store: BlobStore,
        ledger: Ledger,
        authority: Authority,
        clock: Callable[[], float],
        holder: str,
        reached: Callable[[str], None] = _unwatched,
        tile_memory: int = _TILE_MEMORY,
        lease: float = 2.0,
    ) -> None:
        signer = new_signer(key)
        check_name(signer.name)
        self.name = signer.name
        self.verifier_key = verifier_key_of(key)
        self._signer = signer
        self._book = book
        self._authority = authority
        self._reached = reached
        self._alarms = Alarms(ledger, self.name, clock)
        self._kept = Kept(store, clock, memory=_FILE_MEMORY)
        self._tiles = LogTiles(self.name, book, self._kept, self._alarms, memory=tile_memory)
        verifier = new_verifier(self.verifier_key)
        parts = Parts(
            signer, verifier, book, self._tiles, self._kept, ledger, self._alarms, holder, reached, lease
        )
        self._sequencer = Sequencer(parts)
        self._entries: Bounded[ModuleVersion, LogEntry] = Bounded(_ENTRIES)
        self._flights: dict[tuple[ModuleVersion, str, str], asyncio.Task[LogEntry]] = {}
        self._waiting: list[tuple[ModuleVersion, bytes, asyncio.Future[LogEntry]]] = []
        self._runner: asyncio.Task[None] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The log's name, as a mirror has several."""
        return (self.name,)

    @property
    def size(self) -> int:
        """The records under the newest head that this process has published."""
        return self._sequencer.head.tree.n

    async def start(self) -> None:
        """Take up the log where it is; every request does so, if nobody did before.

        Raises Tampered (the book or the store was put back to an older state), Unavailable.
        """
        await self._sequencer.start()

    async def known(self, version: ModuleVersion) -> Sums | None:
        """The sums of a version that has a record, or None. Raises Unavailable, Tampered."""
        entry = await self._find(version)
        return None if entry is None else _sums(entry)

    async def log(self, ctx: Context, version: ModuleVersion, sums: Sums) -> LogEntry:  # noqa: ARG002  as every method
        """Have a version recorded; returns when a published head includes it.

        Raises Tampered where the version has a record of other sums (which stands), Invalid for sums that
        are none, Unavailable.
        """
        entry = await self._find(version)
        return await self._record(version, record_text(version, sums), entry)

    async def _record(self, version: ModuleVersion, text: bytes, entry: LogEntry | None = None) -> LogEntry:
        if entry is None:
            entry = await self._enter(version, text)
        self._same(entry, text)
        await self._including(entry)
        return entry

    async def fetch(self, ctx: Context, name: str, rest: str) -> MirrorAnswer:
        """An object of the `/sumdb/<name>/` tree; see `model.ChecksumMirror`."""
        if name != self.name:
            check_name(name)
            raise Absent("this checksum database is not kept here", where=name)
        kind, _, what = rest.partition("/")
        if rest == "supported":
            return MirrorAnswer(b"", immutable=False)
        if rest == "latest":
            head = await self._sequencer.newest()
            return MirrorAnswer(head.message or sign_tree(EMPTY_TREE, self._signer), immutable=False)
        if kind == "lookup" and what:
            return MirrorAnswer(await self._lookup(ctx, what), immutable=True)
        if kind == "tile" and what:
            return await self._tile(rest)
        raise Invalid(
            "not an object of a checksum database",
            where=name,
            next_step="Known are supported, latest, lookup/<module>@<version> and tile/….",
        )

    async def flush(self) -> None:
        """Wait until everything that was learnt is written."""
        await self._sequencer.close()
        await self._kept.flush()
        await self._alarms.flush()

    async def close(self) -> None:
        """Finish what is being recorded, stop asking, and write."""
        for flight in list(self._flights.values()):
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        while self._runner is not None:
            await asyncio.wait([self._runner])
        await self.flush()

    # --- lookups

    async def _lookup(self, ctx: Context, what: str) -> bytes:
        escaped_path, at, escaped_version = what.partition("@")
        if not at:
            raise Invalid("invalid module@version syntax", where=self.name, malformed=True)
        version = check(unescape_path(escaped_path), unescape_version(escaped_version))
        entry = await self._find(version)
        if entry is None:
            if not ctx.fetch:
                raise Absent(
                    "not in the log, and fetching was switched off for this request",
                    where=f"{self.name}/{version}",
                )
            entry = await self._joined(ctx, version)
        head = await self._including(entry)
        return format_record(entry.number, entry.text) + head.message

    async def _including(self, entry: LogEntry) -> Head:
        """The newest head here, which proves the record. Raises Tampered where it does not, Unavailable."""
        head = self._sequencer.head
        if head.tree.n <= entry.number:
            # Another process numbered it, or this one before it was killed.
            head = await self._sequencer.reach(entry.number + 1)
        # The book may have rotted, or gone back, under what is signed: better a refusal here than at each
        # client.
        n, place = divmod(entry.number, _WIDTH)
        leaves = await self._proved(head.tree, Tile(HEIGHT, 0, n, min(_WIDTH, head.tree.n - n * _WIDTH)))
        if leaves[place * HASH_SIZE :][:HASH_SIZE] != record_hash(entry.text):
            raise self._told(
                Tampered(
                    f"record {entry.number} of the log book is not what was signed",
                    where=f"{self.name}/{entry.version}",
                    next_step="Restore the ledger from its newest backup.",
                )
            )
        return head

    async def _joined(self, ctx: Context, version: ModuleVersion) -> LogEntry:
        """Ask the authority once for all who want the version with the same rights."""
        key = (version, ctx.credential_scope, ctx.principal)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._ask(ctx.detached(), version))
            flight.add_done_callback(lambda done: self._landed(key, done))
            self._flights[key] = flight
        await asyncio.wait([flight])
        if flight.cancelled():
            raise Unavailable("stopping", where=self.name, kind="stopping")
        return flight.result()

    def _landed(self, key: tuple[ModuleVersion, str, str], flight: asyncio.Task[LogEntry]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # whoever still waits hears of it

    async def _ask(self, ctx: Context, version: ModuleVersion) -> LogEntry:
        try:
            sums = await self._authority.sums(ctx, version)
        except Unverified as error:
            raise Absent(error.what, where=error.where, next_step=error.next_step) from error
        return await self._record(version, record_text(version, sums))

    async def _find(self, version: ModuleVersion) -> LogEntry | None:
        """The record of a version, if a head includes it or can."""
        await self._sequencer.start()
        entry = self._entries.get(version)
        if entry is None:
            entry = await self._book.find(self.name, version)
            if entry is not None:
                self._entries.put(version, entry)
        return entry

    async def _tile(self, rest: str) -> MirrorAnswer:
        try:
            tile = parse_tile_path(rest)
        except Invalid as error:
            raise Invalid(error.what, where=self.name, malformed=True) from error
        if tile.h != HEIGHT:
            raise Invalid(f"not a tile of this log, whose height is {HEIGHT}: {tile.path()}", where=self.name)
        await self._sequencer.start()
        tree = self._sequencer.head.tree
        if not _reaches(tree.n, tile):
            tree = (await self._sequencer.newest()).tree
        if not _reaches(tree.n, tile):
            raise Absent(f"{tile.path()} is not in the tree of size {tree.n}", where=self.name)
        data = await self._proved(tree, tile)
        kind = "text/plain; charset=utf-8" if tile.level < 0 else "application/octet-stream"
        return MirrorAnswer(data, immutable=True, content_type=kind)

    async def _proved(self, tree: Tree, tile: Tile) -> bytes:
        try:
            return await self._tiles.tile(tree, tile)
        except Tampered as error:
            raise self._told(error) from error

    # --- recording

    async def _enter(self, version: ModuleVersion, text: bytes) -> LogEntry:
        """Number a record with all that wait, and have a head include it."""
        if len(self._waiting) >= _WAITING:
            raise Unavailable("too many versions wait to be logged", where=self.name, kind="overloaded")
        future: asyncio.Future[LogEntry] = asyncio.get_running_loop().create_future()
        self._waiting.append((version, text, future))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                await self._run_batch(batch)
        finally:
            self._runner = None
            for _, _, future in self._waiting:  # only if this task was cancelled
                future.cancel()

    async def _run_batch(self, batch: list[tuple[ModuleVersion, bytes, asyncio.Future[LogEntry]]]) -> None:
        try:
            records = [(version, text) for version, text, _ in batch]
            # Asked for together, both fit into one transaction of the ledger.
            entries, _ = await asyncio.gather(
                self._book.append(self.name, records), self._sequencer.take_early()
            )
            self._reached("numbered")
            await self._sequencer.reach(max(entry.number for entry in entries) + 1)
        except Exception as error:  # noqa: BLE001  handed to everyone who waits
            for _, _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        except BaseException:
            for _, _, future in batch:
                future.cancel()
            raise
        for (version, _, future), entry in zip(batch, entries, strict=True):
            self._entries.put(version, entry)
            if not future.done():
                future.set_result(entry)

    def _same(self, entry: LogEntry, text: bytes) -> None:
        if entry.text == text:
            return
        recorded, found = entry.text.decode().splitlines(), text.decode().splitlines()
        raise self._told(
            Tampered(
                f"its sums differ from record {entry.number} of the checksum log",
                where=str(entry.version),
                next_step=f"Recorded: {'; '.join(recorded)}. Found now: {'; '.join(found)}. "
                "The record stands: find out who changed the version.",
            )
        )

    def _told(self, error: Tampered) -> Tampered:
        self._alarms.alert("sumdb-tampered", str(error))
        return error


def record_text(version: ModuleVersion, sums: Sums) -> bytes:
    """The text of a version's record: its lines of go.sum. Raises Invalid for sums that are no h1 hashes.

    Both lines must be there, unless the public database itself has but one.
    """
    check(version.path, version.version)
    lines = [
        f"{version.path} {version.version}{suffix} {value}\n"
        for suffix, value in (("", sums.zip), ("/go.mod", sums.mod))
        if value
    ]
    whole = all(_H1.fullmatch(value) for value in (sums.zip, sums.mod) if value)
    if not whole or len(lines) < (1 if sums.verified is Verification.SUMDB else 2):
        raise Invalid(f"not the sums of a version: {sums.zip!r}, {sums.mod!r}", where=str(version))
    return "".join(lines).encode()


def _sums(entry: LogEntry) -> Sums:
    """What a record says."""
    found = dict.fromkeys(("", "/go.mod"), "")
    for line in entry.text.decode().splitlines():
        _, version, value = line.split(" ")
        found[version.removeprefix(entry.version.version)] = value
    return Sums(found[""], found["/go.mod"], Verification.LOG)


def _reaches(size: int, tile: Tile) -> bool:
    level = max(tile.level, 0)
    return (tile.n << tile.h) + tile.w <= size >> (level * tile.h)
