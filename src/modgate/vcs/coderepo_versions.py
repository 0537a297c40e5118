"""The versions that a repository's tags make, and what the module takes back.

A tag counts if it is spelled canonically and fits the major version of the path. Tags of v2 and above
from before modules count as `+incompatible` where the path has no major version, unless the authors
use modules: the highest compatible version, or the highest of that major, has a go.mod.
Source: coderepo.go, Versions, appendIncompatibleVersions, retractedVersions; golang.org/issue/34189.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent, Invalid
from modgate.gomod import modfile, module, pseudo, query, semver
from modgate.vcs.coderepo_gomod import find_place, has_file
from modgate.vcs.coderepo_layout import INCOMPATIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.model import Context
    from modgate.vcs.coderepo_layout import Layout
    from modgate.vcs.repository import Repository

__all__ = ["Versions", "highest_for_retractions", "list_versions", "retractions_of"]


@dataclass(frozen=True, slots=True)
class Versions:
    """The tagged versions, lowest first (`+incompatible` ones behind), and where they come from."""

    versions: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)


async def list_versions(ctx: Context, repository: Repository, layout: Layout, prefix: str = "") -> Versions:
    """The versions that begin with the prefix. Raises what the repository raises."""
    if layout.without_tags:
        return Versions()
    tags = await repository.tags(ctx, layout.tag_prefix + prefix)
    origin = {**tags.origin, "Subdir": layout.folder} if layout.folder else dict(tags.origin)
    fitting: list[str] = []
    others: list[str] = []
    for tag in tags.tags:
        version = tag.name.removeprefix(layout.tag_prefix)
        if not version or semver.canonical(version) != version or pseudo.is_pseudo_version(version):
            continue
        if module.match_path_major(version, layout.path_major):
            fitting.append(version)
        elif not layout.folder and not layout.path_major and semver.major(version) > "v1":
            others.append(version)
    versions = semver.sorted_versions(fitting)
    added = await _incompatible(ctx, repository, versions, semver.sorted_versions(others))
    return Versions((*versions, *added), origin)


async def _incompatible(
    ctx: Context, repository: Repository, compatible: Sequence[str], candidates: Sequence[str]
) -> list[str]:
    """The `+incompatible` versions that count. The go.mod of each major's highest version decides."""
    if not candidates or (compatible and await _has_go_mod(ctx, repository, compatible[-1])):
        return []
    found: list[str] = []
    for _, of_major in groupby(candidates, semver.major):
        versions = list(of_major)
        if not await _has_go_mod(ctx, repository, versions[-1]):
            found += (version + INCOMPATIBLE for version in versions)
    return found


async def _has_go_mod(ctx: Context, repository: Repository, tag: str) -> bool:
    return await has_file(ctx, repository, tag, "go.mod")


def highest_for_retractions(versions: Sequence[str]) -> str:
    """The version whose go.mod says what is retracted; empty for none.

    The highest release, else the highest pre-release. A `+incompatible` version has no go.mod.
    """
    compatible = [version for version in versions if not version.endswith(INCOMPATIBLE)]
    releases = [version for version in compatible if not semver.prerelease(version)]
    return next(reversed(releases or compatible), "")


async def retractions_of(
    ctx: Context, repository: Repository, layout: Layout, version: str
) -> Callable[[str], bool]:
    """The predicate for versions that the go.mod of this version takes back; nothing is where it has
    none that can be read. Raises Unavailable.
    """
    if not version:
        return _nothing
    try:
        revision = await repository.stat(ctx, layout.revision(version))
        place = await find_place(ctx, repository, layout, commit=revision.name, version=version)
        retracted = modfile.parse_lax(place.go_mod or b"").retract
    except (Absent, Invalid):
        return _nothing
    return query.retracted_by((each.low, each.high) for each in retracted)


def _nothing(_version: str) -> bool:
    return False
