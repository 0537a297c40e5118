"""Which version a query means: `latest`, `v1`, `v1.2`, `>v1.2.3`, `patch`, `upgrade`.

Deciding is separate from asking: the caller brings the tagged versions, the newest commit as a
pseudo-version, and a predicate for what is retracted, denied or hidden; the answer is a version, or
the knowledge that the query names a branch or commit, which only its repository can resolve.
Source: cmd/go/internal/modload/query.go (newQueryMatcher, filterVersions, queryProxy).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modgate.errors import Invalid
from modgate.gomod import module, pseudo, semver
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.gomod.types import ModulePath

__all__ = [
    "Query",
    "choose",
    "is_revision_query",
    "keeps_current",
    "latest",
    "newest_pseudo_version",
    "parse_query",
    "retracted_by",
    "version_whose_go_mod_decides",
]

_RANGES = ("<=", "<", ">=", ">")
_NO_TIME = datetime.min.replace(tzinfo=UTC)


def _anything(_version: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Query:
    """A query, understood.

    Attributes:
        text: As it was asked.
        prefix: What every match begins with.
        fits: The test every match passes.
        prefers_lower: The lowest match is meant (`>`, `>=`), not the highest.
        may_use_latest: Without a tagged match the newest commit is meant.
        takes_incompatible: `+incompatible` versions count like any other.
        exact: It is a full version, to be asked for as it is before any list is read.
        current: The version to stay on where nothing better is found; empty without one.
    """

    text: str
    prefix: str = ""
    fits: Callable[[str], bool] = _anything
    prefers_lower: bool = False
    may_use_latest: bool = False
    takes_incompatible: bool = False
    exact: bool = False
    current: str = ""

    def matches(self, version: str) -> bool:
        """Whether a version is among those that the query means."""
        return version.startswith(self.prefix) and self.fits(version)


def _is_prefix(version: str) -> bool:
    # A pre-release or build suffix needs all three numbers.
    return semver.is_valid(version) and version.count(".") < 2


def is_revision_query(text: str) -> bool:
    """Whether the query names one revision (`v1.0.0`, `master`, `0123abcd`), not a choice."""
    chooses = text in {"latest", "upgrade", "patch"} or text.startswith(("<", ">")) or _is_prefix(text)
    return not chooses


def parse_query(path: ModulePath, text: str, current: str = "") -> Query | None:
    """The query, or None where it names a branch, tag or commit.

    `current` is the version in use, empty (or `none`) without one. Raises Invalid for a range over
    something that is no version or that could mean two, and for `patch` without a current version.
    """
    used = "" if current == "none" else current
    if used and not semver.is_valid(used):
        raise Invalid(f"current version {shown(used)} is not a semantic version", where=path)
    incompatible = used.endswith("+incompatible")
    if text == "latest":
        return Query(text, may_use_latest=True, takes_incompatible=incompatible)
    if text in {"upgrade", "patch"}:
        return _relative(path, text, used, incompatible=incompatible)
    if text.startswith(("<", ">")):
        return _range(path, text, incompatible=incompatible)
    if not semver.is_valid(text):
        return None
    incompatible = incompatible or _of_another_major(path, text)
    if _is_prefix(text):
        # v1.2 does not mean the pre-releases of v1.2.0, which are lower than it.
        return Query(
            text,
            prefix=f"{text}.",
            fits=lambda v: semver.compare(v, text) >= 0,
            takes_incompatible=incompatible,
        )
    return Query(
        text,
        prefix=semver.canonical(text),
        fits=lambda v: semver.compare(v, text) == 0,
        takes_incompatible=incompatible,
        exact=True,
    )


def _relative(path: ModulePath, text: str, used: str, *, incompatible: bool) -> Query:
    if not used:
        if text == "patch":
            raise Invalid(
                "patch means the newest patch of the version in use, and none is in use",
                where=path,
                next_step="Ask for latest, or for a prefix such as v1.2.",
            )
        return Query(text, may_use_latest=True, takes_incompatible=incompatible)
    return Query(
        text,
        prefix=f"{semver.major_minor(used)}." if text == "patch" else "",
        fits=lambda v: semver.compare(v, used) >= 0,
        may_use_latest=pseudo.is_pseudo_version(used),
        takes_incompatible=incompatible,
        current=used,
    )


def _range(path: ModulePath, text: str, *, incompatible: bool) -> Query:
    operator = next(mark for mark in _RANGES if text.startswith(mark))
    bound = text.removeprefix(operator)
    if not semver.is_valid(bound):
        raise Invalid(f"invalid semantic version {shown(bound)} in range {shown(text)}", where=path)
    if operator in {"<=", ">"} and _is_prefix(bound):
        raise Invalid(
            f"ambiguous semantic version {shown(bound)} in range {shown(text)}",
            where=path,
            next_step="Write all three numbers.",
        )
    tests: dict[str, Callable[[str], bool]] = {
        "<=": lambda v: semver.compare(v, bound) <= 0,
        "<": lambda v: semver.compare(v, bound) < 0,
        ">=": lambda v: semver.compare(v, bound) >= 0,
        ">": lambda v: semver.compare(v, bound) > 0,
    }
    return Query(
        text,
        fits=tests[operator],
        prefers_lower=operator.startswith(">"),
        takes_incompatible=incompatible or _of_another_major(path, bound),
    )


def _of_another_major(path: ModulePath, version: str) -> bool:
    return not module.match_path_major(version, module.split_path_version(path)[1])


def version_whose_go_mod_decides(
    query: Query, versions: Iterable[str], *, allowed: Callable[[str], bool] = _anything
) -> str | None:
    """The version whose zip must be looked at before `choose`, or None where none matters.

    If the highest compatible version has a go.mod, its authors use modules, and `+incompatible`
    versions above it are leftovers of their tags; without one they are what is meant.
    """
    if query.takes_incompatible:
        return None
    compatible = None
    for version in _fitting(query, versions, allowed):
        if version.endswith("+incompatible"):
            return compatible
        compatible = version
    return None


def choose(
    query: Query,
    versions: Iterable[str],
    *,
    allowed: Callable[[str], bool] = _anything,
    newest_commit: str | None = None,
    compatible_has_go_mod: bool = True,
) -> str | None:
    """The version that the query means; None where none matches.

    Args:
        query: What `parse_query` made of the text.
        versions: The tagged versions, in any order; pseudo-versions among them do not count.
        allowed: False for a version to pass over: retracted, denied, hidden.
        newest_commit: The version of the newest commit, meant where no tag is.
        compatible_has_go_mod: The answer to `version_whose_go_mod_decides`.
    """
    fitting = _fitting(query, versions, allowed)
    if compatible_has_go_mod and not query.takes_incompatible:
        fitting = _without_leftovers(fitting)
    releases = [version for version in fitting if not semver.prerelease(version)]
    if candidates := releases or fitting:
        return candidates[0 if query.prefers_lower else -1]
    if query.may_use_latest and newest_commit and query.matches(newest_commit) and allowed(newest_commit):
        return newest_commit
    return query.current if query.current and allowed(query.current) else None


def _fitting(query: Query, versions: Iterable[str], allowed: Callable[[str], bool]) -> list[str]:
    tagged = (v for v in versions if semver.is_valid(v) and not pseudo.is_pseudo_version(v))
    return [v for v in semver.sorted_versions(tagged) if query.matches(v) and allowed(v)]


def _without_leftovers(ordered: list[str]) -> list[str]:
    for index, version in enumerate(ordered):
        if version.endswith("+incompatible") and index:
            return ordered[:index]
        if version.endswith("+incompatible"):
            return ordered
    return ordered


def latest(
    versions: Iterable[str], *, allowed: Callable[[str], bool] = _anything, compatible_has_go_mod: bool = True
) -> str | None:
    """What `@latest` means: the highest release, else the highest pre-release, else the newest
    pseudo-version among the versions; None without any.
    """
    known = list(versions)
    return choose(
        Query("latest", may_use_latest=True),
        known,
        allowed=allowed,
        newest_commit=newest_pseudo_version(v for v in known if allowed(v)),
        compatible_has_go_mod=compatible_has_go_mod,
    )


def newest_pseudo_version(versions: Iterable[str]) -> str | None:
    """The pseudo-version with the newest commit time; None without any."""
    best, best_time = None, _NO_TIME
    for version in versions:
        try:
            time = pseudo.pseudo_version_time(version)
        except Invalid:
            continue
        if time > best_time:
            best, best_time = version, time
    return best


def keeps_current(query: Query, found_time: datetime | None) -> bool:
    """Whether `upgrade` or `patch` must stay on the current pseudo-version, because what was found
    is from an older commit: nobody means that by an upgrade. The current one must be allowed.
    """
    if found_time is None:
        return False
    try:
        return found_time < pseudo.pseudo_version_time(query.current)
    except Invalid:
        return False


def retracted_by(intervals: Iterable[tuple[str, str]]) -> Callable[[str], bool]:
    """The predicate for versions in one of the closed intervals of `retract` directives.

    The directives that count are those of the version that `latest` means while nothing is held
    for retracted. Source: cmd/go/internal/modload, CheckRetractions.
    """
    closed = tuple(intervals)

    def retracted(version: str) -> bool:
        return any(
            semver.compare(low, version) <= 0 and semver.compare(version, high) <= 0 for low, high in closed
        )

    return retracted
