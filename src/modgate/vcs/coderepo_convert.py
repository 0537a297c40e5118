"""What version a commit is, asked for under some name.

A full version must resolve to itself and to nothing else: a branch that is called like a version is no
version (CVE-2022-23773). Any other name resolves to the highest tag of the commit that is spelled
canonically, fits the path and is not retracted, else to a pseudo-version on the highest such tag
among its ancestors. Source: coderepo.go, convert.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent
from modgate.gomod import module, pseudo, semver
from modgate.gomod.texts import shown
from modgate.vcs.coderepo_gomod import find_place, has_file
from modgate.vcs.coderepo_layout import INCOMPATIBLE, invalid_version
from modgate.vcs.coderepo_pseudo import check_pseudo_version
from modgate.vcs.coderepo_versions import highest_for_retractions, list_versions, retractions_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from modgate.model import Context
    from modgate.vcs.coderepo_gomod import Place
    from modgate.vcs.coderepo_layout import Layout
    from modgate.vcs.repository import Repository, Revision

__all__ = ["Found", "convert", "origin_of"]

_ORIGIN = ("VCS", "URL", "Subdir", "Hash", "TagPrefix", "TagSum", "Ref", "RepoSum")


@dataclass(frozen=True, slots=True)
class Found:
    """A version that the repository proved.

    Attributes:
        version: The canonical version.
        commit: The whole name of its commit.
        time: The commit time, UTC.
        place: The module's folder at that commit, and its go.mod.
        origin: The Origin of its `.info`.
    """

    version: str
    commit: str
    time: datetime
    place: Place
    origin: dict[str, Any] = field(default_factory=dict)


async def convert(
    ctx: Context, repository: Repository, layout: Layout, revision: Revision, asked: str
) -> Found:
    """The version of a revision that was asked for as `asked` (empty for the newest commit).

    Raises Absent, with the go command's reason, where the repository proves that it has no such
    version, and what the repository raises.
    """
    return await _Conversion(ctx, repository, layout, revision, asked).run()


def origin_of(origin: dict[str, Any], **more: str) -> dict[str, Any]:
    """An Origin with further fields, in the go command's order, empty ones left out."""
    known = origin | {name: value for name, value in more.items() if value}
    ordered = {name: known[name] for name in _ORIGIN if known.get(name)}
    return ordered | {name: value for name, value in known.items() if name not in _ORIGIN}


