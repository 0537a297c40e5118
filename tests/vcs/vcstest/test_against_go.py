"""Go's own repositories and some shapes beside, version by version: modgate says what the real go says.

Two go commands with caches of their own are asked: one for single versions, tags before pseudo-versions
before the rest, one for choices (`latest`, `v1`). What a go command says of the Origin depends on
what it was asked before, because the first `.info` of a version stays in its cache.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.gomod import pseudo, semver
from modgate.model import Context
from modgate.vcs.git import GitRepositories, GitSettings
from tests.vcs.vcstest.compare import modgate_says, subjects_of
from tests.vcs.vcstest.oracle import GoDirect, Said
from tests.vcs.vcstest.script import replay, scripts
from tests.vcs.vcstest.shapes import SHAPES

if TYPE_CHECKING:
    from tests.vcs.vcstest.compare import Subject

pytestmark = [pytest.mark.go, pytest.mark.timeout(600)]

HOST = "vcs-test.golang.org/git"
_CHOICE = re.compile(r"latest|v\d+(\.\d+)?")
_HASH = re.compile(r"[0-9a-f]{7,64}")


@dataclass(frozen=True)
class World:
    """Go's repositories on this machine, what there is to ask, and what go says."""

    folder: Path
    subjects: dict[str, list[Subject]]
    said: dict[str, Said]


def _phase(asked: str) -> int:
    query = asked.partition("@")[2]
    if _CHOICE.fullmatch(query):
        return 3
    if pseudo.is_pseudo_version(query):
        return 1
    return 0 if semver.canonical(query) == query.removesuffix("+incompatible") else 2


def _same(asked: str, ours: Said, theirs: Said) -> bool:
    """Whether both say the same, or both say that there is no such version (in words of their own).

    What can be equal only now and then, and why:
    - go writes the `.info` of a version down without what only matters before it is chosen (the tags; the ref
      of a pseudo-version), and prints that where it finds it. Here the answer is the one of an empty cache.
    - A commit asked for by its hash is found by way of any ref that points at it, or of none if it was
      fetched before: whether go names one is chance, but if it does it must be ours.
    """
    if (ours.error and theirs.error) or ours == theirs:
        return True
    if ours.origin is None or theirs.origin is None:
        return False
    query = asked.partition("@")[2]
    if (pseudo.is_pseudo_version(query) or _HASH.fullmatch(query)) and "Ref" not in theirs.origin:
        ours = _without(ours, "Ref")
    return theirs in (ours, _without(ours, "TagSum", "TagPrefix", "RepoSum"))


def _without(said: Said, *names: str) -> Said:
    return replace(
        said, origin={key: value for key, value in (said.origin or {}).items() if key not in names}
    )


def _go_root(go: str) -> Path:
    done = subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def _world(go: str, folder: Path, *, everything: bool) -> World:
    known = scripts(_go_root(go))
    if not known:
        pytest.skip("this Go distribution comes without its testdata")
    subjects = {}
    for name, script in known.items():
        replay(script, folder / "git" / name, folder / "home")
    for name, make in SHAPES.items():
        make(folder / "git" / name, f"{HOST}/{name}.git")
    for name in (*known, *SHAPES):
        subjects[name] = subjects_of(folder / "git" / name, f"{HOST}/{name}.git", everything=everything)
    asked = [each for of_one in subjects.values() for subject in of_one for each in subject.asked]
    places = {f"https://{HOST}/": f"{folder}/git/"}
    single, choices = GoDirect(go, folder / "go", places), GoDirect(go, folder / "go-choices", places)
    said: dict[str, Said] = {}
    for phase in range(3):
        said |= single.download([each for each in asked if _phase(each) == phase])
    said |= choices.download([each for each in asked if _phase(each) == 3])
    return World(folder, subjects, said)


@pytest.fixture(scope="module")
def world(go_command: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> World:
    everything = bool(request.config.getoption("--long"))
    started = time.monotonic()
    made = _world(go_command, tmp_path_factory.mktemp("vcstest"), everything=everything)
    print(f"\ngo answered {len(made.said)} questions in {time.monotonic() - started:.1f} s")
    return made


async def test_every_version_and_query_is_answered_as_go_answers_it(world: World) -> None:
    repositories = GitRepositories(world.folder / "mirrors", GitSettings(), time.monotonic)
    turns = asyncio.Semaphore(3)

    async def ours(name: str) -> dict[str, Said]:
        repository = repositories.get(str(world.folder / "git" / name), local=True)
        repository.url = f"https://{HOST}/{name}"
        said: dict[str, Said] = {}
        zips: dict[str, str] = {}
        async with turns:
            for subject in world.subjects[name]:
                root = f"{HOST}/{name}.git"
                said |= await modgate_says(Context(), repository, root, subject, zips=zips)
        return said

    try:
        answers = await asyncio.gather(*map(ours, world.subjects))
    finally:
        await repositories.close()
    said = {asked: each for answer in answers for asked, each in answer.items()}
    assert said.keys() == world.said.keys()
    different = [
        f"{asked}\n  go   {theirs}\n  ours {said[asked]}"
        for asked, theirs in world.said.items()
        if not _same(asked, said[asked], theirs)
    ]
    versions = sum(not each.error for each in world.said.values())
    print(f"\n{len(said)} questions compared, {versions} of them versions: {len(different)} differences")
    assert not different, "\n".join(different[:20])
    assert versions > 200
