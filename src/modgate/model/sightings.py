"""When a version was first seen, and what examining it found: the promises of that book.

Checksum-database records carry no time, and a commit's time is whatever its author wrote. So what a gate
goes by
is what it saw itself, and when it began to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.types import ModulePath, ModuleVersion, Version

__all__ = ["ScanVerdict", "Sighting", "SightingBook"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """When a version is known to have existed.

    Attributes:
        path: The module.
        version: The version.
        at: Unix seconds.
        how: `log` (the checksum database had it by then), `index` (the module index announced it), `list`
        (it was
            new in a list that was known before), `first-list` (it stood in the first list that was seen, so
            it
            may be of any age), `commit` (its commit says so).
    """

    path: ModulePath
    version: Version
    at: float
    how: str


@dataclass(frozen=True, slots=True)
class ScanVerdict:
    """What a scanner said of a zip.

    Attributes:
        h1: Of which bytes.
        scanner: Which scanner, with its version or settings' digest: another one asks anew.
        clean: Whether it may be released.
        summary: One line for people.
        at: Unix seconds.
    """

    h1: str
    scanner: str
    clean: bool
    summary: str
    at: float


class SightingBook(Protocol):
    """Keeps sightings and verdicts. Raises `Unavailable` for what is broken, and nothing else."""

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        """Add those that are new: for one (version, how) the earliest time stands."""

    async def sightings(self, path: ModulePath) -> dict[Version, dict[str, float]]:
        """For each version of a module the time by `how`."""

    async def verdict(self, h1: str, scanner: str) -> ScanVerdict | None:
        """What a scanner said of these bytes."""

    async def add_verdict(self, verdict: ScanVerdict, version: ModuleVersion) -> None:
        """Record it, with its row in the audit; a later one replaces it."""

    async def licences(self, version: ModuleVersion) -> tuple[str, ...] | None:
        """The SPDX ids found in its zip; None where nobody looked."""

    async def add_licences(self, version: ModuleVersion, found: tuple[str, ...]) -> None:
        """Record what was found."""
