"""Databases on this machine's disk: a folder, a file of OSV entries, Trivy's `trivy.db`.

Whether one has changed is told by what the file system says of it: times, sizes and file numbers of the file,
or of every file below the folder. A file that changes while it is read is read again: half of the old and
half of the new is no database.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING, Final

from modgate.errors import Absent, Unavailable
from modgate.feeds.advisories import trivy
from modgate.feeds.advisories.files import read_path
from modgate.feeds.advisories.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modgate.feeds.advisories.entries import Entry
    from modgate.feeds.advisories.reading import Known, Taking

__all__ = ["LocalDatabase", "read_local", "stamp_of"]

_TRIES: Final = 3
_MAX_FILES: Final = 1_000_000


def read_local(path: Path) -> Iterator[Entry]:
    """The entries of whatever lies there. Raises as `files.read_path`. Blocks."""
    return trivy.entries(path) if trivy.is_database(path) else read_path(path)


def stamp_of(path: Path) -> str:
    """Names the state of a file, or of all files below a folder, as the file system tells it. Blocks.

    Raises Absent where nothing is there, Unavailable where the system refuses it.
    """
    content = hashlib.blake2b(digest_size=16)
    try:
        content.update(_identity(os.stat(path)))  # noqa: PTH116  a link by which files are swapped is followed
        if path.is_dir():
            for number, (name, found) in enumerate(_below(str(path))):
                if number >= _MAX_FILES:
                    raise Unavailable(f"it holds more than {_MAX_FILES} files", where=str(path))
                content.update(name.encode("utf-8", "surrogateescape") + b"\0" + _identity(found))
    except FileNotFoundError:
        raise Absent("there is no such file or folder", where=str(path)) from None
    except OSError as error:
        raise Unavailable(f"it cannot be read: {error.strerror}", where=str(path)) from error
    return content.hexdigest()


def _identity(found: os.stat_result) -> bytes:
    return repr((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)).encode()


def _below(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as found:
            entries = sorted(found, key=lambda each: each.name)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False)


class LocalDatabase:
    """A database at a path (`reading.Reader`)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def read(
        self, known: Known, marks: Mapping[str, str], begin: Callable[[], Taking]
    ) -> Reading | None:
        """As `reading.Reader`."""
        return await asyncio.to_thread(self._read, known, marks, begin)

    def _read(self, known: Known, marks: Mapping[str, str], begin: Callable[[], Taking]) -> Reading | None:
        stamp = stamp_of(self.path)
        if known.pack is not None and marks.get("stamp") == stamp:
            return None
        for _ in range(_TRIES):
            taking = begin()
            for entry in read_local(self.path):
                taking.take(entry)
            before, stamp = stamp, stamp_of(self.path)
            if stamp == before:
                return Reading(taking, {"stamp": stamp})
        raise Unavailable(
            "it changes faster than it can be read", where=str(self.path), kind="overloaded", retry_after=1.0
        )
