"""The promises of a repository: what Go's module rules ask of version control, whichever it is.

A revision is what the system takes for one: a tag, a branch, a commit or the beginning of its hash.
A repository decides nothing about modules; `coderepo` does, from these answers alone.
Source of the shape: cmd/go/internal/modfetch/codehost, Repo, RevInfo and Origin.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from modgate.gomod.modzip import FileEntry
    from modgate.model import Context

__all__ = ["Repository", "Revision", "Tag", "Tags"]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag by its name without `refs/tags/`, and the hash it points to."""

    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags in the order of their names, and the Origin that tells whether the set is still the same."""

    tags: tuple[Tag, ...]
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revision:
    """One commit, as it was asked for.

    Attributes:
        name: The whole commit hash.
        short: What stands in a pseudo-version (12 digits in git).
        version: What the asked revision resolved to: the tag or ref's short name, else the hash.
        time: The commit time, UTC.
        tags: The tags that point at the commit.
        origin: The Origin of `.info`, as the go command writes it (`VCS`, `URL`, `Hash`, `Ref`, …).
    """

    name: str
    short: str
    version: str
    time: datetime
    tags: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)


class Repository(Protocol):
    """One repository, safe for use by many tasks at a time.

    Every method raises `Absent` only where the repository was reached and proves that the revision or
    file is not there, or the host proves that there is no such repository; `Denied` never;
    `Unavailable` for everything broken (no connection, refused credentials, quota, time), and
    `Invalid` for a revision that no system could take. Without `ctx.fetch` only what is mirrored
    already is used, and anything else is `Absent`.
    """

    @property
    def vcs(self) -> str:
        """`git`, `hg`, …: the VCS of Origin."""

    @property
    def url(self) -> str:
        """The address without user info: for Origin and texts."""

    async def tags(self, ctx: Context, prefix: str) -> Tags:
        """The tags whose names begin with the prefix; Origin has TagPrefix and TagSum."""

    async def stat(self, ctx: Context, revision: str) -> Revision:
        """What a revision is."""

    async def latest(self, ctx: Context) -> Revision:
        """The newest commit of the default branch."""

    async def read_file(self, ctx: Context, revision: str, path: str, *, limit: int) -> bytes:
        """The bytes of a regular file as they would be in the zip. Raises Absent, and Invalid above
        `limit` bytes.
        """

    async def recent_tag(
        self, ctx: Context, revision: str, prefix: str, allowed: Callable[[str], bool]
    ) -> str:
        """The highest tag with the prefix, by semantic version, on the revision or one of its
        ancestors; empty for none. `allowed` is asked about whole tag names.
        """

    async def descends_from(self, ctx: Context, revision: str, tag: str) -> bool:
        """Whether the tag points at the revision or one of its ancestors."""

    def files(
        self, ctx: Context, revision: str, folder: str, *, limit: int
    ) -> AbstractAsyncContextManager[list[FileEntry]]:
        """The tree of a revision below `folder` (empty: the whole), with paths relative to it.

        Contents are as `git archive` of Go gives them: no export-ignore, no export-subst, no filter,
        no submodule. They can be opened, in any thread, until the context ends. An absent folder is an
        empty list. Raises Invalid where the contents are more than `limit` bytes.
        """

    async def close(self) -> None:
        """Stop what runs for it."""
