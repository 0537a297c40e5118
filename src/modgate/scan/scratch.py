"""Folders to scan in: each is locked by the process that made it, and goes with the scan.

A process that is killed leaves its folder behind. Whoever makes the next one below the same folder takes away
those whose lock nobody holds: the kernel releases a lock with its process (flock(2)). One without a lock file
is just being made, or was left in that moment; it goes once it is an hour old.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["scratch"]

_PREFIX = "scan-"
_LOCK = "lock"
_OLD = 3600.0


@contextlib.contextmanager
def scratch(below: Path) -> Iterator[Path]:
    """A new folder below `below`, empty but for its lock. Raises Unavailable where there is no room."""
    with contextlib.ExitStack() as stack:
        try:
            below.mkdir(parents=True, exist_ok=True)
            _sweep(below)
            made = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=below, ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            stack.callback(os.close, descriptor)
            _take(descriptor)
        except OSError as error:
            raise Unavailable(f"no room to scan in: {error.strerror}", where=str(below)) from error
        yield folder


def _sweep(below: Path) -> None:
    for folder in below.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if not folder.is_symlink() and _is_left(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return time.time() - folder.stat().st_mtime > _OLD
    try:
        _take(descriptor)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _take(descriptor: int) -> None:
    """Raises BlockingIOError where another holds it."""
    import fcntl  # noqa: PLC0415  there is none on Windows

    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
