"""Who used which versions: the promises of the book of consumers.

A consumer is a name that a request carries (a principal, a header's value, a certificate's name, a network).
In the database it stands once, in a row of its own, and everything else refers to it by a random reference: a
person who asks to be forgotten is taken out of that row, and no record, count or hash changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from modgate.gomod.types import ModulePath, ModuleVersion, Version

__all__ = ["ConsumerBook", "Fetches", "Person", "Use"]


class Fetches(NamedTuple):
    """How often a consumer was given a version within a span of time.

    Attributes:
        consumer: Its name.
        path: The module.
        version: The version.
        kind: `mod` or `zip`: reading a go.mod is no use of the code, receiving the zip is.
        times: How often.
        first: Unix seconds of the first.
        last: Unix seconds of the last.
    """

    consumer: str
    path: str
    version: str
    kind: str
    times: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Use:
    """A consumer's use of a version, all of its fetches added up.

    Attributes:
        consumer: Its name; `erased-…` with its reference where the name was erased.
        ref: Its reference, by which the audit names it.
        path: The module.
        version: The version.
        mods: How often it was given the go.mod.
        zips: How often it was given the zip.
        first: Unix seconds.
        last: Unix seconds.
    """

    consumer: str
    ref: str
    path: ModulePath
    version: Version
    mods: int
    zips: int
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Person:
    """What is held about one consumer: for an export on request."""

    name: str
    ref: str
    first: float
    last: float
    records: Mapping[str, Any] = field(default_factory=dict)


class ConsumerBook(Protocol):
    """Counts fetches by consumer. Every method raises `Unavailable` for what is broken, and nothing else."""

    async def add(self, fetches: Sequence[Fetches]) -> None:
        """Add a batch in one transaction: counts are summed, the first and the last time kept."""

    async def received(self, consumer: str, path: ModulePath) -> frozenset[Version]:
        """The versions of a module that a consumer was given (go.mod or zip)."""

    async def users(
        self, path: ModulePath, versions: Sequence[Version] | None = None, *, zips: bool = True
    ) -> list[Use]:
        """Who was given these versions (None: any) of a module; `zips`: only who has the zip. By consumer."""

    def in_use(self, *, since: float = 0.0) -> AsyncGenerator[list[ModuleVersion], None]:
        """Every version that some consumer was given the zip of, last used at `since` or later; in batches,
        ordered, each once.
        """

    async def consumers(self, *, limit: int = 1000, after: str = "") -> list[Person]:
        """Those that are known, by name, without their records."""

    async def reference(self, consumer: str) -> str:
        """Its reference, made where it is new."""

    async def export(self, consumer: str) -> Person | None:
        """Everything held about a consumer (uses, decisions, waivers, messages); None where nothing is."""

    async def erase(self, consumer: str) -> bool:
        """Forget the name and its uses; what else refers to it keeps the bare reference. True if it was
        there.
        A message to or about it that was not delivered yet is dropped.
        """

    async def forget(self, *, before: float) -> int:
        """Drop uses whose last fetch is older, and names that nothing refers to any more; how many uses."""
