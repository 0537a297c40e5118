"""Pseudo-versions: versions that name a commit without a tag.

Their form puts them between tags: below every tag of a major version that has none before the
commit (vX.0.0-TIME-REV), or just above the tag before it (vX.Y.(Z+1)-0.TIME-REV after a release,
vX.Y.Z-pre.0.TIME-REV after a pre-release). TIME is the commit's, in UTC, yyyymmddhhmmss.
Source: golang.org/x/mod/module/pseudo.go.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from modgate.errors import Invalid
from modgate.gomod import semver
from modgate.gomod.texts import shown

__all__ = [
    "is_pseudo_version",
    "is_zero_pseudo_version",
    "pseudo_version",
    "pseudo_version_base",
    "pseudo_version_rev",
    "pseudo_version_time",
    "zero_pseudo_version",
]

_PSEUDO = re.compile(
    r"v[0-9]+\.(0\.0-|[0-9]+\.[0-9]+-([^+]*\.)?0\.)[0-9]{14}-[A-Za-z0-9]+(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_ZERO_TIME = "00010101000000"
_ZERO_REV = "000000000000"


class _Parts(NamedTuple):
    base: str
    timestamp: str
    rev: str
    build: str


def is_pseudo_version(v: str) -> bool:
    """Whether v has the form of a pseudo-version."""
    return v.count("-") >= 2 and _PSEUDO.fullmatch(v) is not None and semver.is_valid(v)


def pseudo_version(major: str, older: str, time: datetime, rev: str) -> str:
    """The pseudo-version of a commit.

    Args:
        major: The major version (`v1`), empty for v0; used only where `older` is empty.
        older: The newest tag before the commit, or empty.
        time: The commit time, with a time zone.
        rev: The first 12 digits of the commit hash.

    Raises:
        Invalid: For a time without a zone.
    """
    if time.tzinfo is None:
        raise Invalid("a pseudo-version needs a commit time with its time zone")
    utc = time.astimezone(UTC)
    # Years below 1000 would lose their leading zeros in strftime.
    return _assembled(major, older, f"{utc.year:04d}{utc:%m%d%H%M%S}", rev)


def _assembled(major: str, older: str, timestamp: str, rev: str) -> str:
    segment = f"{timestamp}-{rev}"
    meta = semver.build(older)
    base = semver.canonical(older)
    if not base:
        return f"{major or 'v0'}.0.0-{segment}"
    if semver.prerelease(base):
        return f"{base}.0.{segment}{meta}"
    prefix, _, patch = base.rpartition(".")
    return f"{prefix}.{_increment(patch)}-0.{segment}{meta}"


def _increment(decimal: str) -> str:
    # Digit by digit: int() refuses very long digits.
    kept = decimal.rstrip("9")
    nines = len(decimal) - len(kept)
    return f"{kept[:-1]}{int(kept[-1:] or 0) + 1}{'0' * nines}"


def _decrement(decimal: str) -> str:
    kept = decimal.rstrip("0")
    if not kept:
        return ""
    less = f"{kept[:-1]}{int(kept[-1]) - 1}{'9' * (len(decimal) - len(kept))}"
    return less[1:] if less[0] == "0" and len(less) > 1 else less


def zero_pseudo_version(major: str) -> str:
    """A placeholder with neither time nor commit."""
    return _assembled(major, "", _ZERO_TIME, _ZERO_REV)


def is_zero_pseudo_version(v: str) -> bool:
    """Whether v is the placeholder of its major version."""
    return v == zero_pseudo_version(semver.major(v))


def _refuse(v: str, why: str) -> Invalid:
    return Invalid(f"pseudo-version {shown(v)} invalid: {why}")


def _parts(v: str) -> _Parts:
    if not is_pseudo_version(v):
        raise _refuse(v, "syntax error")
    meta = semver.build(v)
    rest, _, rev = v.removesuffix(meta).rpartition("-")
    before_dash, _, after_dash = rest.rpartition("-")
    if "." in after_dash:
        base, _, timestamp = rest.rpartition(".")
        return _Parts(base, timestamp, rev, meta)
    return _Parts(before_dash, after_dash, rev, meta)


def pseudo_version_time(v: str) -> datetime:
    """The commit time, in UTC. Raises Invalid for another version or a date that does not exist."""
    stamp = _parts(v).timestamp
    fields = (stamp[:4], *(stamp[i : i + 2] for i in range(4, 14, 2)))
    try:
        year, month, day, hour, minute, second = map(int, fields)
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise _refuse(v, f"malformed time {shown(stamp)}") from None


def pseudo_version_rev(v: str) -> str:
    """The commit that it names. Raises Invalid for another version."""
    return _parts(v).rev


def pseudo_version_base(v: str) -> str:
    """The tag that it builds on, or empty. Raises Invalid for another version, or where the form
    calls for a base that cannot be.
    """
    parts = _parts(v)
    pre = semver.prerelease(parts.base)
    if not pre:
        # vX.0.0- says that there is no tag, a build suffix would be that tag's.
        if parts.build:
            raise _refuse(v, f"lacks base version, but has build metadata {shown(parts.build)}")
        return ""
    if pre == "-0":
        prefix, _, patch = parts.base.removesuffix(pre).rpartition(".")
        less = _decrement(patch)
        if not less:
            raise _refuse(v, f"version before {prefix}.{patch} would have negative patch number")
        return f"{prefix}.{less}{parts.build}"
    return parts.base.removesuffix(".0") + parts.build
