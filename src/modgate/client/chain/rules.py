"""What go does with the answers of a chain's entries: the rules, without a network.

For each file it wants (.info, .mod, .zip) go walks the chain anew from the first entry and remembers nothing
of the walk before. An entry that gives what was asked for ends the walk; one that proves absence (404, 410)
passes it on whatever separator follows; any other failure passes it on only over `|`. An answer that arrives
whole ends the walk even if it is rubbish: what is wrong with it is noticed later, when no other entry is
asked any more. There is no limit on waiting for an answer, so an entry that is silent is waited for.

When every entry failed, the error shown is that of `direct` if it was reached, else of the last entry that
failed otherwise than with 404 or 410, else of the last that was asked. Sources:
cmd/go/internal/modfetch/proxy.go (TryProxies), cache.go, fetch.go (downloadZip).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from modgate.client.faults.kinds import FaultSpec
    from modgate.gomod.proxylist import ProxyEntry

__all__ = [
    "ROWS",
    "WANTED",
    "Answer",
    "Download",
    "Move",
    "Step",
    "Walk",
    "answer_of",
    "download",
    "download_latest",
    "move_of",
    "walk",
]

WANTED = ("info", "mod", "zip")
"""What `go mod download MODULE@VERSION` asks for, in this order; a failure ends it."""


class Answer(StrEnum):
    """What an answer means to go, whatever it was on the wire.

    `spoilt` is a whole answer that is taken and proves unusable after the walk; `empty` a list that holds no
    versions; `unknown` was not found out.
    """

    GOOD = "good"
    ABSENT = "absent"
    ERROR = "error"
    SPOILT = "spoilt"
    EMPTY = "empty"
    SILENT = "silent"
    UNKNOWN = "unknown"


class Move(StrEnum):
    """What go does after an entry's answer."""

    TAKES = "takes"
    FALLS = "falls"
    STOPS = "stops"
    WAITS = "waits"
    ENDS = "ends"


ROWS = (
    ("good", Answer.GOOD),
    ("absent", Answer.ABSENT),
    ("status", Answer.ERROR),
    ("network", Answer.ERROR),
    ("portal_info", Answer.ERROR),
    ("portal_zip", Answer.SPOILT),
    ("silent", Answer.SILENT),
)
"""The kinds of answer that the rules are told for, by name, with what they mean to go."""


@dataclass(frozen=True, slots=True)
class Step:
    """One entry asked in one walk. `entry` counts from 0."""

    entry: int
    answer: Answer
    move: Move


@dataclass(frozen=True, slots=True)
class Walk:
    """One walk along the chain.

    Attributes:
        endpoint: What was asked for.
        steps: Every entry that was asked.
        used: The entry whose answer is taken, None where there is none.
        reported: The entry whose error go prints, None where there is no error, or where go still waits.
        followed: What the same entries were asked for besides, in order: (entry, endpoint).
    """

    endpoint: str
    steps: tuple[Step, ...]
    used: int | None = None
    reported: int | None = None
    followed: tuple[tuple[int, str], ...] = ()

    @property
    def asked(self) -> tuple[int, ...]:
        """The entries in the order in which they are asked."""
        return tuple(step.entry for step in self.steps)

    @property
    def waits(self) -> bool:
        """Whether go waits for ever."""
        return bool(self.steps) and self.steps[-1].move is Move.WAITS

    @property
    def good(self) -> bool:
        """Whether it yields a usable answer."""
        return self.used is not None and self.reported is None


@dataclass(frozen=True, slots=True)
class Download:
    """The walks of one `go mod download`, up to and including the first that fails."""

    walks: tuple[Walk, ...]

    @property
    def asked(self) -> dict[str, tuple[int, ...]]:
        """The entries in the order in which they are asked, by endpoint."""
        found: dict[str, list[int]] = {}
        for one in self.walks:
            for endpoint, index in [
                *((one.endpoint, index) for index in one.asked),
                *((endpoint, index) for index, endpoint in one.followed),
            ]:
                found.setdefault(endpoint, []).append(index)
        return {endpoint: tuple(indexes) for endpoint, indexes in found.items()}

    @property
    def good(self) -> bool:
        """Whether it succeeds."""
        return all(one.good for one in self.walks)

    @property
    def waits(self) -> bool:
        """Whether go waits for ever."""
        return self.walks[-1].waits

    @property
    def reported(self) -> int | None:
        """The entry whose error go prints."""
        return self.walks[-1].reported


