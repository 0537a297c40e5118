"""Whether go could verify through a mirror alone: the checksum database, asked and proved as go does it.

Steps: (1) `/supported` says 200, else go asks the database itself; (2) `/latest` is a tree head with the
database's signature; (3) the record of a version is proved by the tiles that the mirror serves, so that a
mirror with wrong tiles is found out. Source: cmd/go/internal/modfetch/sumdb.go.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.mirrors.asker import failure_word
from modgate.client.mirrors.results import Database
from modgate.client.mirrors.words import cleaned
from modgate.errors import Absent, ModgateError, Unavailable
from modgate.sumdb.client import Client

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    from modgate.client.mirrors.asker import Asker
    from modgate.client.mirrors.subject import Subject
    from modgate.sumdb.head import Record

__all__ = ["probe_database"]

_MOST = 1 << 20


async def probe_database(asker: Asker, base: str, subject: Subject) -> tuple[Database, Record | None]:
    """What a mirror does for the database, and the proved record of the subject's version."""
    answer = await asker.get(subject.database_url(base, "supported"), most=1024)
    status = 0 if answer.failure else answer.status
    if status != 200:
        return Database(supported=status, detail=failure_word(answer)), None
    client = Client(subject.verifier_key, _Through(asker, base, subject))
    latest: int | None = None
    detail = ""
    try:
        head = client.open(await _read(asker, subject.database_url(base, "latest")))
        latest = head.tree.n
    except ModgateError as error:
        detail = error.what
    record = None
    try:
        record = await client.lookup(subject.path, subject.version)
    except ModgateError as error:
        detail = detail or error.what
    return Database(status, latest, record is not None, cleaned(detail)), record


async def _read(asker: Asker, url: str) -> bytes:
    answer = await asker.get(url, most=_MOST)
    if answer.failure is not None:
        raise Unavailable(failure_word(answer))
    if answer.status in {404, 410}:
        raise Absent(f"{answer.status}")
    if answer.status != 200:
        raise Unavailable(f"{answer.status}")
    return answer.body


class _Through:
    """The outside of the verifying client: one mirror, and a memory that lasts for one look-up."""

    def __init__(self, asker: Asker, base: str, subject: Subject) -> None:
        self._asker = asker
        self._base = base
        self._subject = subject
        self._config = b""
        self._files: dict[str, bytes] = {}
        self._moving = asyncio.Lock()

    async def read_remote(self, path: str) -> bytes:
        return await _read(self._asker, self._subject.database_url(self._base, path))

    async def read_remote_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        found: list[bytes | ModgateError] = []
        for path in paths:
            try:
                found.append(await self.read_remote(path))
            except ModgateError as error:
                found.append(error)
        return found

    def expect(self, paths: Sequence[str]) -> None:
        """Nothing is begun early: one request at a time."""

    def distrust(self, paths: Sequence[str]) -> None:
        """Nothing is shared."""

    async def read_config(self, file: str) -> bytes:  # noqa: ARG002  there is one
        return self._config

    async def write_config(
        self,
        file: str,  # noqa: ARG002  there is one
        old: bytes,
        new: bytes,
        *,
        after: Sequence[tuple[str, bytes]],
    ) -> bool:
        if self._config != old:
            return False
        self._files.update(after)
        self._config = new
        return True

    async def read_cache(self, file: str) -> bytes | None:
        return self._files.get(file)

    async def write_cache(self, files: Sequence[tuple[str, bytes]]) -> None:
        self._files.update(files)

    async def drop_cache(self, file: str, reason: str) -> None:  # noqa: ARG002  nobody reads it
        self._files.pop(file, None)

    async def security_error(self, text: str) -> None:
        """The error that follows says it."""

    def moving(self) -> AbstractAsyncContextManager[None]:
        return self._moving
