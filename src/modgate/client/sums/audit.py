"""The audit itself: read, ask, judge, and put the rows in order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.sums.graph import read_graph
from modgate.client.sums.judge import exempt, needs_attention
from modgate.client.sums.lines import read_lines
from modgate.client.sums.owners import CodeOwners, ModuleOwners, code_owners
from modgate.client.sums.relations import missing, named_by, relation_of
from modgate.client.sums.rows import Facts, Report, Row, Status, Verdict
from modgate.gomod.patterns import match_prefix_patterns
from modgate.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.client.machine.host import Host
    from modgate.client.sums.lines import SumFile
    from modgate.client.sums.places import Place
    from modgate.client.sums.seen import Seen
    from modgate.client.sums.verify import Verifier
    from modgate.client.sums.versions import Advisor

__all__ = ["Plan", "audit"]

_UNJUDGED = Verdict(Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is asked about what.

    Attributes:
        verifier: None for GOSUMDB=off.
        database: Its name.
        advisor: None where versions are not asked for.
        private: GONOSUMDB.
        unproxied: GONOPROXY.
        owners: The list of module patterns.
        host: Where go runs; None to leave the module graph alone.
        accept: Hashes that nobody vouches for are right as they stand, says the person.
    """

    verifier: Verifier | None
    database: str
    advisor: Advisor | None
    private: str
    unproxied: str
    owners: ModuleOwners
    host: Host | None
    accept: bool = False


async def audit(
    places: Sequence[Place],
    plan: Plan,
    seen: Seen,
    *,
    clock: Callable[[], float],
    progress: Callable[[int, int], None],
) -> Report:
    """Everything that can be said of these files."""
    files = [read_lines(place.data, place.name) for place in places]
    report = Report([file.name for file in files], sum(file.count for file in files), [], [])
    report.taken = clock()
    report.database = plan.database
    for place, file in zip(places, files, strict=True):
        await _read(report, place, file, plan)
    await _ask(report, plan, progress)
    for row in report.rows:
        if row.verdict.status is not Status.MISMATCH:
            vouched = plan.accept or row.verdict.status is Status.VERIFIED
            row.first_seen, row.changed = seen.meet(row.entry, report.taken, vouched=vouched)
    if plan.verifier is not None:
        report.alarms += plan.verifier.alarms
        report.tree = plan.verifier.tree
    report.rows.sort(key=_order)
    return report


async def _read(report: Report, place: Place, file: SumFile, plan: Plan) -> None:
    """The rows of a file with what is known without asking."""
    report.faults += file.faults
    if place.problem:
        report.notes.append(Message("sums.note.go-mod", {"why": place.problem}))
    named = None
    if place.go_mod is not None:
        named = named_by(place.go_mod)
        by_key = {(entry.path, entry.version): entry for entry in file.entries}
        report.faults += missing(named, by_key, place.go_mod_name)
    fallback = _folder_owners(place)
    graph = None
    if plan.host is not None and place.folder is not None and place.go_mod is not None:
        graph, why = await read_graph(plan.host, place.folder)
        if why:
            report.hints.append(Message("sums.note.graph", {"file": place.name, "why": why}))
    for entry in file.entries:
        row = Row(place.name, entry, _UNJUDGED)
        row.relation = None if named is None else relation_of(entry, named)
        listed = plan.owners.of(entry.path)
        row.owners = fallback if listed is None else listed
        if graph is not None and named is not None:
            key = (entry.path, entry.version)
            row.unused = key not in graph and key not in named
        report.rows.append(row)


def _folder_owners(place: Place) -> tuple[str, ...]:
    found = code_owners(place.code_owners) if place.code_owners is not None else CodeOwners()
    below = f"{place.in_repository}/" if place.in_repository else ""
    return found.of(f"{below}go.mod") or found.of(f"{below}go.sum")


async def _ask(report: Report, plan: Plan, progress: Callable[[int, int], None]) -> None:
    """Have the database and the proxies asked, both at once, and judge."""
    exempted = {
        row.entry.path: exempt(row.entry.path, plan.private, off=plan.verifier is None) for row in report.rows
    }
    checked = {(row.entry.path, row.entry.version) for row in report.rows if exempted[row.entry.path] is None}
    advised = {(row.entry.path, row.entry.version) for row in report.rows if _is_advised(row, plan)}
    total, done = len(checked) + len(advised), 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    async def verify() -> None:
        if plan.verifier is not None and checked:
            await plan.verifier.open()
            await plan.verifier.look_up(sorted(checked), step)

    async def advise() -> None:
        if plan.advisor is not None:
            await plan.advisor.ask(sorted(advised), step)

    await asyncio.gather(verify(), advise())
    for row in report.rows:
        path, version = row.entry.path, row.entry.version
        verdict = exempted[path]
        if verdict is None and plan.verifier is not None:
            verdict = plan.verifier.verdict(row.entry)
        row.verdict = verdict or _UNJUDGED
        if plan.advisor is not None and (path, version) in advised:
            row.facts = plan.advisor.facts(path, version)
        else:
            row.facts = Facts()


def _is_advised(row: Row, plan: Plan) -> bool:
    """Versions whose code is used have a line for the zip; of the others only the go.mod is read."""
    private = match_prefix_patterns(plan.unproxied, row.entry.path)
    return plan.advisor is not None and bool(row.entry.h1(go_mod=False)) and not private


_RANK = {Status.MISMATCH: 0, Status.UNKNOWN: 1, Status.UNVERIFIABLE: 2, Status.VERIFIED: 3}


def _order(row: Row) -> tuple[object, ...]:
    line = row.entry.lines[0].number if row.entry.lines else 0
    return not needs_attention(row), _RANK[row.verdict.status], row.file, line
