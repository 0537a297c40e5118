"""Replacing one file: always whole, never half, with the rights and the owner that it had.

A new content is written beside the file, fsync'ed and renamed over it. Behind a symbolic link the target is
replaced and the link stays. The temporary name is made of the change's id, so that what a killed process left
behind is known.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.repair.state import sync_folder
from modgate.errors import Invalid, Unavailable
from modgate.gomod.harmless import harmless

if TYPE_CHECKING:
    from modgate.client.repair.journal import ChangeId

__all__ = [
    "content_of",
    "digest",
    "missing_folders",
    "replace_file",
    "target_of",
    "temporary",
]

_LARGEST = 16 << 20


def target_of(path: Path) -> Path:
    """The file that a path means, links followed. Raises Invalid for what is no plain file."""
    if not path.is_absolute():
        raise Invalid(f"{path} is not an absolute path")
    try:
        target = Path(os.path.realpath(path, strict=False))
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return target
    except OSError as error:
        raise Unavailable(f"{path} cannot be looked at: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise Invalid(f"{path} is no plain file", next_step="Nothing was changed.")
    return target


def content_of(target: Path) -> bytes | None:
    """The content, None where there is no file. Raises Unavailable."""
    try:
        with target.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Unavailable(f"{target} cannot be read: {error.strerror}") from error
    if len(content) > _LARGEST:
        raise Unavailable(f"{target} is larger than {_LARGEST >> 20} MiB", kind="bad-answer")
    return content


def digest(content: bytes | None) -> str | None:
    """SHA-256 as hexadecimal, None for no file."""
    return None if content is None else hashlib.sha256(content).hexdigest()


def missing_folders(target: Path) -> tuple[Path, ...]:
    """The folders that must be made for the file, outermost first."""
    missing: list[Path] = []
    folder = target.parent
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    return tuple(reversed(missing))


def temporary(target: Path, change: ChangeId) -> Path:
    """Where the new content stands before it is renamed."""
    return target.with_name(f".{target.name[:100]}.modgate-{change}")


def replace_file(target: Path, content: bytes | None, change: ChangeId) -> None:
    """Put this content there, with the folders that it needs, or no file for None.

    Raises Unavailable; the file is as it was then.
    """
    made = temporary(target, change)
    try:
        if content is None:
            target.unlink(missing_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(made, content, _status(target))
            os.replace(made, target)  # noqa: PTH105  Path.replace is the same; this one says rename over
        if target.parent.exists():
            sync_folder(target.parent)
    except OSError as error:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise Unavailable(f"{target} cannot be written: {error.strerror}") from error


def _status(target: Path) -> os.stat_result | None:
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def _rights_of_new(folder: Path, content: bytes) -> int:
    """For its owner alone where it holds credentials, or stands in a folder that is closed to others."""
    closed = any(stat.S_IMODE(above.stat().st_mode) & 0o077 == 0 for above in (folder, folder.parent))
    text = content.decode("utf-8", "replace")
    return 0o600 if closed or harmless(text) != text else 0o666


def _write(made: Path, content: bytes, like: os.stat_result | None) -> None:
    made.unlink(missing_ok=True)
    # Closed to others until it has the rights of the file that it replaces.
    mode = _rights_of_new(made.parent, content) if like is None else 0o600
    handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        if like is not None and hasattr(os, "fchown"):
            if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):
                    os.fchown(handle, like.st_uid, like.st_gid)
            os.fchmod(handle, stat.S_IMODE(like.st_mode))
        os.fsync(handle)
