"""What a source says to a request."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.gomod.protocol import Request
    from modgate.model.blob import Blob
    from modgate.model.decision import Decision

__all__ = ["Answer", "Facts", "RunOverBody", "Verification"]


class Verification(enum.StrEnum):
    """How the bytes were proved; the value of the `Modgate-Verified` header.

    `sumdb`: the checksum database has them, with an inclusion proof. `local`: exempt from the
    database, and equal to what this gate recorded when it saw the version first. `log`: exempt, and
    recorded in the gate's own checksum log. `none`: nothing to compare with (a first sight of an exempt
    module; a list; an `.info`, which no hash covers).
    """

    SUMDB = "sumdb"
    LOG = "log"
    LOCAL = "local"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Facts:
    """What checking a whole object established: `h1` (empty where it has none) and the proof."""

    h1: str = ""
    verified: Verification = Verification.NONE


RunOverBody = Callable[[Callable[[BinaryIO], Any]], Awaitable[Any]]
"""Runs a pure function over the whole body in a thread and returns its result: `BlobWriter.check`."""


@dataclass(slots=True)
class Answer:
    """The head of an answer and its body.

    Attributes:
        request: What was asked.
        body: The bytes; a stored blob; or a stream, which ends normally only if it was complete
            and otherwise raises (`Unavailable`, `Tampered`). A stream has exactly one reader.
        size: Bytes of the body if known.
        verified: How the bytes were, or with `check` will be, proved.
        sha256: Hex SHA-256 of the bytes where known (the strong ETag).
        age: Seconds since a source confirmed a mutable answer; None for immutable ones.
        max_age: Seconds for which a mutable answer may still be reused; None for immutable ones.
        stale: True for a mutable answer that is served past its time because its source is down.
        check: Where set, the whole body must pass this before its last byte reaches anyone or
            anything is stored. It is given `BlobWriter.check`, which runs its pure part in a thread.
            Raises Tampered for a wrong hash, Unavailable for bytes that are no such object.
        decision: What the policy says of the version; None where nobody asked.
        personal: Whether another consumer may be answered otherwise: such an answer is shared by nobody.
    """

    request: Request
    body: bytes | Blob | AsyncIterator[bytes]
    size: int | None = None
    verified: Verification = Verification.NONE
    sha256: str = ""
    age: float | None = None
    max_age: float | None = None
    stale: bool = False
    check: Callable[[RunOverBody], Awaitable[Facts]] | None = None
    decision: Decision | None = None
    personal: bool = False
