"""Which repository a module path lives in: the answer of static rules, a map, or a go-import page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modgate.gomod.types import ModulePath
    from modgate.model import Context

__all__ = ["RepositoryRoot", "RootFinder"]


@dataclass(frozen=True, slots=True)
class RepositoryRoot:
    """Where a module's repository is.

    Attributes:
        root: The prefix of the module path that is the repository's root.
        vcs: `git`, `hg`, `svn`, `fossil`, `bzr`; `mod` where the page names a module proxy at `url`.
        url: The repository's address: https, ssh (or `git@host:path`), http for insecure patterns, a
            local path only where the operator named it.
        subdir: The folder of the repository that is the root (go-import's fourth field), no slashes
            at its ends; empty for the whole.
    """

    root: str
    vcs: str
    url: str
    subdir: str = ""


class RootFinder(Protocol):
    """Finds roots."""

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:
        """The repository of a module path.

        Raises Absent where the host proves that there is none (404, 410, a page without a go-import
        tag for the path), Denied where the address is one that must not be reached, Unavailable for
        everything broken, Invalid for a path that cannot have one (an address, localhost).
        """

    async def close(self) -> None:
        """Close connections."""
