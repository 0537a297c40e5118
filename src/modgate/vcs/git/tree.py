"""The files of one commit, as the go command's archive has them.

Source: codehost/git.go, ReadZip and ensureGitAttributes. `git archive` converts: end-of-line attributes,
`ident` and `working-tree-encoding` of the commit's own .gitattributes apply, `export-subst` and
`export-ignore` are switched off by the mirror's info/attributes, and a filter (LFS) is a name without a
program here. The archive is written to a file without a name; entries read their slice of it.

A listing comes first: it bounds how many files there are, and what they weigh, before anything is
unpacked (a few kilobytes of trees can stand for billions of files).
"""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
import tempfile
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod.modzip import FileEntry, FileKind
from modgate.gomod.texts import shown
from modgate.vcs.git.errors import Damaged
from modgate.vcs.git.program import RunLimit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import BinaryIO

    from modgate.vcs.git.fetching import Fetching

__all__ = ["open_tree", "read_blob"]

_LISTING = 64 << 20
_FRAME = 4096
"""Bytes that a tar may spend on one entry beside its content: headers, long names, padding."""


@asynccontextmanager
async def open_tree(
    fetching: Fetching, repository: Path, commit: str, folder: str, limit: int
) -> AsyncIterator[list[FileEntry]]:
    """The entries below `folder`. Raises Invalid above `limit` bytes, Damaged, Unavailable."""
    async with fetching.unpacked, _opened(fetching, repository, commit, folder, limit) as entries:
        yield entries


@asynccontextmanager
async def _opened(
    fetching: Fetching, repository: Path, commit: str, folder: str, limit: int
) -> AsyncIterator[list[FileEntry]]:
    where = ("--", folder) if folder else ()
    try:
        ran = await fetching.local(
            repository,
            "ls-tree",
            "-r",
            "-l",
            "-z",
            "--full-tree",
            "--end-of-options",
            commit,
            *where,
            output=_LISTING,
        )
    except RunLimit as passed:
        raise Invalid(f"more files than a listing of {_LISTING} bytes names") from passed
    rows = ran.output.split(b"\0")[:-1]
    weight = sum(int(size) for row in rows if (size := row.split(b"\t")[0].split()[3]).isdigit())
    if weight > limit:
        raise Invalid(f"the files are {weight} bytes, more than the limit of {limit}")
    _check_names(rows)
    # A folder that is no folder has a row as well, so rows alone do not tell that there is something below.
    if not rows:
        yield []
        return
    try:
        file = await asyncio.to_thread(_scratch, fetching.mirror.scratch)
    except OSError as error:
        raise _no_room(error) from error
    with file:
        bound = limit + _FRAME * (4 * len(rows) + 16)
        arguments = ["archive", "--format=tar", "--end-of-options", commit, *((folder,) if folder else ())]
        try:
            await fetching.local(repository, *arguments, sink=file, output=bound)
            await asyncio.to_thread(file.flush)
        except OSError as error:
            raise _no_room(error) from error
        except RunLimit as passed:
            raise Invalid(f"the files are more than the limit of {limit} bytes") from passed
        entries = await asyncio.to_thread(_entries, file, folder)
        if sum(entry.size for entry in entries) > limit:
            raise Invalid(f"the files are more than the limit of {limit} bytes")
        yield entries


async def read_blob(fetching: Fetching, repository: Path, commit: str, path: str, limit: int) -> bytes:
    """The bytes of a file as they are stored, as `git cat-file blob` gives them to the go command.

    (ReadFile does not convert, ReadZip does: a go.mod under `eol=crlf` differs in the two, for the
    go command as here.) Raises Absent where the commit's tree has no such file, Invalid above `limit`
    bytes, Damaged.
    """
    try:
        ran = await fetching.local(
            repository, "ls-tree", "-z", "-l", "--full-tree", "--end-of-options", commit, "--", path
        )
        for row in ran.output.split(b"\0")[:-1]:
            facts, _, name = row.partition(b"\t")
            _, kind, value, size = facts.split()
            if kind != b"blob" or name.decode("utf-8", "surrogateescape") != path:
                continue
            if int(size) > limit:
                raise Invalid(f"{shown(path)} is {int(size)} bytes, more than the limit of {limit}")
            blob = await fetching.local(repository, "cat-file", "blob", value.decode("ascii"), output=limit)
            return blob.output
    except RunLimit as passed:
        raise Invalid(f"{shown(path)} is more than the limit of {limit} bytes") from passed
    raise Absent(f"there is no file {shown(path)} in this revision")


def _check_names(rows: list[bytes]) -> None:
    """Raise Invalid for names at which `git archive` stops; the mirror is sound all the same."""
    for row in rows:
        name = row.partition(b"\t")[2]
        if any(part in {b"", b".", b".."} or part.lower() == b".git" for part in name.split(b"/")):
            raise Invalid(f"the tree holds the name {shown(name.decode('utf-8', 'replace'))}")


def _scratch(folder: Path) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return cast("BinaryIO", tempfile.TemporaryFile(dir=folder))


def _entries(file: BinaryIO, folder: str) -> list[FileEntry]:
    below = f"{folder}/" if folder else ""
    entries: list[FileEntry] = []
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            for member in archive:
                if member.isdir() or not member.name.startswith(below):
                    # Submodules are empty folders in an archive; the go command skips both.
                    continue
                kind = (
                    FileKind.REGULAR
                    if member.isreg()
                    else FileKind.SYMLINK
                    if member.issym()
                    else FileKind.OTHER
                )
                opener = _Slice.opener(file, member.offset_data, member.size)
                entries.append(FileEntry(member.name[len(below) :], member.size, opener, kind))
    except tarfile.TarError as error:
        raise Damaged(f"the archive cannot be read: {error}") from error
    return entries


class _Slice(io.RawIOBase):
    """A part of a file, read by position: readers in several threads do not disturb each other."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    @classmethod
    def opener(cls, file: BinaryIO, start: int, size: int) -> Callable[[], BinaryIO]:
        return lambda: cast("BinaryIO", io.BufferedReader(cls(file, start, size), 1 << 16))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        want = min(len(buffer), self._end - self._at)
        data = os.pread(self._file.fileno(), want, self._at)
        if len(data) < want and not data:
            raise OSError("the archive ended early")
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _no_room(error: OSError) -> Unavailable:
    return Unavailable(
        f"the files of a revision cannot be unpacked: {error.strerror}",
        next_step="make room where vcs.cache is",
        kind="storage-full",
    )
