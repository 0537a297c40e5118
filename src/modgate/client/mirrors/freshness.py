"""How far a mirror lags behind the others, from what each of them names as newest.

No header tells it: `Age` is the age of one cached answer and `X-Go-Mod-Age` is no standard, so both are shown
where given and nothing is concluded from them. A mirror is behind by the released versions that another one
names and that are newer than its own newest; and it has been so since the first of them appeared.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modgate.gomod import semver
from modgate.gomod.pseudo import is_pseudo_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modgate.client.mirrors.results import Freshness

__all__ = ["compared", "first_missing", "newest_of", "seconds_of"]

_DAY = 86400.0


def newest_of(listed: Iterable[str], latest: str) -> str:
    """The newest release that a mirror names in its list or as `@latest`; else what `@latest` says."""
    released = [v for v in (*listed, latest) if v and not semver.prerelease(v) and not is_pseudo_version(v)]
    return semver.sorted_versions(released)[-1] if released else latest


def first_missing(own: Freshness, everywhere: Iterable[str]) -> tuple[str, ...]:
    """The releases newer than a mirror's newest, oldest first; none for a mirror that names nothing."""
    if not own.newest:
        return ()
    newer = {v for v in everywhere if not semver.prerelease(v) and semver.compare(v, own.newest) > 0}
    return tuple(semver.sorted_versions(newer))


def compared(known: Mapping[str, Freshness], times: Mapping[str, str], now: float) -> dict[str, Freshness]:
    """One module as several mirrors know it, with the lag of each filled in.

    Args:
        known: By mirror.
        times: RFC 3339 by version, as far as they could be asked for.
        now: Seconds since 1970.
    """
    everywhere = {v for fresh in known.values() for v in (*fresh.versions, fresh.newest) if v}
    times = dict(times) | {fresh.newest: fresh.time for fresh in known.values() if fresh.time}
    found: dict[str, Freshness] = {}
    for name, fresh in known.items():
        if not fresh.newest or len(known) < 2:
            found[name] = fresh
            continue
        missing = first_missing(fresh, everywhere)
        since = [
            seconds for version in missing if (seconds := seconds_of(times.get(version, ""))) is not None
        ]
        days = max(0.0, (now - min(since)) / _DAY) if since else None
        found[name] = replace(fresh, behind=len(missing), days=days if missing else None)
    return found


def seconds_of(text: str) -> float | None:
    """RFC 3339 as seconds since 1970, None where it is no such time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
