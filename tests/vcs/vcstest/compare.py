"""Which modules and queries a repository gives rise to, and what modgate says to them."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modgate.errors import Absent, Invalid
from modgate.gomod import dirhash, module, protocol, pseudo
from modgate.gomod.modfile import module_path
from modgate.vcs.coderepo import CodeRepo, info_of
from tests.vcs.vcstest.oracle import Said

if TYPE_CHECKING:
    from pathlib import Path

    from modgate.model import Context
    from modgate.vcs.repository import Repository

__all__ = ["Subject", "modgate_says", "modules_of", "subjects_of"]

_MAJOR = re.compile(r"(?:^|/)v([2-9]|[1-9][0-9]+)(?:\.|/|$)")


@dataclass(frozen=True)
class Subject:
    """One module that a repository may hold, and what to ask about it."""

    path: str
    queries: tuple[str, ...]

    @property
    def asked(self) -> list[str]:
        """As the go command takes them."""
        return [f"{self.path}@{query}" for query in self.queries]


@dataclass
class _Refs:
    heads: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, int] = field(default_factory=dict)


def subjects_of(folder: Path, root: str, *, everything: bool = False) -> list[Subject]:
    """Every module path that tags, folders with a go.mod and module lines make thinkable, each with
    every tag, branch, commit, prefix and pseudo-versions, right and wrong ones: on every tag with
    `everything`, else on two tags for each commit.
    """
    refs = _refs(folder)
    folders, majors = {""}, {"", "/v2"}
    real = {root}
    for commit in refs.commits:
        for name in _git(folder, "ls-tree", "-r", "-z", "--name-only", commit).split("\0"):
            if name.rpartition("/")[2] == "go.mod":
                declared = module_path(_git(folder, "cat-file", "blob", f"{commit}:{name}").encode())
                majors |= {f"/v{found}" for found in _MAJOR.findall(declared)}
                real.add(declared)
                folders.add(name.rpartition("/")[0])
    for tag in refs.tags:
        majors |= {f"/v{found}" for found in _MAJOR.findall(tag)}
        folders.add(tag.rpartition("/")[0])
    paths = {f"{root}/{each}".rstrip("/") + major for each in folders for major in majors}
    good = [path for path in sorted(paths) if _good(path)]
    # What no go.mod ever declared is asked for less.
    some = [1000 if everything else 4 if path in real else 1 for path in good]
    return [
        Subject(path, _queries(path, refs, root, commits=count, everything=everything))
        for path, count in zip(good, some, strict=True)
    ]


def _good(path: str) -> bool:
    try:
        module.check_path(path)
    except Invalid:
        return False
    return True


def _queries(path: str, refs: _Refs, root: str, *, commits: int, everything: bool) -> tuple[str, ...]:
    prefix, major, _ = module.split_path_version(path)
    below = prefix.removeprefix(root).strip("/")
    own = module.path_major_prefix(major) or "v0"
    asked: set[str] = {"latest", "v1", "v2", "nothing-like-this"}
    if commits > 1:
        asked |= {"v0", "v1.2", "v0.1", "v9", "v1.999.0"}
    versions = [tag.removeprefix(f"{below}/") if below else tag for tag in refs.tags]
    for number, (tag, version) in enumerate(zip(refs.tags, versions, strict=True)):
        asked |= {version, tag}
        if everything or commits > 1 or number < 2:
            asked.add(f"{version}+incompatible")
    asked |= set(refs.heads)
    bases = [each for each in versions if re.fullmatch(r"v\d+\.\d+\.\d+(-[\w.]+)?", each)]
    for number, (commit, time) in enumerate(_spread(list(refs.commits.items()), commits)):
        stamp, short = _stamp(time), commit[:12]
        asked |= {commit if everything or number % 2 else commit[:7], f"{own}.0.0-{stamp}-{short}"}
        wrong = [
            f"{own}.0.0-{_stamp(time + 1)}-{short}",
            f"{own}.0.0-{stamp}-{commit[:11]}",
            f"{own}.0.0-{stamp}-{commit[:13]}",
            f"v1.0.0-{stamp}-{short}",
        ]
        asked |= set(wrong if everything or number < 1 else ())
        chosen = (
            bases if everything or not bases else (bases[number % len(bases)], bases[number * 7 % len(bases)])
        )
        for base in chosen:
            made = pseudo.pseudo_version("", base, _time(time), short)
            asked |= {made, f"{made}+incompatible"} if everything or made > "v2" else {made}
    return tuple(sorted(query for query in asked if _askable(query)))


def _spread(commits: list[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    """That many commits, evenly from the newest to the oldest."""
    if len(commits) <= count:
        return commits
    return [commits[index * (len(commits) - 1) // max(count - 1, 1)] for index in range(count)]


def _askable(query: str) -> bool:
    """What can stand in a URL of the protocol."""
    try:
        module.escape_version(query)
    except Invalid:
        return False
    return True


def modules_of(folder: Path, root: str) -> list[str]:
    """The module paths that the tags of a repository may make versions of."""
    refs = _refs(folder)
    paths = {root}
    for tag in refs.tags:
        below, _, version = tag.rpartition("/")
        major = _MAJOR.findall(version)
        base = f"{root}/{below}".rstrip("/")
        paths |= {base, f"{base}/v{major[0]}"} if major else {base}
    return sorted(path for path in paths if _good(path))


async def modgate_says(
    ctx: Context, repository: Repository, root: str, subject: Subject, *, zips: dict[str, str]
) -> dict[str, Said]:
    """What a proxy of modgate's would answer to each query, as `go mod download -json` prints it.

    `zips` remembers the h1 of versions that were made already.
    """
    try:
        code = CodeRepo(repository, root, module.check_path(subject.path))
    except Absent as error:
        return {f"{subject.path}@{query}": Said(error=str(error)) for query in subject.queries}
    said = {}
    for query in subject.queries:
        said[f"{subject.path}@{query}"] = await _one(ctx, code, query, zips)
    return said


async def _one(ctx: Context, code: CodeRepo, query: str, zips: dict[str, str]) -> Said:
    try:
        if query == "latest":
            found = await code.latest(ctx)
        else:
            request = protocol.checked(protocol.Kind.QUERY, code.path, query)
            asks = code.exact if request.kind is protocol.Kind.INFO else code.query
            found = await asks(ctx, request.version)  # type: ignore[arg-type]
        key = f"{code.path}@{found.version}"
        if key not in zips:
            body = await code.zip(ctx, found)
            await body.aclose()
            zips[key] = body.h1
    except (Absent, Invalid) as error:
        return Said(error=str(error))
    info = info_of(found)
    return Said(
        version=info.version,
        time=info.time,
        origin=info.origin,
        h1=zips[key],
        h1_mod=dirhash.hash_go_mod(code.go_mod(found)),
    )


def _refs(folder: Path) -> _Refs:
    refs = _Refs()
    for line in _git(folder, "for-each-ref", "--format=%(objectname) %(*objectname) %(refname)").splitlines():
        *hashes, name = line.split()
        if name.startswith("refs/heads/"):
            refs.heads[name.removeprefix("refs/heads/")] = hashes[-1]
        elif name.startswith("refs/tags/"):
            refs.tags[name.removeprefix("refs/tags/")] = hashes[-1]
    for line in _git(folder, "log", "--branches", "--tags", "--format=%H %ct").splitlines():
        commit, time = line.split()
        refs.commits[commit] = int(time)
    return refs


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def _stamp(time: int) -> str:
    return f"{_time(time):%Y%m%d%H%M%S}"


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
