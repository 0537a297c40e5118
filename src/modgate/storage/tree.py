"""The folder of a disk store, with blocking calls: what runs in its threads.

An object comes to be in these steps, each named to `stages` when it is done, so that a test can
kill the process exactly there:

    1  created    a temporary file in `.modgate/tmp`
    2  written    all bytes handed to the kernel (`flushed` after each piece before the last)
    3  synced     fdatasync: from here on a power cut cannot tear the object (not for files of a
                  checksum database: they lean on their proof at each read, so a torn one is only
                  fetched again)
    4  meta       its sidecar, in `.modgate/tmp`: also the record of which key is on its way
    5  folder     the object's folder exists
    6  ziphash    Go's `.ziphash` beside a zip
    7  linked     it stands under its name, whole, unless another came first
                  (a mutable object: `renamed`, which swaps)
    8  described  the sidecar in its place
    9  dirsynced  fsync of the folders: from here on a power cut cannot lose it (not where the
                  checksum database proves it: then it can be had again, and the kernel takes its time)

Whatever a crash leaves lies in `tmp`; `sweep` finishes what reached step 7 and undoes the rest.
Readers of a key wait between 4 and 8 (one lock a key), so object and sidecar change together.
"""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: PTH104, PTH120

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from modgate.errors import Tampered, Unavailable
from modgate.model.answer import Verification
from modgate.model.blob import BlobMeta
from modgate.storage.failures import translated
from modgate.storage.files import (
    keep,
    make_folders,
    name_once,
    read_all,
    sha256_of,
    sync_data,
    unlink,
    write_all,
    write_file,
)
from modgate.storage.ground import REMEMBERED
from modgate.storage.leaving import Leaving
from modgate.storage.sidecar import Identity, Sidecar, encode, identify

if TYPE_CHECKING:
    from modgate.storage.usage import Reserved

__all__ = ["Stored", "Tree"]

_PROVED_AT_EACH_READ = "sumdb/"
_SMALL = 64 * 1024  # an object up to this size is read while it is looked up
_SMALL_MUTABLE = 4 * 1024 * 1024  # a mutable one may be gone at the next look, so it is read at once


class Stored(NamedTuple):
    """An object as it was found: `data` is set for what was read at once, and `sound` judges it."""

    identity: Identity
    meta: BlobMeta
    mutable: bool
    data: bytes | None
    sound: bool


