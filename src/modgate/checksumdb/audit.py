"""The audit of a checksum log from outside, with nothing believed that is not proved.

1. The newest head is signed by the log's key.
2. It contains the head that was seen last: the log neither went back nor forked.
3. Each record is read from the tiles of records, and is what the signed tree holds at its place.
4. No version has two records, and each record is lines of go.sum for one version.

Which tiles are read is the caller's choice, so that a large log is not read whole by accident; nothing here
grows with the size that a head claims.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.checksumdb.bounded import Bounded
from modgate.errors import Absent, Denied, Invalid, Tampered, Unavailable
from modgate.gomod.module import check
from modgate.sumdb.fork import fork
from modgate.sumdb.head import EMPTY_HEAD, Head, open_head
from modgate.sumdb.log import split_data_tile
from modgate.sumdb.note import new_verifier, verifier_list
from modgate.sumdb.tiles import HEIGHT, Tile, WrongSize, plan
from modgate.sumdb.tlog import EMPTY_HASH, record_hash, stored_hash_index, sub_tree_index, tree_hash

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.sumdb.tiles import Known, Plan

__all__ = ["Finding", "Report", "audit"]

_WIDTH = 1 << HEIGHT
_MEMORY = 16 * 1024 * 1024
_AT_ONCE = 8
_FINDINGS = 100
_COMPARED = 2_000_000
_SUM = re.compile(r"(\S+) (\S+?)(/go\.mod)? (h1:[A-Za-z0-9+/]{43}=)")


@dataclass(frozen=True, slots=True)
class Finding:
    """A record that should not be as it is: `kind` is `duplicate` or `malformed`."""

    kind: str
    number: int
    text: str


@dataclass(slots=True)
class Report:
    """What an audit found.

    Attributes:
        name: The log.
        head: Its newest head, signed and not behind or beside `previous`.
        previous: Size of the head that was seen before; 0 for none.
        checked: How many records were read and proved.
        compared: How many of them were compared with each other for duplicates, from the first one on.
        findings: At most a hundred; `found` counts them all.
    """

    name: str
    head: Head
    previous: int
    checked: int = 0
    compared: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every record was read."""
        return self.checked == self.head.tree.n

    def add(self, kind: str, number: int, text: bytes) -> None:
        """Take note."""
        self.found += 1
        if len(self.findings) < _FINDINGS:
            self.findings.append(Finding(kind, number, text.decode("utf-8", "replace")[:300]))


