"""A firewall over in-memory books and a scripted source, with clocks that only the test moves."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.firewall.ages import Ages
from modgate.firewall.engine import Firewall
from modgate.firewall.facts import Gatherer, NobodyLooks
from modgate.firewall.lists import Modules
from modgate.firewall.patience import Patience
from modgate.firewall.received import Received
from modgate.firewall.recorder import Recorder
from modgate.policy.advisories import AdvisoryIndex
from modgate.policy.document import parse_policy
from modgate.policy.texts import denial_lines
from modgate.source.guarded import GuardedSource
from tests.support.sources import Clock, ScriptedSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.gomod.types import ModulePath, ModuleVersion, Version
    from modgate.model import Context
    from modgate.model.advisory import Advisories
    from modgate.model.consumers import Use
    from modgate.model.decisions import Recorded
    from modgate.model.sightings import Sighting
    from modgate.policy.facts import Unknown

__all__ = ["PATH", "Bench", "Books", "bench"]

PATH = "example.test/lib"


class Books:
    """The parts of the books that a firewall asks, in memory; `broken` answers as a dead database does."""

    def __init__(self) -> None:
        self.broken = False
        self.given: dict[tuple[str, str], frozenset[Version]] = {}
        self.seen: dict[str, dict[Version, dict[str, float]]] = {}
        self.recorded: list[Recorded] = []
        self.counts: dict[str, int] = {}
        self.asked = 0

    def _look(self) -> None:
        self.asked += 1
        if self.broken:
            raise Unavailable("the ledger is dead")

    async def received(self, consumer: str, path: ModulePath) -> frozenset[Version]:
        self._look()
        return self.given.get((consumer, path), frozenset())

    async def users(self, path: ModulePath) -> list[Use]:  # noqa: ARG002  the protocol's
        self._look()
        return []

    async def sightings(self, path: ModulePath) -> dict[Version, dict[str, float]]:
        self._look()
        return self.seen.get(path, {})

    async def sight(self, sightings: Sequence[Sighting]) -> None:
        self._look()
        for each in sightings:
            self.seen.setdefault(each.path, {}).setdefault(each.version, {}).setdefault(each.how, each.at)

    async def record(self, items: Sequence[Recorded]) -> list[bool]:
        self._look()
        self.recorded += items
        return [True] * len(items)

    async def add_allowed(self, counts: dict[str, int], *, at: float) -> None:  # noqa: ARG002  the protocol's
        self._look()
        for rule, times in counts.items():
            self.counts[rule] = self.counts.get(rule, 0) + times


class Log:
    """What the checksum log says: times by version."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    async def known_by(self, ctx: Context, version: ModuleVersion) -> float | Unknown | None:  # noqa: ARG002  the protocol's
        return self.times.get(version.version)


@dataclass
class Bench:
    """Everything of one firewall."""

    source: ScriptedSource
    books: Books
    clock: Clock
    log: Log
    wall: Firewall
    guarded: GuardedSource
    index: list[Advisories | Unknown] = field(default_factory=list)

    def adopt(self, rules: str) -> None:
        """Put a policy in force: everything behind its first lines."""
        self.wall.adopt(parse_policy(f'version = 1\ncontact = "sec@example.test"\n{rules}'))

    def module(
        self, *versions: str, path: str = PATH, time: str = "2001-01-01T00:00:00Z", **retract: str
    ) -> None:
        """Versions of a module, the last one the newest; `retract` by version with dots as underscores."""
        answers, path = self.source.answers, PATH
        answers[f"{path}/@v/list"] = "".join(f"{each}\n" for each in versions).encode()
        for each in versions:
            info = json.dumps({"Version": each, "Time": time}).encode()
            taken = retract.get(each.replace(".", "_"))
            text = f"module {path}\n" + (f"retract {taken}\n" if taken else "")
            answers[f"{path}/@v/{each}.info"] = info
            answers[f"{path}/@v/{each}.mod"] = text.encode()
            answers[f"{path}/@v/{each}.zip"] = f"zip {each}".encode()
        answers[f"{path}/@latest"] = json.dumps({"Version": versions[-1], "Time": time}).encode()
        answers[f"{path}/@v/main.info"] = answers[f"{path}/@latest"]
        answers[f"{path}/@v/v1.info"] = answers[f"{path}/@latest"]


def bench(source: ScriptedSource | None = None) -> Bench:
    """A firewall that allows everything yet."""
    source = source or ScriptedSource()
    books, clock, log = Books(), Clock(2_000_000_000.0), Log()
    index: list[Advisories | Unknown] = [AdvisoryIndex()]
    patience = Patience(monotonic=clock)
    modules = Modules(source, monotonic=clock)
    nobody = NobodyLooks()
    gatherer = Gatherer(
        Ages(books, patience, modules, log, clock=clock),  # type: ignore[arg-type]  # the part that is asked
        modules,
        books,  # type: ignore[arg-type]  # likewise
        patience,
        routes=lambda _path: ("public", False),
        licences=nobody,
        scans=nobody,
        clock=clock,
        monotonic=clock,
    )
    wall = Firewall(
        gatherer,
        Received(books, patience),  # type: ignore[arg-type]  # likewise
        Recorder(books, clock=clock, monotonic=clock),  # type: ignore[arg-type]  # likewise
        lambda: index[-1],
        clock=clock,
        monotonic=clock,
    )
    return Bench(source, books, clock, log, wall, GuardedSource(source, wall, denial_lines), index)
