"""The promises of the audit: what happened, in order, such that a change of it is noticed.

Each row carries the hash of the row before it, so that a row that was changed, removed or put in between
breaks
the chain from there on; a tail that was cut off is found by whoever noted an earlier head (`AuditHead`). Rows
name consumers by reference only (`consumers.py`), so an erased name breaks nothing.

`hash(n) = SHA-256(hash(n-1) || canonical JSON of row n)`, where the JSON object holds the members number, at,
kind, path, version, consumer (the reference), decision, facts; its keys sorted, without white space, UTF-8;
hash(0) is 32 zero bytes and numbers begin at 1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from modgate.model.ledger import VerificationRecord

__all__ = ["GENESIS", "AuditBook", "AuditFilter", "AuditHead", "AuditRow", "Event", "row_hash"]

GENESIS = bytes(32)
"""What stands before the first row."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be written down.

    Attributes:
        at: Unix seconds.
        kind: `verified`, `decision`, `waiver`, `policy`, `advisories`, `tampered`, `published`, `erased`,
            `operation`, `scan`, `pruned`.
        path: The module; empty where it is not about one.
        version: The version; empty likewise.
        consumer: The consumer's name; empty for none. It is stored as its reference.
        decision: The id of the decision; empty for none.
        facts: The rest, plain JSON values, no personal names.
    """

    at: float
    kind: str
    path: str = ""
    version: str = ""
    consumer: str = ""
    decision: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An event in its place. `event.consumer` holds the reference; `name` the name as far as it is known."""

    number: int
    event: Event
    previous: bytes
    hash: bytes
    name: str = ""


class AuditHead(NamedTuple):
    """The last row's number and hash: whoever keeps one can prove that nothing up to it was changed."""

    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows: every field that is set must match; `since` and `until` in Unix seconds."""

    path: str = ""
    version: str = ""
    kind: str = ""
    consumer: str = ""
    since: float = 0.0
    until: float = float("inf")


def row_hash(previous: bytes, number: int, event: Event) -> bytes:
    """The hash of a row whose `event.consumer` is a reference: 32 bytes."""
    body = {
        "number": number,
        "at": event.at,
        "kind": event.kind,
        "path": event.path,
        "version": event.version,
        "consumer": event.consumer,
        "decision": event.decision,
        "facts": dict(event.facts),
    }
    return hashlib.sha256(previous + msgspec.json.encode(body, order="sorted")).digest()


class AuditBook(Protocol):
    """Keeps the audit. Raises `Unavailable` for what is broken, and nothing else."""

    async def append(self, events: Sequence[Event]) -> AuditHead:
        """Write events after the last row, durably and in one step; safe beside other processes.

        A first sight (`verified` or `published`, with the fact `kind`: `mod` or `zip`) has one row: where it
        stands already, or stands twice among the events, it is not written again.
        """

    def unwritten(self, *, since: float, until: float) -> AsyncGenerator[list[VerificationRecord], None]:
        """First sights from `since` on and before `until` (Unix seconds) that have no row, in small batches;
        not those that are older than the oldest row of an audit that was pruned.
        """

    def rows(self, wanted: AuditFilter, *, after: int = 0) -> AsyncGenerator[list[AuditRow], None]:
        """Rows in order, in batches of at most some hundred."""

    async def head(self) -> AuditHead:
        """The last row; number 0 and `GENESIS` where there is none."""

    async def verify(self, known: AuditHead | None = None) -> list[str]:
        """What is wrong with the chain, one line each, none where it holds: a changed, missing or foreign
        row;
        where `known` is given, also whether the row of that number still has that hash.
        """

    async def prune(self, *, before: float, keep: int) -> int:
        """Drop the oldest rows, older than `before` and never the newest `keep`; a row `pruned` then tells up
        to which number and hash, from which `verify` goes on. How many went.
        """
