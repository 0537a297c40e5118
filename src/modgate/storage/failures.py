"""What an operating system's error means for a store.

Only two errors prove absence (no such file, no such folder), and those are handled where they are
expected. Everything else is "broken": it becomes Unavailable here, so that no failing disk is ever
reported as a missing module. A full disk has a kind of its own because it heals without us.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modgate.errors import ModgateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["explain", "translated"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})


def explain(error: OSError, doing: str, where: str) -> ModgateError:
    """The error to raise for what the operating system said while `doing` something at `where`."""
    number = error.errno or 0
    if number in _FULL:
        return Unavailable(
            f"{doing}: the disk is full ({os.strerror(number)})",
            where=where,
            next_step="Free space on that disk, or raise its quota; what is stored is still served.",
            kind="storage-full",
        )
    if number == errno.ENAMETOOLONG:
        # The module may well exist: a store that cannot name it is broken, not proof of absence.
        return Unavailable(
            f"{doing}: the name is too long for this file system",
            where=where,
            next_step="Move the store to a file system that takes names of 255 bytes.",
        )
    if number in _NO_DESCRIPTORS:
        return Unavailable(
            f"{doing}: no file descriptor is free",
            where=where,
            next_step="Raise the limit of open files (ulimit -n, LimitNOFILE=).",
            kind="overloaded",
        )
    if number == errno.EROFS:
        return Unavailable(
            f"{doing}: the file system is read-only",
            where=where,
            next_step="Mount it for writing; look in the kernel log whether the disk failed.",
        )
    if number in _REFUSED:
        return Unavailable(
            f"{doing}: permission denied",
            where=where,
            next_step="Give the user that runs modgate the right to write there.",
        )
    if number == errno.EIO:
        return Unavailable(
            f"{doing}: the disk reports an input/output error",
            where=where,
            next_step="Look in the kernel log; the disk is probably failing.",
        )
    text = os.strerror(number) if number else str(error) or type(error).__name__
    return Unavailable(f"{doing}: {text}", where=where)


@contextmanager
def translated(doing: str, where: str) -> Iterator[None]:
    """Turn an OSError of the block into the error that `explain` gives."""
    try:
        yield
    except OSError as error:
        raise explain(error, doing, where) from error
