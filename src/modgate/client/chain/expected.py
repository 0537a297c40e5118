"""The answer that each entry of a rehearsed chain will give: staged, else as asked, else a healthy proxy's.

Behind a staged fault stands the real entry, so that a rehearsal has the module that was named. Where that
cannot be reached (a host of an example, no network), a small module under the same name takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.client.chain.rules import WANTED, Answer, answer_of
from modgate.gomod.proxylist import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from modgate.client.chain.ask import Given
    from modgate.client.faults.kinds import FaultSpec
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["expected", "unreachable", "visible"]


_BODIES = {("html", "mod"), ("moved", "mod")}
"""Whole answers of the fault's own, which go takes."""
_CUTS = {"truncated", "stall"}
"""Only an answer that is there can be cut."""


def unreachable(faults: Mapping[int, FaultSpec], asked: Mapping[tuple[int, str], Given]) -> frozenset[int]:
    """The staged entries behind which nothing real can stand."""
    failed = {index for (index, _), given in asked.items() if given.failure is not None}
    return frozenset(failed & set(faults))


def visible(spec: FaultSpec) -> bool:
    """Whether a download sees anything of what stands behind the fault."""
    return any(answer_of(spec, endpoint) is Answer.GOOD for endpoint in WANTED)


def expected(
    entries: Sequence[ProxyEntry],
    faults: Mapping[int, FaultSpec],
    asked: Mapping[tuple[int, str], Given] | None,
    made_up: Collection[int] = (),
) -> Callable[[int, str], Answer]:
    """What entry and endpoint give. `asked` is None in a drill, whose module has no origin; `made_up` are
    the entries behind whose fault the small module stands.
    """

    def answer(index: int, endpoint: str) -> Answer:
        if entries[index].kind is not EntryKind.PROXY:
            # Of a real module nothing is known before its version control was asked.
            return Answer.ERROR if asked is None else Answer.UNKNOWN
        given = None if asked is None or index in made_up else asked.get((index, endpoint))
        behind = Answer.GOOD if given is None else given.answer
        spec = faults.get(index)
        if spec is None or not spec.hits(endpoint):
            return behind
        staged = answer_of(spec, endpoint)
        shows_behind = staged is Answer.GOOD and (spec.fault.name, endpoint) not in _BODIES
        return behind if shows_behind or (spec.fault.name in _CUTS and behind is not Answer.GOOD) else staged

    return answer
