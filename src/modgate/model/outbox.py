"""The promises of the outbox: a message is in the same transaction as what it tells of, and leaves at least
once.

A message belongs to a target (a configured webhook) and has a key: one key is taken once for each target, for
ever, so whoever finds the same thing twice tells it once. Targets are served apart, each in the order
in which its messages came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Delivery", "Message", "Outbox"]


@dataclass(frozen=True, slots=True)
class Message:
    """Something for somebody to hear.

    Attributes:
        target: The name of the webhook it goes to.
        key: What makes it one and the same, such as `advisory:GO-2024-2687:team-a:…`.
        event: `advisory`, `denied`, `tampered`, `waiver-expiring`, `waiver-expired`, `policy-broken`,
        `scan`, `test`.
        consumer: Whom it concerns; empty for the operators.
        body: Plain JSON values: what, why, the fix. Rendered for the target when it is sent.
        at: Unix seconds.
    """

    target: str
    key: str
    event: str
    at: float
    consumer: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message in the outbox.

    Attributes:
        number: Its place: grows.
        message: What it says.
        attempts: How often it was sent in vain.
        next_at: Unix seconds before which it is not sent again.
        error: What the last attempt met.
        state: `waiting`, `delivered` or `dead` (given up; kept for `replay`).
    """

    number: int
    message: Message
    attempts: int = 0
    next_at: float = 0.0
    error: str = ""
    state: str = "waiting"


class Outbox(Protocol):
    """Keeps messages until they are delivered. Raises `Unavailable` for what is broken, and nothing else."""

    async def enqueue(self, messages: Sequence[Message], *, mark: tuple[str, str] | None = None) -> int:
        """Put messages in, in one transaction with a mark (name, value) that says how far its maker is; how
        many were new.
        """

    async def mark(self, name: str) -> str:
        """The value of a mark; empty where there is none."""

    async def waiting(self, target: str, *, limit: int = 100) -> list[Delivery]:
        """The oldest messages of a target that wait, in order, whether their time has come or not."""

    async def delivered(self, number: int, *, at: float) -> None:
        """It was taken."""

    async def failed(self, number: int, *, error: str, next_at: float | None) -> None:
        """It was not: again at `next_at`, or never (None: dead)."""

    async def replay(self, *, target: str = "", number: int | None = None, at: float) -> int:
        """Dead messages wait again, with no attempts; how many."""

    async def delivery(self, number: int) -> Delivery | None:
        """The message of a number; None where there is none."""

    async def deliveries(self, *, state: str = "", target: str = "", limit: int = 100) -> list[Delivery]:
        """The newest first."""

    async def counts(self) -> Mapping[tuple[str, str], int]:
        """How many messages there are, by target and state."""

    async def forget(self, *, before: float) -> int:
        """Drop delivered and dead ones from before then; their keys stay taken. How many."""
