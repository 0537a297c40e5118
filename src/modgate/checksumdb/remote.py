"""How a checksum database is reached, and how many askers share one answer.

go asks each module proxy of its chain for `sumdb/<name>/supported`: a 200 means that this proxy answers
for the database, and only it; 404 or 410 (or any error, where the proxy is followed by `|`) means to try
the next; after the last comes the database itself. Any other failure leaves the database unavailable:
an outage of the chosen way must not quietly open another. The choice is made when it is first needed.

Source of the rule: GOROOT/src/cmd/go/internal/modfetch/sumdb.go (initBase), proxy.go (TryProxies).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent, ModgateError, Unavailable
from modgate.model.context import Context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from modgate.model.upstream import Upstream

__all__ = ["Candidate", "Remote", "Shared"]

_LIMIT = 1_000_000  # what x/mod allows a tree note; records and tiles are far smaller
_HELD = 2048
_ASKER = Context()  # the database is public, and many askers share one answer


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to a database.

    Attributes:
        upstream: A module proxy, or the database itself.
        proxy: Whether it is a module proxy: asked under `sumdb/<name>/`, and only if it supports that.
        any_error: Whether the next way is tried after any error (`|` in a chain), not only 404 and 410.
    """

    upstream: Upstream
    proxy: bool = True
    any_error: bool = False


class Remote:
    """One database as it is reached from here."""

    def __init__(self, name: str, candidates: Sequence[Candidate]) -> None:
        self._name = name
        self._candidates = tuple(candidates)
        self._choice: tuple[Upstream, str] | None = None
        self._choosing: asyncio.Task[tuple[Upstream, str]] | None = None
        self._era = 0

    def retarget(self, candidates: Sequence[Candidate]) -> None:
        """Other ways from now on; what is on its way goes on, and over if its way is closed under it."""
        self._era += 1
        self._candidates = tuple(candidates)
        self._choice = self._choosing = None

    async def get(self, path: str) -> bytes:
        """What the database answers at `lookup/…`, `tile/…` or `latest`. Raises as an Upstream does."""
        while True:
            era = self._era
            try:
                upstream, prefix = self._choice or await self._choose()
                return await upstream.get(_ASKER, prefix + path, limit=_LIMIT)
            except Unavailable:
                if era == self._era:
                    raise

    async def _choose(self) -> tuple[Upstream, str]:
        if self._choosing is None or self._choosing.done():
            self._choosing = asyncio.create_task(self._try_all())
        choosing = self._choosing
        choice = await asyncio.shield(choosing)
        if choosing is self._choosing:  # not meanwhile retargeted
            self._choice = choice
        return choice

    async def _try_all(self) -> tuple[Upstream, str]:
        broken: ModgateError | None = None
        for candidate in self._candidates:
            if not candidate.proxy:
                return candidate.upstream, ""
            prefix = f"sumdb/{self._name}/"
            try:
                await candidate.upstream.get(_ASKER, f"{prefix}supported", limit=_LIMIT)
            except Absent:
                continue
            except ModgateError as error:
                broken = error
                if not candidate.any_error:
                    break
                continue
            return candidate.upstream, prefix
        if isinstance(broken, Unavailable):
            raise broken
        if broken is not None:
            raise Unavailable(
                f"cannot ask the checksum database: {broken.what}", where=broken.where, kind="bad-answer"
            )
        raise Unavailable(
            "no upstream offers the checksum database",
            where=self._name,
            next_step=f"Allow a direct connection to https://{self._name}.",
            kind="bad-answer",
        )


class Shared:
    """One request for an object however many want it, from the first asker until it is settled.

    An answer is still suspect when it arrives, so it is held (not kept) until it is proved and kept
    (`settle`) or proved wrong (`settle` likewise): who comes in between gets the same bytes.
    """

    def __init__(self, get: Callable[[str], Awaitable[bytes]]) -> None:
        self._get = get
        self._held: OrderedDict[str, asyncio.Task[bytes]] = OrderedDict()

    async def get_many(self, paths: Sequence[str]) -> list[bytes | ModgateError]:
        """The answers, asked for at once; an item that fails is the error."""
        tasks = [self._task(path) for path in paths]
        if tasks:
            await asyncio.wait(tasks)
        result: list[bytes | ModgateError] = []
        for task in tasks:
            if task.cancelled():
                raise Unavailable("stopped while asking the checksum database", kind="stopping")
            error = task.exception()
            if error is None:
                result.append(task.result())
            elif isinstance(error, ModgateError):
                result.append(error)
            else:
                raise error
        return result

    def begin(self, path: str) -> None:
        """Ask, without waiting."""
        self._task(path)

    def settle(self, path: str) -> None:
        """Let go of an answer."""
        task = self._held.get(path)
        if task is not None and task.done():
            del self._held[path]

    async def close(self) -> None:
        """Cancel what is under way."""
        tasks = [task for task in self._held.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()

    def _task(self, path: str) -> asyncio.Task[bytes]:
        task = self._held.get(path)
        if task is None:
            task = asyncio.create_task(self._ask(path))
            task.add_done_callback(lambda done: self._arrived(path, done))
            self._held[path] = task
        return task

    async def _ask(self, path: str) -> bytes:
        return await self._get(path)

    def _arrived(self, path: str, task: asyncio.Task[bytes]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._held.get(path) is task:
            del self._held[path]
        while len(self._held) > _HELD:
            oldest = next((p for p, t in self._held.items() if t.done()), None)
            if oldest is None:
                return
            del self._held[oldest]
