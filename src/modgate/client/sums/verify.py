"""Many versions against one database: each asked for once, a bounded number at a time, with patience.

The newest head is fetched first, so that the look-ups that follow find the view where they need it and
share its tiles. What was proved in an earlier run is not asked for again. A database that fails many times in
a row is left alone: what remains is UNKNOWN, with the words of the last failure.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.client.sums.judge import from_error, from_record
from modgate.client.sums.rows import Cause, Status, Verdict
from modgate.errors import ModgateError, Tampered, Unavailable
from modgate.gomod.module import escape_path, escape_version
from modgate.sumdb.client import Client
from modgate.sumdb.fork import Forked
from modgate.sumdb.spec import KNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.client.sums.kept import KeptOps
    from modgate.client.sums.lines import Entry
    from modgate.sumdb.head import Record
    from modgate.sumdb.spec import Spec

__all__ = ["AT_ONCE", "Patience", "Verifier"]

AT_ONCE = 24
_IN_A_ROW = 48


class Patience:
    """Counts failures in a row; `spent` once there were too many. Proved absence is no failure."""

    def __init__(self, limit: int = _IN_A_ROW) -> None:
        self._limit = limit
        self._count = 0
        self.words = ""

    @property
    def spent(self) -> bool:
        """Whether to ask no more."""
        return self._count >= self._limit

    def saw(self, error: ModgateError | None) -> None:
        """An answer came, or an error."""
        if isinstance(error, Unavailable):
            self._count += 1
            self.words = f"{error.where}: {error.what}" if error.where else error.what
        else:
            self._count = 0


class Verifier:
    """The verdicts over the versions of any number of files."""

    def __init__(self, spec: Spec, ops: KeptOps, clock: Callable[[], float]) -> None:
        self._spec = spec
        self._ops = ops
        self._clock = clock
        self._client = Client(spec.verifier_key, ops)
        self._own_log = spec.verifier_key not in KNOWN.values()
        self._patience = Patience()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._found: dict[tuple[str, str], Record | ModgateError | None] = {}
        self.alarms: list[str] = []

    @property
    def tree(self) -> int:
        """The size of the tree that everything is proved under."""
        return self._client.head.tree.n

    async def open(self) -> None:
        """Bring the view to the newest head. What fails here fails again, with its version, below."""
        try:
            await self._client.start()
            await self._client.merge(await self._ops.read_remote("latest"))
        except Tampered as error:
            self._alarm(error)
        except ModgateError as error:
            self._patience.saw(error)

    async def look_up(self, versions: Iterable[tuple[str, str]], progress: Callable[[], None]) -> None:
        """Have the records of these versions, as far as they can be had."""

        async def one(key: tuple[str, str]) -> None:
            async with self._slots:
                self._found[key] = await self._record(*key)
            progress()

        await asyncio.gather(*(one(key) for key in dict.fromkeys(versions)))

    async def _record(self, path: str, version: str) -> Record | ModgateError | None:
        """The record, the error, or None where patience was spent and it was not asked for."""
        if self._patience.spent and not await self._is_kept(path, version):
            return None
        try:
            record = await self._client.lookup(path, version)
        except Tampered as error:
            self._alarm(error)
            return error
        except ModgateError as error:
            self._patience.saw(error)
            return error
        self._patience.saw(None)
        return record

    async def _is_kept(self, path: str, version: str) -> bool:
        file = f"{self._spec.name}/lookup/{escape_path(path)}@{escape_version(version)}"
        return await self._ops.read_cache(file) is not None

    def verdict(self, entry: Entry) -> Verdict:
        """The verdict over a version that was looked up."""
        found = self._found[entry.path, entry.version]
        if found is None:
            return Verdict(Status.UNKNOWN, Cause.NOT_ASKED, self._patience.words)
        if isinstance(found, ModgateError):
            return from_error(found)
        try:
            return from_record(
                entry, found, database=self._spec.name, own_log=self._own_log, now=self._clock()
            )
        except Tampered as error:
            self._alarm(error)
            return from_error(error)

    def _alarm(self, error: Tampered) -> None:
        words = error.proof if isinstance(error, Forked) else str(error)
        if words not in self.alarms:
            self.alarms.append(words)
