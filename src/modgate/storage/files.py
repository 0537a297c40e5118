"""The few file operations that a disk store is made of, each as one blocking call.

They raise OSError; the store translates.
"""

# Strings and descriptors, because a Path for each call would cost more than the call:
# ruff: noqa: PTH102, PTH104, PTH108, PTH120

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections import OrderedDict
    from collections.abc import Hashable

__all__ = [
    "PIECE",
    "keep",
    "make_folders",
    "name_once",
    "read_all",
    "sha256_of",
    "sync_data",
    "sync_folder",
    "unlink",
    "write_all",
    "write_file",
]

PIECE = 256 * 1024
"""Bytes moved by one call."""

_NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
_NO_FLAG = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # Linux only

sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has only fsync

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Write at an offset, whatever pieces the kernel takes."""
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, offset)
        view = view[count:]
        offset += count


def read_all(descriptor: int, size: int) -> bytes:
    """The first `size` bytes, or fewer if the file is shorter."""
    data = os.pread(descriptor, size, 0)
    while len(data) < size and (more := os.pread(descriptor, size - len(data), len(data))):
        data += more
    return data


def sha256_of(descriptor: int) -> str:
    """Hex SHA-256 of a file."""
    hashed = hashlib.sha256()
    buffer = bytearray(PIECE)
    view = memoryview(buffer)
    offset = 0
    while count := os.preadv(descriptor, [buffer], offset):
        hashed.update(view[:count])
        offset += count
    return hashed.hexdigest()


def write_file(path: str, data: bytes) -> None:
    """A file with just these bytes, not synced."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666)
    try:
        write_all(descriptor, data, 0)
    finally:
        os.close(descriptor)


def name_once(path: str, target: str) -> None:
    """Rename a file unless the new name is taken (FileExistsError).

    Where the kernel or the file system cannot do that in one step, the file is linked and the old
    name removed. Where there are no links either, it is renamed: the caller has looked whether the
    name is free, and holds the lock under which all writers do.
    """
    if _renameat2 is not None:
        if _renameat2(_AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in _NO_FLAG:
            raise OSError(number, os.strerror(number), path, None, target)
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.rename(path, target)
    else:
        os.unlink(path)


def unlink(path: str) -> None:
    """Remove a file that may be gone, as well as the operating system lets us."""
    with suppress(OSError):
        os.unlink(path)


def make_folders(folder: str) -> list[str]:
    """Make a folder and its parents; returns those that were made."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return []
    except FileNotFoundError:
        above = make_folders(os.path.dirname(folder))
        with suppress(FileExistsError):
            os.mkdir(folder)
        return [*above, folder]
    return [folder]


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot, and need not
            raise
    finally:
        os.close(descriptor)


def keep(memory: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    """Remember in a dictionary bounded by forgetting what was longest unused."""
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > limit:
        memory.popitem(last=False)
