"""What every reader of an advisory database gives: entries as raw bytes, one after the other, and their sum.

A reader knows where entries lie, `policy.osv` knows what they mean: between them goes nothing but bytes with
a name. One entry that cannot be read or says nothing sensible must not lose the thousands beside it: it is
counted and told. A database out of which nothing at all could be read is no database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.policy import osv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modgate.model.advisory import Advisory

__all__ = ["MAX_ENTRIES", "MAX_ENTRY", "TOLD", "Entry", "Gathered", "fault_line", "gather"]

MAX_ENTRY = 4 << 20
"""Bytes of one entry; the largest of the Go database has 60 kB."""

MAX_ENTRIES = 500_000
"""How many entries are read of one database: all of OSV's for every ecosystem are fewer."""

TOLD = 20
"""How many broken entries are told by name; all of them are counted."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as it lies in its database.

    Attributes:
        id: Its id as far as its place tells (a file's name); may be empty.
        data: One JSON object in the form of the OSV schema; empty where there is a fault.
        where: Its place, for people: `db.zip: GO-2024-2687.json`, `db.jsonl: line 12`.
        fault: Why its bytes could not be had; empty where they were.
    """

    id: str
    data: bytes
    where: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A database that was read.

    Attributes:
        advisories: In the order they came; entries that concern no Go module are left out.
        entries: How many entries came, broken ones and those without a Go module included.
        broken: How many of them could not be read.
        faults: The first `TOLD` of these, each in one line.
    """

    advisories: tuple[Advisory, ...]
    entries: int = 0
    broken: int = 0
    faults: tuple[str, ...] = ()


def gather(entries: Iterable[Entry], *, source: str) -> Gathered:
    """Read all entries of a database; `source` is its name as configured, without secrets.

    Raises Invalid where not a single entry is one, and what the iterator raises.
    """
    advisories: list[Advisory] = []
    faults: list[str] = []
    count = broken = 0
    for entry in _limited(entries, source):
        count += 1
        fault = entry.fault
        if not fault:
            try:
                advisory = osv.parse(entry.data, source=source, name=entry.id)
            except Invalid as error:
                fault = error.what
            else:
                if advisory.blocks:
                    advisories.append(advisory)
                continue
        broken += 1
        if len(faults) < TOLD:
            faults.append(fault_line(entry.where or entry.id, fault))
    if count == broken:
        first = faults[0] if faults else "it holds no entry"
        raise Invalid(
            f"{source} holds no advisory that can be read: {first}",
            next_step="A source is an address of a Go vulnerability database, a folder or zip of OSV files, "
            "or a JSON, JSONL or JSONL.gz file of OSV entries.",
        )
    return Gathered(tuple(advisories), count, broken, tuple(faults))


def fault_line(where: str, what: str) -> str:
    """A fault in one line, without what a terminal would obey: names come from whoever made the database."""
    return "".join(char if char.isprintable() else "�" for char in f"{where}: {what}")


def _limited(entries: Iterable[Entry], source: str) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number >= MAX_ENTRIES:
            raise Invalid(f"{source} holds more than {MAX_ENTRIES} entries")
        yield entry
