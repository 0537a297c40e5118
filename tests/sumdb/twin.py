"""The outside of a client in memory: `Ops` over a test database and two dictionaries."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.support.sumdb_server import TestDatabase

__all__ = ["MemoryOps"]


class MemoryOps:
    """What a database answers, what is kept of it, and what was said about it."""

    def __init__(self, db: TestDatabase) -> None:
        self.db = db
        self.config: dict[str, bytes] = {}
        self.cache: dict[str, bytes] = {}
        self.security: list[str] = []
        self.dropped: list[str] = []
        self.online = True
        self.conflicts: list[bytes] = []
        self._lock = asyncio.Lock()

    async def read_remote(self, path: str) -> bytes:
        if not self.online:
            raise Unavailable(f"disallowed remote read {path}")
        reply = self.db.answer(path)
        if reply.status == 404:
            raise Absent(reply.body.decode())
        if reply.status != 200:
            raise Unavailable(str(reply.status))
        return reply.body

    async def read_remote_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        answers: list[bytes | ModgateError] = []
        for path in paths:
            try:
                answers.append(await self.read_remote(path))
            except ModgateError as error:
                answers.append(error)
        return answers

    def expect(self, paths: Sequence[str]) -> None:
        assert all(path.startswith("tile/") for path in paths)

    def distrust(self, paths: Sequence[str]) -> None:
        assert all(path.startswith("tile/") for path in paths)

    async def read_config(self, file: str) -> bytes:
        return self.config.get(file, b"")

    async def write_config(
        self, file: str, old: bytes, new: bytes, *, after: Sequence[tuple[str, bytes]]
    ) -> bool:
        await asyncio.sleep(0)
        self.cache.update(after)
        if self.conflicts:
            self.config[file] = self.conflicts.pop(0)
        if self.config.get(file, b"") != old:
            return False
        self.config[file] = new
        return True

    async def read_cache(self, file: str) -> bytes | None:
        return self.cache.get(file)

    async def write_cache(self, files: Sequence[tuple[str, bytes]]) -> None:
        for file, data in files:
            assert self.cache.setdefault(file, data) == data

    async def drop_cache(self, file: str, reason: str) -> None:
        if self.cache.pop(file, None) is not None:
            self.dropped.append(f"{file}: {reason}")

    async def security_error(self, text: str) -> None:
        self.security.append(text)

    @asynccontextmanager
    async def moving(self) -> AsyncIterator[None]:
        async with self._lock:
            yield
