"""Where to go from a version that may not be used.

The first version above it that no advisory affects and that may be used; where no list can be had, what the
advisories call fixed. Where no advisory is the reason, the next higher version that may be used, else the
newest that may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.gomod import query, semver
from modgate.policy.facts import Facts, Unknown

if TYPE_CHECKING:
    from modgate.gomod.types import Version
    from modgate.model.advisory import Advisories

__all__ = ["way_out"]


def way_out(facts: Facts, usable: tuple[Version, ...] | None, index: Advisories | Unknown) -> str:
    """The version to go to, empty for none. `usable`: what may be used of the list, None without a list."""
    if isinstance(index, Unknown) or isinstance(facts.hits, Unknown) or not facts.hits:
        return _instead(facts.version, usable or (), index, facts.path)
    if usable is not None:
        return index.first_fixed(facts.path, facts.version, usable) or ""
    return max((hit.fixed for hit in facts.hits if hit.fixed), key=semver.sort_key, default="")


def _instead(version: str, usable: tuple[Version, ...], index: Advisories | Unknown, path: str) -> str:
    clean = [each for each in usable if isinstance(index, Unknown) or not index.hits(path, each)]
    above = [each for each in clean if semver.compare(each, version) > 0]
    releases = [each for each in above if not semver.prerelease(each)]
    if higher := releases or above:
        return min(higher, key=semver.sort_key)
    return query.latest(clean) or ""