def walk(entries: Sequence[ProxyEntry], endpoint: str, answers: Callable[[int], Answer]) -> Walk:
    """One walk, with the answer that each entry would give. `off` is never asked: it always says absent."""
    steps: list[Step] = []
    reported, rank = None, -1
    for index, entry in enumerate(entries):
        answer = Answer.ABSENT if entry.kind is EntryKind.OFF else answers(index)
        move = move_of(entries, index, answer)
        steps.append(Step(index, answer, move))
        if move is Move.WAITS:
            return Walk(endpoint, tuple(steps))
        if move is Move.TAKES:
            return Walk(endpoint, tuple(steps), index, index if answer is Answer.SPOILT else None)
        mine = _rank(answer, entry)
        if mine >= rank:
            reported, rank = index, mine
        if move is Move.STOPS:
            break
    return Walk(endpoint, tuple(steps), None, reported)


def download(entries: Sequence[ProxyEntry], answers: Callable[[int, str], Answer]) -> Download:
    """The walks of a download; `answers` says what entry and endpoint give."""
    walks: list[Walk] = []
    for endpoint in WANTED:
        walks.append(walk(entries, endpoint, partial(_at, answers, endpoint)))
        if not walks[-1].good:
            break
    return Download(tuple(walks))


def move_of(entries: Sequence[ProxyEntry], index: int, answer: Answer) -> Move:
    """What go does after this answer of this entry."""
    entry = entries[index]
    if answer in {Answer.GOOD, Answer.SPOILT}:
        return Move.TAKES
    if answer is Answer.SILENT:
        return Move.WAITS
    if index == len(entries) - 1 or entry.kind is not EntryKind.PROXY:
        return Move.ENDS
    if answer is Answer.ABSENT or entry.falls_back_on_error:
        return Move.FALLS
    return Move.STOPS


def download_latest(
    entries: Sequence[ProxyEntry],
    answers: Callable[[int, str], Answer],
    *,
    commits: Collection[int] = (),
) -> Download:
    """The walks of `go mod download MODULE@latest` for a module that has tagged versions.

    Which version that is, one entry answers alone: its list and the .info of the newest on it, or its
    `@latest` where the list is empty. If either fails, so has the entry. `commits` are entries whose list
    holds pseudo-versions too, as it should not: go asks for the .info of the newest at once, and takes that
    where there is neither a tag nor an `@latest`. Source: modload/query.go, modfetch/proxy.go
    (latestFromList).
    """
    followed: list[tuple[int, str]] = []

    def chosen(index: int) -> Answer:
        first = answers(index, "list")
        if first not in {Answer.GOOD, Answer.EMPTY}:
            return first
        if first is Answer.GOOD or index in commits:
            followed.append((index, "info"))
        if first is Answer.GOOD:
            return answers(index, "info")
        followed.append((index, "latest"))
        second = answers(index, "latest")
        if second is Answer.ABSENT and index in commits:
            return answers(index, "info")
        # An empty list and no `@latest` is "no matching versions", which is not absence.
        return Answer.ERROR if second is Answer.ABSENT else second

    query = walk(entries, "list", chosen)
    query = replace(query, followed=tuple(followed))
    if not query.good:
        return Download((query,))
    walks = [query]
    for endpoint in ("mod", "zip"):
        walks.append(walk(entries, endpoint, partial(_at, answers, endpoint)))
        if not walks[-1].good:
            break
    return Download(tuple(walks))


def _at(answers: Callable[[int, str], Answer], endpoint: str, index: int) -> Answer:
    return answers(index, endpoint)


def _rank(answer: Answer, entry: ProxyEntry) -> int:
    """How much go prefers to show this entry's error to an earlier one's."""
    if entry.kind is EntryKind.DIRECT:
        return 2
    return 0 if answer is Answer.ABSENT else 1


_WHOLE_BODY: Mapping[str, Mapping[str, Answer]] = {
    # HTML is no JSON, and go says so at once; no line of it is a version, so a list of it is empty; a .mod is
    # not read until later, and a zip after the walk.
    "html": {"list": Answer.EMPTY, "mod": Answer.GOOD, "zip": Answer.SPOILT},
    "badzip": {"zip": Answer.SPOILT},
    "wrong-version": {"info": Answer.ERROR},
    # `go mod download` takes a go.mod with another path; `go get` and `go build` refuse it afterwards.
    "moved": {},
    "slow": {},
}
_ONLY_PARTS = frozenset({"badzip", "wrong-version", "moved", "slow"})


def answer_of(spec: FaultSpec, endpoint: str) -> Answer:
    """What a staged fault means to go for one endpoint of a first download."""
    if not spec.hits(endpoint):
        return Answer.GOOD
    fault = spec.fault
    if fault.status in {404, 410}:
        return Answer.ABSENT
    if fault.name in {"timeout", "stall"}:
        return Answer.SILENT
    otherwise = Answer.GOOD if fault.name in _ONLY_PARTS else Answer.ERROR
    return _WHOLE_BODY.get(fault.name, {}).get(endpoint, otherwise)
