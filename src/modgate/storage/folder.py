"""Taking possession of a store's folder: format, lock, sweep.

One server per folder, because first-writer-wins and the sweep of temporary files rest on nobody
else writing. The lock is the kernel's (flock), so it is gone with its holder, however it died.
What modgate keeps for itself lies in `<root>/.modgate/`:

    format       the version of this layout, a number
    lock         held while a server runs; says who holds it
    tmp/         objects and sidecars on their way in; swept when the folder is opened
    meta/<key>   one JSON sidecar for each object
    quarantine/  objects whose bytes no longer matched, each with its reason
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.storage.failures import explain, translated
from modgate.storage.keys import OWN_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["FORMAT", "take_folder"]

FORMAT = 1
"""The layout this code writes."""

MIGRATIONS: Mapping[int, Callable[[Path], None]] = {}
"""By the format they start from: what lifts a folder to the next one, run under the lock."""


def take_folder(
    root: Path, *, address: str = "", migrations: Mapping[int, Callable[[Path], None]] = MIGRATIONS
) -> int:
    """Make or adopt the folder, lock it, and bring it to the present format.

    Args:
        root: The folder; made if it does not exist. A folder without `.modgate` is adopted.
        address: Where this server listens, for whoever finds the folder taken.
        migrations: Steps between formats.

    Returns:
        The descriptor that holds the lock; closing it gives the folder back.

    Raises:
        Unavailable: Somebody else holds it, it is no folder, cannot be written, or is of a newer format.
    """
    own = root / OWN_FOLDER
    try:
        for name in ("tmp", "meta", "quarantine"):
            (own / name).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Unavailable(
            "the store's folder, or something on the way to it, is a file",
            where=str(root),
            next_step="Name a folder that exists or can be made.",
        ) from error
    except OSError as error:
        raise explain(error, "cannot make the store's folder", str(root)) from error
    lock = _lock(root, own / "lock", address)
    try:
        _bring_to_format(root, own / "format", migrations)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock(root: Path, path: Path, address: str) -> int:
    with translated("cannot open the lock of the store", str(path)):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
        os.close(descriptor)
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            raise explain(error, "cannot lock the store", str(path)) from error
        raise Unavailable(
            f"the store's folder is in use by {holder or 'another modgate'}",
            where=str(root),
            next_step="Stop that server, or give this one a folder of its own.",
        ) from error
    text = f"pid {os.getpid()} at {address}\n" if address else f"pid {os.getpid()}\n"
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)
    except OSError as error:
        # The lock holds without its text: a full disk must not keep what is stored from being served.
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            os.close(descriptor)
            raise explain(error, "cannot write the lock of the store", str(path)) from error
    return descriptor


def _bring_to_format(root: Path, path: Path, migrations: Mapping[int, Callable[[Path], None]]) -> None:
    with translated("cannot read the format of the store", str(path)):
        try:
            text = path.read_text(encoding="ascii", errors="replace").strip()
        except FileNotFoundError:
            _write_format(path)
            return
    if not text.isdecimal():
        raise Unavailable(
            "the store's format file is damaged",
            where=str(path),
            next_step=f"If this folder is a modgate store, put the number {FORMAT} into that file.",
        )
    found = int(text)
    while found < FORMAT and found in migrations:
        migrations[found](root)
        found += 1
    if found != FORMAT:
        raise Unavailable(
            f"the store has format {found}, and this modgate knows format {FORMAT}",
            where=str(root),
            next_step="Run the modgate that wrote it, or name another folder.",
        )
    if text != str(FORMAT):
        with translated("cannot write the format of the store", str(path)):
            _write_format(path)


def _write_format(path: Path) -> None:
    fresh = path.with_name("tmp") / "format"
    with fresh.open("w", encoding="ascii") as file:
        file.write(f"{FORMAT}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
