"""A tar file of modules in the GOPROXY file layout, read where it lies: nothing is unpacked under its names.

Only what a name says in that layout is looked at, and only regular files; links, devices and sparse files are
passed over. A compressed one is unpacked once, whole, into a file without a name, since nothing else can be
read at any place.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod import protocol
from modgate.gomod.protocol import Kind, Request
from modgate.source.folder_layout import Layout, Place, candidates, entries_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from modgate.gomod.types import ModuleVersion
    from modgate.model import Context
    from modgate.source.folder_layout import Entry

__all__ = ["TarFiles", "is_tar"]

_CHUNK = 1 << 18
_MAX_ZIPHASH = 200
_GZIPPED = (".tar.gz", ".tgz")


def is_tar(path: Path) -> bool:
    """Whether the name is that of a tar file that can be read."""
    return path.name.endswith((".tar", *_GZIPPED))


class TarFiles:
    """The members of a tar file under the URLs of the GOPROXY protocol (`model.Upstream`). Made by `at`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.place = Place(path, Layout.TAR)
        self.name = str(path)
        self._file = file
        self._members: dict[str, tuple[int, int]] = {}

    @classmethod
    def at(cls, path: Path) -> TarFiles:
        """Open, and read what there is; blocks. Raises Invalid for no tar file, Unavailable."""
        try:
            # A pipe is not waited for.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            made = cls(path, _plain(os.fdopen(descriptor, "rb"), path))
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Invalid(f"it is no whole gzip file: {error}", where=str(path)) from error
        except OSError as error:
            raise Unavailable(f"cannot be read: {error.strerror or error}", where=str(path)) from error
        try:
            made._read_names()
        except BaseException:
            made._file.close()
            raise
        return made

    def scan(self) -> Iterator[Entry]:
        """The versions that it names and that could be proved, in the order of their folders."""
        folder = ""
        files: list[str] = []
        for name in sorted(self._members):
            above, _, file = name.rpartition("/")
            if above != folder:
                yield from entries_of(folder, files)
                folder, files = above, []
            files.append(file)
        yield from entries_of(folder, files)

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The member's bytes."""
        stream = await self.open(ctx, path)
        if stream.size > limit:
            raise Unavailable(
                f"the file is larger than {limit} bytes", where=f"{self.name}/{path}", kind="bad-answer"
            )
        return b"".join([chunk async for chunk in stream.chunks()])

    async def open(self, ctx: Context, path: str) -> _MemberStream:  # noqa: ARG002  a file asks nobody's leave
        """The member."""
        file = self.open_file(protocol.parse(path))
        return _MemberStream(file, file.size, f"{self.name}/{path}")

    async def head(self, ctx: Context, path: str) -> int | None:
        """The member's size."""
        return (await self.open(ctx, path)).size

    async def ready(self) -> None:
        """It is open."""

    async def close(self) -> None:
        """Close the file."""
        self._file.close()

    def ziphash(self, version: ModuleVersion) -> str:
        """What is noted beside the zip, empty where nothing is."""
        for name in candidates(self.place, Request.exact(Kind.ZIP, version)):
            found = self._members.get(f"{name}hash")
            if found is not None:
                data = os.pread(self._file.fileno(), min(found[1], _MAX_ZIPHASH), found[0])
                return data.decode("ascii", "replace").strip()
        return ""

    def open_file(self, request: Request) -> Member:
        """The member of an object. Raises Absent."""
        for name in candidates(self.place, request):
            found = self._members.get(name)
            if found is not None:
                return Member(self._file.fileno(), *found)
        raise Absent("no such file", where=f"{self.name}/{request.url_path}")

    def _read_names(self) -> None:
        try:
            with tarfile.open(fileobj=self._file, mode="r:") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                    name = member.name.removeprefix("./")
                    if member.isreg() and not member.issparse() and "/@v/" in name:
                        self._members[name] = (member.offset_data, member.size)
                if not os.pread(self._file.fileno(), tarfile.BLOCKSIZE, tar.offset):
                    raise tarfile.ReadError("it has no end")
        except (tarfile.TarError, OSError, ValueError) as error:
            raise Invalid(f"it is no whole tar file: {error}", where=self.name) from error


class Member(io.RawIOBase):
    """The bytes of one member: read at their place, so that any number can be read at a time."""

    def __init__(self, descriptor: int, start: int, size: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._start = start
        self._at = 0
        self.size = size

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Up to so many bytes."""
        left = max(0, self.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = os.pread(self._descriptor, wanted, self._start + self._at) if wanted else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # any buffer
        """Fill a buffer."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _MemberStream:
    """A member (`model.UpstreamStream`)."""

    content_type = ""

    def __init__(self, file: Member, size: int, where: str) -> None:
        self._file = file
        self._where = where
        self.size = size

    async def chunks(self) -> AsyncIterator[bytes]:
        got = 0
        while got < self.size:
            try:
                chunk = await asyncio.to_thread(self._file.read, min(_CHUNK, self.size - got))
            except OSError as error:
                raise Unavailable(
                    f"cannot be read: {error.strerror}", where=self._where, kind="bad-answer"
                ) from error
            if not chunk:
                what = f"the tar file ends after {got} of {self.size} bytes"
                raise Unavailable(what, where=self._where, kind="bad-answer")
            got += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        """The file is the tar file's."""


def _plain(file: BinaryIO, path: Path) -> BinaryIO:
    """The tar file without its compression."""
    if not path.name.endswith(_GZIPPED):
        return file
    with file, gzip.GzipFile(fileobj=file, mode="rb") as zipped:
        whole = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  the caller's to close
        try:
            shutil.copyfileobj(zipped, whole, 1 << 20)
            whole.flush()
            whole.seek(0)
        except BaseException:
            whole.close()
            raise
        return whole
