"""Operations on real books in a ledger in memory, and nothing else of a gate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modgate.firewall.owners import Owners, parse_owners
from modgate.firewall.scribe import Scribe
from modgate.firewall.tally import Tally
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from modgate.model.operations import Failure, Item, Summary
from modgate.operations import Works, run_operation
from modgate.operations.records import Records
from modgate.policy.advisories import AdvisoryIndex
from modgate.storage.memory import MemoryStore
from modgate.wiring.books import build_books

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisory

NOW = 1_800_000_000.0

TEAMS = """
[[teams]]
name = "payments"
consumers = ["payments-*"]
owner = "Ada"
contact = "payments@example.com"
"""


class BooksScene:
    """Open it with `await BooksScene().open()`, and close it."""

    def __init__(self) -> None:
        self.tally = Tally(clock=lambda: NOW)
        self.scribe = Scribe()
        self.owners: Owners = parse_owners(TEAMS, "teams.toml")
        self.index: AdvisoryIndex | None = None
        self.listed: tuple[Version, ...] = ()
        self.moved = 0

    async def open(self) -> BooksScene:
        self.ledger = await SqlLedger.open_memory(clock=lambda: NOW)
        self.books = build_books(self.ledger, clock=lambda: NOW)
        return self

    async def close(self) -> None:
        await self.ledger.close()

    def know(self, *advisories: Advisory) -> None:
        self.index = AdvisoryIndex(advisories)

    def used(self, consumer: str, path: str, version: str, kind: str = "zip", times: int = 1) -> None:
        for _ in range(times):
            self.tally.account(consumer).count(f"{kind} {path}@{version}")

    def records(self) -> Records:
        async def settle() -> None:
            await self.tally.flush(self.books.consumers)
            await self.scribe.flush(self.books.audit)

        async def listed(_path: ModulePath) -> tuple[Version, ...]:
            return self.listed

        async def moved() -> None:
            self.moved += 1

        return Records(
            consumers=self.books.consumers,
            audit=self.books.audit,
            decisions=self.books.decisions,
            waivers=self.books.waivers,
            owners=lambda: self.owners,
            known=lambda: self.index,
            listed=listed,
            settle=settle,
            forget=self.tally.forget,
            changed_waivers=moved,
        )

    async def run(self, name: str, /, *, who: str = "ops", **params: Any) -> tuple[list[Item], Summary]:
        """The items and the summary. Fails the test for a `Failure`."""
        items, end = await self.tried(name, who=who, **params)
        assert isinstance(end, Summary), end
        return items, end

    async def tried(
        self, name: str, /, *, who: str = "ops", **params: Any
    ) -> tuple[list[Item], Summary | Failure | None]:
        works = Works(
            store=MemoryStore(1 << 20, clock=lambda: NOW),
            ledger=MemoryLedger(clock=lambda: NOW),
            way=None,  # type: ignore[arg-type]  # nothing here fills
            way_from=None,  # type: ignore[arg-type]
            database=None,  # type: ignore[arg-type]
            kept=lambda _path: False,
            status=None,  # type: ignore[arg-type]
            clock=lambda: NOW,
            monotonic=lambda: 0.0,
            concurrency=1,
            serving=False,
            records=replace(self.records(), who=who),
        )
        items: list[Item] = []
        end: Summary | Failure | None = None
        async for event in run_operation(works, name, params):
            if isinstance(event, Item):
                items.append(event)
            elif isinstance(event, (Summary, Failure)):
                end = event
        return items, end
