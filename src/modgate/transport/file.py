"""A folder in GOPROXY layout as an upstream: what `file://` means in a chain."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modgate.errors import Absent, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import BinaryIO

    from modgate.model import Context

__all__ = ["FileStream", "FileUpstream"]

_CHUNK = 1 << 18


class FileStream:
    """An open file of the folder (`model.UpstreamStream`); `unreadable` says what a failing read means."""

    content_type = ""

    def __init__(
        self, file: BinaryIO, where: str, unreadable: Callable[[Exception, str], Unavailable] | None = None
    ) -> None:
        self._file = file
        self._where = where
        self._unreadable = unreadable or _unreadable
        self.size = os.fstat(file.fileno()).st_size

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises Unavailable."""
        got = 0
        while got < self.size:
            try:
                chunk = await asyncio.to_thread(self._file.read, min(_CHUNK, self.size - got))
            except (OSError, ValueError) as error:
                raise self._unreadable(error, self._where) from error
            if not chunk:
                raise Unavailable(
                    f"the file ended after {got} of {self.size} bytes", where=self._where, kind="bad-answer"
                )
            got += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        """Close the file."""
        self._file.close()


class FileUpstream:
    """Reads `<folder>/<path>`; a missing file is Absent, anything else that fails Unavailable."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in {"", "localhost"} or not parts.path:
            raise Invalid("a file upstream is written file:///absolute/folder", where=url[:200])
        self._root = Path(unquote(parts.path))
        self.name = f"file://{parts.path.rstrip('/')}"

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The file's bytes, at most `limit`."""
        stream = await self.open(ctx, path)
        try:
            if stream.size > limit:
                raise Unavailable(
                    f"the file is larger than {limit} bytes", where=f"{self.name}/{path}", kind="bad-answer"
                )
            return b"".join([chunk async for chunk in stream.chunks()])
        finally:
            await stream.aclose()

    async def open(self, ctx: Context, path: str) -> FileStream:  # noqa: ARG002  a folder asks nobody's leave
        """The file, opened."""
        where = f"{self.name}/{path}"
        path = unquote(path)
        if any(part in {"", ".", ".."} for part in path.split("/")) or "\0" in path:
            raise Invalid("that path could leave the folder", where=where[:200])
        try:
            file = await asyncio.to_thread(self._open, self._root / path)
        except (FileNotFoundError, NotADirectoryError) as error:
            await self.ready()
            raise Absent("no such file", where=where) from error
        except OSError as error:
            raise _unreadable(error, where) from error
        return FileStream(file, where)

    async def head(self, ctx: Context, path: str) -> int | None:
        """The file's size."""
        stream = await self.open(ctx, path)
        await stream.aclose()
        return stream.size

    async def ready(self) -> None:
        """Raise Unavailable when the folder is gone: a missing mount does not prove absence."""
        if not await asyncio.to_thread(self._root.is_dir):
            raise Unavailable("the folder is not there", where=self.name)

    async def close(self) -> None:
        """Nothing is held."""

    @staticmethod
    def _open(path: Path) -> BinaryIO:
        # Asked before it is opened, because opening a pipe would wait for its other end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return path.open("rb")


def _unreadable(error: Exception, where: str) -> Unavailable:
    why = error.strerror if isinstance(error, OSError) else None
    return Unavailable(f"cannot read: {why or type(error).__name__}", where=where)
