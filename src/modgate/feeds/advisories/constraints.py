"""Ranges of versions as GitHub's advisories and Trivy write them, turned into events of the OSV schema.

`>=1.0.0, <1.2.3 || =2.0.0`: what stands side by side with commas or blanks must all hold, `||` (or a further
string) is an alternative. A version alone means itself.

1. A version is affected where a vulnerable range has it and no patched or unaffected one. Where no vulnerable
   range is given, every version begins as affected.
2. Events know only "from this version on". `>1.2.3` begins at the smallest version above it.
3. `<=1.2.3` ends after that version, unless a patched version above it is named: then that is what fixes it,
   and what lies between counts as affected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["above", "events_of"]

_PART = re.compile(r"\s*(>=|<=|==|>|<|=|\^|~)?\s*v?([0-9][0-9A-Za-z.+-]*)\s*(?:,|\s|$)")
_MAX = 4096
_MAX_RANGES = 1000
_AT, _AFTER = 0, 1
_ZERO = "0"


class _End(NamedTuple):
    """An end of an interval: before a version, or right after it. `0` lies before everything."""

    key: tuple[object, ...]
    after: int
    version: str


_LOWEST = _End((), _AT, _ZERO)
_Interval = tuple[_End, "_End | None"]


def events_of(
    vulnerable: Sequence[str], patched: Sequence[str] = (), unaffected: Sequence[str] = ()
) -> list[dict[str, str]]:
    """The events of one SEMVER range, versions without `v`. Raises Invalid for what cannot be read."""
    affected = [each for text in vulnerable or ("*",) for each in _intervals(text)]
    for text in (*patched, *unaffected):
        for cut in _intervals(text):
            affected = [piece for interval in affected for piece in _without(interval, cut)]
    fixes = sorted((_end(each, _AT) for each in patched if _is_version(each)), key=_order)
    events: list[dict[str, str]] = []
    for start, end in _joined(affected):
        events.append({"introduced": above(start.version) if start.after else start.version})
        if end is None:
            continue
        if not end.after:
            events.append({"fixed": end.version})
            continue
        fix = next((each.version for each in fixes if each.key > end.key), "")
        events.append({"fixed": fix} if fix else {"last_affected": end.version})
    return events


def above(version: str) -> str:
    """The smallest version above one, both without `v`: `1.2.4-0` is the first after `1.2.3`."""
    pre = semver.prerelease(f"v{version}")
    if pre:
        return f"{version}.0"
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}-0"


def _joined(intervals: Iterable[_Interval]) -> list[_Interval]:
    """In order; those that touch are one, or the end of one would read as the fix of the other."""
    joined: list[_Interval] = []
    for start, end in sorted(intervals, key=lambda each: _order(each[0])):
        last = joined[-1][1] if joined else None
        if joined and (last is None or _order(start) <= _order(last)):
            if last is not None and (end is None or _order(end) > _order(last)):
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _order(end: _End) -> tuple[tuple[object, ...], int]:
    return end.key, end.after


def _without(interval: _Interval, cut: _Interval) -> list[_Interval]:
    (start, end), (low, high) = interval, cut
    if (end is not None and _order(low) >= _order(end)) or (
        high is not None and _order(high) <= _order(start)
    ):
        return [interval]
    pieces: list[_Interval] = []
    if _order(start) < _order(low):
        pieces.append((start, low))
    if high is not None and (end is None or _order(high) < _order(end)):
        pieces.append((high, end))
    return pieces


def _intervals(text: str) -> list[_Interval]:
    if len(text) > _MAX:
        raise Invalid(f"a range has more than {_MAX} characters")
    alternatives = text.split("||")
    if len(alternatives) > _MAX_RANGES:
        raise Invalid(f"a range has more than {_MAX_RANGES} alternatives")
    return [each for part in alternatives if (each := _alternative(part)) is not None]


def _alternative(text: str) -> _Interval | None:
    """What holds where all comparisons do; None where nothing can."""
    if text.strip() in {"*", ""}:
        return _LOWEST, None
    start, end, at = _LOWEST, None, 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None or match[1] in {"^", "~"}:
            raise Invalid(f"{shown(text)} is no range of versions")
        at = match.end()
        low, high = _comparison(match[1] or "=", match[2])
        start = max(start, low, key=_order)
        if high is not None and (end is None or _order(high) < _order(end)):
            end = high
    return None if end is not None and _order(end) <= _order(start) else (start, end)


def _comparison(sign: str, version: str) -> _Interval:
    if sign in {"<", "<="}:
        return _LOWEST, _end(version, _AFTER if sign == "<=" else _AT)
    if sign in {">", ">="}:
        everything = version == _ZERO and sign == ">="
        return (_LOWEST if everything else _end(version, _AFTER if sign == ">" else _AT)), None
    return _end(version, _AT), _end(version, _AFTER)


def _is_version(text: str) -> bool:
    return semver.is_valid(f"v{text.strip().removeprefix('v')}")


def _end(version: str, after: int) -> _End:
    full = semver.canonical(f"v{version.strip().removeprefix('v')}")
    if not full:
        raise Invalid(f"{shown(version)} is no version")
    return _End(semver.sort_key(full)[0], after, full[1:])  # type: ignore[arg-type]  # without the tie by text
