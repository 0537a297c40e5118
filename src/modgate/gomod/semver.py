"""Semantic versions as Go writes them: with a leading `v`, and `v1`, `v1.2` as shorthands.

The order decides which version of a module a build selects, so it must be Go's to the last
corner: identifiers of digits compare as numbers of any length, build metadata does not count, and
an invalid version is lower than every valid one. Source: golang.org/x/mod/semver, semver.org 2.0.0.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "build",
    "canonical",
    "compare",
    "is_valid",
    "major",
    "major_minor",
    "max_version",
    "prerelease",
    "sort_key",
    "sorted_versions",
]

_NUMBER = r"(?:0|[1-9][0-9]*+)"
# An identifier of a pre-release that consists of digits has no leading zero.
_IDENTIFIER = r"(?:(?!0[0-9]++(?![0-9A-Za-z-]))[0-9A-Za-z-]++)"
_VERSION = re.compile(
    rf"v({_NUMBER})(?:\.({_NUMBER})(?:\.({_NUMBER})"
    rf"(-{_IDENTIFIER}(?:\.{_IDENTIFIER})*+)?"
    r"(\+[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+)?)?)?"
)

_Key = tuple[object, ...]


class _Parsed(NamedTuple):
    major: str
    minor: str
    patch: str
    prerelease: str
    build: str


def _parse(v: str) -> _Parsed | None:
    match = _VERSION.fullmatch(v)
    if match is None:
        return None
    number, minor, patch, pre, meta = match.groups()
    return _Parsed(number, minor or "0", patch or "0", pre or "", meta or "")


def is_valid(v: str) -> bool:
    """Whether v is a semantic version, the shorthands included."""
    return _VERSION.fullmatch(v) is not None


def canonical(v: str) -> str:
    """The full form without build metadata; empty for an invalid version."""
    parsed = _parse(v)
    return "" if parsed is None else f"v{parsed.major}.{parsed.minor}.{parsed.patch}{parsed.prerelease}"


def major(v: str) -> str:
    """The major version with its `v` (`v2` of `v2.1.0`); empty for an invalid version."""
    parsed = _parse(v)
    return "" if parsed is None else f"v{parsed.major}"


def major_minor(v: str) -> str:
    """Major and minor (`v2.1` of `v2.1.0`); empty for an invalid version."""
    parsed = _parse(v)
    return "" if parsed is None else f"v{parsed.major}.{parsed.minor}"


def prerelease(v: str) -> str:
    """The pre-release with its dash (`-pre` of `v2.1.0-pre+meta`); empty if there is none."""
    parsed = _parse(v)
    return "" if parsed is None else parsed.prerelease


def build(v: str) -> str:
    """The build metadata with its plus (`+meta`); empty if there is none."""
    parsed = _parse(v)
    return "" if parsed is None else parsed.build


def _number_key(digits: str) -> tuple[int, str]:
    # Without leading zeros, the longer number is the larger; int() refuses very long digits.
    return len(digits), digits


def _identifier_key(identifier: str) -> tuple[int, int, str]:
    return (0, len(identifier), identifier) if identifier.isdigit() else (1, 0, identifier)


def _precedence(v: str) -> _Key:
    parsed = _parse(v)
    if parsed is None:
        return (0,)
    numbers = (_number_key(parsed.major), _number_key(parsed.minor), _number_key(parsed.patch))
    if not parsed.prerelease:
        return (1, *numbers, 1)
    return (1, *numbers, 0, tuple(_identifier_key(part) for part in parsed.prerelease[1:].split(".")))


def sort_key(v: str) -> _Key:
    """A key whose order is `compare`, with ties in byte order of the text, as semver.Sort breaks them."""
    return (_precedence(v), v)


def sorted_versions(versions: Iterable[str]) -> list[str]:
    """The versions in the order of semver.Sort, lowest first."""
    return sorted(versions, key=sort_key)


def compare(v: str, w: str) -> int:
    """-1, 0 or 1 by precedence: an invalid version is below every valid one and equal to its like."""
    first, second = _precedence(v), _precedence(w)
    return (first > second) - (first < second)


def max_version(v: str, w: str) -> str:
    """The canonical form of the greater of two; empty if both are invalid."""
    first, second = canonical(v), canonical(w)
    return first if compare(first, second) > 0 else second
