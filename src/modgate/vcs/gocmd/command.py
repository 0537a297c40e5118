"""Asks the go command about modules in other version control systems than git.

Each question is one run in an empty world (`surroundings`), with one way out (`model.egress`) and one
place to ask (`page`). 1. The programs are there. 2. The repository's turn. 3. A slot among all fetches.
4. A passage. 5. The run, bounded in time, words and bytes. 6. What came is read, or its failure judged.
Versions are listed with -retracted: a list has no retraction semantics, the asking go applies them.

Sources: go help list, go help mod download; cmd/go/internal/modload/list.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from modgate.errors import Absent, Unavailable
from modgate.gomod import module, protocol
from modgate.vcs.gocmd.address import check_revision
from modgate.vcs.gocmd.mirror import Mirrors
from modgate.vcs.gocmd.page import go_import_page
from modgate.vcs.gocmd.process import run
from modgate.vcs.gocmd.subversion import Subversion
from modgate.vcs.gocmd.surroundings import Surroundings
from modgate.vcs.gocmd.verdict import fetch_failed, judge, spoiled, unknown_revision

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress, Passage
    from modgate.vcs.gocmd.address import Place
    from modgate.vcs.gocmd.mirror import Mirror
    from modgate.vcs.gocmd.process import Ended
    from modgate.vcs.gocmd.programs import Programs

__all__ = ["GoCommand", "Metadata"]

_MAX_METADATA = 16 << 20
# A revision that can be had only by fetching: its failure tells that the rest of the answer is old.
_NEWEST = {"hg": "tip"}


@dataclass(frozen=True, slots=True)
class Metadata:
    """The `.info` and the `.mod` of one version."""

    info: bytes
    mod: bytes


@dataclass(frozen=True, slots=True)
class _World:
    """One run's surroundings and its way out."""

    place: Place
    around: Surroundings
    passage: Passage
    mirror: Mirror | None

    @property
    def refusals(self) -> list[str]:
        """Why connections failed, but where go tries https before the http that was configured."""
        return self.passage.refusals if self.place.told or self.place.https else []


