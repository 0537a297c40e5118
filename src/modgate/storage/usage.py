"""How much a bounded store holds, object by object, and when each was last used.

Bytes are counted as a disk gives them: in blocks of 4 KiB, for the object, its sidecar and its `.ziphash`.
Folders, the ledger and the quarantine do not count.

Only `.info`, `.mod` and `.zip` of versions can ever be evicted, so only they are remembered one by one, the
three of a version in one record of some 60 bytes; of all else the sum is enough. A zip has a last use of its
own: resolving a build reads the `.mod` of many versions whose zips nobody wants.

Threads that store and take away tell it under the lock of their key, so that it says what the folder says.
"""

from __future__ import annotations

import heapq
import re
import threading
import time
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import stat_result

__all__ = ["BLOCK", "Candidate", "Reserved", "Usage", "cost_of"]

BLOCK = 4096

_RECORD = Struct("<IIIQQ")  # blocks of info, mod, zip; last use (ms) of info or mod, of the zip
_EMPTY = bytes(_RECORD.size)
_SLOTS = {"info": 0, "mod": 1, "zip": 2}
_KINDS = tuple(_SLOTS)
_ZIP = 2
_OF_VERSION = re.compile(r"(?!sumdb/)(.+/@v/v[0-9]+\.[0-9]+\.[0-9]+(?:[-+][^/]*)?)\.(info|mod|zip)")
_HOUR = 3_600_000
_AT_ONCE = 512  # files looked at, or records, before others get their turn
_TURN = 0.001


class Candidate(NamedTuple):
    """What may be evicted: its last use (ms), the version's part of the key, which file, its cost."""

    used: int
    stem: str
    slot: int
    cost: int

    @property
    def key(self) -> str:
        """The key of the object."""
        return f"{self.stem}.{_KINDS[self.slot]}"


class Reserved:
    """Bytes that one writer has reserved and not stored yet: within the limit (`held`), or as the one that is
    beyond it (`outside`). `used` is when it began (ms).
    """

    __slots__ = ("beyond", "held", "outside", "used")

    def __init__(self) -> None:
        self.held = 0
        self.outside = 0
        self.beyond = False
        self.used = 0


