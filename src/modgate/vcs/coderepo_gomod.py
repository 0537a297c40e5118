"""Which folder of a commit is the module, and its go.mod.

With a major version in its path a module may live in the folder of that name (`v2/go.mod`) or in its
parent, not in both; the go.mod's own module path decides. A repository from before modules needs no
go.mod at its root for v0, v1 and gopkg.in. Source: coderepo.go, findDir, isMajor.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent
from modgate.gomod import modfile, module, semver
from modgate.gomod.modzip import MAX_GO_MOD
from modgate.gomod.texts import shown
from modgate.vcs.coderepo_layout import is_major

if TYPE_CHECKING:
    from modgate.model import Context
    from modgate.vcs.coderepo_layout import Layout
    from modgate.vcs.repository import Repository

__all__ = ["Place", "find_place", "has_file"]


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the module at a commit, and its go.mod (None where there is none)."""

    folder: str
    go_mod: bytes | None


async def find_place(
    ctx: Context, repository: Repository, layout: Layout, *, commit: str, version: str
) -> Place:
    """Where the module is at a commit. `version` is what the commit was asked for as.

    Raises Absent, with the go command's reason, where no go.mod fits, and what reading raises.
    """
    revision = layout.revision(version)
    at = f"at revision {revision}"
    first_name = posixpath.join(layout.folder, "go.mod")
    first = await _read(ctx, repository, commit, first_name)
    declared = modfile.module_path(first or b"")
    first_fits = first is not None and (
        is_major(declared, layout.path_major) or _replaces_gopkg_in(layout, declared)
    )
    major, second_name = layout.path_major, ""
    if layout.major_folder:
        second_name = f"{layout.major_folder}/go.mod"
        second = await _read(ctx, repository, commit, second_name)
        if second is not None:
            path = modfile.module_path(second)
            if is_major(path, major):
                if first_fits:
                    both = f"{layout.path_prefix}/{first_name} and ...{major}/go.mod both have"
                    raise Absent(f"{both} ...{major} module paths {at}")
                return Place(layout.major_folder, second)
            if not path:
                raise Absent(f"{layout.root}/{second_name} is missing module path {at}")
            raise Absent(f"{layout.root}/{second_name} has non-...{major} module path {shown(path)} {at}")
    if first_fits:
        return Place(layout.folder, first)
    if first is not None:
        suffix = f" (and ...{major}/go.mod does not exist)" if second_name else ""
        raise Absent(f"{first_name} {_misfit(layout, declared, version)}{suffix} {at}")
    if not layout.folder and (not major or major.startswith(".")):
        return Place("", None)
    missing = f"missing {layout.path_prefix}/go.mod"
    if second_name:
        missing += f" and ...{major}/go.mod"
    raise Absent(f"{missing} {at}")


async def has_file(ctx: Context, repository: Repository, commit: str, path: str) -> bool:
    """Whether a commit has a file."""
    return await _read(ctx, repository, commit, path) is not None


async def _read(ctx: Context, repository: Repository, commit: str, path: str) -> bytes | None:
    try:
        return await repository.read_file(ctx, commit, path, limit=MAX_GO_MOD)
    except Absent:
        return None


def _replaces_gopkg_in(layout: Layout, declared: str) -> bool:
    """Go once took a path without a major version for any of gopkg.in's, and still must (issue 34254)."""
    return not layout.path_major and declared.startswith("gopkg.in/")


def _misfit(layout: Layout, declared: str, version: str) -> str:
    """Why the go.mod of the expected folder is not this module's."""
    if not declared:
        return "is missing module path"
    if layout.path_major:
        return f"has non-...{layout.path_major} module path {shown(declared)}"
    if not module.split_path_version(declared)[2]:
        return f"has malformed module path {shown(declared)}"
    return f"has post-{semver.major(version)} module path {shown(declared)}"
