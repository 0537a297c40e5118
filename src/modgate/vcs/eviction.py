"""Keeps mirrors within a bound of bytes together: what was fetched into longest ago goes first.

Whoever may name a module makes a mirror, so one bound for each is none for the disk. A mirror is a folder
with a file `lock`, whose time says when it was last fetched into; who holds the lock is left alone, and the
file itself stays, since somebody may be waiting for it. Everything in a mirror can be fetched again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["keep_within", "used"]

_LOCK = "lock"


class _Kept(NamedTuple):
    at: float
    size: int
    folder: Path


def used(descriptor: int) -> None:
    """Note that a mirror is fetched into now; `descriptor` is of its open lock."""
    with contextlib.suppress(OSError):
        os.utime(descriptor)


async def keep_within(
    total: int, mirrors: Path, names: re.Pattern[str], may: Callable[[Path], bool] = lambda _folder: True
) -> list[Path]:
    """Empty mirrors until those of a folder hold at most `total` bytes; which were emptied.

    `names` are the names of mirrors. `may` is asked before each: False for one in use without its lock.
    """
    kept = await asyncio.to_thread(_measured, mirrors, names)
    held = sum(each.size for each in kept)
    gone: list[Path] = []
    for each in sorted(kept):
        if held <= total:
            break
        if may(each.folder) and await asyncio.to_thread(_emptied, each.folder):
            held -= each.size
            gone.append(each.folder)
    return gone


def _measured(mirrors: Path, names: re.Pattern[str]) -> list[_Kept]:
    kept = []
    with contextlib.suppress(OSError), os.scandir(mirrors) as entries:
        for entry in entries:
            if names.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                folder = mirrors / entry.name
                if size := _size(folder):
                    kept.append(_Kept(_time(folder), size, folder))
    return kept


def _time(folder: Path) -> float:
    """When it was last fetched into; nothing but a list of refs has no lock yet."""
    for each in (folder / _LOCK, folder):
        with contextlib.suppress(OSError):
            return each.stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(where, name)).st_size  # noqa: PTH118  a hot loop
    return total


def _emptied(folder: Path) -> bool:
    """Whether the lock was free, and all but the lock is gone."""
    try:
        import fcntl  # noqa: PLC0415  there is none on Windows, where nothing is emptied

        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for each in folder.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each, ignore_errors=True)
            elif each.name != _LOCK:
                each.unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
