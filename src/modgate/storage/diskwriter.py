"""An object on its way into the folder.

Bytes gather in memory and go to the file in pieces of 256 KiB, one trip to a thread each; what is
not there yet is served from memory. An object that never fills a piece gets its file only at
`commit`: one trip for all steps. A file, once there, stays readable until `aclose`, because readers
along the way still want the tail after the commit.
"""

from __future__ import annotations

import asyncio
import io
import os
import threading
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from modgate.errors import ModgateError, Tampered, Unavailable
from modgate.storage.failures import translated
from modgate.storage.files import PIECE, unlink, write_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.model.blob import BlobMeta
    from modgate.storage.diskblob import DiskBlob, Shell
    from modgate.storage.room import Room
    from modgate.storage.tree import Stored

__all__ = ["DiskWriter"]

T = TypeVar("T")


class DiskWriter:
    """Temporary until `commit`."""

    def __init__(self, shell: Shell, key: str, room: Room | None, expected: int | None) -> None:
        self._shell = shell
        self._key = key
        self._room = room
        self._reserved = None if room is None else room.begin()
        self._expected = expected
        self._tail = bytearray()  # what the file does not have yet
        self._in_file = 0
        self._descriptor = -1
        self._path = ""
        self._over = False  # committed or aborted
        self._dropped = False
        self._failure: ModgateError | None = None
        self._blob: DiskBlob | None = None
        self._using_file = threading.Lock()  # a cancelled task leaves its thread running

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            unlink(self._path)
        if self._room is not None and self._reserved is not None:
            self._room.forget(self._reserved)

    @property
    def written(self) -> int:
        """How many bytes can be read along by now."""
        return self._in_file + len(self._tail)

    async def write(self, data: bytes) -> None:
        """Append. Raises Unavailable (`storage-full` when the disk is)."""
        self._check_open()
        self._tail += data
        if len(self._tail) >= PIECE:
            await self._flush()

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of what is `written`, without waiting. Raises Unavailable."""
        if self._dropped:
            raise Unavailable("the object was not stored", where=self._key, next_step="Ask again.")
        if offset >= self._in_file:
            start = offset - self._in_file
            return bytes(self._tail[start : start + size])
        count = min(size, self._in_file - offset)
        with translated("cannot read along", self._key):
            data = os.pread(self._descriptor, count, offset)
        if len(data) < count:
            raise Unavailable("the temporary file is shorter than what was written", where=self._key)
        return data

    async def check(self, function: Callable[[BinaryIO], T]) -> T:
        """Run a pure function over the whole temporary object in a thread; its errors pass through."""
        self._check_open()
        if not self._path:
            return await self._shell.run_long(lambda: function(io.BytesIO(self._tail)))
        if self._tail:
            await self._flush()

        def run() -> T:
            with translated("cannot read what was written", self._key), open(self._path, "rb") as file:  # noqa: PTH123  as in files
                return function(file)

        return await self._shell.run_long(run)

    async def commit(self, meta: BlobMeta) -> DiskBlob:
        """Make it durable under its key; what another writer stored first is kept and returned.

        Raises:
            Unavailable: Nothing is stored.
            Tampered: The meta names another size than was written; nothing is stored.
        """
        if self._blob is not None:
            return self._blob
        self._check_open()
        self._over = True
        if meta.size != self.written:
            await self._drop()
            raise Tampered(f"{self.written} bytes came, {meta.size} were announced", where=self._key)
        try:
            if self._room is not None and self._reserved is not None:
                await self._room.admit(self._reserved, self._key, self.written)
                await self._room.settled(self._key)
            stored = await self._shell.run(lambda: self._finish_now(meta))
        except Unavailable:
            raise  # who reads along may still want the bytes, until `aclose`
        except BaseException:
            await self._drop()
            raise
        if self._path:
            self._settle()
        self._blob = self._shell.blob(self._key, stored)
        self._give_back()
        return self._blob

    async def abort(self) -> None:
        """Drop it. Does nothing after `commit` or a second time; never raises."""
        if not self._over:
            self._over = True
            await self._drop()

    async def aclose(self) -> None:
        """No reader is left: give the descriptor back. Aborts if not committed; never raises."""
        self._over = True
        if not self._dropped:
            await self._drop()

    def _check_open(self) -> None:
        if self._over:
            raise Unavailable("the object is no longer being written", where=self._key)
        if self._failure is not None:
            raise self._failure

    async def _flush(self) -> None:
        self._failure = Unavailable("writing the object was interrupted", where=self._key)
        try:
            if self._room is not None and self._reserved is not None:
                await self._room.reserve(self._reserved, len(self._tail), self._expected)
            await self._shell.run(self._flush_now)
        except ModgateError as error:
            self._failure = error
            raise
        self._failure = None
        self._settle()

    def _settle(self) -> None:
        """The tail is in the file now. In the task's thread, because `read_at` runs there."""
        self._in_file += len(self._tail)
        self._tail = bytearray()

    def _flush_now(self) -> None:
        with self._using_file, translated("cannot write to the store", self._shell.tree.path(self._key)):
            if self._dropped:
                return
            if not self._path:
                self._descriptor, self._path = self._shell.tree.begin()
            with memoryview(self._tail) as view:
                write_all(self._descriptor, view, self._in_file)
            self._shell.tree.reached("flushed")

    def _finish_now(self, meta: BlobMeta) -> Stored:
        tree = self._shell.tree
        if not self._path:
            return tree.store(
                self._key, bytes(self._tail), meta, mutable=False, proved=True, reserved=self._reserved
            )
        if self._tail:
            self._flush_now()
        tree.reached("written")
        with self._using_file:
            return tree.finish(self._descriptor, self._path, self._key, meta, self._reserved)

    async def _drop(self) -> None:
        self._dropped = True
        self._tail = bytearray()
        try:
            if self._path or self._failure is not None:  # a thread may be making the file just now
                # What is cancelled before its turn does not run, and the file would stay.
                await asyncio.shield(self._shell.run(self._drop_now))
        except ModgateError:
            self._drop_now()  # the store is closing: its threads are gone
        finally:
            self._give_back()  # also where whoever closes it was cancelled: the thread drops it all the same

    def _give_back(self) -> None:
        """What is not on the disk any more, or stands there as an object, is not in flight."""
        if self._room is not None and self._reserved is not None:
            self._room.release(self._reserved)

    def _drop_now(self) -> None:
        with self._using_file:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            unlink(self._path)
