"""An outbox in memory that keeps the promises of `modgate.model.outbox.Outbox`."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.model.outbox import Delivery, Message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["MemoryOutbox"]


class MemoryOutbox:
    """Keeps messages for as long as it lives; `broken` makes every method raise."""

    def __init__(self) -> None:
        self.broken = False
        self._rows: dict[int, Delivery] = {}
        self._moved: dict[int, float] = {}
        self._keys: set[tuple[str, str]] = set()
        self._marks: dict[str, str] = {}
        self._last = 0

    async def enqueue(self, messages: Sequence[Message], *, mark: tuple[str, str] | None = None) -> int:
        self._check()
        new = 0
        for message in messages:
            if (message.target, message.key) in self._keys:
                continue
            self._keys.add((message.target, message.key))
            self._last += 1
            self._rows[self._last] = Delivery(self._last, message)
            self._moved[self._last] = message.at
            new += 1
        if mark is not None:
            self._marks[mark[0]] = mark[1]
        return new

    async def mark(self, name: str) -> str:
        self._check()
        return self._marks.get(name, "")

    async def waiting(self, target: str, *, limit: int = 100) -> list[Delivery]:
        self._check()
        rows = (row for row in self._rows.values() if row.state == "waiting" and row.message.target == target)
        return sorted(rows, key=lambda row: row.number)[:limit]

    async def delivered(self, number: int, *, at: float) -> None:
        self._check()
        row = self._rows.get(number)
        if row is not None and row.state == "waiting":
            self._rows[number] = replace(row, state="delivered", error="")
            self._moved[number] = at

    async def failed(self, number: int, *, error: str, next_at: float | None) -> None:
        self._check()
        row = self._rows.get(number)
        if row is None or row.state != "waiting":
            return
        tried = replace(row, attempts=row.attempts + 1, error=error)
        self._rows[number] = (
            replace(tried, state="dead") if next_at is None else replace(tried, next_at=next_at)
        )
        if next_at is not None:
            self._moved[number] = next_at

    async def replay(self, *, target: str = "", number: int | None = None, at: float) -> int:
        self._check()
        chosen = [
            row
            for row in self._rows.values()
            if row.state == "dead"
            and target in {"", row.message.target}
            and (number is None or row.number == number)
        ]
        for row in chosen:
            self._rows[row.number] = replace(row, state="waiting", attempts=0, next_at=at)
            self._moved[row.number] = at
        return len(chosen)

    async def delivery(self, number: int) -> Delivery | None:
        self._check()
        return self._rows.get(number)

    async def deliveries(self, *, state: str = "", target: str = "", limit: int = 100) -> list[Delivery]:
        self._check()
        rows = [
            row
            for row in self._rows.values()
            if state in {"", row.state} and target in {"", row.message.target}
        ]
        return sorted(rows, key=lambda row: -row.number)[:limit]

    async def counts(self) -> Mapping[tuple[str, str], int]:
        self._check()
        return Counter((row.message.target, row.state) for row in self._rows.values())

    async def forget(self, *, before: float) -> int:
        self._check()
        gone = [
            number
            for number, row in self._rows.items()
            if row.state != "waiting" and self._moved[number] < before
        ]
        for number in gone:
            del self._rows[number]
        return len(gone)

    def _check(self) -> None:
        if self.broken:
            raise Unavailable("the ledger is away")
