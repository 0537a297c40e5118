"""What the rules say of a chain, against the go command that runs it: every fault with every separator."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from modgate.client.faults.kinds import FAULTS, Means
from tests.client.chain.laboratory import Case, Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(900)
"""Thousands of runs of go: on a busy machine they take their time."""

MARKS = (",", "|")
SLOW_IN_GO = {"tls-timeout"}
"""go itself takes ten seconds for these."""
OUTSIDE = {"dns"}
"""The name is asked of the machine's resolver, which may be elsewhere."""

WHOLE = tuple(name for name in FAULTS if name not in SLOW_IN_GO | OUTSIDE)
NARROWED = tuple(
    f"{name}:{endpoint}"
    for name, fault in FAULTS.items()
    if fault.means is Means.PATH and name != "ok"
    for endpoint in ("info", "mod", "zip")
)
EVERY = (*WHOLE, *NARROWED)
CORE = ("ok", "404", "500", "html", "403:mod", "off")
KINDS = (
    *("ok", "404", "410", "403", "500", "reset", "eof", "html", "badzip", "truncated", "wrong-version"),
    *("refused", "tls-untrusted", "timeout", "stall:zip"),
)
"""One of each way to fail."""


TOTAL = Outcome()


@pytest.fixture(scope="module", autouse=True)
def _figure() -> Iterator[None]:
    yield
    print(f"\n{TOTAL.figure}")


async def _agree(go: str, cases: list[Case]) -> None:
    outcome = await run_all(go, cases)
    print(outcome.figure)
    TOTAL.add(outcome)
    assert not outcome.differences, "\n".join(outcome.differences[:20])


def _no_early_off(faults: tuple[str, ...]) -> bool:
    """`off` ends a list, so it stands last or nowhere."""
    return "off" not in faults[:-1]


async def test_a_chain_of_one_entry_does_what_the_rules_say(go_command: str) -> None:
    await _agree(go_command, [Case((fault,), ()) for fault in (*EVERY, "off")])


async def test_a_chain_of_two_entries_does_what_the_rules_say(go_command: str) -> None:
    first = [
        Case((fault, other), (mark,)) for fault in EVERY for mark in MARKS for other in ("ok", "404", "500")
    ]
    last = [
        Case((other, fault), (mark,))
        for fault in (*EVERY, "off")
        for mark in MARKS
        for other in ("404:zip", "500")
    ]
    await _agree(go_command, first + last)


async def test_a_chain_of_three_entries_does_what_the_rules_say(go_command: str) -> None:
    core = [
        Case(faults, marks)
        for faults in itertools.product(CORE, repeat=3)
        if _no_early_off(faults)
        for marks in itertools.product(MARKS, repeat=2)
    ]
    others = itertools.cycle(itertools.product(("404", "500:zip", "reset:mod", "ok"), MARKS))
    cover = []
    for fault, mark, place in itertools.product(EVERY, MARKS, range(3)):
        (one, other_mark), (two, _) = next(others), next(others)
        faults, marks = [one, two], [other_mark, other_mark]
        faults.insert(place, fault)
        marks[min(place, 1)] = mark
        cover.append(Case(tuple(faults), tuple(marks)))
    await _agree(go_command, core + cover)


async def test_asking_for_the_latest_version_does_what_the_rules_say(go_command: str) -> None:
    queries = tuple(
        f"{name}:{endpoint}"
        for name in ("404", "403", "reset", "timeout", "truncated", "html", "eof", "500-then-ok")
        for endpoint in ("list", "latest", "info", "mod", "list+latest")
    )
    faults = (*WHOLE, *queries)
    await _agree(
        go_command,
        [
            Case((fault, other), (mark,), latest=True)
            for fault in faults
            for mark in MARKS
            for other in ("ok", "404", "off")
        ],
    )


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_every_pair_of_faults_does_what_the_rules_say(go_command: str) -> None:
    faults = (*EVERY, "tls-timeout", "off")
    await _agree(
        go_command,
        [
            Case(pair, (mark,))
            for pair in itertools.product(faults, repeat=2)
            if _no_early_off(pair)
            for mark in MARKS
        ],
    )


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_every_triple_of_kinds_does_what_the_rules_say(go_command: str) -> None:
    await _agree(
        go_command,
        [
            Case(faults, marks)
            for faults in itertools.product((*KINDS, "off"), repeat=3)
            if _no_early_off(faults)
            for marks in itertools.product(MARKS, repeat=2)
        ],
    )
