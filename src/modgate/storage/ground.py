"""Where the files of a disk store lie, how they are opened, and what is known of their folders.

Symbolic links are never followed: a link in place of an object is refused by the kernel, and the
folders of a key are checked when they are first used. Both guard against a folder filled from
elsewhere (a restored archive), not against a program that rewrites it under a running server.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.storage.failures import translated
from modgate.storage.files import keep, make_folders, sync_folder, unlink, write_file
from modgate.storage.keys import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["REMEMBERED", "Ground"]

REMEMBERED = 16 * 1024
"""Sidecars, folders and proved files kept in memory, each."""

_ATTEMPTS = 5
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})


class Ground:
    """The folder, with blocking calls that any thread may make."""

    def __init__(self, root: Path, stages: Callable[[str], None]) -> None:
        self.root = root
        self.reached = stages
        self._top = str(root)
        self._own = f"{root}/{OWN_FOLDER}"
        self._names = itertools.count()
        self._memory = threading.Lock()
        self._folders: OrderedDict[str, None] = OrderedDict()  # no symbolic link on the way
        self._ready: OrderedDict[str, None] = OrderedDict()  # made, for objects and for sidecars
        self._durable: OrderedDict[str, None] = OrderedDict()  # names that no power cut can take

    def path(self, key: str) -> str:
        """The file of an object."""
        return f"{self._top}/{key}"

    def check_present(self) -> None:
        """Raise Unavailable if the folder itself is gone: then nothing is proved absent."""
        if not os.path.lexists(f"{self._own}/format"):
            raise Unavailable(
                "the store's folder is gone",
                where=self._top,
                next_step="Mount it again, or start modgate anew.",
            )

    def probe(self) -> None:
        """Raise Unavailable unless a block can be written and removed."""
        with translated("cannot write to the store", self._top):
            self.check_present()
            path = self._temporary_path("")
            try:
                write_file(path, bytes(4096))
            finally:
                unlink(path)

    def begin(self) -> tuple[int, str]:
        """Step 1; the caller closes and unlinks it. Raises OSError."""
        path = self._temporary_path("")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        self.reached("created")
        return descriptor, path

    def _temporary_path(self, suffix: str) -> str:
        return f"{self._own}/tmp/{next(self._names):x}{suffix}"  # noqa: S108  our own folder, not /tmp

    def _sidecar_path(self, key: str) -> str:
        return f"{self._own}/meta/{key}"

    def _open(self, key: str) -> int | None:
        """A descriptor of a regular file, or None where there is none."""
        if not self._check_folders(key.rpartition("/")[0]):
            self.check_present()
            return None
        try:
            # Without O_NONBLOCK a fifo, put there by somebody, would hold the thread for ever.
            descriptor = os.open(self.path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _ABSENT:
                self.check_present()
                return None
            if error.errno == errno.ELOOP:
                raise self._symbolic_link(key) from error
            raise
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISREG(mode):
            return descriptor
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            return None
        raise Unavailable("something else than a file stands in the store", where=self.path(key))

    def _check_folders(self, folder: str) -> bool:
        """Whether a folder is there. Refuses symbolic links on the way; what was seen is remembered."""
        with self._memory:
            if folder in self._folders:
                self._folders.move_to_end(folder)
                return True
        above = folder.rpartition("/")[0]
        if above and not self._check_folders(above):
            return False
        try:
            mode = os.lstat(f"{self._top}/{folder}").st_mode
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise
        if stat.S_ISLNK(mode):
            raise self._symbolic_link(folder)
        with self._memory:
            keep(self._folders, folder, None, REMEMBERED)
        return True

    def _make_folders(self, folder: str) -> None:
        """Make the folder of an object and that of its sidecar, from the first one not known."""
        with self._memory:
            if folder in self._ready:
                self._ready.move_to_end(folder)
                return
        above = folder.rpartition("/")[0]
        if above:
            self._make_folders(above)
        made = make_folders(f"{self._top}/{folder}")
        make_folders(self._sidecar_path(folder))
        with self._memory:
            for one in made:
                self._durable.pop(one, None)
            keep(self._ready, folder, None, REMEMBERED)
            keep(self._folders, folder, None, REMEMBERED)

    def _in_folder(self, folder: str, step: Callable[[], None]) -> None:
        """Do a step that needs both folders; if somebody removed them, make them and do it again.

        Empty folders go with what they held last, so it may happen more than once, and while they are made.
        """
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):
                step()
                return
            with suppress(FileNotFoundError):
                with self._memory:
                    self._ready.clear()
                self._make_folders(folder)
        step()

    def _sync_names(self, folder: str) -> None:
        """Make the names in a folder durable, and the folder's own name and those above it.

        Others may have made those folders and left them to the kernel, in this process or before.
        """
        path = f"{self._top}/{folder}"
        sync_folder(path)
        fresh: list[str] = []
        while path != self._top:
            with self._memory:
                if path in self._durable:
                    break
            fresh.append(path)
            path = path.rpartition("/")[0]
            sync_folder(path)
        with self._memory:
            for one in fresh:
                keep(self._durable, one, None, REMEMBERED)

    def _symbolic_link(self, key: str) -> Unavailable:
        return Unavailable(
            "a symbolic link stands in the store, and none is followed",
            where=self.path(key),
            next_step="Replace it by what it points to; to move the store, name the new folder.",
        )
