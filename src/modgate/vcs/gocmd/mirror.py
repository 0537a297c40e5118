"""The clone of one repository that is kept from run to run, so that only what is new is transferred.

Only Mercurial's is kept: the go command asks the others' clones without fetching what is new, so for
them a kept clone would be an old answer (codehost/vcs.go: `tagsNeedsFetch`, `badLocalRevRE`).
A folder has one user at a time, among tasks and among processes. A note stands in it while a program
runs: where one is found, the program was killed and may have left half a transaction, and the clone is
begun anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.vcs.eviction import keep_within, used

try:
    import fcntl
except ImportError:  # Windows: one process at a time, as the store's own lock has it
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from modgate.vcs.gocmd.address import Place

__all__ = ["Mirror", "Mirrors"]

_KEPT = frozenset({"hg"})
_NAME = re.compile(r"hg-[0-9a-f]{32}")
_REST = 60.0
"""Seconds between looks at what the clones hold."""
_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Mirror:
    """The folder of one kept clone, in one user's hands."""

    home: Path

    @property
    def folder(self) -> Path:
        """Where the go command keeps its clones."""
        return self.home / "vcs"

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """While a program writes in it; an exception, or the end of this process, leaves the note."""
        self.spoil()
        yield
        with contextlib.suppress(OSError):
            self._note.unlink()

    def spoil(self) -> None:
        """Begin anew the next time. Raises Unavailable where the folder cannot be written."""
        try:
            self._note.touch()
        except OSError as error:
            raise _unwritable(self.home, error) from error

    def prepare(self) -> None:
        """Make the folder; empty it where a note stands. Blocking. Raises OSError."""
        if self._note.exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            self._note.unlink(missing_ok=True)
        self.folder.mkdir(exist_ok=True)

    @property
    def _note(self) -> Path:
        return self.home / "busy"


class Mirrors:
    """The kept clones below a folder, at most `total` bytes of them."""

    def __init__(
        self, folder: Path, total: int = 64 << 30, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._total = total
        self._monotonic = monotonic
        self._looked: float | None = None
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}

    @contextlib.asynccontextmanager
    async def of(self, place: Place) -> AsyncIterator[Mirror | None]:
        """The folder for go's clone of a repository, for one user alone; None where none is kept.

        Raises Unavailable where the folder cannot be written.
        """
        if place.vcs not in _KEPT:
            yield None
            return
        await self._look()
        name = f"{place.vcs}-{hashlib.sha256(place.url.encode()).hexdigest()[:32]}"
        mirror = Mirror(self._folder / name)
        async with self._turn(name), _locked(mirror.home):
            try:
                await asyncio.to_thread(mirror.prepare)
            except OSError as error:
                raise _unwritable(self._folder, error) from error
            yield mirror

    async def _look(self) -> None:
        now = self._monotonic()
        if self._looked is None or now - self._looked >= _REST:
            self._looked = now
            await keep_within(self._total, self._folder, _NAME)

    @contextlib.asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        lock, waiting = self._turns.get(name, (asyncio.Lock(), 0))
        self._turns[name] = lock, waiting + 1
        try:
            async with lock:
                yield
        finally:
            waiting = self._turns[name][1] - 1
            if waiting:
                self._turns[name] = lock, waiting
            else:
                del self._turns[name]


@contextlib.asynccontextmanager
async def _locked(home: Path) -> AsyncIterator[None]:
    """Alone among processes."""
    try:
        descriptor = await asyncio.to_thread(_opened, home)
    except OSError as error:
        raise _unwritable(home.parent, error) from error
    try:
        while fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                await asyncio.sleep(_LOOK)
            else:
                break
        yield
    finally:
        os.close(descriptor)


def _opened(home: Path) -> int:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    used(descriptor)
    return descriptor


def _unwritable(folder: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the folder of the repository mirrors cannot be written: {error.strerror}",
        where=str(folder),
        next_step="See vcs.cache.",
        kind="storage-full" if error.errno in {28, 122} else "unreachable",
    )
