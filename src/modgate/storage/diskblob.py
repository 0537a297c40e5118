"""An object in the folder.

Small ones were read while they were looked up, in the same trip to a thread. Large ones are opened
again for each read, and the file found must be the very one that was looked up. Bytes that no
longer have their SHA-256 are set aside on the spot, so that the next request fetches them again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, TypeVar

from modgate.errors import ModgateError, Tampered, Unavailable
from modgate.storage.failures import translated
from modgate.storage.files import PIECE, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from modgate.model.blob import BlobMeta
    from modgate.storage.sidecar import Identity
    from modgate.storage.tree import Stored, Tree

__all__ = ["DiskBlob", "Shell"]

T = TypeVar("T")


class Shell(Protocol):
    """What a blob and a writer need of their store."""

    @property
    def tree(self) -> Tree:
        """The folder."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run something that blocks in a thread of the store."""

    async def run_long(self, function: Callable[[], T]) -> T:
        """As `run`, for what takes as long as an object is large."""

    async def distrust(self, key: str, reason: str, only: Identity) -> None:
        """Set aside one damaged file."""

    def blob(self, key: str, stored: Stored) -> DiskBlob:
        """An object as it was found or stored."""


class DiskBlob:
    """A stored object, opened."""

    __slots__ = ("__weakref__", "_key", "_shell", "_stored")

    def __init__(self, shell: Shell, key: str, stored: Stored) -> None:
        self._shell = shell
        self._key = key
        self._stored = stored

    @property
    def key(self) -> str:
        """The key it was stored under."""
        return self._key

    @property
    def meta(self) -> BlobMeta:
        """What is known beside the bytes."""
        return self._stored.meta

    @property
    def path(self) -> Path | None:
        """The file; None for a mutable object, whose name may show other bytes a moment later."""
        return None if self._stored.mutable else Path(self._shell.tree.path(self._key))

    async def read(self) -> bytes:
        """The whole object. Raises Unavailable; Tampered if it no longer has its SHA-256."""
        stored = self._stored
        if stored.data is None:
            data = await self._shell.run(self._read_now)
        else:
            data = stored.data if stored.sound else None
        if data is None:
            await self._refuse()
        return data

    async def verify(self) -> None:
        """Prove the bytes, at most once in this process while the file is unchanged."""
        stored = self._stored
        if stored.data is not None:
            sound = stored.sound
        else:
            tree = self._shell.tree
            sound = tree.proved(stored.identity) or await self._shell.run_long(
                lambda: tree.prove(self._key, stored.identity, stored.meta.sha256)
            )
        if not sound:
            await self._refuse()

    async def chunks(self, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]:
        """The bytes `start:stop` in pieces of at most 256 KiB. Raises Unavailable."""
        stored = self._stored
        end = stored.meta.size if stop is None else min(stop, stored.meta.size)
        if stored.data is not None:
            for offset in range(start, end, PIECE):
                yield stored.data[offset : min(end, offset + PIECE)]
            return
        descriptor = await self._shell.run(lambda: self._shell.tree.open_same(self._key, stored.identity))
        try:
            offset = start
            while offset < end:
                piece = await self._shell.run(_Read(descriptor, min(PIECE, end - offset), offset, self._key))
                yield piece
                offset += len(piece)
        finally:
            os.close(descriptor)

    def _read_now(self) -> bytes | None:
        """The bytes, or None if they are not what was stored."""
        stored = self._stored
        descriptor = self._shell.tree.open_same(self._key, stored.identity)
        try:
            with translated("cannot read the store", self._key):
                data = read_all(descriptor, stored.identity.size)
        finally:
            os.close(descriptor)
        sound = hashlib.sha256(data).hexdigest() == stored.meta.sha256
        self._shell.tree.remember_proof(stored.identity, sound=sound)
        return data if sound else None

    async def _refuse(self) -> NoReturn:
        reason = "the stored bytes no longer have the SHA-256 they were stored with"
        try:
            await self._shell.distrust(self._key, reason, self._stored.identity)
        except ModgateError as error:
            raise Tampered(
                f"{reason}, and could not be set aside: {error.what}",
                where=self._key,
                next_step="Look at the disk; remove the file by hand.",
            ) from error
        raise Tampered(
            reason,
            where=self._key,
            next_step="It was put into .modgate/quarantine and will be fetched again; look at the disk.",
        )


class _Read:
    """One positioned read, for a thread."""

    __slots__ = ("_descriptor", "_key", "_offset", "_size")

    def __init__(self, descriptor: int, size: int, offset: int, key: str) -> None:
        self._descriptor, self._size, self._offset, self._key = descriptor, size, offset, key

    def __call__(self) -> bytes:
        with translated("cannot read the store", self._key):
            piece = os.pread(self._descriptor, self._size, self._offset)
        if not piece:
            raise Unavailable("the stored object is shorter than it was", where=self._key)
        return piece
