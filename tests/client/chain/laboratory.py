"""Chains run by the real go against staged faults, beside what the rules say of them."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator  # noqa: TC003  the type of a generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.chain.rehearse import Observed, observe
from modgate.client.chain.rules import Answer, Download, answer_of, download, download_latest
from modgate.client.chain.staging import staged
from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import FaultSpec, parse_fault
from modgate.client.faults.server import FaultServer, Rules, Served
from modgate.gomod.proxylist import EntryKind, ProxyEntry

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Case", "Outcome", "run_all"]

SILENT = {"timeout", "stall", "tls-timeout"}
_MEMORY = "/dev/shm"
NAMELESS = {
    "wrong-version": "instead of requested version",
    "html": "not a valid zip",
    "badzip": "not a valid zip",
}
"""Faults whose error names no URL: their words stand in for it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A chain: the fault of each entry (`off` for the word), and the separators between them."""

    faults: tuple[str, ...]
    separators: tuple[str, ...]
    latest: bool = False

    def __str__(self) -> str:
        return "".join(a + b for a, b in zip(self.faults, (*self.separators, ""), strict=True))

    def entries(self) -> tuple[ProxyEntry, ...]:
        return tuple(
            ProxyEntry(EntryKind.OFF)
            if fault == "off"
            else ProxyEntry(EntryKind.PROXY, f"http://entry{place}.example", mark == "|")
            for place, (fault, mark) in enumerate(zip(self.faults, (*self.separators, ","), strict=True))
        )

    def specs(self) -> dict[int, FaultSpec]:
        return {place: parse_fault(fault) for place, fault in enumerate(self.faults) if fault != "off"}


@dataclass(slots=True)
class Outcome:
    """How a run went. A pair is a fault with the separator behind it, by its place and the chain's length."""

    cases: int = 0
    pairs: set[tuple[int, int, str, str]] = field(default_factory=set)
    differences: list[str] = field(default_factory=list)

    @property
    def figure(self) -> str:
        return f"pairs {len(self.pairs)}, chains {self.cases}, differences {len(self.differences)}"

    def add(self, other: Outcome) -> None:
        self.cases += other.cases
        self.pairs |= other.pairs
        self.differences += other.differences


async def run_all(go: str, cases: Sequence[Case], *, workers: int = 2, patience: float = 20.0) -> Outcome:
    """Run every case; the differences name the case and both views."""
    outcome, left = Outcome(), list(reversed(cases))

    async def work() -> None:
        silent = asyncio.Event()

        def seen(served: Served) -> None:
            if served.did in SILENT:
                silent.set()

        server = FaultServer(
            DrillContent(), clock=time.monotonic, rules=Rules(rate=1 << 24, delay=0.0), seen=seen
        )
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(server)
            while left:
                case = left.pop()
                silent.clear()
                server.forget()
                difference = await _difference(go, case, server, silent, patience)
                outcome.cases += 1
                for place, (fault, mark) in enumerate(zip(case.faults, (*case.separators, ""), strict=True)):
                    outcome.pairs.add((len(case.faults), place, fault, mark))
                if difference:
                    outcome.differences.append(difference)

    with _in_memory():
        await asyncio.gather(*(work() for _ in range(workers)))
    return outcome


@contextmanager
def _in_memory() -> Iterator[None]:
    """Keep the module cache of each run in memory where there is a place for it: nothing is to be kept."""
    before = tempfile.tempdir
    if os.access(_MEMORY, os.W_OK):
        tempfile.tempdir = _MEMORY
    try:
        yield
    finally:
        tempfile.tempdir = before


async def _difference(
    go: str, case: Case, server: FaultServer, silent: asyncio.Event, patience: float
) -> str:
    entries, specs = case.entries(), case.specs()

    def answers(index: int, endpoint: str) -> Answer:
        return answer_of(specs[index], endpoint)

    predicted = (download_latest if case.latest else download)(entries, answers)
    chain = await staged(server, entries, specs, everything=True)
    environ = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "GOGC": "off"}
    seen = await observe(
        go,
        chain,
        f"{DRILL.path}@latest" if case.latest else str(DRILL),
        environ=environ,
        patience=patience,
        silent=silent if predicted.waits else None,
    )
    faults = _compare(case, predicted, seen)
    return f"{case}: {'; '.join(faults)}\n    {seen.error}" if faults else ""


def _compare(case: Case, predicted: Download, seen: Observed) -> list[str]:
    faults = []
    asked = {
        name: tuple(step for step in steps if case.faults[step] != "off")
        for name, steps in predicted.asked.items()
    }
    asked = {name: steps for name, steps in asked.items() if steps}
    if asked != seen.asked:
        faults.append(f"asked {asked}, seen {seen.asked}")
    if predicted.waits != seen.waited:
        faults.append(f"waits {predicted.waits}, seen {seen.waited}")
    if predicted.good != seen.good:
        faults.append(f"good {predicted.good}, seen {seen.good}")
    if predicted.reported is not None and not _same_report(case, predicted.reported, seen):
        faults.append(f"reported {predicted.reported}, seen {seen.reported}")
    return faults


def _same_report(case: Case, reported: int, seen: Observed) -> bool:
    if seen.reported is not None:
        return seen.reported == reported
    words = NAMELESS.get(case.faults[reported].partition(":")[0])
    return words is not None and words in seen.error