class Tree(Leaving):
    """The objects under one root. Every method blocks; all but `close` may run in any thread."""

    # --- looking up

    def load(self, key: str, used_ns: int = 0) -> Stored | None:
        """Look an object up; None if it is proved absent. Raises Unavailable.

        `used_ns` is written down as its last use, where that is possible; 0: nothing is.
        """
        with translated("cannot read the store", self._top):
            with self._lock(key):
                descriptor = self._open(key)
                if descriptor is None:
                    return None
                try:
                    identity = identify(os.fstat(descriptor))
                    sidecar = self._sidecar(key, identity)
                    if used_ns:
                        with suppress(OSError):
                            os.utime(descriptor, ns=(used_ns, identity.mtime_ns))
                except BaseException:
                    os.close(descriptor)
                    raise
            try:
                if sidecar is None:
                    sidecar = self._describe(key, identity, descriptor)
                mutable = sidecar.mutable
                if identity.size > (_SMALL_MUTABLE if mutable else _SMALL):
                    return Stored(identity, sidecar.meta, mutable, None, sound=False)
                data = read_all(descriptor, identity.size)
            finally:
                os.close(descriptor)
        sound = hashlib.sha256(data).hexdigest() == sidecar.meta.sha256
        return Stored(identity, sidecar.meta, mutable, data, sound)

    def open_same(self, key: str, identity: Identity) -> int:
        """A descriptor of the very file that was looked up. Raises Unavailable."""
        with translated("cannot read the store", self._top):
            descriptor = self._open(key)
            if descriptor is not None:
                if identify(os.fstat(descriptor)) == identity:
                    return descriptor
                os.close(descriptor)
        raise Unavailable("the object was removed or replaced meanwhile", where=key, next_step="Ask again.")

    def prove(self, key: str, identity: Identity, sha256: str) -> bool:
        """Whether the file has these bytes; read once, remembered while the file is unchanged."""
        with self._memory:
            known = self._proved.get(identity)
        if known is not None:
            return known
        descriptor = self.open_same(key, identity)
        try:
            with translated("cannot read the store", self._top):
                sound = sha256_of(descriptor) == sha256
        finally:
            os.close(descriptor)
        self.remember_proof(identity, sound=sound)
        return sound

    def proved(self, identity: Identity) -> bool:
        """Whether the file was read whole and found sound, without waiting."""
        with self._memory:
            return self._proved.get(identity, False)

    def remember_proof(self, identity: Identity, *, sound: bool) -> None:
        """Keep the verdict on a file that was read whole."""
        with self._memory:
            keep(self._proved, identity, sound, REMEMBERED)

    def names(self, folder: str) -> list[str]:
        """The objects directly in a folder, sorted. Raises Unavailable."""
        with translated("cannot list the store", self._top):
            self._check_folders(folder)
            try:
                with os.scandir(self.path(folder)) as entries:
                    return sorted(
                        entry.name
                        for entry in entries
                        if not entry.name.endswith(".ziphash") and entry.is_file(follow_symlinks=False)
                    )
            except (FileNotFoundError, NotADirectoryError):
                self.check_present()
                return []

    # --- storing

    def store(
        self,
        key: str,
        data: bytes,
        meta: BlobMeta,
        *,
        mutable: bool,
        proved: bool = False,
        reserved: Reserved | None = None,
    ) -> Stored:
        """All steps for bytes in memory, which (unless `proved`) are compared with their meta.

        Raises:
            Unavailable, Invalid: Nothing is stored.
            Tampered: The bytes are not those of the meta.
        """
        sound = hashlib.sha256(data).hexdigest() == meta.sha256
        if not sound and not proved:
            raise Tampered("the bytes do not have the SHA-256 they are to be stored with", where=key)
        with translated("cannot write to the store", self._top):
            there = self._check_folders(key.rpartition("/")[0])
            if not mutable and there and os.path.lexists(self.path(key)):
                standing = self.load(key)
                if standing is not None:
                    return standing
            descriptor, path = self.begin()
            try:
                write_all(descriptor, data, 0)
                self.reached("written")
                published = self._publish(descriptor, path, key, meta, mutable=mutable, reserved=reserved)
            except BaseException:
                unlink(path)
                raise
            finally:
                os.close(descriptor)
            if published is None:
                unlink(path)
        if published is None:
            return self._winner(key)
        inline = data if len(data) <= (_SMALL_MUTABLE if mutable else _SMALL) else None
        return published._replace(data=inline, sound=sound)

    def finish(
        self, descriptor: int, path: str, key: str, meta: BlobMeta, reserved: Reserved | None = None
    ) -> Stored:
        """Steps 3 to 9 for an immutable object whose bytes are written. Raises Unavailable, Invalid."""
        with translated("cannot write to the store", self._top):
            try:
                published = self._publish(descriptor, path, key, meta, mutable=False, reserved=reserved)
            except BaseException:
                unlink(path)
                raise
            if published is None:
                unlink(path)
        return self._winner(key) if published is None else published

    def _publish(
        self,
        descriptor: int,
        path: str,
        key: str,
        meta: BlobMeta,
        *,
        mutable: bool,
        reserved: Reserved | None,
    ) -> Stored | None:
        """Steps 3 to 9; None if another writer was first. Raises OSError, with nothing stored."""
        proved = meta.verified == Verification.SUMDB
        if not proved or mutable or not key.startswith(_PROVED_AT_EACH_READ):
            sync_data(descriptor)  # 3
        self.reached("synced")
        identity = identify(os.fstat(descriptor))
        sidecar = Sidecar(key=key, meta=meta, mtime_ns=identity.mtime_ns, mutable=mutable)
        folder = key.rpartition("/")[0]
        self._check_folders(folder)
        with self._lock(key):
            undo: list[str] = []
            before = None if reserved is None else self._size(key)
            try:
                self._place(path, folder, sidecar, undo)
                if not proved:
                    self._sync_names(folder)  # 9
                self.reached("dirsynced")
            except BaseException as error:
                for leftover in undo:
                    unlink(leftover)
                if mutable and self.usage is not None and reserved is not None:
                    with suppress(OSError):  # it may have been swapped before the step that failed
                        if (now := self._size(key)) is not None:
                            self.usage.enter(key, now, before, reserved)
                if isinstance(error, FileExistsError):
                    return None
                raise
            self._remember(key, identity, sidecar)
            if self.usage is not None and reserved is not None:
                self.usage.enter(key, identity.size, before, reserved)
        return Stored(identity, meta, mutable, None, sound=False)

    def _place(self, path: str, folder: str, sidecar: Sidecar, undo: list[str]) -> None:
        """Steps 4 to 8, noting in `undo` what a failure must take back."""
        described = self._temporary_path(".meta")
        undo.append(described)
        write_file(described, encode(sidecar))  # 4
        self.reached("meta")
        target, place = self.path(sidecar.key), self._sidecar_path(sidecar.key)
        self._make_folders(folder)  # 5
        self.reached("folder")
        if not sidecar.mutable and os.path.lexists(target):
            raise FileExistsError
        if sidecar.meta.h1 and target.endswith(".zip"):  # 6
            ziphash = target + "hash"
            undo.append(ziphash)
            self._in_folder(folder, lambda: write_file(ziphash, sidecar.meta.h1.encode()))
            self.reached("ziphash")
        if sidecar.mutable:  # 7
            self._in_folder(folder, lambda: os.rename(path, target))
            self.reached("renamed")
        else:
            self._in_folder(folder, lambda: name_once(path, target))
            undo += (target, place)
            self.reached("linked")
        self._in_folder(folder, lambda: os.rename(described, place))  # 8
        self.reached("described")

    # --- parts

    def _describe(self, key: str, identity: Identity, descriptor: int) -> Sidecar:
        """Recompute a sidecar from the bytes, and keep it if that is possible."""
        before = self._read_sidecar(key)
        sha256 = sha256_of(descriptor)
        meta = BlobMeta(sha256=sha256, size=identity.size, stored_at=identity.mtime_ns / 1e9)
        mutable = before is not None and before.mutable
        sidecar = Sidecar(key=key, meta=meta, mtime_ns=identity.mtime_ns, mutable=mutable)
        with self._lock(key):
            try:
                unchanged = identify(os.lstat(self.path(key))) == identity
            except OSError:
                unchanged = False
            if unchanged:
                self._remember(key, identity, sidecar)
                fresh = self._temporary_path(".meta")
                try:
                    make_folders(os.path.dirname(self._sidecar_path(key)))
                    write_file(fresh, encode(sidecar))
                    os.rename(fresh, self._sidecar_path(key))
                except OSError:
                    unlink(fresh)  # a full disk: it is computed again after the next start
        return sidecar

    def _size(self, key: str) -> int | None:
        """Bytes of what stands under the key; None where nothing does. Raises OSError."""
        try:
            return os.lstat(self.path(key)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _winner(self, key: str) -> Stored:
        standing = self.load(key)
        if standing is None:
            raise Unavailable("the object was removed while it was stored", where=key, next_step="Ask again.")
        return standing
