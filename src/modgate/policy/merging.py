"""One vulnerability, told by several databases, is one advisory.

1. Entries of one id: the one changed last counts, of equals the one of the database named first.
2. Who is affected is said by the Go vulnerability database where it knows of it (`GO-`), then by GitHub
   (`GHSA-`), then by anybody else: of what names the other in its aliases the lower one goes, and lends its
   aliases. Where only a third name is shared (a CVE that stands for several modules), it goes only if the
   higher one names all its modules.
3. A withdrawn entry swallows nothing: another database may still stand by it.
4. The severity is the best (`severity.best`) of all that share a name, whether they go or stay.
5. What names no module lends its severity and is no advisory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modgate.policy.severity import Rating, best

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modgate.model.advisory import Advisory

__all__ = ["merge"]


def merge(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Each vulnerability once, ordered by id; `advisories` in the order of the databases' precedence."""
    newest: dict[str, Advisory] = {}
    ratings: dict[str, list[Rating]] = {}
    for advisory in advisories:
        known = newest.get(advisory.id)
        if known is None or advisory.modified > known.modified:
            newest[advisory.id] = advisory
        if advisory.severity_from:
            rating = Rating(advisory.severity, advisory.severity_from, advisory.score)
            for name in {advisory.id, *advisory.aliases}:
                ratings.setdefault(name, []).append(rating)
    stay: dict[str, Advisory] = {}
    owners: dict[str, list[str]] = {}
    for advisory in sorted(newest.values(), key=lambda each: (_rank(each.id), each.id)):
        owner = _owner(advisory, stay, owners)
        if owner is not None:
            names = dict.fromkeys((*owner.aliases, advisory.id, *advisory.aliases))
            stay[owner.id] = replace(owner, aliases=tuple(each for each in names if each != owner.id))
            continue
        if not advisory.blocks:
            continue
        stay[advisory.id] = advisory
        if not advisory.withdrawn:
            for name in (advisory.id, *advisory.aliases):
                owners.setdefault(name, []).append(advisory.id)
    return tuple(_rated(stay[identifier], ratings) for identifier in sorted(stay))


def _rank(identifier: str) -> int:
    for rank, prefix in enumerate(("GO-", "GHSA-")):
        if identifier.startswith(prefix):
            return rank
    return 2


def _owner(advisory: Advisory, stay: dict[str, Advisory], owners: dict[str, list[str]]) -> Advisory | None:
    rank = _rank(advisory.id)
    for name in (advisory.id, *advisory.aliases):
        for identifier in owners.get(name, ()):
            if _rank(identifier) >= rank:
                continue
            owner = stay[identifier]
            if advisory.id in owner.aliases or owner.id in advisory.aliases:
                return owner
            if {each.path for each in advisory.blocks} <= {each.path for each in owner.blocks}:
                return owner
    return None


def _rated(advisory: Advisory, ratings: dict[str, list[Rating]]) -> Advisory:
    said = [rating for name in (advisory.id, *advisory.aliases) for rating in ratings.get(name, ())]
    counts = best(said)
    if (counts.severity, counts.source, counts.score) == (
        advisory.severity,
        advisory.severity_from,
        advisory.score,
    ):
        return advisory
    return replace(advisory, severity=counts.severity, severity_from=counts.source, score=counts.score)
