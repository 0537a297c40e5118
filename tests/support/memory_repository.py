# ruff: noqa: ARG002  the protocol's parameters
"""A repository in memory (`vcs.repository.Repository`): commits, branches and tags as a dictionary each."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent, Invalid, Unavailable
from modgate.gomod import pseudo, semver
from modgate.gomod.modzip import FileEntry
from modgate.vcs.repository import Revision, Tag, Tags

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from modgate.model import Context

__all__ = ["MemoryRepository"]

EPOCH = 1_500_000_000


@dataclass
class _Commit:
    name: str
    time: int
    files: dict[str, bytes]
    parents: tuple[str, ...]


@dataclass
class MemoryRepository:
    """Commits are made with `commit`; `broken` names methods, and commits whose files cannot be read, that
    fail as an outage does.

    `asked` lists the methods that were called, with their first argument.
    """

    url: str = "https://example.com/repo"
    vcs: str = "git"
    commits: dict[str, _Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    open_trees: int = 0

    def commit(
        self, files: Mapping[str, str | bytes | None], *tags: str, branch: str = "main", time: int = 0
    ) -> str:
        """A commit on a branch that changes these files; its whole hash."""
        parent = self.branches.get(branch) or self.branches.get("main", "")
        tree = dict(self.commits[parent].files) if parent else {}
        for path, content in files.items():
            if content is None:
                tree.pop(path, None)
            else:
                tree[path] = content.encode() if isinstance(content, str) else content
        when = time or EPOCH + 60 * len(self.commits)
        seen = json.dumps([parent, when, branch, {path: data.hex() for path, data in tree.items()}])
        name = hashlib.sha1(seen.encode()).hexdigest()
        self.commits[name] = _Commit(name, when, tree, (parent,) if parent else ())
        self.branches[branch] = name
        self.marks |= dict.fromkeys(tags, name)
        return name

    async def tags(self, ctx: Context, prefix: str) -> Tags:
        self._asks("tags", prefix)
        found = sorted((name, commit) for name, commit in self.marks.items() if name.startswith(prefix))
        folder = prefix[: prefix.rfind("/") + 1]
        digest = hashlib.sha256()
        for name, commit in found:
            version = semver.canonical(name.removeprefix(folder))
            counts = version and name.removeprefix(folder).startswith(version)
            if counts and not pseudo.is_pseudo_version(name.removeprefix(folder)):
                digest.update(f"{json.dumps(name)} {commit}\n".encode())
        total = "t1:" + base64.b64encode(digest.digest()).decode()
        origin = {**self._origin(), "TagPrefix": prefix, "TagSum": total}
        return Tags(tuple(Tag(*each) for each in found), origin)

    async def stat(self, ctx: Context, revision: str) -> Revision:
        self._asks("stat", revision)
        name, ref = self.marks.get(revision, ""), f"refs/tags/{revision}"
        if not name:
            name, ref = self.branches.get(revision, ""), f"refs/heads/{revision}"
        if not name:
            matches = [each for each in self.commits if len(revision) >= 7 and each.startswith(revision)]
            name, ref = (matches[0] if len(matches) == 1 else ""), ""
        if not name:
            raise Absent(f"unknown revision {revision}")
        return self._revision(name, revision, ref)

    async def latest(self, ctx: Context) -> Revision:
        self._asks("latest", "")
        if "main" not in self.branches:
            raise Absent("no commits")
        return self._revision(self.branches["main"], "", "HEAD")

    async def read_file(self, ctx: Context, revision: str, path: str, *, limit: int) -> bytes:
        self._asks("read_file", path)
        commit = self._commit(revision)
        if commit.name in self.broken:
            raise Unavailable("the host cannot be reached", where=self.url)
        data = commit.files.get(path)
        if data is None:
            raise Absent(f"no file {path} at {revision}")
        if len(data) > limit:
            raise Invalid(f"{path} is too large")
        return data

    async def recent_tag(
        self, ctx: Context, revision: str, prefix: str, allowed: Callable[[str], bool]
    ) -> str:
        self._asks("recent_tag", prefix)
        ancestors = set(self._ancestors(self._commit(revision).name))
        best = ""
        for name, commit in self.marks.items():
            if commit in ancestors and name.startswith(prefix) and allowed(name):
                best = max(best, name.removeprefix(prefix), key=semver.sort_key)
        return prefix + best if best else ""

    async def descends_from(self, ctx: Context, revision: str, tag: str) -> bool:
        self._asks("descends_from", tag)
        return self.marks.get(tag) in set(self._ancestors(self._commit(revision).name))

    @asynccontextmanager
    async def files(
        self, ctx: Context, revision: str, folder: str, *, limit: int
    ) -> AsyncIterator[list[FileEntry]]:
        self._asks("files", folder)
        below = f"{folder}/" if folder else ""
        found = self._commit(revision).files.items()
        chosen = {path[len(below) :]: data for path, data in found if path.startswith(below)}
        if sum(map(len, chosen.values())) > limit:
            raise Invalid("the tree is too large")
        self.open_trees += 1
        try:
            yield [FileEntry.of(path, data) for path, data in sorted(chosen.items())]
        finally:
            self.open_trees -= 1

    async def close(self) -> None:
        """Nothing is held."""

    def _asks(self, method: str, about: str) -> None:
        self.asked.append((method, about))
        if method in self.broken:
            raise Unavailable("the host cannot be reached", where=self.url)

    def _origin(self) -> dict[str, Any]:
        return {"VCS": self.vcs, "URL": self.url}

    def _revision(self, name: str, asked: str, ref: str) -> Revision:
        tags = tuple(sorted(tag for tag, commit in self.marks.items() if commit == name))
        origin = {**self._origin(), "Hash": name} | ({"Ref": ref} if ref else {})
        time = datetime.fromtimestamp(self.commits[name].time, UTC)
        return Revision(name, name[:12], asked if asked in tags else name, time, tags, origin)

    def _commit(self, revision: str) -> _Commit:
        name = self.marks.get(revision) or self.branches.get(revision) or revision
        if name not in self.commits:
            raise Absent(f"unknown revision {revision}")
        return self.commits[name]

    def _ancestors(self, name: str) -> Iterable[str]:
        pending = [name]
        while pending:
            yield (at := pending.pop())
            pending += self.commits[at].parents
