"""A disk store looked at from below (`model.inspection`), beside the server that uses it or alone.

The walk sees every name under the root but `.modgate`. An object is opened together with its sidecar and its
`.ziphash` under the lock of its key, under which all three change; the bytes are read without the lock, from
the descriptor; and before a fault is passed on the three are compared once more. An immutable file that still
is the same inode with the same stamp has been no other in between, so what was read of it was damage.
"""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: SLF001

from __future__ import annotations

import os
import stat
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from modgate.model.inspection import Enter, Fault, Finding, Form, Judged, Place, Quarantine
from modgate.storage.failures import translated
from modgate.storage.hands import Hands
from modgate.storage.inspect_look import FileLook, Snapshot, snapshot
from modgate.storage.inspect_mend import Mender
from modgate.storage.inspect_pace import Pace
from modgate.storage.keys import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence

    from modgate.model.inspection import Look, Stamp
    from modgate.storage.disk import DiskStore

__all__ = ["DiskInspector"]

T = TypeVar("T")

_BATCH = 256
_TRIES = 5
_ALONE = 2
_NOT_OURS = frozenset({"lost+found"})  # the file system's own, in the root of each volume


class DiskInspector:
    """Inspects the folder of one `DiskStore`."""

    def __init__(
        self,
        store: DiskStore,
        verifier_keys: Mapping[str, str],
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._store = store
        self._keys = verifier_keys
        self._clock = clock
        self._monotonic = monotonic

    @property
    def verifier_keys(self) -> Mapping[str, str]:
        """The keys of the checksum databases whose files may lie in the store, by name."""
        return self._keys

    @asynccontextmanager
    async def begin(self, *, rate: int, gentle: bool) -> AsyncIterator[DiskInspection]:
        """An inspection; its threads end with the context."""
        pace = Pace(rate, self._monotonic, gentle=gentle)
        hands = Hands(2 if gentle else _ALONE + 1, "modgate-fsck")
        try:
            yield DiskInspection(self._store, pace, hands, self._clock)
        finally:
            pace.stop()
            await hands.close()


class DiskInspection:
    """One inspection under way."""

    def __init__(self, store: DiskStore, pace: Pace, hands: Hands, clock: Callable[[], float]) -> None:
        self._store = store
        self._tree = store.tree
        self._top = str(store.tree.root)
        self._pace = pace
        self._hands = hands
        self._mender = Mender(store, clock)

    @property
    def read(self) -> int:
        """Bytes read so far."""
        return self._pace.read

    @property
    def done(self) -> int:
        """Objects examined so far."""
        return self._pace.done

    async def count(self, enter: Callable[[str], Enter]) -> tuple[int, int]:
        """How many files a walk will see, and their bytes."""
        files = size = 0
        async with aclosing(self.walk(enter, _amount)) as amounts:
            async for some in amounts:
                files += some[0]
                size += some[1]
        return files, size

    async def walk(
        self, enter: Callable[[str], Enter], read: Callable[[list[Place]], T]
    ) -> AsyncGenerator[T, None]:
        """What `read` makes of every name, in order."""
        places = self._places(enter)

        def some() -> tuple[T] | None:
            batch = list(islice(places, _BATCH))
            return (read(batch),) if batch else None

        while batch := await self._run(some):
            yield batch[0]

    async def examine(self, keys: Sequence[str], judge: Callable[[Look], Judged]) -> list[Finding]:
        """Judge the objects that stand under these keys."""

        def run() -> list[Finding]:
            found = []
            for key in keys:
                found += self._examine(key, judge)
                self._pace.one()
            return found

        return await self._run(run)

    async def leftovers(self) -> AsyncGenerator[list[Fault], None]:
        """Sidecars without an object, temporary files that nobody has written to for a day."""
        faults = self._mender.leftovers()
        while batch := await self._run(lambda: list(islice(faults, _BATCH))):
            yield [each for each in batch if each is not None]

    async def without_zip(self, keys: Sequence[str]) -> list[str]:
        """Those keys of zips of which only the `.ziphash` stands."""

        def alone(key: str) -> bool:
            path = self._tree.path(key)
            with self._tree._lock(key):
                return not os.path.lexists(path) and os.path.lexists(path + "hash")

        return await self._run(lambda: [key for key in keys if alone(key)])

    async def stands(self, place: Place) -> bool:
        """Whether the same kind of thing is still under that name."""

        def look() -> bool:
            try:
                return _form(os.lstat(self._tree.path(place.name)).st_mode) is place.form
            except OSError:
                return False

        return place.form is Form.UNREADABLE or await self._run(look)

    async def quarantine(self) -> Quarantine:
        """What has been set aside so far."""
        return await self._run(self._mender.quarantine)

    async def set_aside(self, key: str, stamp: Stamp | None, reason: str) -> bool:
        """Quarantine the very file that was judged."""
        return await self._mender.set_aside(key, stamp, reason)

    async def move_away(self, name: str, reason: str) -> bool:
        """Quarantine whatever has no place in the store."""
        await self._store._counted()
        return await self._run(lambda: self._mender.move_away(name, reason))

    async def write_ziphash(self, key: str, stamp: Stamp | None, h1: str) -> bool:
        """Write `.ziphash` beside the very zip that was judged."""
        return await self._run(lambda: self._mender.write_ziphash(key, stamp, h1))

    async def drop(self, fault: Fault) -> bool:
        """Delete what is left over, if it still is."""
        return await self._run(lambda: self._mender.drop(fault))

    async def forget(self, key: str) -> bool:
        """Delete an unreadable sidecar."""
        return await self._run(lambda: self._mender.forget(key))

    async def _run(self, function: Callable[[], T]) -> T:
        def gently() -> T:
            self._pace.give_way()
            with translated("cannot inspect the store", self._top):
                return function()

        return await self._hands.submit(gently)

    def _places(self, enter: Callable[[str], Enter]) -> Iterator[Place]:
        stack = [""]
        while stack:
            self._pace.check()
            folder = stack.pop()
            inner: list[str] = []
            try:
                with os.scandir(self._tree.path(folder) if folder else self._top) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                if not folder:
                    raise
                continue
            except OSError as error:
                if not folder:
                    raise
                yield Place(f"{folder}\0{error.strerror}", Form.UNREADABLE)
                continue
            for entry in found:
                if not folder and (entry.name == OWN_FOLDER or entry.name in _NOT_OURS):
                    continue
                name = f"{folder}/{entry.name}" if folder else entry.name
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                form = _form(status.st_mode)
                if form is not Form.FOLDER:
                    yield Place(name, form, status.st_size if form is Form.FILE else 0)
                elif (choice := enter(name)) is Enter.YES:
                    inner.append(name)
                elif choice is Enter.REPORT:
                    yield Place(name, form)
            stack += reversed(inner)
        self._tree.check_present()

    def _examine(self, key: str, judge: Callable[[Look], Judged]) -> list[Finding]:
        """The finding, or nothing where no object stands or it never stood still."""
        for _ in range(_TRIES):
            self._pace.check()
            try:
                seen = snapshot(self._tree, key)
            except OSError as error:
                return [Finding(key, _unreadable(key, error, None), None)]
            if seen is None:
                return []
            judged = self._judge(key, seen, judge)
            if not judged.faults or self._unchanged(key, seen):
                return [Finding(key, judged, seen.stamp)]
        return []

    def _judge(self, key: str, seen: Snapshot, judge: Callable[[Look], Judged]) -> Judged:
        look = FileLook(self._tree, key, seen, self._pace)
        try:
            return judge(look)
        except OSError as error:
            return _unreadable(key, error, seen.stamp)
        finally:
            look.close()

    def _unchanged(self, key: str, seen: Snapshot) -> bool:
        try:
            now = snapshot(self._tree, key)
        except OSError:
            return True
        if now is None:
            return False
        os.close(now.descriptor)
        return now.same(seen)


def _unreadable(key: str, error: OSError, stamp: Stamp | None) -> Judged:
    values: dict[str, str | int] = {"why": error.strerror or str(error), "errno": error.errno or 0}
    return Judged((Fault("unreadable", key, "unreadable", values, stamp),))


def _amount(places: list[Place]) -> tuple[int, int]:
    return sum(place.form is Form.FILE for place in places), sum(place.size for place in places)


def _form(mode: int) -> Form:
    if stat.S_ISREG(mode):
        return Form.FILE
    if stat.S_ISDIR(mode):
        return Form.FOLDER
    return Form.LINK if stat.S_ISLNK(mode) else Form.SPECIAL
