"""The folder of one run, on the disk of the mirrors; what a killed gate left behind is swept away.

A run holds a lock in its folder, which ends with the process, so that folders without an owner are told
from those of another gate that shares the cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Unavailable

try:
    import fcntl
except ImportError:  # Windows: what is left behind stays
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Scratch"]

_LOCK = "lock"


class Scratch:
    """Makes folders below one, which it sweeps once."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._swept = False

    @contextlib.asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """An empty folder, gone afterwards. Raises Unavailable where none can be made."""
        try:
            folder, descriptor = await asyncio.to_thread(self._make)
        except OSError as error:
            raise Unavailable(
                f"no folder for the go command: {error.strerror}",
                where=str(self._runs),
                kind="storage-full" if error.errno in {28, 122} else "unreachable",
            ) from error
        try:
            yield folder / "run"
        finally:
            os.close(descriptor)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _make(self) -> tuple[Path, int]:
        self._runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Nobody sweeps between the making of a folder and its lock.
        all_runs = _opened(self._runs / _LOCK)
        try:
            if fcntl is not None:
                fcntl.flock(all_runs, fcntl.LOCK_EX)
            if not self._swept:
                self._sweep()
                self._swept = True
            folder = Path(tempfile.mkdtemp(prefix="go-", dir=self._runs))
            (folder / "run").mkdir(mode=0o700)
            descriptor = _opened(folder / _LOCK)
            _held(descriptor)
            return folder, descriptor
        finally:
            os.close(all_runs)

    def _sweep(self) -> None:
        for folder in self._runs.glob("go-*"):
            with contextlib.suppress(OSError):
                descriptor = _opened(folder / _LOCK)
                try:
                    if _held(descriptor):
                        shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(descriptor)


def _opened(file: Path) -> int:
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _held(descriptor: int) -> bool:
    """Whether the lock is this process's now."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