class _Conversion:
    """One question; what it learns about the commit is asked of the repository once."""

    def __init__(
        self, ctx: Context, repository: Repository, layout: Layout, revision: Revision, asked: str
    ) -> None:
        self._ctx = ctx
        self._repository = repository
        self._layout = layout
        self._revision = revision
        self._asked = asked
        self._go_mods: dict[str, bool] = {}

    async def run(self) -> Found:
        if pseudo.is_pseudo_version(self._asked):
            # The place and the major version first: the check of the base may need the whole history.
            found = await self._checked(self._asked)
            await check_pseudo_version(self._ctx, self._repository, self._layout, self._revision, self._asked)
        else:
            found = await self._resolved()
        return await self._with_origin(found)

    async def _resolved(self) -> Found:
        """The version by the tags of the commit, else by those of its ancestors."""
        layout, revision = self._layout, self._revision
        version, canonical = layout.version_of_tag(revision.version)
        refused: Absent | None = None
        if canonical:
            try:
                return await self._checked(version)
            except Absent as error:
                # The tag may be another module's: the commit can still have a version of this one.
                refused = error
        base = ""
        candidates: list[str] = []
        for tag in revision.tags:
            version, canonical = layout.version_of_tag(tag)
            if self._asked and semver.compare(version, self._asked) == 0:
                if canonical:
                    # If it is not allowed, that is the answer.
                    if refused is not None and tag == revision.version:
                        raise refused
                    return await self._checked(version)
                base = version
            if canonical:
                candidates.append(version)
        highest = await self._highest(candidates)
        if highest:
            return await self._checked(highest)
        if not base:
            base = await self._recent_base()
        newest = pseudo.pseudo_version(layout.pseudo_major, base, revision.time, revision.short)
        return await self._checked(newest)

    async def _highest(self, candidates: list[str]) -> str:
        """The highest tag that fits the path and is not retracted; empty for none."""
        if not candidates:
            return ""
        retracted = await self._retracted()
        for version in reversed(semver.sorted_versions(candidates)):
            if not retracted(version) and await self._fits(version):
                return version
        return ""

    async def _recent_base(self) -> str:
        """The highest version tagged on the commit or its ancestors that may be built on."""
        layout = self._layout
        retracted = await self._retracted()
        majors: dict[str, bool] = {}
        if not layout.path_major and await self._may_be_incompatible(""):
            # Go asks for each tag when it meets it; here the question is not allowed to wait.
            tags = await self._repository.tags(self._ctx, layout.tag_prefix)
            versions = (layout.version_of_tag(tag.name)[0] for tag in tags.tags)
            for version in versions:
                major = semver.major(version)
                if major and major not in majors and not module.match_path_major(version, ""):
                    majors[major] = await self._may_be_incompatible(version)

        def allowed(tag: str) -> bool:
            version, _ = layout.version_of_tag(tag)
            if not version or retracted(version):
                return False
            fits = module.match_path_major(version, layout.path_major)
            return fits or majors.get(semver.major(version), False)

        tag = await self._repository.recent_tag(self._ctx, self._revision.name, layout.tag_prefix, allowed)
        return layout.version_of_tag(tag)[0]

    async def _retracted(self) -> Callable[[str], bool]:
        """What the newest tagged version takes back."""
        try:
            known = await list_versions(self._ctx, self._repository, self._layout)
        except Absent:
            known = None
        highest = highest_for_retractions(known.versions) if known else ""
        return await retractions_of(self._ctx, self._repository, self._layout, highest)

    async def _checked(self, version: str) -> Found:
        """The version if path, go.mod and what was asked for agree with it; `+incompatible` is added
        where it belongs.
        """
        layout, asked, revision = self._layout, self._asked, self._revision
        try:
            place = await find_place(
                self._ctx, self._repository, layout, commit=revision.name, version=version
            )
        except Absent as error:
            raise invalid_version(layout.path, version, error.what) from None
        if version == asked.removesuffix(INCOMPATIBLE):
            version = asked
        base = version.removesuffix(INCOMPATIBLE)
        refused = ""
        if not module.match_path_major(base, layout.path_major):
            if await self._may_be_incompatible(base):
                version = base + INCOMPATIBLE
            elif layout.path_major:
                refused = "module path includes a major version suffix, so major version must match"
            else:
                wanted = posixpath.join(layout.path_prefix, semver.major(version))
                refused = (
                    "module contains a go.mod file, so module path must match major version "
                    f"({shown(wanted)})"
                )
        elif version.endswith(INCOMPATIBLE):
            major = semver.major(version)
            refused = f"+incompatible suffix not allowed: major version {major} is compatible"
        if asked and asked == module.canonical_version(asked):
            asked_base = asked.removesuffix(INCOMPATIBLE)
            if asked_base != base:
                why = f"resolves to version {version} ({asked_base} is not a tag)"
                raise invalid_version(layout.path, asked, why)
        if refused:
            raise invalid_version(layout.path, version, refused)
        return Found(version, revision.name, revision.time, place)

    async def _fits(self, version: str) -> bool:
        if module.match_path_major(version, self._layout.path_major):
            return True
        return await self._may_be_incompatible(version)

    async def _may_be_incompatible(self, version: str) -> bool:
        """Whether a tag above v1 may be used as `+incompatible`: no go.mod at the root nor, unless the
        suffix was asked for (golang.org/issue/51324), in the folder of that major version.
        """
        if self._layout.folder or self._layout.path_major or await self._has_go_mod(""):
            return False
        if not version or self._asked.endswith(INCOMPATIBLE):
            return True
        return not await self._has_go_mod(semver.major(version))

    async def _has_go_mod(self, folder: str) -> bool:
        if folder not in self._go_mods:
            file = posixpath.join(folder, "go.mod")
            self._go_mods[folder] = await has_file(self._ctx, self._repository, self._revision.name, file)
        return self._go_mods[folder]

    async def _with_origin(self, found: Found) -> Found:
        """With the Origin: tags count in it where the version was derived from them."""
        layout, version = self._layout, found.version
        origin = origin_of(self._revision.origin, Subdir=layout.folder)
        if (
            origin
            and pseudo.is_pseudo_version(version)
            and (version != self._asked or not version.startswith("v0.0.0-"))
        ):
            prefix = layout.tag_prefix
            if layout.path_major:
                prefix += f"{layout.path_major[1:]}."
            tags = (await self._repository.tags(self._ctx, prefix)).origin
            names = ("TagPrefix", "TagSum", "RepoSum")
            origin = origin_of(origin, **{name: tags.get(name, "") for name in names})
        return Found(version, found.commit, found.time, found.place, origin)
