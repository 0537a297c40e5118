"""Where an export goes: a folder that is a store, or one tar file.

A folder is filled object by object, each under its name only when it is whole; an ended one is gone on with.
A tar file is written beside its name and takes it when it is whole; its bytes depend on what is in it alone.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import os
import secrets
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar, cast

from modgate.errors import Conflict, Invalid, Tampered, Unavailable
from modgate.model import BlobMeta
from modgate.operations.exports_failures import translated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from modgate.model import Blob
    from modgate.operations.works import Bundle

__all__ = ["MARKER", "FolderSink", "Sink", "TarSink", "check_target", "open_sink"]

T = TypeVar("T")

MARKER = ".modgate/export"
"""What tells an earlier export from any other folder, a store that is served included."""

_SMALL = 64 * 1024
_GZIPPED = (".tar.gz", ".tgz")
_TARS = (".tar", *_GZIPPED)


class Sink(Protocol):
    """Where objects go."""

    @property
    def bundle(self) -> Bundle:
        """The folder that takes the checksum databases' files."""

    @property
    def at_once(self) -> int:
        """How many modules may be written at a time."""

    async def add(self, key: str, blob: Blob, h1: str) -> bool:
        """Write an object, checking its SHA-256 while it is read; False where it is there already.

        Raises Tampered (damaged: nothing is written), Conflict (another is there), Unavailable.
        """

    async def names(self, folder: str) -> list[str]:
        """What there is in a folder by now."""

    async def text(self, key: str, data: bytes) -> None:
        """Write a file that may change."""

    async def finish(self) -> None:
        """All is written."""

    async def close(self) -> None:
        """Give back what is held; what is not finished leaves nothing under the target's name."""


def check_target(target: Path) -> None:
    """Raise Invalid for what an export may not be written to; blocks."""
    if target.name.endswith((".zst", ".zip", ".xz", ".bz2", ".tzst")):
        raise Invalid("not a form that is written", where=str(target), next_step="A folder, .tar or .tar.gz.")
    with translated("cannot be looked at", str(target)):
        if target.name.endswith(_TARS):
            if os.path.lexists(target):
                raise Invalid(
                    "it exists, and is not overwritten", where=str(target), next_step="Name another."
                )
            if not target.parent.is_dir():
                raise Invalid("there is no such folder", where=str(target.parent))
            return
        if not os.path.lexists(target):
            return
        if not target.is_dir():
            raise Invalid("it is a file", where=str(target), next_step="Name a folder, or a .tar file.")
        names = {each.name for each in target.iterdir()}
        own = target / MARKER
        # One that was killed while it began has nothing but the folder of its store.
        begun = names == {own.parent.name} and not (own.parent / "ledger.sqlite3").exists()
        if names and not begun and not own.is_file():
            raise Invalid(
                "the folder has something in it that is no earlier export",
                where=str(target),
                next_step="Name an empty folder, or one that does not exist.",
            )


async def open_sink(target: Path, bundle: Callable[[Path], Awaitable[Bundle]], *, at_once: int) -> Sink:
    """What writes to a target that was checked. Raises Unavailable."""
    if not target.name.endswith(_TARS):
        opened = await bundle(target)
        try:
            await asyncio.to_thread(_mark, target)
        except BaseException:
            await opened.close()
            raise
        return FolderSink(opened, at_once)
    token = secrets.token_hex(4)
    aside = target.with_name(f".{target.name}.{token}.sums")
    try:
        return await TarSink.open(target, target.with_name(f".{target.name}.{token}.part"), aside, bundle)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        raise


class FolderSink:
    """A folder."""

    def __init__(self, bundle: Bundle, at_once: int) -> None:
        self.bundle = bundle
        self.at_once = at_once
        self._store = bundle.store

    async def add(self, key: str, blob: Blob, h1: str) -> bool:
        """See `Sink`."""
        there = await self._store.get(key)
        if there is not None:
            if there.meta.sha256 == blob.meta.sha256 or (h1 and there.meta.h1 == h1):
                return False
            raise Conflict("the export has other bytes under this name, which stay", where=key)
        meta = blob.meta if blob.meta.h1 == h1 else _with_h1(blob.meta, h1)
        if meta.size <= _SMALL:
            await self._store.put(key, await blob.read(), meta)
            return True
        writer = await self._store.create(key)
        try:
            digest = hashlib.sha256()
            async for piece in blob.chunks():
                digest.update(piece)
                await writer.write(piece)
            if digest.hexdigest() != meta.sha256:
                raise await _rotten(blob)
            await writer.commit(meta)
        finally:
            await writer.aclose()
        return True

    async def names(self, folder: str) -> list[str]:
        """See `Sink`."""
        return await self._store.names(folder)

    async def text(self, key: str, data: bytes) -> None:
        """See `Sink`."""
        standing = await self._store.get(key)
        if standing is None or standing.meta.sha256 != hashlib.sha256(data).hexdigest():
            await self._store.replace(key, data, _meta(data))

    async def finish(self) -> None:
        """Each object is whole already."""

    async def close(self) -> None:
        """See `Sink`."""
        await self.bundle.close()


