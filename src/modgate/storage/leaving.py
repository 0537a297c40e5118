"""How an object leaves the folder, and what is known of those that stand.

An object is taken away in these steps, each named to `stages` when it is done:

    1  undescribed  its sidecar goes to `.modgate/tmp`: the record of which key is on its way out
    2  taken        the object itself is gone (or in quarantine)

then its `.ziphash`, then the sidecar in `tmp`. A sweep finishes a removal that reached step 2 and takes back
one that did not. Readers of a key wait meanwhile (one lock a key).
"""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: PTH102, PTH104, PTH106, PTH119, PTH120, PTH123

from __future__ import annotations

import itertools
import os
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from modgate.storage.failures import translated
from modgate.storage.files import keep, sync_folder, unlink, write_file
from modgate.storage.ground import REMEMBERED, Ground
from modgate.storage.sidecar import Identity, Sidecar, decode, identify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.storage.usage import Usage

__all__ = ["Leaving"]


class Leaving(Ground):
    """The folder, what is known of its objects, and their ways out. Every method blocks."""

    def __init__(self, root: Path, stages: Callable[[str], None]) -> None:
        super().__init__(root, stages)
        self._locks = tuple(threading.Lock() for _ in range(64))
        self._sidecars: OrderedDict[str, tuple[Identity, Sidecar]] = OrderedDict()
        self._proved: OrderedDict[Identity, bool] = OrderedDict()
        self.usage: Usage | None = None  # told what comes and goes where there is a size limit

    def has_folder(self, folder: str) -> bool:
        """Whether a folder of objects is there (empty: the root). Raises Unavailable, OSError."""
        if folder and self._check_folders(folder):
            return True
        self.check_present()
        return not folder

    def described(self, key: str, identity: Identity) -> Sidecar | None:
        """What is known of an object, without remembering it; None where its bytes had to be read.

        Raises OSError.
        """
        sidecar = self._read_sidecar(key)
        return sidecar if sidecar is not None and sidecar.describes(key, identity) else None

    def remove(self, key: str, *, lasting: bool = True) -> bool:
        """Delete an object and what belongs to it; True if it was there. Raises Unavailable.

        Unless `lasting`, a power cut may bring it back, as whole as it was.
        """
        with translated("cannot remove from the store", self._top), self._lock(key):
            descriptor = self._open(key)
            if descriptor is None:
                return False
            size = os.fstat(descriptor).st_size
            os.close(descriptor)
            try:
                self._take_away(key, os.unlink, lasting=lasting)
            finally:
                self._tell_gone(key, size)
        self._drop_empty(key.rpartition("/")[0])
        return True

    def set_aside(self, key: str, reason: str, now: float, only: Identity | None = None) -> bool:
        """Move an object into quarantine; False if it (or the very file `only`) is not there."""
        with translated("cannot set a damaged object aside", self._top), self._lock(key):
            descriptor = self._open(key)
            if descriptor is None:
                return False
            found = identify(os.fstat(descriptor))
            os.close(descriptor)
            if only is not None and found != only:
                return False
            with self._memory:
                self._proved.pop(found, None)
            try:
                try:
                    folder = self._quarantine(key, reason, now)
                except OSError:
                    # A full disk must not keep a damaged object in service.
                    self._take_away(key, os.unlink)
                else:
                    name = os.path.basename(key)
                    self._take_away(key, lambda path: os.rename(path, f"{folder}/{name}"))
            finally:
                self._tell_gone(key, found.size)
        return True

    def _tell_gone(self, key: str, size: int) -> None:
        """An object may be gone although a later step of its way out failed."""
        if self.usage is not None and not os.path.lexists(self.path(key)):
            self.usage.leave(key, size)

    def _take_away(self, key: str, take: Callable[[str], None], *, lasting: bool = True) -> None:
        """The sidecar first goes to `tmp`, so that a sweep can tell which key was being taken away."""
        path = self.path(key)
        with self._memory:
            self._sidecars.pop(key, None)
        leaving = self._temporary_path(".meta")
        with suppress(FileNotFoundError):
            os.rename(self._sidecar_path(key), leaving)
        self.reached("undescribed")
        take(path)
        self.reached("taken")
        if key.endswith(".zip"):
            unlink(path + "hash")  # last, because the sweep finishes a removal only once the zip is gone
        unlink(leaving)
        if lasting:
            sync_folder(os.path.dirname(path))

    def _drop_empty(self, folder: str) -> None:
        """Remove a folder that holds nothing any more, and those above it. Writers make theirs again."""
        while folder:
            with suppress(OSError):
                os.rmdir(self._sidecar_path(folder))
            try:
                os.rmdir(self.path(folder))
            except OSError:
                return
            with self._memory:
                for known in (self._folders, self._ready):
                    known.pop(folder, None)
                self._durable.pop(self.path(folder), None)
            folder = folder.rpartition("/")[0]

    def _quarantine(self, key: str, reason: str, now: float) -> str:
        """A fresh folder of the quarantine, holding the reason."""
        for attempt in itertools.count():
            folder = f"{self._own}/quarantine/{now:.0f}-{attempt}"
            try:
                os.mkdir(folder)
            except FileExistsError:
                continue
            note = {"key": key, "reason": reason, "at": now}
            write_file(f"{folder}/reason.json", msgspec.json.encode(note))
            return folder
        raise AssertionError  # the count never ends

    # --- parts

    def _lock(self, key: str) -> threading.Lock:
        return self._locks[hash(key) % len(self._locks)]

    def _sidecar(self, key: str, identity: Identity) -> Sidecar | None:
        """What is known of the file under the key; None if it must be recomputed."""
        with self._memory:
            known = self._sidecars.get(key)
            if known is not None and known[0] == identity:
                self._sidecars.move_to_end(key)
                return known[1]
        sidecar = self._read_sidecar(key)
        if sidecar is None or not sidecar.describes(key, identity):
            return None
        self._remember(key, identity, sidecar)
        return sidecar

    def _read_sidecar(self, key: str) -> Sidecar | None:
        try:
            with open(self._sidecar_path(key), "rb") as file:
                return decode(file.read())
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _remember(self, key: str, identity: Identity, sidecar: Sidecar) -> None:
        with self._memory:
            keep(self._sidecars, key, (identity, sidecar), REMEMBERED)
