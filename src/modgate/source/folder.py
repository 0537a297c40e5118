"""A folder of modules that another program filled, as an upstream: what an import takes from.

Every answer comes from one file beneath the folder. A file that is there and is not what it should be (a
link, a pipe, unreadable, too large) is a broken answer about this one version, never its absence; a folder
that has gone is the end of all answers.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from typing import TYPE_CHECKING

from modgate.errors import Absent, Unavailable
from modgate.gomod import protocol
from modgate.gomod.protocol import Kind, Request
from modgate.source.folder_layout import candidates, open_beneath
from modgate.transport.file import FileStream

if TYPE_CHECKING:
    from typing import BinaryIO

    from modgate.gomod.types import ModuleVersion
    from modgate.model import Context
    from modgate.source.folder_layout import Place

__all__ = ["FolderUpstream"]

_MAX_ZIPHASH = 200


class FolderUpstream:
    """The files of a place under the URLs of the GOPROXY protocol (`model.Upstream`), immutable ones only."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.name = str(place.root)

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The file's bytes."""
        stream = await self.open(ctx, path)
        try:
            if stream.size > limit:
                raise self._bad(path, f"the file is larger than {limit} bytes")
            return b"".join([chunk async for chunk in stream.chunks()])
        finally:
            await stream.aclose()

    async def open(self, ctx: Context, path: str) -> FileStream:  # noqa: ARG002  a folder asks nobody's leave
        """The file, opened."""
        return FileStream(
            await asyncio.to_thread(self.open_file, protocol.parse(path)), self._where(path), _broken
        )

    async def head(self, ctx: Context, path: str) -> int | None:
        """The file's size."""
        stream = await self.open(ctx, path)
        await stream.aclose()
        return stream.size

    async def ready(self) -> None:
        """Raise Unavailable where the folder is gone."""
        if not await asyncio.to_thread(self._place.root.is_dir):
            raise Unavailable("the folder is not there", where=self.name)

    async def close(self) -> None:
        """Nothing is held."""

    def ziphash(self, version: ModuleVersion) -> str:
        """What is noted beside the zip (go's `.ziphash`), empty where nothing is; blocks."""
        names = candidates(self._place, Request.exact(Kind.ZIP, version))
        root = self._root()
        try:
            for name in names:
                if name.endswith("/source.zip"):
                    continue
                try:
                    with _regular(open_beneath(root, f"{name}hash")) as file:
                        return file.read(_MAX_ZIPHASH).decode("ascii", "replace").strip()
                except OSError:
                    continue
        finally:
            os.close(root)
        return ""

    def open_file(self, request: Request) -> BinaryIO:
        """The file of an object; blocks. Raises as `open` does."""
        path = request.url_path
        root = self._root()
        try:
            for candidate in candidates(self._place, request):
                try:
                    return _regular(open_beneath(root, candidate))
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise self._bad(path, _why(error)) from error
        finally:
            os.close(root)
        raise Absent("no such file", where=self._where(path))

    def _root(self) -> int:
        try:
            return os.open(self._place.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"the folder cannot be read: {error.strerror}", where=self.name) from error

    def _where(self, path: str) -> str:
        return f"{self.name}/{path}"

    def _bad(self, path: str, what: str) -> Unavailable:
        return Unavailable(what, where=self._where(path), kind="bad-answer")


def _regular(descriptor: int) -> BinaryIO:
    """The file, if it is one. Raises OSError."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    return os.fdopen(descriptor, "rb")


def _broken(error: Exception, where: str) -> Unavailable:
    why = _why(error) if isinstance(error, OSError) else "the file was closed"
    return Unavailable(why, where=where, kind="bad-answer")


def _why(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "it is a symbolic link, which is not followed"
    if error.errno == errno.ENOTDIR:
        return "a file or a symbolic link stands where a folder should, and is not followed"
    if error.errno == errno.ENXIO:
        return "it is no regular file"
    return f"cannot be read: {error.strerror}"
