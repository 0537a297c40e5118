"""A folder in GOPROXY layout as an upstream: what `file://` means in a chain."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from modgate.errors import Absent, Invalid, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

    from modgate.model import Context

__all__ = ["FileUpstream"]

_CHUNK = 1 << 18


class _FileStream:
    """An open file of the folder (`model.UpstreamStream`)."""

    content_type = ""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._file = file
        self._where = where
        self.size = os.fstat(file.fileno()).st_size

    async def chunks(self) -> AsyncIterator[bytes]:
        while True:
            try:
                chunk = await asyncio.to_thread(self._file.read, _CHUNK)
            except OSError as error:
                raise Unavailable(f"cannot read: {error.strerror}", where=self._where) from error
            if not chunk:
                return
            yield chunk

    async def aclose(self) -> None:
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

    async def open(self, ctx: Context, path: str) -> _FileStream:  # noqa: ARG002  a folder asks nobody's leave
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
            raise Unavailable(f"cannot read: {error.strerror}", where=where) from error
        return _FileStream(file, where)

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
        file = path.open("rb")
        if not path.is_file():
            file.close()
            raise FileNotFoundError(path)
        return file
