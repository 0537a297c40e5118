"""Git repositories for tests: made through `git fast-import`, so that ten thousand commits take seconds.

Everything is deterministic: the same calls give the same hashes on every machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Commit", "Executable", "GitRepo", "Gitlink", "Symlink", "git_environment", "long_history"]

EPOCH = 1_500_000_000
"""The time of the first commit; each further one is a minute later unless it says otherwise."""


@dataclass(frozen=True)
class Executable:
    """A file with the executable bit."""

    data: bytes | str


@dataclass(frozen=True)
class Symlink:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Gitlink:
    """A submodule at a commit."""

    hash: str


Content = bytes | str | Executable | Symlink | Gitlink | None
"""What stands at a path; None takes the path away."""


def git_environment() -> dict[str, str]:
    """An environment in which git reads nobody's configuration."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }


@dataclass(eq=False)
class Commit:
    """A commit; its hash is known as soon as someone asks."""

    repo: GitRepo = field(repr=False)
    mark: int
    time: int

    @property
    def hash(self) -> str:
        """The whole hash."""
        return self.repo.hash_of(self.mark)

    def __str__(self) -> str:
        return self.hash


class GitRepo:
    """A bare repository under construction at `folder`; `save` (or any question) writes it out.

    `config` is set in the repository itself: servers of tests want `uploadpack.allowFilter` and the
    like, which is on unless told otherwise.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sha256: bool = False,
        branch: str = "main",
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.default = branch
        self._stream: list[bytes] = []
        self._marks = 0
        self._heads: dict[str, Commit] = {}
        self._hashes: dict[int, str] = {}
        self._clock = EPOCH
        folder.mkdir(parents=True, exist_ok=True)
        kind = "sha256" if sha256 else "sha1"
        self.git(
            "init", "-q", "--bare", "--template=", f"--initial-branch={branch}", f"--object-format={kind}"
        )
        for name, value in {"uploadpack.allowFilter": "true", **(config or {})}.items():
            self.git("config", name, value)

    @property
    def url(self) -> str:
        """The folder as a local address."""
        return str(self.folder)

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git in the repository."""
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments],
            env=git_environment(),
            input=stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def commit(
        self,
        files: Mapping[str, Content] | None = None,
        *,
        branch: str = "",
        parents: Sequence[Commit] | None = None,
        time: int | None = None,
        message: str = "a change",
        tags: Iterable[str] = (),
    ) -> Commit:
        """A commit on a branch (default: the main one); parents: the branch's tip, or those named.

        `files` are changes to the first parent's tree. Tags are lightweight.
        """
        branch = branch or self.default
        if parents is None:
            parents = [self._heads[branch]] if branch in self._heads else []
        self._clock += 60
        when = self._clock if time is None else time
        made = Commit(self, self._mark(), when)
        out = self._stream
        out.append(f"commit refs/heads/{branch}\nmark :{made.mark}\n".encode())
        out.append(f"committer A Tester <tester@example.com> {when} +0000\n".encode())
        out.append(_data(message.encode()))
        if not parents:
            # An explicit root: fast-import would continue the branch otherwise.
            out.insert(-3, f"reset refs/heads/{branch}\n".encode())
        for number, parent in enumerate(parents):
            out.append(f"{'merge' if number else 'from'} :{parent.mark}\n".encode())
        for path, content in (files or {}).items():
            out.append(_change(path, content))
        out.append(b"\n")
        self._heads[branch] = made
        for tag in tags:
            self.tag(tag, made)
        return made

    def tag(self, name: str, commit: Commit | None = None, *, annotated: bool = False) -> None:
        """A tag on a commit (default: the main branch's tip); an existing one is moved."""
        commit = commit or self._heads[self.default]
        if not annotated:
            self._stream.append(f"reset refs/tags/{name}\nfrom :{commit.mark}\n\n".encode())
            return
        self._stream.append(f"tag {name}\nfrom :{commit.mark}\n".encode())
        self._stream.append(f"tagger A Tester <tester@example.com> {commit.time} +0000\n".encode())
        self._stream.append(_data(name.encode()))

    def branch(self, name: str, commit: Commit) -> None:
        """A branch at a commit."""
        self._stream.append(f"reset refs/heads/{name}\nfrom :{commit.mark}\n\n".encode())
        self._heads[name] = commit

    def delete(self, ref: str) -> None:
        """Take away a whole ref (`refs/tags/v1.0.0`)."""
        self.save()
        self.git("update-ref", "-d", ref)

    def head(self, branch: str) -> None:
        """Let HEAD point at another branch."""
        self.git("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def save(self) -> None:
        """Write what was built so far."""
        if not self._stream:
            return
        stream, self._stream = b"".join(self._stream), []
        marks = self.folder / "test-marks"
        self.git(
            "fast-import",
            "--quiet",
            "--force",
            "--date-format=raw-permissive",
            f"--import-marks-if-exists={marks}",
            f"--export-marks={marks}",
            stdin=stream,
        )
        for line in marks.read_text(encoding="ascii").splitlines():
            mark, value = line.split()
            self._hashes[int(mark[1:])] = value

    def hash_of(self, mark: int) -> str:
        """The hash of a mark."""
        if mark not in self._hashes:
            self.save()
        return self._hashes[mark]

    def remove(self) -> None:
        """The repository is gone."""
        shutil.rmtree(self.folder)

    def _mark(self) -> int:
        self._marks += 1
        return self._marks


def long_history(
    folder: Path, commits: int = 10_000, tags: int = 500, *, files: int = 50, size: int = 200
) -> GitRepo:
    """A module with a long history: one of `files` files changes with each commit; the tags, spread
    evenly, are v1.0.0, v1.0.1, ….
    """
    repo = GitRepo(folder)
    repo.commit({"go.mod": "module example.com/long\n", "LICENSE": "free\n"})
    every = max(1, commits // tags)
    made = 0
    for number in range(1, commits):
        body = f"package long\n\n// {number}\n" + f"{number:x}".zfill(size) + "\n"
        tip = repo.commit({f"part{number % files}/file.go": body})
        if number % every == 0 and made < tags:
            repo.tag(f"v1.0.{made}", tip)
            made += 1
    while made < tags:
        repo.tag(f"v1.0.{made}")
        made += 1
    repo.save()
    return repo


def _data(data: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(data), data)


def _change(path: str, content: Content) -> bytes:
    name = path.encode("utf-8", "surrogateescape")
    if content is None:
        return b"D %s\n" % name
    if isinstance(content, Gitlink):
        return b"M 160000 %s %s\n" % (content.hash.encode(), name)
    mode = b"100644"
    if isinstance(content, Executable):
        mode, content = b"100755", content.data
    elif isinstance(content, Symlink):
        mode, content = b"120000", content.target
    data = content.encode() if isinstance(content, str) else content
    return b"M %s inline %s\n%s" % (mode, name, _data(data))
