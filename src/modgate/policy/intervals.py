"""What the advisories of one module say of its versions, worked out once for every stretch between two turns.

The ends of all intervals, in order, cut the versions into stretches, and all versions of a stretch are
affected by the same advisories. So the answers are there before anybody asks, and a question is a search for
the stretch: what it costs does not grow with what affects the version. The rules are `advisories`'s.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, TypeVar

from modgate.gomod import semver
from modgate.model.advisory import Hit
from modgate.policy.gonames import go_name
from modgate.policy.osv import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.model.advisory import Advisory, Block, Event
    from modgate.policy.gonames import Release

__all__ = ["GoIntervals", "Intervals", "order"]

Key = tuple[object, ...]
_End = tuple[Key, int]
_Interval = tuple[_End, "_End | None", str]
_T = TypeVar("_T")

_LOWEST: Final[Key] = ()
_AT, _AFTER = 0, 1

_NO_VERSION: Final = semver.sort_key("")[0]

_FORMS: Final = 64
"""In how many forms (platforms, for toolchains) the hits of a Go module are kept ready."""


class Intervals:
    """What is known of one module.

    Attributes:
        hits: One for each interval, in the order of answers.
        size: How many places `prepare` fills: it grows with the square of intervals that overlap.
    """

    __slots__ = ("_bounds", "_ends", "_named", "_ready", "hits", "size")

    def __init__(self, path: str, blocks: list[tuple[Advisory, Block]]) -> None:
        intervals = [
            (low, high, Hit(advisory, path, fixed, custom))
            for advisory, parts, custom in _by_advisory(blocks)
            for low, high, fixed in _union(parts)
        ]
        self.hits = [hit for *_, hit in intervals]
        self._ends = sorted({end for low, high, _ in intervals for end in (low, high) if end is not None})
        places = {end: place for place, end in enumerate(self._ends, 1)}
        last = len(self._ends) + 1
        self._bounds = [(places[low], last if high is None else places[high]) for low, high, _ in intervals]
        self.size = sum(end - start for start, end in self._bounds)
        self._ready: list[tuple[Hit, ...]] = []
        self._named: dict[str, list[Hit]] = {}
        for advisory, block in blocks:
            for version in block.versions:
                self._named.setdefault(_bare(version), []).append(Hit(advisory, path, "", block.custom))

    @property
    def prepared(self) -> bool:
        """Whether the answers are worked out; until then each question goes through all intervals."""
        return bool(self._ready)

    def prepare(self) -> None:
        """Work the answers out."""
        self._ready = self._spread(self.hits)

    def at(self, version: str) -> tuple[Hit, ...]:
        """What affects a version; empty for a text that is none."""
        key = order(version)
        if key == _NO_VERSION:
            return ()
        place = bisect_right(self._ends, (key, _AT))
        return self._with_named(self._ready[place] if self._ready else self._held(self.hits, place), version)

    def last_fix(self, advisory: Advisory) -> str:
        """The fix that closes the highest interval of an advisory; empty where nothing does."""
        ends = (
            (end, hit.fixed)
            for (_, end), hit in zip(self._bounds, self.hits, strict=True)
            if hit.advisory.id == advisory.id
        )
        return max(ends, key=lambda each: each[0], default=(0, ""))[1]

    def _with_named(self, found: tuple[Hit, ...], version: str) -> tuple[Hit, ...]:
        named = self._named.get(_bare(version)) if self._named else None
        if not named:
            return found
        said = {hit.advisory.id for hit in found}
        return (*found, *(hit for hit in named if hit.advisory.id not in said))

    def _held(self, items: Iterable[_T], place: int) -> tuple[_T, ...]:
        """Of one item for each interval those whose interval holds a stretch."""
        bounds = self._bounds
        return tuple(item for item, (start, end) in zip(items, bounds, strict=True) if start <= place < end)

    def _spread(self, items: Iterable[_T]) -> list[tuple[_T, ...]]:
        """The same for every stretch."""
        held: list[list[_T]] = [[] for _ in range(len(self._ends) + 1)]
        for item, (start, end) in zip(items, self._bounds, strict=True):
            for place in range(start, end):
                held[place].append(item)
        return [tuple(each) for each in held]


class GoIntervals(Intervals):
    """What is known of Go itself, whose releases are asked, and their fixes named, in several forms."""

    __slots__ = ("_forms", "_names", "_numbers")

    def __init__(self, path: str, blocks: list[tuple[Advisory, Block]]) -> None:
        super().__init__(path, blocks)
        self._numbers: list[tuple[int, ...]] = []
        self._names = {fix: go_name(fix) for fix in {hit.fixed for hit in self.hits} if fix}
        self._forms: dict[tuple[str, str], list[Hit]] = {}

    def prepare(self) -> None:
        """The same, also in every form."""
        super().prepare()
        self._numbers = self._spread(range(len(self.hits)))

    def like(self, released: Release) -> tuple[Hit, ...]:
        """What affects a release; fixes are named as it was asked."""
        if not released.named:
            return self.at(released.semver)
        form = self._forms.get((released.before, released.after))
        if form is None:
            form = self._form(released)
        place = bisect_right(self._ends, (order(released.semver), _AT))
        numbers = self._numbers[place] if self._numbers else self._held(range(len(form)), place)
        return self._with_named(tuple(map(form.__getitem__, numbers)), released.semver)

    def _form(self, released: Release) -> list[Hit]:
        names = {fix: f"{released.before}{name}{released.after}" for fix, name in self._names.items()}
        names[""] = ""
        form = [Hit(hit.advisory, hit.path, names[hit.fixed], hit.custom) for hit in self.hits]
        if len(self._forms) >= _FORMS:
            self._forms = {}
        self._forms[released.before, released.after] = form
        return form


def order(version: str) -> Key:
    """The key of SemVer's order, in which build metadata does not count."""
    return semver.sort_key(version)[0]  # type: ignore[return-value]  # the part without the tie by text


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
    return order(f"v{event.version.removeprefix('v')}"), _AFTER if event.kind == "last_affected" else _AT


def _fix(version: str) -> str:
    full = f"v{version.removeprefix('v')}"
    return full if full.count(".") > 1 else semver.canonical(full)


def _bare(version: str) -> str:
    return version.removeprefix("v").removesuffix("+incompatible")
