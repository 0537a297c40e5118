r"""Where modgate remembers what it changed: a folder of this user alone, and a lock for it.

Linux `$XDG_STATE_HOME/modgate` or `~/.local/state/modgate`; macOS `~/Library/Application Support/modgate`;
Windows `%LOCALAPPDATA%\modgate`. The folder holds copies of people's files, so it is 0700 and what is in it
0600.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.machine.host import System
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["locked", "private_folder", "state_folder", "sync_folder"]


def state_folder(system: System, environ: Mapping[str, str], home: Path) -> Path:
    """The folder for this user; it need not exist yet."""
    if system is System.WINDOWS:
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "modgate"
    named = environ.get("XDG_STATE_HOME", "")
    # The base directory specification: a relative path is to be ignored.
    if named and Path(named).is_absolute():
        return Path(named) / "modgate"
    if system is System.MACOS:
        return home / "Library" / "Application Support" / "modgate"
    return home / ".local" / "state" / "modgate"


def private_folder(folder: Path) -> None:
    """Make the folder, and those above it, for this user alone. Raises Unavailable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise Unavailable(
            f"{folder} cannot be made: {error.strerror}", next_step="Set XDG_STATE_HOME to a folder of yours."
        ) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Held by one process at a time; the system lets go of it when the process ends, however it ends.

    Raises Unavailable where another one holds it.
    """
    private_folder(folder)
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle, folder)
        yield
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a crash of the machine, where the system knows how."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415  there is one on Windows only

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415  there is none on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Unavailable(
            "another modgate is changing files at this moment", where=str(folder), next_step="Try again."
        ) from error
