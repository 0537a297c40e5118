"""The repository that a person named for a module: only the module path of its root has to be found out.

Most often the path says it (`github.com/owner/name`); else the repository does: the folder whose go.mod
declares the module, or whose name begins the module's tags, is what the path has beyond the root.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.errors import Absent, Denied, Invalid
from modgate.gomod import modfile, module, semver
from modgate.gomod.modzip import MAX_GO_MOD
from modgate.vcs.roots import RepositoryRoot
from modgate.vcs.static_hosts import static_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.gomod.types import ModulePath
    from modgate.model import Context
    from modgate.vcs.repository import Repository

__all__ = ["NamedRepository"]


class NamedRepository:
    """Answers with one git repository for every module (`RootFinder`).

    `root` is the module path of its root; empty to find it out.
    """

    def __init__(
        self, url: str, repositories: Callable[[RepositoryRoot], Repository], *, root: str = ""
    ) -> None:
        self._url = url
        self._repositories = repositories
        self._root = root

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:
        """The repository, with the root path that fits the module. Raises what the repository raises."""
        return RepositoryRoot(self._root or await self._found_out(ctx, path), "git", self._url)

    async def close(self) -> None:
        """Nothing is held."""

    async def _found_out(self, ctx: Context, path: ModulePath) -> str:
        try:
            known = static_root(path)
        except (Absent, Denied, Invalid):
            known = None
        if known is not None:
            return known.root
        prefix, major, _ = module.split_path_version(path)
        if major.startswith("."):
            return path
        repository = self._repositories(RepositoryRoot(path, "git", self._url))
        first, *rest = prefix.split("/")
        roots = ["/".join((first, *rest[:count])) for count in range(len(rest), -1, -1)]
        return (
            await self._by_go_mod(ctx, repository, prefix, roots)
            or await self._by_tags(ctx, repository, prefix, roots)
            or prefix
        )

    @staticmethod
    async def _by_go_mod(ctx: Context, repository: Repository, prefix: str, roots: list[str]) -> str:
        """The root below which the newest commit has a go.mod for the module."""
        try:
            newest = await repository.latest(ctx)
        except Absent:
            return ""
        for root in roots:
            folder = prefix[len(root) :].strip("/")
            name = f"{folder}/go.mod" if folder else "go.mod"
            try:
                data = await repository.read_file(ctx, newest.name, name, limit=MAX_GO_MOD)
            except (Absent, Invalid):
                continue
            declared = module.split_path_version(modfile.module_path(data))[0]
            if declared == prefix:
                return root
            if not folder and prefix.startswith(f"{declared}/"):
                return declared
        return ""

    @staticmethod
    async def _by_tags(ctx: Context, repository: Repository, prefix: str, roots: list[str]) -> str:
        """The root whose remainder of the path begins tags that are versions."""
        tags = await repository.tags(ctx, "")
        folders = {
            folder
            for folder, slash, version in (tag.name.rpartition("/") for tag in tags.tags)
            if slash and semver.is_valid(version)
        }
        fitting = [root for root in roots if prefix[len(root) :].strip("/") in folders]
        return fitting[-1] if fitting else ""
