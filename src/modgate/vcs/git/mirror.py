"""The folder of one repository on disk, and the right to write in it.

    <mirrors>/<sha256 of the address>/
        address        the address, for people
        lock           flock: one writer at a time, across processes
        refs           the last list of refs
        trees.git      wanted commits with their files, each fetched with depth 1 and kept by refs/kept/<hash>
        history.git    all heads and tags with their history, as a rule without files
        tmp/           archives in use

Everything here can be fetched again. A kill at any moment leaves lock files and half packs of git; the lock
is inherited by the git that works under it and so is free only when nobody writes any more, and who
holds it sweeps what the dead left behind. A mirror that cannot be read is moved aside and made anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.vcs.eviction import used

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["Mirror"]

_ATTRIBUTES = "\n* -export-subst -export-ignore\n"
_LOCK_POLL = 0.05


class Mirror:
    """One repository's folder."""

    def __init__(self, mirrors: Path, address: str) -> None:
        self._address = address
        self.folder = mirrors / hashlib.sha256(f"git:{address}".encode()).hexdigest()
        self.trees = self.folder / "trees.git"
        self.history = self.folder / "history.git"
        self.scratch = self.folder / "tmp"
        self._mutex = asyncio.Lock()

    @asynccontextmanager
    async def writing(self, patience: float) -> AsyncIterator[int]:
        """The right to write: the lock's descriptor, for git to inherit. Leftovers are swept first.

        Raises Unavailable where another process keeps it longer than `patience` seconds, or the
        folder cannot be made.
        """
        async with self._mutex:
            try:
                descriptor = await asyncio.to_thread(self._open)
            except OSError as error:
                raise _cannot_write(self.folder, error) from error
            try:
                await self._take(descriptor, patience)
                await asyncio.to_thread(self._sweep)
                yield descriptor
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.scratch.mkdir(exist_ok=True, mode=0o700)
        name = self.folder / "address"
        if not name.exists():
            name.write_text(self._address + "\n", encoding="utf-8")
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        used(descriptor)
        return descriptor

    async def _take(self, descriptor: int, patience: float) -> None:
        try:
            import fcntl  # noqa: PLC0415  there is none on Windows, where this module must be importable
        except ImportError:
            return
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if waited >= patience:
                    raise Unavailable(
                        "another process has been writing this repository's mirror all the time",
                        where=str(self.folder),
                        next_step="try again; see which process holds the file lock in it",
                        kind="overloaded",
                    ) from None
                await asyncio.sleep(_LOCK_POLL)
                waited += _LOCK_POLL
            else:
                return

    def _sweep(self) -> None:
        for repository in (self.trees, self.history):
            for pattern in (
                "*.lock",
                "refs/**/*.lock",
                "objects/**/*.lock",
                "objects/**/tmp_*",
                "objects/incoming-*",
            ):
                for left in list(repository.glob(pattern)):
                    _remove(left)
        for left in (*self.folder.glob("*.new"), *self.folder.glob("old-*"), *self.folder.glob("refs.*")):
            _remove(left)

    def make(self, repository: Path, *, sha256: bool) -> bool:
        """The files of an empty bare repository, unless it is there. True where it was made now.

        Written by hand, since every line that `git init` would write is known, and renamed into place whole.
        Holds the lock.
        """
        if (repository / "HEAD").exists() and (repository / "objects").is_dir():
            if self.is_sha256(repository) == sha256:
                return False
            self.drop(repository)
        _remove(repository)
        made = repository.with_suffix(".new")
        _remove(made)
        for name in ("objects/pack", "objects/info", "refs/heads", "refs/tags", "info"):
            (made / name).mkdir(parents=True)
        config = f"[core]\n\trepositoryformatversion = {int(sha256)}\n\tbare = true\n\tfilemode = true\n"
        if sha256:
            config += "[extensions]\n\tobjectformat = sha256\n"
        (made / "config").write_text(config, encoding="ascii")
        (made / "info" / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
        (made / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
        made.rename(repository)
        return True

    @staticmethod
    def is_sha256(repository: Path) -> bool:
        """Whether a repository on disk was made for SHA-256."""
        try:
            return "objectformat = sha256" in (repository / "config").read_text(encoding="utf-8")
        except OSError:
            return False

    def drop(self, *repositories: Path) -> None:
        """Take repositories away: at once under their names, then their bytes. Holds the lock."""
        for repository in repositories or (self.trees, self.history):
            if repository.exists():
                with contextlib.suppress(OSError):
                    repository.rename(self.folder / f"old-{os.urandom(6).hex()}")
        for left in self.folder.glob("old-*"):
            _remove(left)

    def size(self) -> int:
        """Bytes of both repositories."""
        total = 0
        pending = [self.trees, self.history]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(self.folder / entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue
        return total

    def packs(self, repository: Path) -> int:
        """How many packs a repository has."""
        return sum(1 for _ in repository.glob("objects/pack/*.pack"))

    def read(self, name: str) -> bytes:
        """A small file of the folder; empty where there is none."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return b""

    def write(self, name: str, data: bytes) -> None:
        """A small file of the folder, whole or not at all; a failure costs only a question later."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor, temporary = tempfile.mkstemp(prefix="refs.", dir=self.folder)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(temporary).replace(self.folder / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _cannot_write(folder: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the mirror of a repository cannot be written: {error.strerror}",
        where=str(folder),
        next_step="make room and check who owns the folder (vcs.cache)",
        kind="storage-full",
    )