class GoCommand:
    """The go command, for modules whose repository is Mercurial, Subversion, Fossil or Bazaar.

    Args:
        programs: Where programs are found.
        egress: The guarded way out.
        cache: The folder for clones that are kept and for runs under way.
        credentials: For https; None for anonymous.
        slots: Bounds the runs at a time, together with other fetches.
        timeout: Seconds for one question, waiting included.
        max_repository: Bytes that one run may bring or hold on disk.
    """

    def __init__(
        self,
        programs: Programs,
        egress: Egress,
        *,
        cache: Path,
        credentials: Credentials | None = None,
        slots: asyncio.Semaphore | None = None,
        timeout: float = 600.0,
        max_repository: int = 4 << 30,
    ) -> None:
        self._programs = programs
        self._egress = egress
        self._runs = cache / "runs"
        self._mirrors = Mirrors(cache / "gocmd")
        self._credentials = credentials
        self._slots = slots or asyncio.Semaphore(8)
        self._timeout = timeout
        self._quota = max_repository

    async def versions(self, place: Place, path: str) -> list[str]:
        """The tagged versions of a module as go counts them, `+incompatible` included.

        This and the further methods raise Absent where it is proved, Invalid for a revision that is
        none, and Unavailable for everything broken, missing programs included.
        """
        async with self._world(place, path) as world:
            asked = [path, *self._newest(place, path)]
            answers = await self._list(world, place, path, "-versions", *asked)
            versions = [str(version) for version in answers[0].get("Versions") or ()]
            if not versions:
                await self._prove_empty(world, place, path, answers)
            return versions

    async def resolve(self, place: Place, path: str, query: str) -> bytes:
        """The `.info` of the version that a branch, prefix, commit or `latest` means."""
        check_revision(query, path)
        async with self._world(place, path) as world:
            answer = await self._found(world, place, path, query)
            return _info(answer, path)

    async def metadata(self, place: Place, path: str, version: str) -> Metadata:
        """The `.info` and `.mod` of a version."""
        check_revision(version, path)
        async with self._world(place, path) as world:
            await self._found(world, place, path, version)
            return await asyncio.to_thread(_metadata, world.around, path, version)

    async def zip(self, place: Place, path: str, version: str) -> tuple[BinaryIO, Metadata]:
        """The zip of a version, open, and what belongs to it. The file has no name any more."""
        check_revision(version, path)
        async with self._world(place, path) as world:
            go = self._programs.go()
            argv = [go, "mod", "download", "-modcacherw", "-json", f"{path}@{version}"]
            ended = await self._run(world, argv)
            answers = _documents(ended.out)
            problem = str(answers[0].get("Error") or "") if answers else ended.err
            if problem or not answers:
                # What it says here may be an outage's doing: the careful question decides.
                if unknown_revision(problem):
                    await self._found(world, place, path, version)
                raise judge(problem, where=f"{path}@{version}", refusals=world.refusals)
            return await asyncio.to_thread(_zip, world.around, path, version)

    def _newest(self, place: Place, path: str) -> list[str]:
        return [f"{path}@{_NEWEST[place.vcs]}"] if place.vcs in _NEWEST else []

    async def _prove_empty(
        self, world: _World, place: Place, path: str, answers: list[dict[str, Any]]
    ) -> None:
        """That there is a module, and that its tags were read: the newest commit shows it."""
        if place.vcs == "svn":
            await self._subversion(world, place, path).prove_no_tags()
        if len(answers) == 1:
            await self._found(world, place, path, "latest")
        elif _problem(answers[1]):
            raise judge(_problem(answers[1]), where=path, refusals=world.refusals)

    async def _found(self, world: _World, place: Place, path: str, query: str) -> dict[str, Any]:
        """What go says of one revision. Raises Absent only with proof that the repository was read."""
        where = f"{path}@{query}"
        answers = await self._list(world, place, path, where, *self._newest(place, path))
        problem = _problem(answers[0])
        if not problem:
            return answers[0]
        verdict = judge(problem, where=where, refusals=world.refusals)
        unknown = unknown_revision(problem)
        if isinstance(verdict, Absent) and unknown and place.vcs == "svn":
            await self._subversion(world, place, path).prove_unknown("" if unknown == "latest" else unknown)
        if (
            isinstance(verdict, Absent)
            and unknown
            and len(answers) > 1
            and unknown_revision(_problem(answers[1]))
        ):
            if world.mirror is not None:
                world.mirror.spoil()
            raise Unavailable("the kept clone of its repository could not be read", where=where)
        raise verdict

    async def _list(self, world: _World, place: Place, path: str, *arguments: str) -> list[dict[str, Any]]:
        """`go list -m` of as many modules as the arguments name, none of them read from an old clone."""
        argv = [self._programs.go(), "list", "-m", "-e", "-json", "-retracted", *arguments]
        ended = await self._run(world, argv)
        answers = _documents(ended.out)
        refusals = world.refusals
        if not answers:
            raise judge(ended.err, where=path, refusals=refusals)
        newest = _problem(answers[-1]) if place.vcs in _NEWEST else ""
        if world.mirror is not None and spoiled(newest):
            world.mirror.spoil()
        if fetch_failed(newest):
            raise judge(newest, where=path, refusals=refusals)
        return answers

    async def _run(self, world: _World, argv: list[str]) -> Ended:
        around, mirror = world.around, world.mirror
        watched = [around.folder, *([mirror.folder] if mirror is not None else [])]
        with mirror.used() if mirror is not None else contextlib.nullcontext():
            return await run(
                argv, cwd=around.working, environment=around.environment, watched=watched, quota=self._quota
            )

    def _subversion(self, world: _World, place: Place, path: str) -> Subversion:
        async def ask(*arguments: str) -> Ended:
            return await self._run(world, [self._programs.tool("svn"), *arguments])

        return Subversion(ask, place.url, where=path)

    @contextlib.asynccontextmanager
    async def _world(self, place: Place, path: str) -> AsyncIterator[_World]:
        """Steps 1 to 4, in time."""
        self._programs.go()
        self._programs.tool(place.vcs)
        try:
            async with asyncio.timeout(self._timeout), self._mirrors.of(place) as mirror, self._slots:
                credential = await self._credential(place)
                async with (
                    go_import_page(place) as page,
                    self._egress.passage(quota=self._quota) as passage,
                    _scratch(self._runs) as folder,
                ):
                    around = await asyncio.to_thread(
                        Surroundings.make,
                        folder,
                        place=place,
                        module=path,
                        base=self._programs.environment,
                        page=page,
                        way_out=passage.http_proxy,
                        mirror=mirror.folder if mirror is not None else None,
                        credential=credential,
                    )
                    yield _World(place, around, passage, mirror)
        except TimeoutError:
            raise Unavailable(
                f"its repository was not fetched within {self._timeout:g} s",
                where=path,
                next_step="See vcs.timeout.",
                kind="timeout",
            ) from None

    async def _credential(self, place: Place) -> Any:
        if self._credentials is None or not place.https:
            return None
        found = await self._credentials.https(
            place.host, place.port, place.url.partition("://")[2].partition("/")[2]
        )
        if found is not None and place.vcs != "hg":
            raise Unavailable(
                f"a credential is configured for {place.host}, which can be given to git and Mercurial only",
                where=place.root,
            )
        return found


