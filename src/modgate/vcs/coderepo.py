"""Go's rules over a repository: the versions of one module, and what each of them is.

A repository knows tags, branches and commits; a module knows versions. Everything here is derived from
the repository's answers alone, so that a version is the same to the last byte as the one that the go
command makes of it. Sources: cmd/go/internal/modfetch/coderepo.go (codeRepo), modload/query.go
(queryProxy, for what a proxy is asked beside full versions).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from modgate.errors import Absent
from modgate.gomod import module
from modgate.gomod.info import Info
from modgate.gomod.modzip import canonical_go_mod
from modgate.gomod.query import choose, parse_query, version_whose_go_mod_decides
from modgate.gomod.texts import shown
from modgate.gomod.types import ModuleVersion
from modgate.vcs.coderepo_convert import Found, convert, origin_of
from modgate.vcs.coderepo_layout import invalid_version, layout_of
from modgate.vcs.coderepo_versions import Versions, list_versions, retractions_of
from modgate.vcs.coderepo_zip import make_zip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from modgate.gomod.query import Query
    from modgate.gomod.types import ModulePath, Version
    from modgate.model import Context
    from modgate.vcs.coderepo_zip import ZipBody
    from modgate.vcs.repository import Repository, Revision

__all__ = ["CodeRepo", "info_of"]


class CodeRepo:
    """One module of a repository, safe for use by many tasks at a time.

    Every method raises `Absent` where the repository proves that there is no such version, with the
    reason in the go command's words, and what the repository raises.
    """

    def __init__(
        self,
        repository: Repository,
        root: str,
        path: ModulePath,
        *,
        subdir: str = "",
        scratch: Path | None = None,
    ) -> None:
        self.path = path
        self.layout = layout_of(path, root, subdir)
        self._repository = repository
        self._scratch = scratch

    async def versions(self, ctx: Context) -> tuple[str, ...]:
        """The tagged versions, lowest first, `+incompatible` ones last; without retractions."""
        return (await list_versions(ctx, self._repository, self.layout)).versions

    async def stat(self, ctx: Context, asked: str) -> Found:
        """What a version, tag, branch or commit is; the newest commit for `latest`.

        A full version resolves to itself or to nothing.
        """
        if asked == "latest":
            return await self._newest(ctx)
        revision = self.layout.revision(asked)
        try:
            known = await self._repository.stat(ctx, revision)
        except Absent as error:
            why = error.what
            if ctx.fetch:
                # Where the repository itself is absent, this says so.
                await self._repository.tags(ctx, self.layout.tag_prefix)
                why = f"unknown revision {revision}"
            absent = invalid_version(self.path, asked, why)
            absent.next_step = error.next_step
            raise absent from error
        return await convert(ctx, self._repository, self.layout, known, asked)

    async def exact(self, ctx: Context, version: Version) -> Found:
        """A canonical version, which must be just this one (v2.0.0 is not v2.0.0+incompatible)."""
        found = await self.stat(ctx, version)
        if found.version != version:
            raise invalid_version(self.path, version, f"resolves to version {found.version}")
        return found

    async def query(self, ctx: Context, text: str) -> Found:
        """What a query means: a tag, branch or commit; or the highest version with a prefix (`v1`),
        retracted ones passed over.

        A prefix is never a branch or an incomplete tag of that name: the go command takes it for none.
        """
        wanted = parse_query(self.path, text)
        if wanted is None or wanted.exact:
            return await self._revision(ctx, text)
        listed = await list_versions(ctx, self._repository, self.layout, wanted.prefix)
        chosen = await self._chosen(ctx, wanted, listed.versions)
        if not chosen:
            raise Absent(f"no matching versions for query {shown(text)}", where=self.path)
        return await self._with_tags(ctx, chosen, listed)

    async def latest(self, ctx: Context) -> Found:
        """The highest release that is not retracted, else the highest such pre-release, else the
        newest commit of the default branch.
        """
        listed = await list_versions(ctx, self._repository, self.layout)
        wanted = parse_query(self.path, "latest")
        chosen = await self._chosen(ctx, wanted, listed.versions) if wanted and listed.versions else None
        if chosen:
            return await self._with_tags(ctx, chosen, listed)
        found = await self._newest(ctx)
        return replace(found, origin=_merged(listed.origin, found.origin))

    def go_mod(self, found: Found) -> bytes:
        """The go.mod of a version; for one from before modules the line `module PATH`."""
        if found.place.go_mod is not None:
            return found.place.go_mod
        return canonical_go_mod(self._version(found))

    async def zip(self, ctx: Context, found: Found) -> ZipBody:
        """The zip of a version, whole and with its size. Raises Invalid for a tree that makes none."""
        return await make_zip(ctx, self._repository, self._version(found), found, self._scratch)

    def _version(self, found: Found) -> ModuleVersion:
        return ModuleVersion(self.path, cast("Version", found.version))

    async def _newest(self, ctx: Context) -> Found:
        known: Revision = await self._repository.latest(ctx)
        return await convert(ctx, self._repository, self.layout, known, "")

    async def _revision(self, ctx: Context, text: str) -> Found:
        try:
            return await self.stat(ctx, text)
        except Absent:
            # v1.0.0+meta names the tag v1.0.0 as well where there is none with the suffix.
            plain = module.canonical_version(text)
            if not plain or plain == text:
                raise
            try:
                return await self.stat(ctx, plain)
            except Absent:
                pass
            raise

    async def _chosen(self, ctx: Context, wanted: Query, versions: Sequence[str]) -> str | None:
        """The version that a choice means, with regard to retractions."""
        retracted = await self._retractions(ctx)

        def allowed(version: str) -> bool:
            return not retracted(version)

        deciding = version_whose_go_mod_decides(wanted, versions, allowed=allowed)
        modern = True if deciding is None else await self._has_go_mod(ctx, deciding)
        return choose(wanted, versions, allowed=allowed, compatible_has_go_mod=modern)

    async def _retractions(self, ctx: Context) -> Callable[[str], bool]:
        """What the version that `latest` would mean without retractions takes back."""
        versions = await self.versions(ctx)
        wanted = parse_query(self.path, "latest")
        assert wanted is not None
        deciding = version_whose_go_mod_decides(wanted, versions)
        modern = True if deciding is None else await self._has_go_mod(ctx, deciding)
        highest = choose(wanted, versions, compatible_has_go_mod=modern) or ""
        return await retractions_of(ctx, self._repository, self.layout, highest)

    async def _has_go_mod(self, ctx: Context, version: str) -> bool:
        return (await self.stat(ctx, version)).place.go_mod is not None

    async def _with_tags(self, ctx: Context, version: str, listed: Versions) -> Found:
        """A chosen version: that it was chosen depends on the tags, which its Origin says."""
        found = await self.stat(ctx, version)
        return replace(found, origin=_merged(listed.origin, found.origin))


def info_of(found: Found) -> Info:
    """The `.info` of a version, as the go command writes it."""
    return Info(cast("Version", found.version), _rfc3339(found.time), found.origin or None)


def _merged(tags: dict[str, Any], revision: dict[str, Any]) -> dict[str, Any]:
    """Both Origins as one; empty where they contradict each other. Source: modload, mergeOrigin."""
    if not tags or not revision:
        return {}
    if any(tags.get(name) != revision.get(name) for name in ("VCS", "URL", "Subdir")):
        return {}
    both = [name for name in ("Hash", "TagSum", "RepoSum", "Ref") if tags.get(name) and revision.get(name)]
    if any(tags[name] != revision[name] for name in both):
        return {}
    if "TagSum" in both and tags.get("TagPrefix", "") != revision.get("TagPrefix", ""):
        return {}
    return origin_of(tags | {name: value for name, value in revision.items() if value})


def _rfc3339(time: datetime) -> str:
    """As Go writes a UTC time into JSON."""
    fraction = f".{time.microsecond:06d}".rstrip("0") if time.microsecond else ""
    return f"{time.year:04d}-{time:%m-%dT%H:%M:%S}{fraction}Z"
