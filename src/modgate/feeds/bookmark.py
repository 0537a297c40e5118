"""Where a follower is in its feed, kept over restarts.

Losing it costs little: a follower without one begins so far back that everything it missed has expired by
itself. So a bookmark that cannot be read is no bookmark, and one that cannot be written stops nobody.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

__all__ = ["Awaited", "Bookmark", "MemoryBookmark", "Place"]


class Awaited(msgspec.Struct, frozen=True):
    """A module whose answers are still to be refreshed.

    Attributes:
        path: The module.
        versions: Announced ones that its list ought to name.
        since: When the first of them was announced, in nanoseconds.
    """

    path: str
    versions: tuple[str, ...]
    since: int


class Place(msgspec.Struct, frozen=True):
    """A place in a feed.

    Attributes:
        url: The feed that it is a place in, without user info.
        cursor: Up to where it was read, in nanoseconds since 1970.
        anchor: The latest entry that was ever seen, which an honest feed still has; 0 before there was one.
        awaited: What was read and not yet done.
    """

    url: str
    cursor: int
    anchor: int = 0
    awaited: tuple[Awaited, ...] = ()


class Bookmark(Protocol):
    """Keeps one place."""

    async def load(self) -> Place | None:
        """What was saved last; None where nothing was, or nothing that can be read. Raises nothing."""

    async def save(self, place: Place) -> None:
        """Keep it, whole or not at all. Raises Unavailable."""


class MemoryBookmark:
    """A place for as long as this process lives: for a store in memory, and the twin of the file."""

    def __init__(self) -> None:
        self._place: Place | None = None

    async def load(self) -> Place | None:
        """What was saved last."""
        return self._place

    async def save(self, place: Place) -> None:
        """Keep it."""
        self._place = place