class TarSink:
    """A tar file: sorted names, no owners, no times, so that the same content is the same file."""

    at_once = 1

    def __init__(self, target: Path, part: Path, aside: Path, bundle: Bundle) -> None:
        self.bundle = bundle
        self._target = target
        self._part = part
        self._aside = aside
        self._hand = ThreadPoolExecutor(1, "modgate-tar")
        self._names: set[str] = set()
        self._finished = False
        self._opened = False

    @classmethod
    async def open(
        cls, target: Path, part: Path, aside: Path, bundle: Callable[[Path], Awaitable[Bundle]]
    ) -> TarSink:
        """Begin the file. Raises Unavailable."""
        sink = cls(target, part, aside, await bundle(aside))
        try:
            await sink._run(sink._begin)
        except BaseException:
            await sink.close()
            raise
        return sink

    async def add(self, key: str, blob: Blob, h1: str) -> bool:
        """See `Sink`."""
        await blob.verify()
        path = blob.path
        if path is None:
            data = await blob.read()
            await self._run(lambda: self._member(key, io.BytesIO(data), len(data)))
        else:
            await self._run(lambda: self._file(key, path, blob.meta))
        if h1 and key.endswith(".zip"):
            noted = h1.encode()
            await self._run(lambda: self._member(f"{key}hash", io.BytesIO(noted), len(noted)))
        self._names.add(key)
        return True

    async def names(self, folder: str) -> list[str]:
        """See `Sink`. One module is written at a time, so only its names are kept."""
        self._names = {key for key in self._names if key.rpartition("/")[0] == folder}
        return sorted(key.rpartition("/")[2] for key in self._names)

    async def text(self, key: str, data: bytes) -> None:
        """See `Sink`."""
        await self._run(lambda: self._member(key, io.BytesIO(data), len(data)))

    async def finish(self) -> None:
        """Add the checksum databases' files, and give the file its name."""
        async for batch in self.bundle.store.walk("sumdb/"):
            for each in batch:
                blob = await self.bundle.store.get(each.key)
                if blob is not None:
                    await self.text(each.key, await blob.read())
        await self._run(self._end)
        self._finished = True

    async def close(self) -> None:
        """See `Sink`."""
        try:
            await self.bundle.close()
        finally:
            await asyncio.get_running_loop().run_in_executor(self._hand, self._clean)
            self._hand.shutdown(wait=False)

    async def _run(self, work: Callable[[], T]) -> T:
        """In the one thread that writes. Raises Unavailable."""

        def translating() -> T:
            with translated("cannot be written", str(self._target)):
                return work()

        return await asyncio.get_running_loop().run_in_executor(self._hand, translating)

    def _begin(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._raw = os.fdopen(os.open(self._part, flags, 0o666), "wb")
        self._opened = True
        self._out: BinaryIO = self._raw
        if self._target.name.endswith(_GZIPPED):
            # Zips do not shrink any further, and what else there is is small.
            zipped = gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=self._raw, mtime=0)
            self._out = cast("BinaryIO", zipped)
        self._tar = tarfile.open(fileobj=self._out, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  closed by `_end`

    def _member(self, key: str, data: BinaryIO, size: int) -> None:
        info = tarfile.TarInfo(key)
        info.size = size
        info.mode = 0o644
        self._tar.addfile(info, data)

    def _file(self, key: str, path: Path, meta: BlobMeta) -> None:
        with path.open("rb") as file:
            reader = _Hashing(file)
            self._member(key, cast("BinaryIO", reader), meta.size)
        if reader.digest.hexdigest() != meta.sha256:
            # It was proved a moment ago; the tar file cannot take it back.
            raise Unavailable("the object changed while it was read", where=key, next_step="Run it again.")

    def _end(self) -> None:
        self._tar.close()
        if self._out is not self._raw:
            self._out.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        self._part.rename(self._target)

    def _clean(self) -> None:
        for file in (self._out, self._raw) if self._opened else ():
            with suppress(OSError, ValueError):
                file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)
        shutil.rmtree(self._aside, ignore_errors=True)


def _mark(target: Path) -> None:
    """Let the folder be known as an export."""
    with translated("cannot be written", str(target)):
        (target / MARKER).touch()


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


async def _rotten(blob: Blob) -> Tampered:
    """The error that its store has for it, which also sets it aside."""
    try:
        await blob.verify()
    except Tampered as error:
        return error
    return Tampered("the stored bytes no longer have their SHA-256", where=blob.key)


def _meta(data: bytes) -> BlobMeta:
    return BlobMeta(sha256=hashlib.sha256(data).hexdigest(), size=len(data), stored_at=0.0)


def _with_h1(meta: BlobMeta, h1: str) -> BlobMeta:
    return BlobMeta(
        sha256=meta.sha256, size=meta.size, stored_at=meta.stored_at, verified=meta.verified, h1=h1
    )
