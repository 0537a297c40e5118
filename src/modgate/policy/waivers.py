"""Waivers: whom and what each covers.

A waiver lifts what a rule does. One that names an advisory takes only that advisory from the rule: where the
rule is met by another one as well, it stays met. A waiver whose pattern or range cannot be read covers
nothing; `check_waiver` says so to whoever makes one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns
from modgate.policy.ranges import parse_range
from modgate.policy.selectors import consumer_matches, module_matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.model.advisory import Hit
    from modgate.model.decisions import Waiver
    from modgate.policy.facts import Facts
    from modgate.policy.ranges import VersionRange

__all__ = ["check_waiver", "covers", "in_force", "lifts", "pattern_covers"]


def in_force(waiver: Waiver, now: float) -> bool:
    """Whether it stands at `now` (Unix seconds)."""
    return waiver.expires > now and not waiver.revoked


def pattern_covers(waiver: Waiver, path: str) -> bool:
    """Whether it concerns a module."""
    return module_matches(waiver.pattern, path)


def covers(
    waiver: Waiver, facts: Facts, groups: frozenset[str], now: float, *, anybody: bool = False
) -> bool:
    """Whether it stands, and concerns this version for this consumer, who belongs to `groups`; `anybody`:
    for some consumer.
    """
    if not (in_force(waiver, now) and pattern_covers(waiver, facts.path)):
        return False
    if waiver.versions:
        versions = _range(waiver.versions)
        if versions is None or facts.version not in versions:
            return False
    if not waiver.consumers or anybody:
        return True
    return any(each in groups or consumer_matches(each, facts.consumer) for each in waiver.consumers)


def lifts(waivers: Sequence[Waiver], rule: str, hits: tuple[Hit, ...]) -> tuple[tuple[Hit, ...], str, bool]:
    """What waivers that cover the version take from a rule (empty: the policy's default) which is met by
    `hits`: (the hits that are left, the id of the waiver that took something, whether nothing of the rule is
    left).
    """
    by = ""
    left = hits
    for waiver in waivers:
        if waiver.rule and waiver.rule != rule:
            continue
        if not waiver.advisory:
            return (), waiver.id, True
        rest = tuple(hit for hit in left if not _is(hit, waiver.advisory))
        if len(rest) < len(left):
            by, left = by or waiver.id, rest
    return left, by, bool(hits) and not left


def check_waiver(waiver: Waiver) -> None:
    """Raises Invalid for a waiver that lacks what every waiver has, or could never cover anything."""
    for name in ("id", "pattern", "owner", "reason"):
        if not getattr(waiver, name).strip():
            raise Invalid(f"a waiver has its {'modules' if name == 'pattern' else name}")
    if not 0 < waiver.expires < float("inf"):
        raise Invalid("a waiver has an end", next_step="Give a date: expires.")
    if wrong := malformed_patterns(waiver.pattern):
        raise Invalid(f"the pattern {wrong[0]!r} is malformed and would match nothing")
    if waiver.versions:
        parse_range(waiver.versions)


def _is(hit: Hit, advisory: str) -> bool:
    return advisory == hit.advisory.id or advisory in hit.advisory.aliases


@lru_cache(maxsize=4096)
def _range(text: str) -> VersionRange | None:
    try:
        return parse_range(text)
    except Invalid:
        return None
