"""The index of everything known to be wrong: is this version affected, and from which on is it not?

It is asked for every file that is served, so a question is a dictionary look-up and comparisons. Rules:

1. A withdrawn advisory hits nothing. A module is named by its exact path: `/v2` is another module.
2. The events of a range, in order of their versions: `introduced` turns it on (`0`: from the beginning),
   `fixed` turns it off at that version, `last_affected` after it. Several ranges are one set.
3. SemVer's order; `+incompatible` does not count; a pseudo-version is the pre-release that it is written as.
4. `stdlib` and `toolchain` are Go's releases, `golang.org/toolchain` is both: see `gonames`.
5. A version named in `versions` is affected too, by its text. Nothing fixes it but a later version.

Sources: ossf.github.io/osv-schema (evaluation), golang.org/x/vuln/internal/semver (Affects).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from modgate.gomod import module, pseudo, semver
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.model.advisory import Hit
from modgate.policy import gonames
from modgate.policy.merging import merge
from modgate.policy.osv import ALWAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.gomod.types import ModulePath, Version
    from modgate.model.advisory import Advisory, Block, Event

__all__ = ["AdvisoryIndex"]

_Key = tuple[object, ...]

_REMEMBERED: Final = 100_000
"""How many hits are kept ready: what is asked once is asked again by the next file of the same version."""

_MANY: Final = 4096
"""Intervals of one module above which what holds between two ends is not kept: it grows with their square."""

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
            if len(self.spans) <= _MANY:
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


class AdvisoryIndex:
    """The promises are `model.advisory.Advisories`'s.

    Args:
        advisories: Of all databases together: what several say of one vulnerability is made one
            (`merging.merge`), of the databases in the order given.
        digest: Names the content; made of the advisories where it is not given.
    """

    def __init__(self, advisories: Iterable[Advisory] = (), *, digest: str = "") -> None:
        self._all = merge(advisories)
        self._ids: dict[str, Advisory] = {}
        for advisory in self._all:
            for alias in advisory.aliases:
                self._ids.setdefault(alias, advisory)
        self._ids |= {advisory.id: advisory for advisory in self._all}
        blocks: dict[str, list[tuple[Advisory, Block]]] = {}
        for advisory in self._all:
            if not advisory.withdrawn:
                for block in advisory.blocks:
                    blocks.setdefault(block.path, []).append((advisory, block))
        self._modules = {path: _Module(each) for path, each in blocks.items()}
        self._digest = digest or (_digest(self._all) if self._all else "")
        self._ready: dict[tuple[str, str], tuple[Hit, ...]] = {}
        self._kept = 0

    @property
    def digest(self) -> str:
        """Names the content: equal digests answer alike. Empty for an index that was never filled."""
        return self._digest

    def __len__(self) -> int:
        """How many advisories there are, withdrawn ones included."""
        return len(self._all)

    @property
    def advisories(self) -> tuple[Advisory, ...]:
        """All of them, withdrawn ones included, by id."""
        return self._all

    @property
    def paths(self) -> frozenset[str]:
        """Every module that an advisory which stands names."""
        return frozenset(self._modules)

    def get(self, identifier: str) -> Advisory | None:
        """An advisory by its id or an alias."""
        return self._ids.get(identifier)

    def concerns(self, path: str) -> bool:
        """Whether any advisory that was not withdrawn names the module."""
        if path == TOOLCHAIN:
            return any(name in self._modules for name in (*gonames.GO_MODULES, path))
        return path in self._modules

    def hits(self, path: str, version: str) -> tuple[Hit, ...]:
        """What affects a version; empty for one that is no version."""
        if path not in self._modules and path != TOOLCHAIN:
            return ()
        asked = (path, version)
        ready = self._ready.get(asked)
        if ready is None:
            ready = self._look(path, version)
            if self._kept > _REMEMBERED:
                self._ready, self._kept = {}, 0
            self._ready[asked] = ready
            self._kept += 1 + len(ready)
        return ready

    def _look(self, path: str, version: str) -> tuple[Hit, ...]:
        if path == TOOLCHAIN or path in gonames.GO_MODULES:
            released = gonames.release_of(path, version)
            if released is None:
                return ()
            names = gonames.GO_MODULES if path == TOOLCHAIN else (path,)
            return tuple(
                Hit(
                    span.advisory, name, version, released.like(span.fixed) if span.fixed else "", span.custom
                )
                for name in names
                for span in self._spans(name, released.semver)
            )
        if not semver.is_valid(version):
            return ()
        return tuple(
            Hit(span.advisory, path, version, span.fixed, span.custom) for span in self._spans(path, version)
        )

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

    def first_fixed(self, path: ModulePath, version: Version, listed: tuple[Version, ...]) -> Version | None:
        """The smallest of the `listed` versions and of the fixes that are pseudo-versions, above `version`,
        that no advisory affects; None where there is none.

        What lies between a version and the fix that closes its interval is in that interval, and so hit:
        the smallest version above it that nothing hits is where following one fix after the other ends.
        """
        return self._above(path, version, listed, pseudo_only=True)

    def closing_fix(self, path: str, version: str) -> str:
        """The smallest version that any advisory calls fixed, above `version`, that no advisory affects:
        the answer of `first_fixed` where no list is at hand. Empty where there is none.
        """
        return self._above(path, version, (), pseudo_only=False) or ""

    def _above(self, path: str, version: str, listed: Iterable[str], *, pseudo_only: bool) -> Version | None:
        order = _order
        asked = gonames.release_of(path, version)
        if asked is not None:
            order = _release_order
            listed = [each for each in listed if each.endswith(asked.after)]  # toolchains of this platform
        own = order(version)
        candidates = {each for each in listed if order(each) > own}
        waiting = [hit.fixed for hit in self.hits(path, version)]
        tried: set[str] = set()
        while waiting:
            fix = waiting.pop()
            if fix and fix not in tried and order(fix) > own:
                tried.add(fix)
                waiting += [hit.fixed for hit in self.hits(path, fix)]
        candidates |= {fix for fix in tried if not pseudo_only or pseudo.is_pseudo_version(fix)}
        for candidate in sorted(candidates, key=order):
            if not self.hits(path, candidate):
                return candidate  # type: ignore[return-value]  # of the list, or a fix that is a version
        return None

    def majors(self, path: str, hits: Iterable[Hit]) -> tuple[tuple[str, str], ...]:
        """Where to move because nothing fixes this major version: the modules of higher ones, nearest first,
        each with the version from which on no advisory affects it. `hits` are those of the version in use.

        Only modules that one of the advisories without a fix names itself, with a fix.
        """
        prefix, own = _line(path)
        moves: dict[int, tuple[str, str]] = {}
        for hit in hits:
            if hit.fixed:
                continue
            for other in {block.path for block in hit.advisory.blocks}:
                theirs, number = _line(other)
                if theirs != prefix or number <= own or number in moves:
                    continue
                fix = self._last_fix(other, hit.advisory)
                if fix and self.hits(other, fix):
                    fix = self.closing_fix(other, fix)
                if fix:
                    moves[number] = (other, fix)
        return tuple(moves[number] for number in sorted(moves))

    def _last_fix(self, path: str, advisory: Advisory) -> str:
        known = self._modules.get(path)
        spans = [each for each in known.spans if each.advisory.id == advisory.id] if known else []
        return max(spans, key=lambda each: each.end).fixed if spans else ""


def _line(path: str) -> tuple[str, int]:
    """A module path without its major version, and that version: 1 where the path has none."""
    prefix, major, _ = module.split_path_version(path)
    digits = major.lstrip("/.v").removesuffix("-unstable")
    return (prefix, int(digits)) if digits else (path, 1)


def _release_order(version: str) -> _Key:
    released = gonames.release(version)
    return (0,) if released is None else (*_order(released.semver), released.before, released.after)


def _digest(advisories: tuple[Advisory, ...]) -> str:
    """Of all but the name of the database: the same content under another name answers alike."""
    told = hashlib.blake2b(digest_size=16)
    for each in advisories:
        rating = (each.severity, each.severity_from, each.score)
        times = (each.modified, each.published, each.withdrawn, each.reviewed)
        content = (each.id, each.aliases, each.blocks, each.summary, each.url, rating, times)
        told.update(msgspec.json.encode(content))
    return told.hexdigest()