def cost_of(key: str, size: int) -> int:
    """Bytes that an object takes on a disk, with what stands beside it."""
    return (-(-size // BLOCK) + (2 if key.endswith(".zip") else 1)) * BLOCK


def _split(key: str) -> tuple[str, int] | None:
    """The part of a key that the files of a version share, and which of them it is."""
    found = _OF_VERSION.fullmatch(key)
    return None if found is None else (found[1], _SLOTS[found[2]])


class Usage:
    """The count. Safe from any thread; nothing here waits for long but `fill` and `oldest`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.stored = 0
        self.flight = 0
        self.outside = 0
        self.objects = 0
        self._versions: dict[str, bytes] = {}
        self._lock = threading.Lock()

    # --- writers

    @property
    def held(self) -> int:
        """What counts against the limit: stored, and being written within it."""
        return self.stored + self.flight

    def take(self, reserved: Reserved, count: int) -> bool:
        """Reserve `count` more bytes if all that is held then is within the limit."""
        with self._lock:
            if self.stored + self.flight + count > self.limit:
                return False
            self.flight += count
            reserved.held += count
            return True

    def force(self, reserved: Reserved, count: int) -> None:
        """Reserve in any case; outside for the writer that is beyond the limit."""
        with self._lock:
            if reserved.beyond:
                self.outside += count
                reserved.outside += count
            else:
                self.flight += count
                reserved.held += count

    def go_beyond(self, reserved: Reserved) -> None:
        """From now on this writer does not count against the limit."""
        with self._lock:
            reserved.beyond = True
            self.flight -= reserved.held
            self.outside += reserved.held
            reserved.outside, reserved.held = reserved.held, 0

    def release(self, reserved: Reserved) -> None:
        """Give back what was reserved and did not become an object."""
        with self._lock:
            self._give_back(reserved)

    def _give_back(self, reserved: Reserved) -> None:
        self.flight -= reserved.held
        self.outside -= reserved.outside
        reserved.held = reserved.outside = 0

    # --- the folder

    def enter(self, key: str, size: int, before: int | None, reserved: Reserved) -> None:
        """An object stands, in place of one of `before` bytes; what was reserved for it has become it."""
        with self._lock:
            self._add(key, size, before, reserved.used)
            self._give_back(reserved)

    def leave(self, key: str, size: int) -> None:
        """An object of `size` bytes is gone."""
        split = _split(key)
        with self._lock:
            if split is None:
                self.stored -= cost_of(key, size)
                self.objects -= 1
                return
            stem, slot = split
            fields = list(_RECORD.unpack(self._versions.get(stem, _EMPTY)))
            if not fields[slot]:
                return
            self.stored -= fields[slot] * BLOCK
            self.objects -= 1
            fields[slot] = 0
            if any(fields[:3]):
                self._versions[stem] = _RECORD.pack(*fields)
            else:
                del self._versions[stem]

    def _add(self, key: str, size: int, before: int | None, used: int) -> None:
        cost = cost_of(key, size)
        split = _split(key)
        if split is None:
            self.stored += cost - (0 if before is None else cost_of(key, before))
            self.objects += before is None
            return
        stem, slot = split
        fields = list(_RECORD.unpack(self._versions.get(stem, _EMPTY)))
        self.stored += cost - fields[slot] * BLOCK
        self.objects += not fields[slot]
        fields[slot] = cost // BLOCK
        place = 4 if slot == _ZIP else 3
        fields[place] = max(fields[place], used)
        self._versions[stem] = _RECORD.pack(*fields)

    def fill(self, files: Iterable[tuple[str, stat_result]], stopped: Callable[[], bool]) -> None:
        """Count a folder, once, before anything is written there. Blocks; others get their turn."""
        for number, (key, found) in enumerate(files):
            used = max(0, int(max(found.st_atime, found.st_mtime) * 1000))
            with self._lock:
                self._add(key, found.st_size, None, used)
            if number % _AT_ONCE == 0:
                if stopped():
                    return
                time.sleep(_TURN)

    # --- use

    def touch(self, key: str, now: int) -> bool:
        """It is used now (ms); whether that must be written down: once in an hour is enough."""
        split = _split(key)
        if split is None:
            return False
        stem, slot = split
        with self._lock:
            record = self._versions.get(stem)
            if record is None:
                return False
            fields: list[int] = list(_RECORD.unpack(record))
            place = 4 if slot == _ZIP else 3
            before = fields[place]
            fields[place] = now
            self._versions[stem] = _RECORD.pack(*fields)
        return now // _HOUR != before // _HOUR

    def last_use(self, key: str) -> int:
        """Milliseconds; 0 where it is not known."""
        split = _split(key)
        if split is None:
            return 0
        fields = _RECORD.unpack(self._versions.get(split[0], _EMPTY))
        return int(fields[4 if split[1] == _ZIP else 3])

    def stands(self, candidate: Candidate) -> bool:
        """Whether it is there and has not been used since it became a candidate."""
        fields = _RECORD.unpack(self._versions.get(candidate.stem, _EMPTY))
        return bool(fields[candidate.slot]) and (fields[4 if candidate.slot == _ZIP else 3] == candidate.used)

    def oldest(self, count: int, spared: Callable[[str], bool]) -> tuple[list[Candidate], int]:
        """What is longest unused and not `spared` (by its stem), that first; and the bytes of all of that.

        Blocks for a second on a million objects; others get their turn.
        """
        total = 0

        def candidates() -> Iterable[Candidate]:
            nonlocal total
            for number, (stem, record) in enumerate(list(self._versions.items())):
                if number % _AT_ONCE == 0:
                    time.sleep(_TURN)
                if spared(stem):
                    continue
                info, mod, zipped, used, zip_used = _RECORD.unpack(record)
                total += (info + mod + zipped) * BLOCK
                if info:
                    yield Candidate(used, stem, 0, info * BLOCK)
                if mod:
                    yield Candidate(used, stem, 1, mod * BLOCK)
                if zipped:
                    yield Candidate(zip_used, stem, _ZIP, zipped * BLOCK)

        found = heapq.nsmallest(count, candidates(), key=lambda each: each.used)
        return found, total
