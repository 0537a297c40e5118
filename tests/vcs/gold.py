"""Real repositories against the real go and the public checksum database: `python -m tests.vcs.gold`.

    python -m tests.vcs.gold FOLDER [--only OWNER+NAME]... [--learn FILE]

FOLDER holds clones of repositories of github.com as OWNER+NAME/repo. Every version that their tags make, of
every module in them, is made by modgate and by `go mod download` with GOPROXY=direct, which finds the clone
through git's insteadOf; then the facts of `public_sums.tsv` are compared, which the public database printed.
`--learn` asks that database, by way of the go command, for the lines of FILE (`module version`), and prints
facts. Nothing else needs a network.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import ModgateError
from modgate.gomod import dirhash, module
from modgate.gomod.types import Version
from modgate.model import Context
from modgate.vcs.coderepo import CodeRepo
from modgate.vcs.git import GitRepositories, GitSettings
from tests.vcs.vcstest.compare import modules_of
from tests.vcs.vcstest.oracle import GoDirect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modgate.vcs.git import GitRepository

__all__ = ["FACTS", "Fact", "Result", "against_facts", "against_go", "read_facts"]

FACTS = Path(__file__).with_name("public_sums.tsv")
CTX = Context()


@dataclass(frozen=True)
class Fact:
    """One line of the table: which clone and root path a module has, and its public sums."""

    clone: str
    root: str
    path: str
    version: str
    h1: str
    h1_mod: str


@dataclass
class Result:
    """How many were compared, and what was different."""

    modules: int = 0
    versions: int = 0
    different: list[str] = field(default_factory=list)


def read_facts() -> list[Fact]:
    """The checked-in table."""
    lines = FACTS.read_text("utf-8").splitlines()
    return [Fact(*line.split("\t")) for line in lines if line and not line.startswith("#")]


async def against_go(go: str, clone: Path, root: str, work: Path) -> Result:
    """Every listed version of every module of a clone, compared with the go command."""
    result = Result()
    direct = GoDirect(go, work / "go", {f"https://{root}": str(clone)})
    repositories = GitRepositories(work / "mirrors", GitSettings(), time.monotonic)
    repository = repositories.get(str(clone), local=True)
    try:
        codes = {}
        for path in modules_of(clone, root):
            code = CodeRepo(repository, root, module.check_path(path))
            if versions := await code.versions(CTX):
                codes[path] = (code, versions)
        listed = direct.versions(codes) if codes else {}
        asked = [f"{path}@{version}" for path, (_, versions) in codes.items() for version in versions]
        said = direct.download(asked)
        for path, (code, versions) in codes.items():
            result.modules += 1
            if listed.get(path) not in (list(versions), []):
                result.different.append(f"{path}: {listed.get(path)} != {versions}")
            for version in versions:
                result.versions += 1
                theirs = said[f"{path}@{version}"]
                ours = await _sums(code, version)
                if (theirs.h1, theirs.h1_mod) != ours and not (theirs.error and not any(ours)):
                    result.different.append(f"{path}@{version}: go {theirs}, modgate {ours}")
    finally:
        await repositories.close()
    return result


async def against_facts(clones: Path, facts: Iterable[Fact], work: Path) -> Result:
    """The facts whose clones are there."""
    result = Result()
    repositories = GitRepositories(work / "mirrors", GitSettings(), time.monotonic)
    try:
        for fact in facts:
            clone = clones / fact.clone / "repo"
            if not clone.is_dir():
                continue
            result.versions += 1
            repository: GitRepository = repositories.get(str(clone), local=True)
            ours = await _sums(CodeRepo(repository, fact.root, module.check_path(fact.path)), fact.version)
            if ours != (fact.h1, fact.h1_mod):
                result.different.append(f"{fact}, modgate {ours}")
    finally:
        await repositories.close()
    return result


async def _sums(code: CodeRepo, version: str) -> tuple[str, str]:
    """(h1, h1 of go.mod); two empty texts where there is no such version."""
    try:
        found = await code.exact(CTX, Version(version))
        body = await code.zip(CTX, found)
    except ModgateError as error:
        print(f"  {code.path}@{version}: {error}", file=sys.stderr)
        return "", ""
    await body.aclose()
    return body.h1, dirhash.hash_go_mod(code.go_mod(found))


def _learn(go: str, wanted: Sequence[str]) -> None:
    """Print what the public checksum database has for `clone root module version`, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "GOPATH": folder, "GOFLAGS": "-modcacherw", "GONOSUMDB": "", "GOPRIVATE": ""}
        lines = [line.split() for line in wanted if line.strip() and not line.startswith("#")]
        for start in range(0, len(lines), 20):
            part = lines[start : start + 20]
            asked = [f"{path}@{version}" for _, _, path, version in part]
            done = subprocess.run(
                [go, "mod", "download", "-json", *asked],
                cwd=folder,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            said, decoder, at = {}, json.JSONDecoder(), 0
            text = done.stdout.strip()
            while at < len(text):
                document, at = decoder.raw_decode(text, at)
                said[f"{document['Path']}@{document.get('Version')}"] = document
                at += len(text[at:]) - len(text[at:].lstrip())
            for clone, root, path, version in part:
                found = said.get(f"{path}@{version}", {})
                if found.get("Sum"):
                    print(clone, root, path, version, found["Sum"], found["GoModSum"], sep="\t")
                else:
                    print(f"{path}@{version}: {found.get('Error', done.stderr[-300:])}", file=sys.stderr)


def main() -> int:
    """Compare, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.vcs.gold")
    parser.add_argument("clones", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--learn", type=Path)
    options = parser.parse_args()
    go = shutil.which("go") or "go"
    if options.learn:
        _learn(go, options.learn.read_text("utf-8").splitlines())
        return 0
    worst = 0
    with tempfile.TemporaryDirectory(prefix="modgate-gold-") as folder:
        work = Path(folder)
        facts = [fact for fact in read_facts() if not options.only or fact.clone in options.only]
        for clone in sorted(options.clones.glob("*+*/repo")):
            name = clone.parent.name
            if options.only and name not in options.only:
                continue
            root = f"github.com/{name.replace('+', '/')}"
            started = time.monotonic()
            result = asyncio.run(against_go(go, clone, root, work / name))
            worst |= bool(result.different)
            figures = (
                f"{result.modules} modules, {result.versions} versions, {len(result.different)} differences"
            )
            print(
                f"{root}: {figures}, {time.monotonic() - started:.1f} s", *result.different[:10], sep="\n  "
            )
            shutil.rmtree(work / name, ignore_errors=True)
        result = asyncio.run(against_facts(options.clones, facts, work / "facts"))
        worst |= bool(result.different)
        print(
            f"public checksum database: {result.versions} versions, {len(result.different)} differences",
            *result.different,
            sep="\n  ",
        )
    return worst


if __name__ == "__main__":
    sys.exit(main())
