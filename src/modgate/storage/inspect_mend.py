"""What an inspection changes in the folder of a disk store, when it is told to.

Each change is made under the lock of its key, to the file that was judged or not at all, and leaves either
what was or what should be at each step. Nothing but left-overs is deleted.
"""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: PTH104, PTH105, PTH108, PTH119, SLF001

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from modgate.model.inspection import Fault, Quarantine
from modgate.storage.files import unlink, write_file
from modgate.storage.keys import OWN_FOLDER
from modgate.storage.sidecar import Identity, decode, identify
from modgate.storage.walk import files_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modgate.model.inspection import Stamp
    from modgate.storage.disk import DiskStore

__all__ = ["Mender"]

_TEMPORARY = "tmp"
_OLD = 24 * 3600.0
"""Seconds without a write after which nobody is still writing: no transfer is let stand still for so long."""


class Mender:
    """The changing half of an inspection; every method but `set_aside` blocks and may raise OSError."""

    def __init__(self, store: DiskStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._tree = store.tree
        self._own = store.tree._own
        self._clock = clock

    async def set_aside(self, key: str, stamp: Stamp | None, reason: str) -> bool:
        """Quarantine the very file that was judged; the store's generation tells those who remember it."""
        before = self._store.generation
        if stamp is None:
            await self._store.set_aside(key, reason)
        else:
            await self._store.distrust(key, reason, Identity(*stamp))
        return self._store.generation != before

    def move_away(self, name: str, reason: str) -> bool:
        """Move a name into quarantine, and the sidecars that belong to it with it."""
        path = self._tree.path(name)
        if not os.path.lexists(path):
            return False
        # Names on a disk need not be text, and the note beside it is.
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        folder = self._tree._quarantine(shown, reason, self._clock())
        counted = self._counted(name)
        with self._tree._lock(name):
            with suppress(FileNotFoundError, NotADirectoryError):
                os.rename(self._tree._sidecar_path(name), f"{folder}/sidecar")
            try:
                os.rename(path, f"{folder}/{os.path.basename(name)}")
            except FileNotFoundError:
                return False
        if self._tree.usage is not None:
            for key, size in counted:
                self._tree.usage.leave(key, size)
        return True

    def _counted(self, name: str) -> list[tuple[str, int]]:
        """What a size limit counts of a name: a file need not be asked for by anybody to take room."""
        if self._tree.usage is None:
            return []
        below = f"{name}/"
        try:
            whole = stat.S_ISDIR(os.lstat(self._tree.path(name)).st_mode)
        except FileNotFoundError:
            return []
        found = files_below(self._tree, below if whole else name)
        return [(key, state.st_size) for key, state in found if key == name or key.startswith(below)]

    def write_ziphash(self, key: str, stamp: Stamp | None, h1: str) -> bool:
        """Write it beside the very zip that was judged."""
        path = self._tree.path(key)
        with self._tree._lock(key):
            try:
                if tuple(identify(os.lstat(path))) != stamp:
                    return False
            except (FileNotFoundError, NotADirectoryError):
                return False
            fresh = self._tree._temporary_path(".ziphash")
            try:
                write_file(fresh, h1.encode())
                os.replace(fresh, path + "hash")
            except BaseException:
                unlink(fresh)
                raise
        return True

    def forget(self, key: str) -> bool:
        """Delete a sidecar that is none, if it still is; the store makes a new one from the bytes."""
        place = self._tree._sidecar_path(key)
        with self._tree._lock(key):
            try:
                with open(place, "rb") as file:  # noqa: PTH123  as above
                    noted = decode(file.read())
            except (FileNotFoundError, NotADirectoryError):
                return False
            if noted is not None and noted.key == key:
                return False
            os.unlink(place)
        return True

    def drop(self, fault: Fault) -> bool:
        """Delete what is left over, if it still is."""
        if fault.reason == "orphan-sidecar":
            return self._drop_sidecar(fault.where)
        if fault.reason == "orphan-ziphash":
            return self._drop_ziphash(fault.where)
        path = self._tree.path(fault.where)
        try:
            if not self._is_old(os.lstat(path)):
                return False
            os.unlink(path)
        except FileNotFoundError:
            return False
        return True

    def leftovers(self) -> Iterator[Fault | None]:
        """Faults, with a None now and then where there is none, so that nobody waits for long."""
        yield from self._old_temporaries()
        top = f"{self._own}/meta"
        stack = [""]
        while stack:
            folder = stack.pop()
            inner: list[str] = []
            try:
                with os.scandir(f"{top}/{folder}") as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue
            for entry in found:
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    inner.append(name)
                    continue
                yield self._orphan(name)
            stack += reversed(inner)

    def quarantine(self) -> Quarantine:
        """Count what was set aside; the reasons beside it do not count."""
        objects = size = 0
        for folder in os.scandir(f"{self._own}/quarantine"):
            if not folder.is_dir(follow_symlinks=False):
                continue
            objects += 1
            for base, _, names in os.walk(folder.path):
                for name in names:
                    with suppress(OSError):
                        size += os.lstat(f"{base}/{name}").st_size if name != "reason.json" else 0
        return Quarantine(objects, size)

    def _old_temporaries(self) -> Iterator[Fault]:
        with os.scandir(f"{self._own}/{_TEMPORARY}") as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                with suppress(FileNotFoundError):
                    if self._is_old(entry.stat(follow_symlinks=False)):
                        yield Fault("orphan", f"{OWN_FOLDER}/{_TEMPORARY}/{entry.name}", "orphan-temporary")

    def _is_old(self, status: os.stat_result) -> bool:
        return not stat.S_ISDIR(status.st_mode) and self._clock() - status.st_mtime > _OLD

    def _orphan(self, name: str) -> Fault | None:
        if os.path.lexists(self._tree.path(name)):
            return None
        with self._tree._lock(name):
            stands = os.path.lexists(self._tree.path(name))
            left = os.path.lexists(self._tree._sidecar_path(name))
        if stands or not left:
            return None
        return Fault("orphan", name, "orphan-sidecar")

    def _drop_sidecar(self, key: str) -> bool:
        with self._tree._lock(key):
            if os.path.lexists(self._tree.path(key)):
                return False
            try:
                os.unlink(self._tree._sidecar_path(key))
            except FileNotFoundError:
                return False
        return True

    def _drop_ziphash(self, name: str) -> bool:
        key = name.removesuffix("hash")
        with self._tree._lock(key):
            if os.path.lexists(self._tree.path(key)):
                return False
            try:
                os.unlink(self._tree.path(name))
            except FileNotFoundError:
                return False
        return True