@contextlib.asynccontextmanager
async def _scratch(runs: Path) -> AsyncIterator[Path]:
    """An empty folder on the cache's disk, gone afterwards."""

    def make() -> Path:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="go-", dir=runs))

    try:
        folder = await asyncio.to_thread(make)
    except OSError as error:
        raise Unavailable(f"no folder for the go command: {error.strerror}", where=str(runs)) from error
    try:
        yield folder
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _documents(out: bytes) -> list[dict[str, Any]]:
    """The JSON objects that stand one after another; empty where there is something else."""
    text, found, at = out.decode("utf-8", "replace").strip(), [], 0
    decoder = json.JSONDecoder()
    try:
        while at < len(text):
            document, at = decoder.raw_decode(text, at)
            if not isinstance(document, dict):
                return []
            found.append(document)
            at += len(text[at:]) - len(text[at:].lstrip())
    except (ValueError, RecursionError):
        return []
    return found


def _problem(answer: dict[str, Any]) -> str:
    error = answer.get("Error")
    return str(error.get("Err") or "") if isinstance(error, dict) else ""


def _info(answer: dict[str, Any], path: str) -> bytes:
    """The `.info` of what `go list` said, checked."""
    document = {key: answer[key] for key in ("Version", "Time", "Origin") if key in answer}
    return protocol.encode_info(
        protocol.parse_info(json.dumps(document).encode(), asked=None, path=module.check_path(path))
    )


def _file(around: Surroundings, path: str, version: str, kind: str) -> Path:
    name = f"{module.escape_version(version)}.{kind}"
    return around.downloads / module.escape_path(module.check_path(path)) / "@v" / name


def _metadata(around: Surroundings, path: str, version: str) -> Metadata:
    info = _read(_file(around, path, version, "info"), f"{path}@{version}")
    protocol.parse_info(info, asked=version)
    return Metadata(info, _read(_file(around, path, version, "mod"), f"{path}@{version}"))


def _zip(around: Surroundings, path: str, version: str) -> tuple[BinaryIO, Metadata]:
    metadata = _metadata(around, path, version)
    file = _file(around, path, version, "zip")
    try:
        return file.open("rb"), metadata
    except OSError as error:
        raise _unread(f"{path}@{version}", error) from error


def _read(file: Path, where: str) -> bytes:
    try:
        with file.open("rb") as source:
            data = source.read(_MAX_METADATA + 1)
    except OSError as error:
        raise _unread(where, error) from error
    if len(data) > _MAX_METADATA:
        raise Unavailable(f"more than {_MAX_METADATA} bytes of metadata", where=where, kind="bad-answer")
    return data


def _unread(where: str, error: OSError) -> Unavailable:
    return Unavailable(
        f"what the go command fetched cannot be read: {error.strerror}", where=where, kind="bad-answer"
    )
