"""The verifying client: lets a record be believed, and keeps one view of the log that only grows.

A lookup is believed when (1) its tree head is signed by the database's key, (2) the head lies on the one
timeline that we follow, and (3) the record's *own text* is the leaf of its id in our tree. Whatever else
an answer carries (more lines in the tree note, text after it) is not authenticated and never used
(CVE-2026-56864); a proved record that does not speak of the asked version is refused (CVE-2026-42501);
no tile is kept before it is proved against the signed tree (CVE-2026-56865).

The view moves forward only: to a larger tree that contains ours. The steps form a chain, and at each the
tiles at the edge of the old head are read again as they stand in the new one, with their parents, and
are kept before the new head is. So any two heads of the chain can be compared, and every kept record be
proved under any head at or after its own, from what is kept: in any order, without the database. That is
why a record is kept with *our* head in place of the one it came with.

Source of the rules: golang.org/x/mod/sumdb/client.go as vendored in GOROOT/src/cmd/vendor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent, Denied, Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod.module import escape_path, escape_version
from modgate.sumdb.fork import Forked, fork
from modgate.sumdb.head import EMPTY_HEAD, Head, Record, open_head, parse_lookup
from modgate.sumdb.note import new_verifier, verifier_list
from modgate.sumdb.tiles import HEIGHT, Known, Plan, Tile, WrongSize, plan
from modgate.sumdb.tlog import record_hash, stored_hash_index, sub_tree_index, tree_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.sumdb.ops import Ops
    from modgate.sumdb.records import Tree

__all__ = ["Client"]

_OPENED = 64


class _WrongRecord(Tampered):
    """The record itself is at fault, not the tiles that were to prove it."""


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Proved tiles: what they prove, and what to keep (parents first)."""

    plan: Plan
    data: list[bytes]
    known: Known

    def files(self, name: str) -> list[tuple[str, bytes]]:
        return [(f"{name}/{t.path()}", d) for t, d in zip(self.plan.tiles, self.data, strict=True)]