async def audit(
    verifier_key: str,
    read: Callable[[str], Awaitable[bytes]],
    *,
    previous: bytes = b"",
    choose: Callable[[int], Sequence[int]] = range,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Report:
    """Audit the log that `read` reads (`latest`, `tile/…`).

    Args:
        verifier_key: The log's key.
        read: Raises as an Upstream does.
        previous: The signed head seen before, empty for none.
        choose: Of so many tiles of records, the numbers of those to read.
        progress: Told how many tiles of how many are done.

    Raises:
        Tampered: A signature, the consistency, or the proof of a record fails; Forked carries the proof.
        Unavailable: The log could not be read.
    """
    return await _Audit(verifier_key, read).run(previous, choose, progress)


class _Audit:
    def __init__(self, verifier_key: str, read: Callable[[str], Awaitable[bytes]]) -> None:
        verifier = new_verifier(verifier_key)
        self._name = verifier.name
        self._verifiers = verifier_list(verifier)
        self._read = read
        self._proved: Bounded[Tile, bytes] = Bounded(_MEMORY, len)
        self._seen: set[bytes] = set()

    async def run(
        self,
        previous: bytes,
        choose: Callable[[int], Sequence[int]],
        progress: Callable[[int, int], None],
    ) -> Report:
        # 1. The signature.
        head = self._open(await self._read("latest"), "its newest head")
        before = self._open(previous, "the head seen before") if previous else EMPTY_HEAD
        # 2. The consistency.
        await self._compare(before, head)
        report = Report(self._name, head, before.tree.n)
        # 3. and 4. The records.
        size = head.tree.n
        chosen = choose(-(-size // _WIDTH))
        progress(0, len(chosen))
        for start in range(0, len(chosen), _AT_ONCE):
            some = [
                Tile(HEIGHT, -1, n, min(_WIDTH, size - n * _WIDTH)) for n in chosen[start : start + _AT_ONCE]
            ]
            for tile, texts in zip(some, await asyncio.gather(*map(self._records, some)), strict=True):
                await self._judge(head, tile, texts, report)
            progress(start + len(some), len(chosen))
        return report

    def _open(self, note: bytes, which: str) -> Head:
        try:
            return open_head(note, self._verifiers)
        except Tampered as error:
            raise Tampered(f"{which} is not signed by the key: {error.what}", where=self._name) from error
        except Invalid as error:
            raise Unavailable(
                f"{which} is no signed head: {error.what}", where=self._name, kind="bad-answer"
            ) from error

    async def _compare(self, before: Head, head: Head) -> None:
        old, new = before.tree, head.tree
        if old.n > new.n:
            raise Tampered(
                f"the log went back: {old.n} records were signed before, and {new.n} are signed now",
                where=self._name,
                next_step="An older state was put in its place, or an old answer is cached on the way. "
                "Clients that saw the larger tree refuse this one.",
            )
        if old == new or old.n == 0:
            if new.n == 0 and new.hash != EMPTY_HASH:
                raise Tampered("the empty log has another hash than an empty log has", where=self._name)
            return
        needed = plan(new, sub_tree_index(0, old.n))
        data, known = await self._prove(needed)
        if tree_hash(old.n, known) != old.hash:
            raise fork(self._name, before, head, dict(zip(needed.tiles, data, strict=True)), HEIGHT)

    async def _records(self, tile: Tile) -> list[bytes]:
        try:
            return split_data_tile(tile, await self._fetch(tile))
        except WrongSize as error:
            raise Tampered(
                f"its tile of records is not whole: {error.what}", where=f"{self._name}/{tile.path()}"
            ) from error

    async def _judge(self, head: Head, tile: Tile, texts: list[bytes], report: Report) -> None:
        needed = plan(head.tree, [stored_hash_index(0, tile.n << tile.h)])
        data, _ = await self._prove(needed)
        leaves = data[needed.wanted[0][1]]
        for place, text in enumerate(texts):
            number = (tile.n << tile.h) + place
            leaf = record_hash(text)
            if leaves[place * 32 : place * 32 + 32] != leaf:
                raise Tampered(
                    f"record {number} is not what the signed tree holds",
                    where=f"{self._name}/{tile.path()}",
                    next_step=f"The log gives: {text.decode('utf-8', 'replace')[:200]!r}",
                )
            version = _version(text)
            if version is None:
                report.add("malformed", number, text)
            elif (key := record_hash(version.encode())[:16]) in self._seen:
                report.add("duplicate", number, text)
            elif len(self._seen) < _COMPARED:
                self._seen.add(key)
            report.checked += 1
            report.compared += len(self._seen) < _COMPARED

    async def _prove(self, needed: Plan) -> tuple[list[bytes], Known]:
        data = await asyncio.gather(*map(self._tile, needed.tiles))
        try:
            known = needed.hashes(data)
        except WrongSize as error:
            raise Tampered(f"a tile is none: {error.what}", where=self._name) from error
        for tile, one in zip(needed.tiles, data, strict=True):
            self._proved.put(tile, one)
        return data, known

    async def _tile(self, tile: Tile) -> bytes:
        found = self._proved.get(tile)
        return await self._fetch(tile) if found is None else found

    async def _fetch(self, tile: Tile) -> bytes:
        """What the log gives: a partial tile may be gone once it has become full."""
        try:
            return await self._read(tile.path())
        except (Absent, Denied, Invalid) as error:
            if not tile.is_full and isinstance(error, Absent) and tile.level >= 0:
                try:
                    return (await self._read(tile.full().path()))[: tile.size]
                except Absent:
                    pass
            raise Unavailable(
                f"the log does not give {tile.path()}: {error.what}",
                where=self._name,
                next_step="Ask the log itself: a mirror need not have the tiles of records."
                if tile.level < 0
                else "",
                kind="bad-answer",
            ) from error


def _version(text: bytes) -> str | None:
    """Whose sums a record is; None unless it is lines of go.sum for one version."""
    found = [_SUM.fullmatch(line) for line in text.decode("utf-8", "replace").split("\n")[:-1]]
    versions = {(line[1], line[2]) for line in found if line is not None}
    kinds = {line[3] for line in found if line is not None}
    if None in found or len(versions) != 1 or len(kinds) != len(found):
        return None
    path, version = versions.pop()
    try:
        return str(check(path, version))
    except Invalid:
        return None
