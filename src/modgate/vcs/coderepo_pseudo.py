"""Whether a pseudo-version is the one name that its commit may have.

A pseudo-version says a time, a commit and the tag it builds on. Were any of them taken unchecked, a
commit could have endless names, and an author could pin a dependency with a base far above all tags.
Source: coderepo.go, validatePseudoVersion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid
from modgate.gomod import pseudo, semver
from modgate.vcs.coderepo_layout import INCOMPATIBLE, invalid_version

if TYPE_CHECKING:
    from modgate.model import Context
    from modgate.vcs.coderepo_layout import Layout
    from modgate.vcs.repository import Repository, Revision

__all__ = ["check_pseudo_version"]


async def check_pseudo_version(
    ctx: Context, repository: Repository, layout: Layout, revision: Revision, version: str
) -> None:
    """Raises Absent, with the go command's reason, unless the version names the revision rightly; and
    what the repository raises.
    """
    try:
        why = _misnamed(layout, revision, version) or await _unfounded(
            ctx, repository, layout, revision, version
        )
    except Invalid as error:
        # The version's form is right, so what it holds (a 32nd day, a base below zero) is wrong.
        raise Absent(error.what, where=f"{layout.path}@{version}") from None
    if why:
        raise invalid_version(layout.path, version, why, pseudo_version=True)


def _misnamed(layout: Layout, revision: Revision, version: str) -> str:
    """What the version says wrongly of the commit itself; empty for nothing."""
    named, short = pseudo.pseudo_version_rev(version), revision.short
    if named != short:
        if named.startswith(short):
            return f"revision is longer than canonical (expected {short})"
        if short.startswith(named):
            return f"revision is shorter than canonical (expected {short})"
        return f"does not match short name of revision (expected {short})"
    time = revision.time.replace(microsecond=0)
    if pseudo.pseudo_version_time(version) != time:
        expected = f"{time.year:04d}{time:%m%d%H%M%S}"
        return f"does not match version-control timestamp (expected {expected})"
    base = pseudo.pseudo_version_base(version.removesuffix(INCOMPATIBLE))
    if not base:
        if not layout.pseudo_major and semver.major(version) == "v1":
            return "major version without preceding tag must be v0, not v1"
        return ""
    for tag in revision.tags:
        if tag.removeprefix(layout.tag_prefix) == base:
            return (
                f"tag ({tag}) found on revision {named} is already canonical, "
                "so should not be replaced with a pseudo-version derived from that tag"
            )
    return ""


async def _unfounded(
    ctx: Context, repository: Repository, layout: Layout, revision: Revision, version: str
) -> str:
    """Why the version may not build on the tag that it names; empty for nothing."""
    base = pseudo.pseudo_version_base(version.removesuffix(INCOMPATIBLE))
    if not base:
        return ""
    tags = await repository.tags(ctx, layout.tag_prefix + base)
    last = ""
    for tag in tags.tags:
        if semver.compare(tag.name.removeprefix(layout.tag_prefix), base) == 0:
            last = tag.name
            if await repository.descends_from(ctx, revision.name, tag.name):
                return ""
    if not last:
        return f"preceding tag ({base}) not found"
    return f"revision {revision.short} is not a descendent of preceding tag ({last})"
