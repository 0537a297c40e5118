"""The index without anything worked out before: the twin that `AdvisoryIndex` is compared with.

Each question looks through the intervals of the module and makes its answers one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from modgate.gomod import semver
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.model.advisory import Hit
from modgate.policy import gonames
from modgate.policy.merging import merge
from modgate.policy.osv import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.model.advisory import Advisory, Block, Event

__all__ = ["SlowIndex"]

_Key = tuple[object, ...]

_LOWEST: Final[_Key] = ()
_AT, _AFTER = 0, 1


class _Span(NamedTuple):
    """An interval of versions, by the places of its ends among all ends of the module.

    `fixed` is the version at its end where that fixes it (`v1.2.3`), else empty.
    """

    start: int
    end: int
    fixed: str
    advisory: Advisory
    custom: bool


class _Module:
    """What is known of one module."""

    __slots__ = ("_at", "ends", "named", "spans")

    def __init__(self, blocks: list[tuple[Advisory, Block]]) -> None:
        intervals = [
            (*interval, advisory, custom)
            for advisory, parts, custom in _by_advisory(blocks)
            for interval in _union(parts)
        ]
        self.ends = sorted({end for low, high, *_ in intervals for end in (low, high) if end is not None})
        places = {end: place for place, end in enumerate(self.ends, 1)}
        last = len(self.ends) + 1
        self.spans = [
            _Span(places[low], last if high is None else places[high], fixed, advisory, custom)
            for low, high, fixed, advisory, custom in intervals
        ]
        self._at: dict[int, tuple[_Span, ...]] = {}
        self.named: dict[str, list[_Span]] = {}
        for advisory, block in blocks:
            for version in block.versions:
                self.named.setdefault(_bare(version), []).append(_Span(0, 0, "", advisory, block.custom))

    def spans_at(self, place: int) -> tuple[_Span, ...]:
        """Those that hold the versions between two neighbouring ends."""
        found = self._at.get(place)
        if found is None:
            found = tuple(span for span in self.spans if span.start <= place < span.end)
            self._at[place] = found
        return found


_End = tuple[_Key, int]
_Interval = tuple[_End, "_End | None", str]


def _by_advisory(blocks: list[tuple[Advisory, Block]]) -> list[tuple[Advisory, list[Block], bool]]:
    grouped: dict[str, tuple[Advisory, list[Block]]] = {}
    for advisory, block in blocks:
        grouped.setdefault(advisory.id, (advisory, []))[1].append(block)
    return [(advisory, parts, any(each.custom for each in parts)) for advisory, parts in grouped.values()]


def _union(blocks: list[Block]) -> list[_Interval]:
    """The intervals of all ranges, those that overlap or touch as one: the end of the last is what fixes."""
    found = sorted((each for block in blocks for each in _intervals(block)), key=lambda each: each[0])
    joined: list[_Interval] = []
    for interval in found:
        if joined and (joined[-1][1] is None or interval[0] <= joined[-1][1]):
            low, high, fixed = joined[-1]
            if high is not None and (interval[1] is None or interval[1] > high):
                high, fixed = interval[1], interval[2]
            joined[-1] = (low, high, fixed)
        else:
            joined.append(interval)
    return joined


def _intervals(block: Block) -> list[_Interval]:
    # Events of one version keep the order in which they are written: "fixed" and "introduced again".
    events = sorted(((_turn(event), event) for event in block.events), key=lambda each: each[0])
    found: list[_Interval] = []
    begun: _End | None = None
    for turn, event in events:
        if begun is None and event.kind == "introduced":
            begun = turn
        elif begun is not None and event.kind != "introduced":
            if turn > begun:
                found.append((begun, turn, _fix(event.version) if event.kind == "fixed" else ""))
            begun = None
    if begun is not None:
        found.append((begun, None, ""))
    return found


def _turn(event: Event) -> _End:
    if event == ALWAYS:
        return _LOWEST, _AT
    return _order(f"v{event.version.removeprefix('v')}"), _AFTER if event.kind == "last_affected" else _AT


def _fix(version: str) -> str:
    full = f"v{version.removeprefix('v')}"
    return full if full.count(".") > 1 else semver.canonical(full)


def _bare(version: str) -> str:
    return version.removeprefix("v").removesuffix("+incompatible")


def _order(version: str) -> _Key:
    return semver.sort_key(version)[0]  # type: ignore[return-value]  # the part without the tie by text


class SlowIndex:
    """Answers `hits` as `AdvisoryIndex` has to."""

    def __init__(self, advisories: Iterable[Advisory]) -> None:
        blocks: dict[str, list[tuple[Advisory, Block]]] = {}
        for advisory in merge(advisories):
            if not advisory.withdrawn:
                for block in advisory.blocks:
                    blocks.setdefault(block.path, []).append((advisory, block))
        self._modules = {path: _Module(each) for path, each in blocks.items()}

    def hits(self, path: str, version: str) -> tuple[Hit, ...]:
        """What affects a version."""
        if path == TOOLCHAIN or path in gonames.GO_MODULES:
            released = gonames.release_of(path, version)
            if released is None:
                return ()
            names = gonames.GO_MODULES if path == TOOLCHAIN else (path,)
            return tuple(
                Hit(span.advisory, name, released.like(span.fixed) if span.fixed else "", span.custom)
                for name in names
                for span in self._spans(name, released.semver)
            )
        if not semver.is_valid(version):
            return ()
        return tuple(Hit(span.advisory, path, span.fixed, span.custom) for span in self._spans(path, version))

    def _spans(self, path: str, version: str) -> Sequence[_Span]:
        known = self._modules.get(path)
        if known is None:
            return ()
        found = known.spans_at(bisect_right(known.ends, (_order(version), _AT)))
        if not known.named:
            return found
        said = {span.advisory.id for span in found}
        named = known.named.get(_bare(version), ())
        return [*found, *(span for span in named if span.advisory.id not in said)]
