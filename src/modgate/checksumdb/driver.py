"""The outside of a verifying client: the upstream, the store and the alarms behind `sumdb.Ops`."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from modgate.checksumdb.remote import Shared
from modgate.errors import ModgateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from modgate.checksumdb.alarms import Alarms
    from modgate.checksumdb.kept import Kept
    from modgate.checksumdb.remote import Remote

__all__ = ["STORE_ONLY", "Driver", "NotStored"]

STORE_ONLY: ContextVar[bool] = ContextVar("STORE_ONLY", default=False)
"""Set in a task that must not reach the upstream (`Disable-Module-Fetch`)."""


class NotStored(Unavailable):
    """It is not in the store, and fetching was not allowed."""

    def __init__(self, where: str) -> None:
        super().__init__("not stored, and fetching was switched off for this request", where=where)


class Driver:
    """`sumdb.Ops` for one database. `moved(time)` is called when the head was read or written."""

    def __init__(
        self, name: str, remote: Remote, kept: Kept, alarms: Alarms, moved: Callable[[float | None], None]
    ) -> None:
        self._name = name
        self._remote = remote
        self._kept = kept
        self._alarms = alarms
        self._moved = moved
        self._shared = Shared(remote.get)
        self._lock = asyncio.Lock()
        self._hints: set[asyncio.Task[None]] = set()

    async def read_remote(self, path: str) -> bytes:
        """Ask the upstream; nobody shares it, since the caller joins its askers."""
        if STORE_ONLY.get():
            raise NotStored(f"{self._name}/{path}")
        return await self._remote.get(path)

    async def read_remote_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        """Ask for all at once; an object under way is not asked for again, nor one that was proved
        while the caller still looked for it in the store.
        """
        at_hand = {path: self._kept.in_memory(f"{self._name}/{path}") for path in paths}
        missing = [path for path in paths if at_hand[path] is None]
        if STORE_ONLY.get():
            asked: list[bytes | ModgateError] = [NotStored(f"{self._name}/{path}") for path in missing]
        else:
            asked = await self._shared.get_many(missing)
        answers = dict(zip(missing, asked, strict=True))
        return [data if (data := at_hand[path]) is not None else answers[path] for path in paths]

    def expect(self, paths: Sequence[str]) -> None:
        """Begin to fetch what is not kept."""
        if paths and not STORE_ONLY.get():
            task = asyncio.create_task(self._expected(paths))
            self._hints.add(task)
            task.add_done_callback(self._hints.discard)

    def distrust(self, paths: Sequence[str]) -> None:
        """Let go of what is held or remembered of these: some of it was proved wrong."""
        for path in paths:
            self._shared.settle(path)
            self._kept.forget(f"{self._name}/{path}")

    async def read_config(self, file: str) -> bytes:
        """The head kept last."""
        found = await self._kept.read_dated(file)
        if found is None:
            return b""
        self._moved(found[1])
        return found[0]

    async def write_config(
        self, file: str, old: bytes, new: bytes, *, after: Sequence[tuple[str, bytes]]
    ) -> bool:
        """Keep the tiles, then the head; `supported` makes the folder usable as a `file://` proxy."""
        await self._kept.write(after)
        for name, _ in after:
            self._shared.settle(name.removeprefix(f"{self._name}/"))
        found = await self._kept.read_dated(file)
        if (found[0] if found else b"") != old:
            return False
        await self._kept.write([(f"{self._name}/supported", b"")])
        await self._kept.replace(file, new)
        self._moved(None)
        return True

    async def read_cache(self, file: str) -> bytes | None:
        """A kept file."""
        return await self._kept.read(file)

    async def write_cache(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Remember at once, store soon."""
        self._kept.write_soon(files)
        for file, _ in files:
            self._shared.settle(file.removeprefix(f"{self._name}/"))

    async def drop_cache(self, file: str, reason: str) -> None:
        """Set a kept file aside and tell."""
        if await self._kept.read(file) is not None:
            self._alarms.alert("sumdb-bitrot", f"{file}: {reason}; it was set aside and is fetched again")
            await self._kept.drop(file, reason)

    async def security_error(self, text: str) -> None:
        """Tell people, with the proof."""
        self._alarms.alert("sumdb-fork", text)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        """One move of the view at a time."""
        async with self._lock:
            yield

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._hints:
            task.cancel()
        await asyncio.gather(*self._hints, return_exceptions=True)
        await self._shared.close()

    async def _expected(self, paths: Sequence[str]) -> None:
        for path in paths:
            file = f"{self._name}/{path}"
            try:
                kept = await self._kept.read(file)
            except ModgateError:
                continue
            if kept is None and self._kept.in_memory(file) is None:
                self._shared.begin(path)
