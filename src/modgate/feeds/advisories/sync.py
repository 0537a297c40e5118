"""Keeping what is known of every configured database fresh, without ever losing what was known.

A look at a database:

1. Its reader says that nothing changed, or hands over what it holds now.
2. That is refused where it makes no sense: not one readable entry, or less than half of what was known, which
   is a broken export far more often than a database that shrank.
3. The new pack takes the old one's place in one step, on the disk first.
4. How it went is noted.

Whatever fails leaves the last good content in force, and the state says what failed and how old that is.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.feeds.advisories import ratings
from modgate.feeds.advisories.kept import Look
from modgate.feeds.advisories.reading import Known, Taking
from modgate.model.advisory import SyncState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modgate.feeds.advisories.kept import Kept
    from modgate.feeds.advisories.reading import Reader, Reading

__all__ = ["Outcome", "Source"]

_SMALL: Final = 10
"""Below so many entries a database may lose any number: half of three says nothing."""

_log = structlog.get_logger("modgate.advisories")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a look at a database went.

    Attributes:
        state: What is known of it after that.
        changed: Whether its content is another.
        new: Entries that were not there before.
        altered: Entries that say something else.
        withdrawn: Entries that were withdrawn since.
        gone: Entries that are there no more.
        faults: Entries that cannot be read, each in one line, the first few.
        broken: How many they are.
        seconds: How long it took.
    """

    state: SyncState
    changed: bool = False
    new: int = 0
    altered: int = 0
    withdrawn: int = 0
    gone: int = 0
    faults: tuple[str, ...] = ()
    broken: int = 0
    seconds: float = 0.0


class Source:
    """One database: what is in force of it, and the way to look again. Belongs to one event loop.

    Args:
        name: As configured, without secrets.
        reader: Reads it.
        kept: Where it is kept.
        clock: Unix seconds.
        monotonic: Seconds, for durations.
    """

    def __init__(
        self,
        name: str,
        reader: Reader,
        kept: Kept,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._reader = reader
        self._kept = kept
        self._clock = clock
        self._monotonic = monotonic
        self._one = asyncio.Lock()
        self._look = Look()
        self.known = Known()
        self.failures = 0

    @property
    def path(self) -> Path | None:
        """Where it lies on this machine's disk; None for one on the network."""
        return self._reader.path

    @property
    def marks(self) -> Mapping[str, str]:
        """What names the state that was last read."""
        return self._look.marks

    @property
    def state(self) -> SyncState:
        """How old what is known is."""
        pack = self.known.pack
        return SyncState(
            self.name,
            digest="" if pack is None else pack.digest,
            entries=len(self.known.advisories),
            checked_at=self._look.checked_at,
            changed_at=0.0 if pack is None else pack.changed_at,
            error=self._look.error,
        )

    async def load(self) -> bool:
        """Take up what was kept, without asking anybody; whether there was anything."""
        async with self._one:
            self.known, self._look = await asyncio.to_thread(self._load)
            return self.known.pack is not None

    def _load(self) -> tuple[Known, Look]:
        pack, look = self._kept.load(self.name)
        if pack is None:
            return Known(), look
        advisories = {}
        for identifier in pack.entries:
            try:
                advisories[identifier] = ratings.parse(
                    pack.read(identifier), source=self.name, name=identifier
                )
            except ModgateError as error:
                # It was sound when it was taken: this program reads it otherwise. The next look asks anew.
                _log.warning("advisories: a kept entry cannot be read", entry=identifier, why=error.what)
                look = Look(digest=look.digest)
        return Known(pack, advisories), look

    async def look(self, *, smaller: bool = False) -> Outcome:
        """Look whether it has changed and take what it holds. Raises nothing of ours: the state says it.

        `smaller`: take it even where it has lost more than half of its entries.
        """
        async with self._one:
            began = self._monotonic()
            try:
                outcome = await self._looked(smaller=smaller)
            except ModgateError as error:
                outcome = await self._failed(str(error).replace("\n", " "))
            except Exception:  # noqa: BLE001  nothing may end what follows the databases
                _log.exception("advisories: a look at a database failed", database=self.name)
                outcome = await self._failed("a fault of this program; the log has more")
            return replace(outcome, seconds=self._monotonic() - began)

    async def _looked(self, *, smaller: bool) -> Outcome:
        writers: list[Taking] = []

        def begin() -> Taking:
            writers.append(Taking(self._kept.writer(self.name), self.known, self.name))
            return writers[-1]

        marks = {} if smaller else self._look.marks
        try:
            reading = await self._reader.read(self.known, marks, begin)  # 1
            if reading is None:
                await self._note(_with_error(self._look, ""), checked=True)
                self.failures = 0
                return Outcome(self.state)
            self._check(reading.taking, smaller=smaller)  # 2
            return await self._adopt(reading)
        finally:
            for taking in writers:
                await asyncio.to_thread(taking.writer.discard)

    def _check(self, taking: Taking, *, smaller: bool) -> None:
        before, now = len(self.known.advisories), len(taking.advisories)
        if not now:
            first = f": {taking.faults[0]}" if taking.faults else ""
            raise Invalid(f"it holds no advisory of a Go module that can be read{first}", where=self.name)
        if before >= _SMALL and now * 2 < before and not smaller:
            raise Invalid(
                f"it has {now} entries and had {before}: the {before} stay in force",
                where=self.name,
                next_step="If that is right: modgate advisories sync --accept-smaller.",
            )

    async def _adopt(self, reading: Reading) -> Outcome:
        taking, before = reading.taking, self.known
        now = self._clock()
        old = before.pack
        pack = await asyncio.to_thread(taking.writer.finish, now)  # 3
        changed = old is None or pack.digest != old.digest
        self.known = Known(pack, taking.advisories)
        look = Look(pack.digest, self._look.checked_at, dict(reading.marks), reading.error)
        await self._note(look, checked=True)  # 4
        self.failures = self.failures + 1 if reading.error else 0
        was = {} if old is None else old.entries
        return Outcome(
            self.state,
            changed=changed,
            new=sum(each not in was for each in pack.entries),
            altered=sum(
                each in was and was[each].digest != place.digest for each, place in pack.entries.items()
            ),
            withdrawn=sum(
                bool(each.withdrawn)
                and identifier in before.advisories
                and not before.advisories[identifier].withdrawn
                for identifier, each in taking.advisories.items()
            ),
            gone=sum(each not in pack.entries for each in was),
            faults=tuple(taking.faults),
            broken=taking.broken,
        )

    async def _failed(self, why: str) -> Outcome:
        self.failures += 1
        if self.failures == 1 or why != self._look.error:
            _log.warning("advisories: a database cannot be read", database=self.name, why=why)
        await self._note(_with_error(self._look, why), checked=False)
        return Outcome(self.state)

    async def _note(self, look: Look, *, checked: bool) -> None:
        self._look = Look(look.digest, self._clock() if checked else look.checked_at, look.marks, look.error)
        try:
            await asyncio.to_thread(self._kept.note, self.name, self._look)
        except Unavailable as error:
            _log.warning("advisories: how a look went cannot be kept", why=str(error))


def _with_error(look: Look, error: str) -> Look:
    """The same with another error."""
    return Look(look.digest, look.checked_at, look.marks, error)
