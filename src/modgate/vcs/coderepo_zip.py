"""The module zip of a version, from the tree of its commit.

A module in a folder of a repository carries the repository's licence where it has none of its own.
The zip is written to a file without a name, so nothing is left behind however the process ends, and it is
streamed from there with its size known. Source: coderepo.go, Zip.
"""

from __future__ import annotations

import asyncio
import errno
import tempfile
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.gomod.modzip import MAX_LICENSE, MAX_ZIP_FILE, FileEntry, create_zip

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.errors import UnavailableKind
    from modgate.gomod.types import ModuleVersion
    from modgate.model import Context
    from modgate.vcs.coderepo_convert import Found
    from modgate.vcs.repository import Repository

__all__ = ["ZipBody", "make_zip"]

_PIECE = 1 << 20
_FULL = frozenset([errno.ENOSPC, errno.EDQUOT])
_TREE = 4 * MAX_ZIP_FILE
"""Bytes of a tree above which it is not read: it may hold other modules, so it may be more than a zip."""


class ZipBody:
    """The bytes of a zip in pieces. Close it, read to the end or not."""

    def __init__(self, file: BinaryIO, size: int, h1: str) -> None:
        self._file = file
        self.size = size
        self.h1 = h1

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._file.closed:
            raise StopAsyncIteration
        try:
            piece = await asyncio.to_thread(self._file.read, _PIECE)
        except OSError as error:
            await self.aclose()
            raise _broken(error) from error
        if not piece:
            await self.aclose()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Give the space back; a second call does nothing."""
        self._file.close()


async def make_zip(
    ctx: Context, repository: Repository, version: ModuleVersion, found: Found, scratch: Path | None
) -> ZipBody:
    """The zip of a version, made whole before it is returned.

    `scratch` is a folder for the temporary file, made where it is not there; None for the system's.
    Raises Invalid for a tree that makes no module zip, Unavailable (`storage-full`) where it cannot be
    written, and what the repository raises.
    """
    folder = found.place.folder
    async with repository.files(ctx, found.commit, folder, limit=_TREE) as tree:
        entries = list(tree)
        if folder and all(entry.path != "LICENSE" for entry in entries):
            entries += await _licence(ctx, repository, found.commit)
        stop = threading.Event()
        work = asyncio.ensure_future(asyncio.to_thread(_written, version, entries, scratch, stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            # The thread reads from what is closed next, so its end is awaited; it is near.
            stop.set()
            with suppress(ModgateError):
                await (await work).aclose()
            raise


async def _licence(ctx: Context, repository: Repository, commit: str) -> list[FileEntry]:
    """The repository's licence, if it has one."""
    try:
        data = await repository.read_file(ctx, commit, "LICENSE", limit=MAX_LICENSE)
    except Absent:
        return []
    return [FileEntry.of("LICENSE", data)]


class _Stoppable:
    """Passes bytes on until somebody says stop."""

    def __init__(self, file: BinaryIO, stop: threading.Event) -> None:
        self._file = file
        self._stop = stop

    def write(self, data: bytes) -> int:
        if self._stop.is_set():
            raise OSError(errno.ECANCELED, "nobody waits for it any more")
        return self._file.write(data)


def _written(
    version: ModuleVersion, entries: list[FileEntry], scratch: Path | None, stop: threading.Event
) -> ZipBody:
    try:
        if scratch is not None:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = cast("BinaryIO", tempfile.TemporaryFile(dir=scratch))  # noqa: SIM115  the body closes it
    except OSError as error:
        raise _broken(error) from error
    try:
        facts = create_zip(version, entries, cast("BinaryIO", _Stoppable(file, stop)))
        size = file.tell()
        file.seek(0)
    except OSError as error:
        file.close()
        raise _broken(error) from error
    except BaseException:
        file.close()
        raise
    return ZipBody(file, size, facts.h1)


def _broken(error: OSError) -> Unavailable:
    kind: UnavailableKind = "storage-full" if error.errno in _FULL else "unreachable"
    return Unavailable(f"the zip cannot be written to a temporary file: {error.strerror}", kind=kind)
