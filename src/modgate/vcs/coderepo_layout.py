"""Where in a repository a module lives, from its path alone.

A module's path is the repository's root path, a folder, and a major version. Tags of a module in a
folder carry the folder as a prefix. The major version of gopkg.in is part of the repository's name, so
it is never a folder. Source: cmd/go/internal/modfetch/coderepo.go, newCodeRepo, revToRev, isMajor.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.errors import Absent
from modgate.gomod import module, pseudo, semver
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath

__all__ = ["Layout", "invalid_version", "is_major", "layout_of"]

INCOMPATIBLE = "+incompatible"


@dataclass(frozen=True, slots=True)
class Layout:
    """A module's place in its repository.

    For `github.com/o/r/sub/v2` in the repository `github.com/o/r`: folder `sub`, path major `/v2`.

    Attributes:
        path: The module path.
        root: The module path of the repository's root.
        folder: Where the module is expected, relative to the repository; with a path major its
            folder (`v2`) below this one may hold the module instead.
        path_major: `/vN`, `.vN` or `.vN-unstable` of gopkg.in, or empty.
        path_prefix: The path without its major version, for texts.
        pseudo_major: What the path major says in a pseudo-version (`v2`); empty for v0.
    """

    path: ModulePath
    root: str
    folder: str
    path_major: str
    path_prefix: str
    pseudo_major: str

    @property
    def tag_prefix(self) -> str:
        """What the module's tags begin with: the folder and a slash, or nothing."""
        return f"{self.folder}/" if self.folder else ""

    @property
    def major_folder(self) -> str:
        """The folder below `folder` that may hold this major version; empty where there is no choice."""
        if not self.path_major or self.root == self.path or self.path_major.startswith("."):
            return ""
        return posixpath.join(self.folder, self.path_major[1:])

    @property
    def without_tags(self) -> bool:
        """gopkg.in's unstable modules share a repository with a stable one, whose tags they have not."""
        return self.path.startswith("gopkg.in/") and self.path.endswith("-unstable")

    def revision(self, version: str) -> str:
        """What the repository calls a version; other texts are names of revisions as they are."""
        if not semver.is_valid(version):
            return version
        if pseudo.is_pseudo_version(version):
            return pseudo.pseudo_version_rev(version)
        return self.tag_prefix + version.removesuffix(INCOMPATIBLE)

    def version_of_tag(self, tag: str) -> tuple[str, bool]:
        """(the version a tag stands for, whether the tag is spelled exactly so); empty for none.

        An incomplete version (`v1`) stands for none; one with build metadata for the version without
        it. Only a whole tag that looks like a pseudo-version is left out, as Go does.
        """
        if not tag.startswith(self.tag_prefix) or pseudo.is_pseudo_version(tag):
            return "", False
        trimmed = tag[len(self.tag_prefix) :]
        version = semver.canonical(trimmed)
        if not version or not trimmed.startswith(version):
            return "", False
        return version, version == trimmed


def layout_of(path: ModulePath, root: str, subdir: str = "") -> Layout:
    """The place of a module in the repository whose root path is `root`.

    `subdir` is the folder that the go-import page names as the root. Raises Absent where the
    repository cannot hold the module.
    """
    if path != root and not path.startswith(f"{root.rstrip('/')}/"):
        raise Absent(f"mismatched repo: found {shown(root)} for {shown(path)}", where=path)
    prefix, major, ok = module.split_path_version(path)
    if not ok:
        raise Absent(f"invalid module path {shown(path)}", where=path)
    folder = ""
    if root == path:
        prefix = path
    elif prefix == root or prefix.startswith(f"{root}/"):
        folder = prefix[len(root) :].strip("/")
    else:
        raise Absent(f"repository rooted at {shown(root)} cannot contain this module", where=path)
    if subdir:
        folder = posixpath.normpath(posixpath.join(folder, subdir)).strip("/")
    return Layout(path, root, folder, major, prefix, module.path_major_prefix(major))


def is_major(declared: str, path_major: str) -> bool:
    """Whether a go.mod that declares this path may serve versions of this path major."""
    if not declared:
        return False
    _, major, ok = module.split_path_version(declared)
    if not ok:
        return False
    if not path_major:
        return module.path_major_prefix(major) in {"", "v0", "v1"}
    return bool(major) and path_major[1:] == major[1:]


def invalid_version(path: str, version: str, why: str, *, pseudo_version: bool = False) -> Absent:
    """The proof that a version does not exist, in the words of the go command."""
    noun = "pseudo-version" if pseudo_version else "version"
    return Absent(f"invalid {noun}: {why}", where=f"{path}@{version}")
