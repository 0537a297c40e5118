"""How old a version is, by what this gate saw itself (docs/adr/0015).

A checksum database's records carry no time, and a commit's time is whatever its author wrote. Evidence, each
of which says "it was there by then":

1. `log`: the record of the version lies behind an earlier tree head that this gate kept, and before a later
   one: it was known by the time of the later.
2. `index`: the feed of the module index announced it.
3. `list`: it was new in a list that this gate knew before.
4. `commit`: none of these, so it was there before this gate began to watch: its commit's time, and never
   later than the first list in which it stood.

The earliest of 1 to 3 counts; only without any of them 4. Lists are long, so of a list only the newest
versions of unknown age are dated by their commits; those below count as old. A version that is asked for by
its name is dated exactly, with a look into the log.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from modgate.errors import Unavailable
from modgate.gomod import semver
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.sightings import Sighting
from modgate.policy.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modgate.firewall.lists import Modules
    from modgate.firewall.patience import Patience
    from modgate.model.context import Context
    from modgate.model.sightings import SightingBook

__all__ = ["OLD", "Aged", "Ages", "LogTimes"]

_HELD = 4096
_DATED = 65_536
_NEWEST = 20
_AT_ONCE = 4
_SEEN = ("log", "index", "list")
_WAITING = 50_000


class Aged(NamedTuple):
    """Since when a version is known to have been there (Unix seconds), and by what."""

    at: float
    how: str


OLD = Aged(-math.inf, "")
"""Of a list's end, at which nobody looks."""


class LogTimes(Protocol):
    """What the checksum log says of times."""

    async def known_by(self, ctx: Context, version: ModuleVersion) -> float | Unknown | None:
        """When the log was first seen to have the version, where it was seen without it before; None where
        it was there already, or no log has it.
        """


@dataclass(slots=True)
class _Module:
    seen: dict[Version, dict[str, float]]
    read_at: float


class Ages:
    """Dates versions.

    Args:
        book: Where sightings are kept; None: in memory only.
        patience: How it is asked.
        modules: Says commit times.
        log: What the checksum log says; None without one.
        clock: Unix seconds.
    """

    def __init__(
        self,
        book: SightingBook | None,
        patience: Patience,
        modules: Modules,
        log: LogTimes | None,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._book = book
        self._patience = patience
        self._modules = modules
        self._log = log
        self._clock = clock
        self._held: OrderedDict[ModulePath, _Module] = OrderedDict()
        self._commits: OrderedDict[tuple[str, str], Aged] = OrderedDict()
        self._new: dict[tuple[str, str, str], Sighting] = {}
        self._writing: asyncio.Task[None] | None = None

    async def listed(self, path: ModulePath, versions: Sequence[Version]) -> None:
        """These are the versions of a module's list now."""
        module = await self._module(path)
        if isinstance(module, Unknown):
            return
        first = not any("list" in each or "first-list" in each for each in module.seen.values())
        how, now = "first-list" if first else "list", self._clock()
        for version in versions:
            times = module.seen.setdefault(version, {})
            if "list" not in times and "first-list" not in times:
                times[how] = now
                self._write(Sighting(path, version, now, how))

    def announced(self, sightings: Iterable[Sighting]) -> None:
        """The module index told of these."""
        for sighting in sightings:
            module = self._held.get(sighting.path)
            if module is not None:
                times = module.seen.setdefault(sighting.version, {})
                times[sighting.how] = min(sighting.at, times.get(sighting.how, sighting.at))
            self._write(sighting)

    async def of(
        self, ctx: Context, path: ModulePath, versions: Sequence[Version], *, exact: bool
    ) -> dict[Version, Aged | Unknown]:
        """The ages of some versions of a module: each looked for (`exact`), or as for a list."""
        module = await self._module(path)
        if isinstance(module, Unknown):
            return dict.fromkeys(versions, module)
        found: dict[Version, Aged | Unknown] = {}
        unknown = []
        for version in versions:
            aged = _earliest(module.seen.get(version, {}))
            if aged is None:
                unknown.append(version)
            else:
                found[version] = aged
        if not exact:
            unknown = sorted(unknown, key=semver.sort_key, reverse=True)
            found |= dict.fromkeys(unknown[_NEWEST:], OLD)
            unknown = unknown[:_NEWEST]
        turns = asyncio.Semaphore(_AT_ONCE)

        async def date(version: Version) -> Aged | Unknown:
            async with turns:
                return await self._dated(ctx, module, ModuleVersion(path, version), exact=exact)

        found |= zip(unknown, await asyncio.gather(*map(date, unknown)), strict=True)
        return found

    async def close(self) -> None:
        """Finish writing."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=5)

    async def _module(self, path: ModulePath) -> _Module | Unknown:
        module = self._held.get(path)
        if module is not None:
            self._held.move_to_end(path)
            return module
        book, seen = self._book, dict[Version, dict[str, float]]()
        if book is not None:
            asked = await self._patience.ask(lambda: book.sightings(path))
            if isinstance(asked, Unknown):
                return asked
            seen = {version: dict(times) for version, times in asked.items()}
        # Whoever asked at the same time may have begun to add to it.
        module = self._held.setdefault(path, _Module(seen, self._clock()))
        while len(self._held) > _HELD:
            self._held.popitem(last=False)
        return module

    async def _dated(
        self, ctx: Context, module: _Module, version: ModuleVersion, *, exact: bool
    ) -> Aged | Unknown:
        times = module.seen.get(version.version, {})
        if exact and self._log is not None:
            logged = await self._log.known_by(ctx, version)
            if isinstance(logged, Unknown):
                return logged
            if logged is not None:
                module.seen.setdefault(version.version, {})["log"] = logged
                self._write(Sighting(version.path, version.version, logged, "log"))
                return Aged(logged, "log")
        key = (version.path, version.version)
        aged = self._commits.get(key)
        if aged is None:
            text = await self._modules.committed(ctx, version)
            if isinstance(text, Unknown):
                return text
            if not text:
                return Unknown("neither the log nor its commit says when it came")
            aged = Aged(datetime.fromisoformat(text).timestamp(), "commit")
            self._commits[key] = aged
            while len(self._commits) > _DATED:
                self._commits.popitem(last=False)
        return aged._replace(at=min(aged.at, times.get("first-list", math.inf), self._clock()))

    def _write(self, sighting: Sighting) -> None:
        """Keep it, beside whatever goes on; while the ledger is dead a bounded number of them."""
        if self._book is None:
            return
        if len(self._new) < _WAITING:
            self._new[sighting.path, sighting.version, sighting.how] = sighting
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._flush(self._book))

    async def _flush(self, book: SightingBook) -> None:
        while self._new:
            batch = list(islice(self._new.items(), 500))
            try:
                await book.sight([sighting for _, sighting in batch])
            except Unavailable as error:
                structlog.get_logger("modgate.firewall").warning("sightings are not written", why=error.what)
                return
            for key, sighting in batch:
                if self._new.get(key) is sighting:
                    del self._new[key]


def _earliest(times: dict[str, float]) -> Aged | None:
    seen = [Aged(times[how], how) for how in _SEEN if how in times]
    return min(seen, default=None)