class Client:
    """A trusted view of one checksum database. One event loop may run any number of lookups at once."""

    def __init__(self, verifier_key: str, ops: Ops, *, height: int = HEIGHT) -> None:
        verifier = new_verifier(verifier_key)
        self.name = verifier.name
        self._verifiers = verifier_list(verifier)
        self._ops = ops
        self._height = height
        self._config = f"{self.name}/latest"
        self._head = EMPTY_HEAD
        self._started = False
        self._best = EMPTY_HEAD
        self._opened: dict[bytes, Head] = {}

    @property
    def head(self) -> Head:
        """The newest head that is verified and kept."""
        return self._head

    async def start(self) -> None:
        """Take up the head that was kept last. Raises Tampered (it is not signed by our key), Unavailable."""
        if self._started:
            return
        async with self._ops.moving():
            if not self._started:
                self._head = self._open_kept(await self._ops.read_config(self._config))
                self._started = True

    async def lookup(self, path: str, version: str) -> Record:
        """The proved record of a version.

        Raises Absent (the database says that it does not know it), Unavailable, Tampered, Invalid (the
        path or version cannot be written in a URL).
        """
        await self.start()
        file = f"lookup/{escape_path(path)}@{escape_version(version)}"
        kept = await self._ops.read_cache(f"{self.name}/{file}")
        if kept is not None:
            try:
                record, _ = await self._prove(kept, path, version)
            except (_WrongRecord, Invalid) as error:
                await self._ops.drop_cache(f"{self.name}/{file}", error.what)
            else:
                return record
        try:
            record, tiles = await self._prove(await self._ops.read_remote(file), path, version)
        except Invalid as error:
            raise self._nonsense(file, error) from error
        await self._ops.write_cache([*tiles.files(self.name), (f"{self.name}/{file}", record.body)])
        return record

    def open(self, message: bytes) -> Head:
        """The head that a signed message holds, not yet compared with the view.

        Raises Tampered (it is not signed), Unavailable (it is no such message).
        """
        try:
            return self._open(message)
        except Invalid as error:
            raise self._nonsense("latest", error) from error

    async def merge(self, message: bytes) -> Head:
        """Bring a signed head into the view: follow it if it is newer, else check it.

        Returns the head that the message holds. Raises Tampered (not signed, a fork), Unavailable.
        """
        await self.start()
        head = self.open(message)
        if head.tree.n > self._head.tree.n:
            await self._reach(head, head.tree.n)
        await self._check_past(head)
        return head

    async def tile(self, tile: Tile) -> bytes | None:
        """The proved data of a tile, or None where the view's tree does not reach so far (yet).

        Raises Invalid (not a tile of hashes of our height), Unavailable, Tampered.
        """
        await self.start()
        if tile.h != self._height or tile.level < 0:
            raise Invalid(f"not a tile that is mirrored: {tile.path()}")
        tree = self._head.tree
        if (tile.n << tile.h) + tile.w > tree.n >> (tile.level * tile.h):
            return None
        first = stored_hash_index(tile.level * tile.h, tile.n << tile.h)
        tiles = await self._read(tree, [first])
        await self._ops.write_cache(tiles.files(self.name))
        _, position = tiles.plan.wanted[0]
        return tiles.data[position][: tile.size]

    async def _prove(self, data: bytes, path: str, version: str) -> tuple[Record, _Tiles]:
        """Prove an answer to a lookup. Raises Invalid where it is no such answer at all."""
        record_id, text, message = parse_lookup(data)
        # 1. The head is signed.
        try:
            head = self._open(message)
        except Tampered as error:
            raise _WrongRecord(error.what, where=self.name) from error
        # 2. The head is on our timeline; ours must reach the record.
        if record_id >= self._head.tree.n:
            if record_id >= head.tree.n:
                raise _WrongRecord(
                    f"record {record_id} is not in the tree of size {head.tree.n} it was sent with",
                    where=self.name,
                )
            self._expect(head.tree, record_id)
            await self._reach(head, record_id + 1)
        view = self._head
        leaf = stored_hash_index(0, record_id)
        older = sub_tree_index(0, head.tree.n) if head.tree.n < view.tree.n else []
        tiles = await self._read(view.tree, [leaf, *older])
        if head.tree.n <= view.tree.n:
            await self._compare(head, view, tiles)
        # 3. The text is the record's.
        if tiles.known.read_hashes([leaf]) != [record_hash(text)]:
            raise _WrongRecord(f"record {record_id} is not what the log holds", where=self.name)
        record = Record(record_id, text, view)
        if not record.lines(path, version) and not record.lines(path, f"{version}/go.mod"):
            raise _WrongRecord(f"record {record_id} says nothing of {path}@{version}", where=self.name)
        return record, tiles

    def _expect(self, tree: Tree, record_id: int) -> None:
        """Have the record's own tiles fetched while the view moves: the full ones fit any later tree."""
        needed = plan(tree, [stored_hash_index(0, record_id)], self._height)
        self._ops.expect([t.path() for t in needed.tiles[needed.first_child :]])

    async def _reach(self, head: Head, size: int) -> None:
        """Move the view to this head, or to a newer one that came in meanwhile, until it has `size`.

        One move at a time: of many lookups that bring as many heads, most find themselves covered.
        """
        if head.tree.n > self._best.tree.n:
            self._best = head
        async with self._ops.moving():
            if self._head.tree.n >= size:
                return
            best, self._best = self._best, EMPTY_HEAD
            if best.tree.n > head.tree.n:
                try:
                    await self._advance(best)
                except ModgateError:
                    # It is another lookup's, which will hear of it; this one has a head of its own.
                    await self._advance(head)
            else:
                await self._advance(head)

    async def _advance(self, head: Head) -> None:
        """Follow the timeline to a head, and keep it. Only inside `moving`."""
        expected = self._head.message
        while head.tree.n > self._head.tree.n:
            tiles = await self._follow(head)
            kept = tiles.files(self.name)
            if await self._ops.write_config(self._config, expected, head.message, after=kept):
                self._head = head
                return
            # Another process moved the kept view: go there first, then on from there.
            expected = await self._ops.read_config(self._config)
            other = self._open_kept(expected)
            if other.tree.n > self._head.tree.n:
                await self._follow(other)
                self._head = other
            else:
                await self._check_past(other)

    async def _follow(self, head: Head) -> _Tiles:
        """Prove that a newer head contains our view. Raises Forked."""
        tiles = await self._read(head.tree, sub_tree_index(0, self._head.tree.n))
        await self._compare(self._head, head, tiles)
        return tiles

    async def _check_past(self, head: Head) -> None:
        """Prove that a head of at most our size is contained in our view. Raises Forked."""
        view = self._head
        if head.tree == view.tree or head.tree.n > view.tree.n:
            return
        if head.tree.n == view.tree.n:
            await self._refuse(head, view, None)
        await self._compare(head, view, await self._read(view.tree, sub_tree_index(0, head.tree.n)))

    async def _compare(self, older: Head, newer: Head, tiles: _Tiles) -> None:
        if older.tree == newer.tree or tree_hash(older.tree.n, tiles.known) == older.tree.hash:
            return
        await self._refuse(older, newer, tiles)

    async def _refuse(self, older: Head, newer: Head, tiles: _Tiles | None) -> None:
        at_hand = dict(zip(tiles.plan.tiles, tiles.data, strict=True)) if tiles else {}
        error: Forked = fork(self.name, older, newer, at_hand, self._height)
        await self._ops.security_error(error.proof)
        raise error

    async def _read(self, tree: Tree, indexes: Sequence[int]) -> _Tiles:
        """Read tiles of a tree and prove them. Raises Unavailable, Tampered."""
        needed = plan(tree, indexes, self._height)
        kept = [await self._kept(tile) for tile in needed.tiles]
        data = await self._fill(needed, kept)
        try:
            return _Tiles(needed, data, self._check(needed, data))
        except (Tampered, Unavailable):
            self._distrust(needed)
        # What we keep may have rotted, or an answer that was held for sharing be wrong: all anew, once.
        proved = await self._fill(needed, [None] * len(kept))
        try:
            tiles = _Tiles(needed, proved, self._check(needed, proved))
        except (Tampered, Unavailable):
            self._distrust(needed)
            raise
        for tile, before, now in zip(needed.tiles, kept, proved, strict=True):
            if before is not None and before != now:
                await self._drop(tile)
        return tiles

    async def _kept(self, tile: Tile) -> bytes | None:
        """The tile from what is kept, or cut from the full tile that it has become."""
        data = await self._ops.read_cache(f"{self.name}/{tile.path()}")
        if data is None and not tile.is_full:
            full = await self._ops.read_cache(f"{self.name}/{tile.full().path()}")
            data = full[: tile.size] if full is not None else None
        return data

    async def _drop(self, tile: Tile) -> None:
        for one in {tile, tile.full()}:
            await self._ops.drop_cache(f"{self.name}/{one.path()}", "the tile is not what the log holds")

    async def _fill(self, needed: Plan, data: list[bytes | None]) -> list[bytes]:
        """Fetch the tiles that are missing. A partial tile may be gone once it has become full."""
        missing = {i: needed.tiles[i] for i, item in enumerate(data) if item is None}
        answers = await self._ask(missing)
        grown = {
            i: missing[i].full()
            for i, a in answers.items()
            if isinstance(a, Absent) and not missing[i].is_full
        }
        answers |= await self._ask(grown)
        result: list[bytes] = []
        for i, item in enumerate(data):
            answer = item if item is not None else answers[i]
            if isinstance(answer, Absent | Denied):
                # The signed tree says that it must be there: broken, not absent.
                raise Unavailable(
                    f"the database does not give {needed.tiles[i].path()}", where=self.name, kind="bad-answer"
                ) from answer
            if isinstance(answer, ModgateError):
                raise answer
            if i in grown and len(answer) == grown[i].size:
                answer = answer[: needed.tiles[i].size]
            result.append(answer)
        return result

    async def _ask(self, tiles: dict[int, Tile]) -> dict[int, bytes | ModgateError]:
        if not tiles:
            return {}
        answers = await self._ops.read_remote_many([tile.path() for tile in tiles.values()])
        return dict(zip(tiles, answers, strict=True))

    def _check(self, needed: Plan, data: list[bytes]) -> Known:
        try:
            return needed.hashes(data)
        except WrongSize as error:
            raise Unavailable(f"not a tile: {error.what}", where=self.name, kind="bad-answer") from error

    def _distrust(self, needed: Plan) -> None:
        self._ops.distrust([t.path() for tile in needed.tiles for t in (tile, tile.full())])

    def _open(self, message: bytes) -> Head:
        """Check a head's signature. Many lookups carry the same head, so the last ones are remembered."""
        if not message:
            return EMPTY_HEAD
        head = self._opened.get(message)
        if head is None:
            head = open_head(message, self._verifiers)
            while len(self._opened) >= _OPENED:
                del self._opened[next(iter(self._opened))]
            self._opened[message] = head
        return head

    def _open_kept(self, message: bytes) -> Head:
        """The head that we kept ourselves: if it is no longer signed, that is never ignored."""
        try:
            return self._open(message)
        except (Invalid, Tampered) as error:
            raise Tampered(
                f"the tree head that was kept is not signed by {self.name}'s key: {error.what}",
                where=self._config,
                next_step=f"If the key was changed on purpose, remove sumdb/{self.name} from the store.",
            ) from error

    def _nonsense(self, path: str, error: Invalid) -> Unavailable:
        return Unavailable(
            f"the answer to {path} is no such thing: {error.what}", where=self.name, kind="bad-answer"
        )
