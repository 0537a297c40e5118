"""Ranges of versions as policies write them: `>=1.2.0 <1.4.0 || v2.0.1 || v3`.

Comparisons that stand side by side must all hold, `||` separates alternatives. A bare version of three
numbers means exactly itself, a bare `v1` or `v1.2` every version that begins so, `*` every version. The order
is that of semantic versions and nothing else: build metadata (`+incompatible`) does not count, and a
pre-release lies before its release, so `<1.4.0` takes in `v1.4.0-rc.1` and pseudo-versions before it. `>` and
`<=` want all three numbers, because `<=1.2` would mean `<=1.2.0` to some and `<1.3.0` to others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modgate.errors import Invalid
from modgate.gomod import semver

__all__ = ["VersionRange", "parse_range"]

_COMPARISON = re.compile(r"(>=|<=|>|<|=)\s*(\S+)")
_OPERATORS = re.compile(r"(?<![<>=])([<>=]{1,2}+)\s+")
_MAX = 4096
_SIGNS = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1), "=": (0,)}


@dataclass(frozen=True, slots=True)
class _Comparison:
    operator: str
    key: tuple[object, ...]

    def holds(self, key: tuple[object, ...], _version: str) -> bool:
        sign = (key > self.key) - (key < self.key)
        return sign in _SIGNS[self.operator]


@dataclass(frozen=True, slots=True)
class _Prefix:
    numbers: str

    def holds(self, _key: tuple[object, ...], version: str) -> bool:
        return self.numbers in {semver.major(version), semver.major_minor(version)}


@dataclass(frozen=True, slots=True)
class VersionRange:
    """A parsed range. `text` is as written."""

    text: str
    alternatives: tuple[tuple[_Comparison | _Prefix, ...], ...]

    def __contains__(self, version: str) -> bool:
        """Whether a version lies in it; what is no version lies in none."""
        if not semver.is_valid(version):
            return False
        key = _key(version)
        return any(all(each.holds(key, version) for each in parts) for parts in self.alternatives)


def parse_range(text: str) -> VersionRange:
    """Read a range. Raises Invalid that names the part which is wrong."""
    if len(text) > _MAX:
        raise Invalid(f"a range has at most {_MAX} characters")
    return VersionRange(text, tuple(_alternative(part) for part in text.split("||")))


def _alternative(text: str) -> tuple[_Comparison | _Prefix, ...]:
    words = _OPERATORS.sub(r"\1", text).split()
    if not words:
        raise Invalid("an empty range; `*` means every version")
    return () if words == ["*"] else tuple(_part(word) for word in words)


def _part(word: str) -> _Comparison | _Prefix:
    match = _COMPARISON.fullmatch(word)
    operator, written = (match[1], match[2]) if match else ("", word)
    version = written if written.startswith("v") else f"v{written}"
    if not semver.is_valid(version):
        raise Invalid(f"{word[:80]!r} is no version, prefix or comparison such as >=1.2.0")
    whole = semver.canonical(version) == version.partition("+")[0]
    if not whole and operator in {">", "<="}:
        raise Invalid(f"{word!r} can be read in two ways: write all three numbers")
    if not whole and operator in {"", "="}:
        return _Prefix(version)
    return _Comparison(operator or "=", _key(version))


def _key(version: str) -> tuple[object, ...]:
    return semver.sort_key(semver.canonical(version))
