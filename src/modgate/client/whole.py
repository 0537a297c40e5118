"""A report as a file: whole or not at all, and never in the place of something that is no file."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from modgate.errors import Unavailable

__all__ = ["write_data", "write_report", "write_whole"]


def write_report(target: Path, text: str) -> None:
    """Write the text as `write_whole` does. Raises Unavailable."""
    try:
        write_whole(target, text)
    except OSError as error:
        raise Unavailable(f"it cannot be written: {error.strerror}", where=str(target)) from error


def write_whole(target: Path, text: str) -> None:
    """Write the text by way of a temporary name and a rename. Raises OSError."""
    write_data(target, text.encode("utf-8", "replace"))


def write_data(target: Path, data: bytes) -> None:
    """The same with bytes. Raises OSError."""
    target = target.resolve()
    if target.exists() and not target.is_file():
        # A pipe or /dev/stdout is written to, never replaced.
        target.write_bytes(data)
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).chmod(_mode(target))
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


def _mode(target: Path) -> int:
    """The rights of the file that is replaced, else those that any new file gets."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
