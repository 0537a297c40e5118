"""Trying a folder of this machine: can it be written, what is free, does it fold case?

Permission bits do not tell (root, access lists, read-only mounts, network file systems), so a file is made
and taken away again. Nothing is created but that file, in the nearest folder that exists.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FolderFacts", "try_folder"]


@dataclass(frozen=True, slots=True)
class FolderFacts:
    """What was seen.

    Attributes:
        tried: The folder that was tried: the one asked for, or the nearest above it that exists.
        why: The system's words where nothing could be written, empty where it could.
        read_only: The file system is mounted read-only.
        full: Nothing was written for want of room.
        free: Bytes free for this user, None where the system does not say.
        folds_case: None where nothing could be written.
    """

    tried: str
    why: str = ""
    read_only: bool = False
    full: bool = False
    free: int | None = None
    folds_case: bool | None = None


def try_folder(path: Path) -> FolderFacts:
    """Try the folder, or the nearest one above it that exists."""
    folder = path
    # os.path never raises, also where a folder above may not be looked into.
    while not os.path.exists(folder) and folder != folder.parent:  # noqa: PTH110
        folder = folder.parent
    free = None
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
    if not os.path.isdir(folder):  # noqa: PTH112
        return FolderFacts(str(folder), why=os.strerror(errno.ENOTDIR), free=free)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".modgate-try-") as file:
            name = Path(file.name)
            file.write(b"x")
            file.flush()
            folds = os.path.exists(name.parent / name.name.upper())  # noqa: PTH110
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        words = error.strerror or str(error)
        return FolderFacts(str(folder), words, error.errno == errno.EROFS, full, free)
    return FolderFacts(str(folder), free=free, folds_case=folds)
