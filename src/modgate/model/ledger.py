"""The promises of the ledger: facts that need queries, and leases. It never holds blobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, ModuleVersion, Version

__all__ = ["Alert", "Lease", "Ledger", "Pin", "Sights", "TreeHead", "VerificationRecord"]


@dataclass(frozen=True, slots=True)
class VerificationRecord:
    """What was established about one object of a version when it was first seen.

    Attributes:
        version: The module version.
        kind: `mod` or `zip`.
        h1: The directory hash.
        verified: A `Verification` value.
        first_seen: Unix seconds.
    """

    version: ModuleVersion
    kind: str
    h1: str
    verified: str
    first_seen: float


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A verified tree head of a checksum database: records carry no time, so the history of
    (size, time) is what "first seen in the log" is read from.
    """

    database: str
    size: int
    root_hash: bytes
    seen_at: float


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one thing until `expires_at` (Unix seconds). `token` grows with each grant of
    the name, so that a late holder can be told from the present one (fencing).
    """

    name: str
    holder: str
    token: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must hear of: a Tampered verdict, a fork, bit rot."""

    kind: str
    subject: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Pin:
    """What must stay in the store, however long it is unused.

    Attributes:
        path: The module.
        version: The version; None for all of the module's, those that come later included.
        note: Why, for people.
        pinned_at: Unix seconds.
    """

    path: ModulePath
    version: Version | None
    note: str
    pinned_at: float


class Sights(Protocol):
    """The part of a ledger that keeps what was seen first; promises as `Ledger`."""

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """See `Ledger`."""

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """See `Ledger`."""


class Ledger(Protocol):
    """Records what was seen.

    Promises: every write is durable when it returns; records are never changed, only added (pins come
    and go); every method raises `Unavailable` when the database is locked, dead or corrupt, and nothing else.
    """

    async def first_seen(self, record: VerificationRecord) -> VerificationRecord:
        """Add the record unless (version, kind) has one; return the one that stands."""

    async def seen(self, version: ModuleVersion, kind: str) -> VerificationRecord | None:
        """The standing record."""

    async def add_tree_head(self, head: TreeHead) -> None:
        """Append to the history of a database; a size already there is kept as it is."""

    async def tree_heads(self, database: str, *, limit: int = 100) -> list[TreeHead]:
        """The newest heads first."""

    async def add_alert(self, alert: Alert) -> None:
        """Append an alert."""

    async def alerts(self, *, limit: int = 100) -> list[Alert]:
        """The newest alerts first."""

    async def add_pin(self, pin: Pin) -> bool:
        """Pin; True if it was not pinned. One that was keeps its time and takes the new note."""

    async def remove_pin(self, path: ModulePath, version: Version | None) -> bool:
        """Take this very pin back; True if it was there."""

    async def pins(self) -> list[Pin]:
        """All of them, by path, a whole module before its versions."""

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        """Take the lease for `ttl` seconds: if it is free, expired, or already the holder's (which
        renews it and keeps its token). None while another holds it, unless that lease ends later than
        one granted now would, which only a clock that was set back explains. All who ask for a name ask
        for the same `ttl`.
        """

    async def release(self, lease: Lease) -> bool:
        """Give it back early; False if it was no longer this holder's under this token."""

    async def ready(self) -> None:
        """Raises Unavailable when a write would fail now."""

    async def close(self) -> None:
        """Release connections."""
