"""What is kept of a database in the blob store, in the layout that a `GOPROXY=file://` client reads.

`sumdb/<name>/supported|latest|lookup/M@V|tile/8/…`. Only what the client proved comes here. Files lean on
each other (a lookup on its tiles, a tile on its parents), so each batch is written in order and ends at
its first failure: what is there can then be verified offline. Reads go through a bounded memory.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from modgate.checksumdb.bounded import Bounded
from modgate.errors import Invalid, ModgateError, Tampered
from modgate.model.answer import Verification
from modgate.model.blob import BlobMeta

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.model.blob import BlobStore

__all__ = ["Kept"]

_log = structlog.get_logger(__name__)

_ROOT = "sumdb/"
_WRITERS = 16
_KNOWN = 50_000


class Kept:
    """The stored files of databases; names begin with the database's name."""

    def __init__(self, store: BlobStore, clock: Callable[[], float], *, memory: int) -> None:
        self._store = store
        self._clock = clock
        self._memory: Bounded[str, bytes] = Bounded(memory, len)
        self._stored: Bounded[str, bool] = Bounded(_KNOWN)
        self._storing: dict[str, asyncio.Task[None]] = {}
        self._batches: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_WRITERS)

    def in_memory(self, file: str) -> bytes | None:
        """The file if it is at hand without I/O."""
        return self._memory.get(file)

    def forget(self, file: str) -> None:
        """Drop the file from memory only."""
        self._memory.pop(file)

    async def read(self, file: str) -> bytes | None:
        """The file, or None; one that rotted is set aside. Raises Unavailable."""
        data = self._memory.get(file)
        if data is not None:
            return data
        found = await self.read_dated(file)
        if found is None:
            return None
        self._memory.put(file, found[0])
        self._stored.put(file, True)
        return found[0]

    async def read_dated(self, file: str) -> tuple[bytes, float] | None:
        """The file from the store and when it was stored. Raises Unavailable."""
        try:
            blob = await self._store.get(_ROOT + file)
            return None if blob is None else (await blob.read(), blob.meta.stored_at)
        except Tampered as error:
            await self.drop(file, error.what)
            return None
        except Invalid:
            # A name that the store cannot hold was never stored.
            return None

    def write_soon(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Remember the files now, and store them in this order soon."""
        for file, data in files:
            self._memory.put(file, data)
        missing = [(file, data) for file, data in files if self._stored.get(file) is None]
        if missing:
            task = asyncio.create_task(self._write_batch(missing))
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)

    async def write(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Store the files in this order. Raises Unavailable."""
        for file, data in files:
            self._memory.put(file, data)
            await self._write_one(file, data)

    async def write_together(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Store files that do not lean on each other; one whose name the store cannot hold is left out.

        Raises Unavailable.
        """

        async def write(file: str, data: bytes) -> None:
            self._memory.put(file, data)
            async with self._slots:
                with suppress(Invalid):
                    await self._write_one(file, data)

        done = await asyncio.gather(*(write(*each) for each in files), return_exceptions=True)
        for error in done:
            if error is not None:
                raise error

    async def replace(self, file: str, data: bytes) -> None:
        """Swap a mutable file. Raises Unavailable."""
        await self._store.replace(_ROOT + file, data, self._meta(data))

    async def drop(self, file: str, reason: str) -> None:
        """Set a file aside, so that it is fetched again."""
        self._memory.pop(file)
        self._stored.pop(file)
        _log.warning("sumdb_file_set_aside", file=file, reason=reason)
        try:
            await self._store.set_aside(_ROOT + file, reason)
        except ModgateError as error:
            _log.warning("sumdb_file_not_set_aside", file=file, error=str(error))

    async def clear(self, folder: str) -> None:
        """Remove the files directly in a folder, which other files have made needless."""
        for name in await self._store.names(_ROOT + folder):
            self._memory.pop(f"{folder}/{name}")
            self._stored.pop(f"{folder}/{name}")
            await self._store.remove(f"{_ROOT}{folder}/{name}")

    async def flush(self) -> None:
        """Wait until what was handed over is stored or has failed."""
        while self._batches:
            await asyncio.wait(list(self._batches))

    async def _write_batch(self, files: Sequence[tuple[str, bytes]]) -> None:
        try:
            async with self._slots:
                for file, data in files:
                    await self._write_one(file, data)
        except ModgateError as error:
            # The proof stands without the copy; the next asker fetches it again.
            _log.warning("sumdb_file_not_stored", file=files[-1][0], error=str(error))

    async def _write_one(self, file: str, data: bytes) -> None:
        if self._stored.get(file) is not None:
            return
        task = self._storing.get(file)
        if task is None:
            task = asyncio.create_task(self._put(file, data))
            self._storing[file] = task
            task.add_done_callback(lambda done: self._put_ended(file, done))
        await asyncio.shield(task)

    async def _put(self, file: str, data: bytes) -> None:
        try:
            await self._store.put(_ROOT + file, data, self._meta(data))
        except Invalid as error:
            _log.info("sumdb_file_has_no_key", file=file, error=str(error))
            raise
        self._stored.put(file, True)

    def _put_ended(self, file: str, task: asyncio.Task[None]) -> None:
        del self._storing[file]
        if not task.cancelled():
            task.exception()  # whoever still waits hears of it

    def _meta(self, data: bytes) -> BlobMeta:
        return BlobMeta(
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            stored_at=self._clock(),
            verified=Verification.SUMDB.value,
        )
