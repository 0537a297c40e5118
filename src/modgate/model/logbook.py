"""The promises of the place where an own checksum log keeps its records: order, for ever.

A record's number is given once. Because numbers and texts never change, the tree of a size has one
root whoever computes it, and a signed head can be written after its records without the danger of a
second, different one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.types import ModuleVersion

__all__ = ["LogBook", "LogEntry", "LogHead"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A record: its number, whose it is, and its text (the lines of go.sum)."""

    number: int
    version: ModuleVersion
    text: bytes


@dataclass(frozen=True, slots=True)
class LogHead:
    """A signed head: the tree's size and the whole note."""

    size: int
    note: bytes


class LogBook(Protocol):
    """Keeps the records of logs, by the log's name. Raises Unavailable for everything broken."""

    async def append(self, log: str, records: Sequence[tuple[ModuleVersion, bytes]]) -> list[LogEntry]:
        """Number the records after the last one, durably and in one step, in their order.

        A version that has a record keeps it: the standing entry is returned, whatever its text.
        Safe beside other processes.
        """

    async def find(self, log: str, version: ModuleVersion) -> LogEntry | None:
        """The record of a version."""

    async def records(self, log: str, start: int, stop: int) -> list[LogEntry]:
        """The records `start:stop` in order, as far as there are."""

    async def size(self, log: str) -> int:
        """How many records there are."""

    async def set_head(self, log: str, head: LogHead) -> LogHead:
        """Keep a signed head; the first one of a size stands and is returned. Unavailable where there
        are not so many records.
        """

    async def head(self, log: str) -> LogHead | None:
        """The head of the largest size."""
