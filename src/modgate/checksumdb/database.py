"""One mirrored checksum database: its lookups, its head and its tiles, each asked for once.

Work is owned by the database, not by who asked: any number of askers wait for one task, and one that
goes away cancels nothing. An upstream that forks, rolls back or forges is refused and reported, and the
service goes on with the view that is kept.
"""

from __future__ import annotations

import asyncio
import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from modgate.checksumdb.alarms import Alarms
from modgate.checksumdb.bounded import Bounded
from modgate.checksumdb.driver import STORE_ONLY, Driver
from modgate.checksumdb.remote import Candidate, Remote
from modgate.errors import Absent, ModgateError, Tampered, Unavailable
from modgate.model.answer import Verification
from modgate.model.checksums import Sums
from modgate.sumdb.client import Client
from modgate.sumdb.fork import Forked

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from modgate.checksumdb.kept import Kept
    from modgate.model.ledger import Ledger
    from modgate.sumdb.head import Head
    from modgate.sumdb.records import Tree
    from modgate.sumdb.spec import Spec
    from modgate.sumdb.tiles import Tile

__all__ = ["Database", "Looked", "Timing"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds.

    Attributes:
        latest_ttl: The head is asked for again when a client wants `latest` and it is older than this.
        retry: After a failure to do so, not before this.
        beyond: A tile beyond the view makes the head be asked for, at most this often.
        rollback_grace: A smaller `latest` may come from a cache on the way; it is reported once our
            head is known for longer than this.
    """

    latest_ttl: float = 60.0
    retry: float = 10.0
    beyond: float = 2.0
    rollback_grace: float = 3600.0


@dataclass(frozen=True, slots=True)
class Looked:
    """A proved lookup: what clients are given, and what it says."""

    body: bytes
    sums: Sums


class Database:
    """The verifying mirror of one database."""

    def __init__(
        self,
        spec: Spec,
        candidates: Sequence[Candidate],
        kept: Kept,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        timing: Timing,
        entries: int,
    ) -> None:
        self.name = spec.name
        self._clock = clock
        self._timing = timing
        self._alarms = Alarms(ledger, spec.name, clock)
        self._remote = Remote(spec.name, candidates)
        self._driver = Driver(spec.name, self._remote, kept, self._alarms, self._moved)
        self._client = Client(spec.verifier_key, self._driver)
        self._looked: Bounded[str, Looked] = Bounded(entries)
        self._flights: dict[tuple[str, bool], asyncio.Task[Any]] = {}
        self._asked = float("-inf")
        self._good_for = 0.0
        self._failing = False
        self._head_since = clock()
        self._noted: Tree | None = None

    def retarget(self, candidates: Sequence[Candidate]) -> None:
        """Other ways to it from now on; what was proved stays."""
        self._remote.retarget(candidates)
        self._failing = False

    async def lookup(self, path: str, version: str, *, fetch: bool) -> Looked:
        """Raises Absent (the database says so), Unavailable (NotStored without `fetch`), Tampered."""
        key = f"{path}@{version}"
        looked = self._looked.get(key)
        if looked is not None:
            return looked
        return await self._joined(f"lookup {key}", self._look_up, path, version, fetch=fetch)

    async def latest(self, *, fetch: bool) -> bytes:
        """The signed head, asked for anew when it is old; the old one while the upstream fails.

        Raises Unavailable, Tampered where there is no head yet.
        """
        await self._joined("start", self._client.start, fetch=fetch)
        if self._fresh(self._good_for) and self._client.head.message:
            return self._client.head.message
        try:
            await self._joined("latest", self._refresh, fetch=fetch)
        except ModgateError:
            if not self._client.head.message:
                raise
        return self._client.head.message

    async def tile(self, tile: Tile, *, fetch: bool) -> bytes:
        """The proved tile. Raises Absent (beyond the newest tree), Invalid, Unavailable, Tampered."""
        data = await self._tile(tile, fetch)
        if data is None and fetch and not self._fresh(self._timing.beyond):
            await self._joined("latest", self._refresh, fetch=fetch)
            data = await self._tile(tile, fetch)
        if data is None and fetch and not self._client.head.message:
            what = "no tree head of it could be had and verified yet"
            raise Unavailable(what, where=self.name, kind="bad-answer", retry_after=self._timing.retry)
        if data is None and fetch and self._failing:
            # Nobody can say what the tree holds by now: broken, not absent.
            raise Unavailable(
                f"{tile.path()} is beyond the tree that is verified here, and a newer head cannot be had",
                where=self.name,
                retry_after=self._timing.beyond,
            )
        if data is None:
            size = self._client.head.tree.n
            raise Absent(
                f"{tile.path()} is not in the tree of size {size} that is verified here", where=self.name
            )
        return data

    async def flush(self) -> None:
        """Wait until what was learnt is written."""
        await self._alarms.flush()

    async def close(self) -> None:
        """Stop background work."""
        tasks = list(self._flights.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._driver.close()
        await self._alarms.flush()

    async def _look_up(self, path: str, version: str) -> Looked:
        record = await self._client.lookup(path, version)
        sums = Sums(record.h1(path, version), record.h1(path, f"{version}/go.mod"), Verification.SUMDB)
        if not sums.zip and not sums.mod:
            raise Tampered(f"the record of {path}@{version} has no h1 hash", where=self.name)
        looked = Looked(record.body, sums)
        self._looked.put(f"{path}@{version}", looked)
        return looked

    async def _tile(self, tile: Tile, fetch: bool) -> bytes | None:
        return await self._joined(tile.path(), self._client.tile, tile, fetch=fetch)

    async def _refresh(self) -> None:
        self._asked, self._good_for = self._clock(), self._timing.retry
        self._failing = True
        try:
            message = await self._driver.read_remote("latest")
        except Absent as error:
            raise Unavailable(
                f"it has no tree head: {error.what}", where=self.name, kind="bad-answer"
            ) from error
        if not message.strip():
            raise Unavailable("its tree head is empty", where=self.name, kind="bad-answer")
        head, view = self._client.open(message), self._client.head
        if head.tree.n < view.tree.n and self._clock() - self._head_since > self._timing.rollback_grace:
            self._alarms.alert("sumdb-rollback", _rollback(self.name, head, view))
        await self._client.merge(message)
        self._good_for = self._timing.latest_ttl
        self._failing = False

    def _fresh(self, seconds: float) -> bool:
        return 0 <= self._clock() - self._asked < seconds

    def _moved(self, since: float | None) -> None:
        self._head_since = self._clock() if since is None else since

    async def _joined(
        self, name: str, work: Callable[..., Coroutine[Any, Any, T]], *args: object, fetch: bool
    ) -> T:
        """Run one task for all who want the same; it goes on when they leave."""
        key = (name, fetch)
        task = self._flights.get(key)
        if task is None:
            context = contextvars.copy_context()
            context.run(STORE_ONLY.set, not fetch)
            task = asyncio.create_task(self._watched(work(*args)), context=context)
            task.add_done_callback(lambda done: self._landed(key, done))
            self._flights[key] = task
        await asyncio.wait([task])
        if task.cancelled():
            raise Unavailable("stopping", where=self.name, kind="stopping")
        result: T = task.result()
        return result

    def _landed(self, key: tuple[str, bool], task: asyncio.Task[Any]) -> None:
        del self._flights[key]
        if not task.cancelled():
            task.exception()

    async def _watched(self, work: Coroutine[Any, Any, T]) -> T:
        """Report what is tampered with, and each new head once."""
        try:
            result = await work
        except Tampered as error:
            if not isinstance(error, Forked):
                self._alarms.alert("sumdb-tampered", str(error))
            raise
        finally:
            tree = self._client.head.tree
            if tree.n and tree != self._noted:
                self._noted = tree
                self._alarms.head(tree)
        return result


def _rollback(name: str, answered: Head, view: Head) -> str:
    return (
        f"{name} went back to a tree of size {answered.tree.n}; "
        f"the tree of size {view.tree.n} that is verified here stays in use.\n"
        f"The database says:\n{answered.message.decode()}\nVerified here:\n{view.message.decode()}"
    )
