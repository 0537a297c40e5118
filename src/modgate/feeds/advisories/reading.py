"""Reading a database anew: what a reader is given, and what becomes of the entries that it finds.

A reader (`database`, `archive`, `local`) knows where entries lie and how to tell that nothing has changed. It
hands each entry to a `Taking`, which reads it (`policy.osv`), leaves out what concerns no Go module, and
writes the rest into a new pack. An entry whose bytes are those of the last time is neither parsed nor
compressed again.

Nothing that is in force changes while it is read: the new pack takes the old one's place only when `sync`
finds it sound.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from modgate.errors import Invalid
from modgate.feeds.advisories import ratings
from modgate.feeds.advisories.entries import MAX_ENTRIES, TOLD, fault_line
from modgate.feeds.advisories.pack import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from modgate.feeds.advisories.entries import Entry
    from modgate.feeds.advisories.pack import Pack, PackWriter
    from modgate.model.advisory import Advisory

__all__ = ["Known", "Reader", "Reading", "Taking"]


@dataclass(frozen=True, slots=True)
class Known:
    """What is in force of one database: its pack (None before it was first read), and what is in it."""

    pack: Pack | None = None
    advisories: Mapping[str, Advisory] = field(default_factory=dict)


class Taking:
    """Entries on their way into a new pack. One thread at a time uses it.

    Attributes:
        advisories: What was taken so far, by id.
        entries: How many entries came, with those that concern no Go module and broken ones.
        broken: How many of them could not be read.
        faults: The first `TOLD` of these, each in one line.
    """

    def __init__(self, writer: PackWriter, known: Known, source: str) -> None:
        self.writer = writer
        self._known = known
        self._source = source
        self.advisories: dict[str, Advisory] = {}
        self.entries = 0
        self.broken = 0
        self.faults: list[str] = []

    def take(self, entry: Entry) -> None:
        """Take an entry up. Raises Invalid where there are too many, Unavailable for a broken disk."""
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise Invalid(f"it holds more than {MAX_ENTRIES} entries", where=self._source)
        if entry.fault:
            self.fault(entry.where or entry.id, entry.fault)
            return
        pack = self._known.pack
        before = pack.entries.get(entry.id) if pack is not None and entry.id else None
        if before is not None and before.digest == digest_of(entry.data):
            self.keep(entry.id)
            return
        try:
            advisory = ratings.parse(entry.data, source=self._source, name=entry.id)
        except Invalid as error:
            self.fault(entry.where or entry.id, error.what)
            return
        if advisory.blocks and self.writer.add(advisory.id, entry.data):
            self.advisories[advisory.id] = advisory

    def keep(self, identifier: str) -> bool:
        """Take over what is in force of an entry; False where nothing is. Raises Unavailable."""
        pack, advisory = self._known.pack, self._known.advisories.get(identifier)
        if pack is None or advisory is None:
            return False
        if self.writer.carry(pack, identifier):
            self.advisories[identifier] = advisory
        return True

    def fault(self, where: str, what: str) -> None:
        """An entry cannot be read."""
        self.broken += 1
        if len(self.faults) < TOLD:
            self.faults.append(fault_line(where, what))


@dataclass(frozen=True, slots=True)
class Reading:
    """A database that was read.

    Attributes:
        taking: Its entries.
        marks: What names the state that was read: given to the next reading. Empty: read all of it again.
        error: What is missing, where some of it could not be had; empty otherwise.
    """

    taking: Taking
    marks: Mapping[str, str]
    error: str = ""


class Reader(Protocol):
    """Reads one database."""

    @property
    def path(self) -> Path | None:
        """Where it lies on this machine's disk; None for one on the network."""

    async def read(
        self, known: Known, marks: Mapping[str, str], begin: Callable[[], Taking]
    ) -> Reading | None:
        """Read it; None where it is as `marks` (of the last reading, whose content is `known`) say.

        `begin` makes what entries are handed to. Raises Absent, Invalid, Denied, Unavailable where the
        database cannot be read.
        """
