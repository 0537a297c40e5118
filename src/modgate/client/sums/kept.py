"""What is kept of checksum databases between two runs: records, tiles and the newest tree head.

The folder has the layout of a module proxy, `sumdb/<name>/…`, so that it can itself serve as
`GOPROXY=file://…` for the database. Nothing in it is trusted: every record is proved anew against the signed
head each time, only the asking is spared. The head is what makes a fork or a step back visible, so it is
replaced only by one that contains it, under a lock.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.checksumdb.remote import Shared
from modgate.client.repair.state import locked, private_folder
from modgate.errors import ModgateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from modgate.checksumdb.remote import Remote

__all__ = ["Kept", "KeptOps", "replace_file"]

_TRIES = 40
_PAUSE = 0.05


def replace_file(target: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary name, rename. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".sums-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise


class Kept:
    """Files by name, in memory and, where a folder is given, on disk."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, bytes] = {}
        self._pending: dict[str, bytes] = {}
        self.problem = ""

    def read(self, file: str) -> bytes | None:
        """The file; what cannot be read is not there."""
        if file not in self._files and self._folder is not None:
            with suppress(OSError, ValueError):
                self._files[file] = (self._folder / "sumdb" / file).read_bytes()
        return self._files.get(file)

    def put(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Remember now, write with the next flush."""
        for file, data in files:
            if self._files.get(file) != data:
                self._files[file] = data
                self._pending[file] = data

    def drop(self, file: str) -> None:
        """Forget a file that is not what it should be."""
        self._files.pop(file, None)
        self._pending.pop(file, None)
        if self._folder is not None:
            with suppress(OSError):
                (self._folder / "sumdb" / file).unlink()

    async def swap(self, file: str, old: bytes, new: bytes) -> bool:
        """Write what is pending, then replace a file if it is still `old`."""
        if self._folder is None:
            if self._files.get(file, b"") != old:
                return False
            self._files[file] = new
            return True
        try:
            private_folder(self._folder)
        except Unavailable as error:
            self._give_up(error.what)
            return await self.swap(file, old, new)
        for _ in range(_TRIES):
            try:
                return await asyncio.to_thread(self._swap, self._folder, file, old, new)
            except Unavailable:
                await asyncio.sleep(_PAUSE)
        self._give_up("another modgate holds the folder")
        return await self.swap(file, old, new)

    async def flush(self) -> None:
        """Write what is pending, in order: each file leans on those before it."""
        if self._folder is not None and self._pending:
            await asyncio.to_thread(self._write_pending, self._folder)

    def _swap(self, folder: Path, file: str, old: bytes, new: bytes) -> bool:
        with locked(folder):
            now = b""
            with suppress(FileNotFoundError):
                now = (folder / "sumdb" / file).read_bytes()
            if now != old:
                self._files[file] = now
                return False
            self._write_pending(folder)
            name = file.rpartition("/")[0]
            self._write(folder, f"{name}/supported", b"")
            self._write(folder, file, new)
            self._files[file] = new
            return True

    def _write_pending(self, folder: Path) -> None:
        pending, self._pending = self._pending, {}
        for file, data in pending.items():
            self._write(folder, file, data)

    def _write(self, folder: Path, file: str, data: bytes) -> None:
        if self.problem:
            return
        try:
            private_folder(folder)
            replace_file(folder / "sumdb" / file, data)
        except (OSError, Unavailable) as error:
            self._give_up(str(error))

    def _give_up(self, why: str) -> None:
        """Go on in memory: an audit does not need its memory."""
        self.problem = why
        self._folder = None


class KeptOps:
    """`sumdb.Ops` over the ways to one database and what is kept of it."""

    def __init__(self, name: str, remote: Remote, kept: Kept) -> None:
        self._name = name
        self._remote = remote
        self._kept = kept
        self._shared = Shared(remote.get)
        self._lock = asyncio.Lock()
        self.alarms: list[str] = []

    async def read_remote(self, path: str) -> bytes:
        """As Ops says."""
        return await self._remote.get(path)

    async def read_remote_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        """As Ops says; what was proved meanwhile is not asked for again."""
        found = {path: self._kept.read(f"{self._name}/{path}") for path in paths}
        missing = [path for path in paths if found[path] is None]
        answers = dict(zip(missing, await self._shared.get_many(missing), strict=True))
        return [data if (data := found[path]) is not None else answers[path] for path in paths]

    def expect(self, paths: Sequence[str]) -> None:
        """As Ops says."""
        for path in paths:
            if self._kept.read(f"{self._name}/{path}") is None:
                self._shared.begin(path)

    def distrust(self, paths: Sequence[str]) -> None:
        """As Ops says."""
        for path in paths:
            self._shared.settle(path)
            self._kept.drop(f"{self._name}/{path}")

    async def read_config(self, file: str) -> bytes:
        """As Ops says."""
        return self._kept.read(file) or b""

    async def write_config(
        self, file: str, old: bytes, new: bytes, *, after: Sequence[tuple[str, bytes]]
    ) -> bool:
        """As Ops says."""
        self._put(after)
        return await self._kept.swap(file, old, new)

    async def read_cache(self, file: str) -> bytes | None:
        """As Ops says."""
        return self._kept.read(file)

    async def write_cache(self, files: Sequence[tuple[str, bytes]]) -> None:
        """As Ops says."""
        self._put(files)

    async def drop_cache(self, file: str, reason: str) -> None:  # noqa: ARG002  it is asked for anew
        """As Ops says."""
        self._kept.drop(file)

    async def security_error(self, text: str) -> None:
        """As Ops says."""
        if text not in self.alarms:
            self.alarms.append(text)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        """As Ops says."""
        async with self._lock:
            yield

    async def close(self) -> None:
        """Stop what is under way and write what was proved."""
        await self._shared.close()
        await self._kept.flush()

    def _put(self, files: Sequence[tuple[str, bytes]]) -> None:
        self._kept.put(files)
        for file, _ in files:
            self._shared.settle(file.removeprefix(f"{self._name}/"))
