"""Whether go did in a rehearsal what was predicted, and whether a difference says anything.

What was staged is ours to know, so a difference there is a fault of the rules. An entry that was not replaced
may answer otherwise a moment later, version control was never asked, and a rehearsal that ran out of patience
has no end: none of these is a difference that anybody should report.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from modgate.client.chain.rules import Answer
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from modgate.client.chain.rehearse import Observed
    from modgate.client.chain.rules import Download
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["Verdict", "judge", "open_end"]


class Verdict(StrEnum):
    """What prediction and rehearsal say of each other.

    `changed` is a difference that an entry which was not staged may have made.
    """

    AGREES = "agree"
    DIFFERS = "differ"
    CHANGED = "changed"
    OPEN = "open"
    INTERRUPTED = "interrupted"


def open_end(predicted: Download | None) -> bool:
    """Whether the download comes to an entry of which nothing is known."""
    steps = predicted.walks[-1].steps if predicted else ()
    return bool(steps) and steps[-1].answer is Answer.UNKNOWN


def judge(
    entries: Sequence[ProxyEntry], predicted: Download, observed: Observed, *, ours: Collection[int]
) -> Verdict:
    """Compare; `entries` as go was given them, `ours` are those whose every answer was made here."""
    if open_end(predicted):
        return Verdict.OPEN
    if observed.waited and not predicted.waits:
        return Verdict.INTERRUPTED
    # go does not tell when it reads a file: entry; `direct` and `off` are no requests to a proxy.
    told = {
        index
        for index, entry in enumerate(entries)
        if entry.kind is EntryKind.PROXY and not entry.url.startswith("file:")
    }
    asked = {
        name: tuple(index for index in steps if index in told) for name, steps in predicted.asked.items()
    }
    seen = dict(observed.asked)
    if ({name: steps for name, steps in asked.items() if steps}, predicted.good, predicted.waits) == (
        seen,
        observed.good,
        observed.waited,
    ):
        return Verdict.AGREES
    touched = {index for steps in (*predicted.asked.values(), *seen.values()) for index in steps}
    real = {index for index in touched if entries[index].kind is EntryKind.PROXY} - set(ours)
    return Verdict.CHANGED if real else Verdict.DIFFERS
