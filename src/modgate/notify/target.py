"""A receiver of messages, and what an attempt to reach it came to.

Address and secrets are read at each attempt, so that a new one in its file needs no restart. Neither is ever
logged, counted or shown: a receiver is known by its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modgate.messages import Language

__all__ = ["Format", "Post", "Poster", "Reply", "Target"]

Format = Literal["json", "slack", "feishu", "dingtalk", "teams"]


@dataclass(frozen=True, slots=True)
class Target:
    """A configured webhook.

    Attributes:
        name: By which messages name it.
        format: The form of its messages.
        language: Of the texts in them.
        rate: At most so many messages a second.
        internal: Whether its address may be one of the internal network.
        address: Reads the address. Raises ModgateError.
        secrets: Reads the keys that sign, the newest first; none: unsigned. Raises ModgateError.
    """

    name: str
    format: Format
    language: Language
    address: Callable[[], str] = field(repr=False)
    secrets: Callable[[], tuple[bytes, ...]] = field(repr=False, default=tuple)
    rate: float = 5.0
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Post:
    """One attempt: what is sent. `url` is a secret."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str]
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered: the status, a beginning of the body, and `Retry-After` in seconds."""

    status: int
    body: bytes = b""
    retry_after: float | None = None


class Poster(Protocol):
    """Sends. Raises Unavailable, without the address, where there was no answer; Denied where the address
    may not be reached.
    """

    async def post(self, post: Post) -> Reply:
        """Whatever the receiver answered, redirects included, which are not followed."""

    async def close(self) -> None:
        """Close every connection."""
