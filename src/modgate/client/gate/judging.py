"""The versions of lock files, each judged once, with the lines at which they stand.

What counts is what a build may run: versions whose zip a go.sum vouches for. A version of which it has the
go.mod alone is part of the graph and none of the build.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modgate.client.sums.lines import read_lines
from modgate.model.advisory import Severity
from modgate.model.decision import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.sums.places import Place
    from modgate.model.check import Judged

__all__ = ["Judge", "Locked", "Report", "Row", "judge_places", "standing_of", "worst_first"]


@dataclass(frozen=True, slots=True)
class Locked:
    """A version as a lock file names it."""

    path: str
    version: str
    file: str
    line: int

    @property
    def name(self) -> str:
        """`module@version`."""
        return f"{self.path}@{self.version}"


@dataclass(frozen=True, slots=True)
class Row:
    """A version and what is said of it."""

    locked: Locked
    judged: Judged

    @property
    def standing(self) -> str:
        """See `standing_of`."""
        return standing_of(self.judged)


@dataclass(frozen=True, slots=True)
class Report:
    """All rows in the order of the files, and what they were judged by.

    Attributes:
        rows: One for each version of each file.
        by: The gate's address, or the files that were judged by.
        revision: The policy's revision, empty for none.
        files: The names of the lock files.
        malformed: How many lines of them are none.
    """

    rows: tuple[Row, ...]
    by: str
    revision: str
    files: tuple[str, ...]
    malformed: int = 0

    @property
    def refused(self) -> tuple[Row, ...]:
        """Those that may not be built with."""
        return tuple(row for row in self.rows if row.standing == "refused")

    @property
    def warned(self) -> tuple[Row, ...]:
        """Those that somebody should look at."""
        return tuple(row for row in self.rows if row.standing == "warned")

    @property
    def unjudged(self) -> tuple[Row, ...]:
        """Those of which nothing is known."""
        return tuple(row for row in self.rows if row.standing == "unknown")

    @property
    def waived(self) -> tuple[Row, ...]:
        """Those that a waiver lets pass."""
        return tuple(row for row in self.rows if row.standing == "waived")


class Judge(Protocol):
    """Says what applies to versions."""

    @property
    def name(self) -> str:
        """What it goes by, for people."""

    async def judge(self, versions: Sequence[tuple[str, str]]) -> tuple[str, list[Judged]]:
        """The policy's revision, and what applies to each (path, version), in order. Raises ModgateError."""


def standing_of(judged: Judged) -> str:
    """`refused`, `warned`, `waived`, `allowed` or `unknown`."""
    if judged.effect not in set(Effect):
        return "unknown"
    effect = Effect(judged.effect)
    if effect.refuses:
        return "refused"
    if judged.waiver:
        return "waived"
    return "warned" if effect is not Effect.ALLOW else "allowed"


async def judge_places(places: Sequence[Place], judge: Judge) -> Report:
    """Judge every version that the files have a zip's hash of. Raises what the judge raises."""
    read = [read_lines(place.data, place.name) for place in places]
    locked = [
        Locked(entry.path, entry.version, each.name, entry.hashes(go_mod=False)[0].number)
        for each in read
        for entry in each.entries
        if entry.hashes(go_mod=False)
    ]
    versions = list(dict.fromkeys((each.path, each.version) for each in locked))
    revision, judged = await judge.judge(versions) if versions else ("", [])
    by_version = dict(zip(versions, judged, strict=True))
    rows = tuple(Row(each, by_version[each.path, each.version]) for each in locked)
    wrong = sum(fault.kind.value in {"malformed", "merge"} for each in read for fault in each.faults)
    return Report(rows, judge.name, revision, tuple(each.name for each in read), wrong)


def worst_first(row: Row) -> tuple[int, int, str]:
    """For sorting: refused before warned, grave before mild."""
    order = ("refused", "warned", "unknown", "waived", "allowed").index(row.standing)
    return order, -Severity(row.judged.severity).rank, row.locked.name
