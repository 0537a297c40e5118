"""One conversation with the go command about one module, in one world, judged with care.

The go command drops what the version control programs say, so some of its words prove nothing: a list, a
branch or `latest` may be told from a clone that could not be brought up to date, and `unknown revision`
from one that could not be read. Therefore

1. questions whose answer changes are asked together with a revision that cannot be there: looking for it
   makes go fetch, and if that fails its words say so;
2. absence is believed only after the newest commit was read in the same world (Subversion is asked itself).

Sources: cmd/go/internal/modfetch/codehost/vcs.go, Stat, fetch, loadTags, statLocal.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modgate.errors import Absent, Unavailable
from modgate.vcs.gocmd.process import run
from modgate.vcs.gocmd.subversion import Subversion
from modgate.vcs.gocmd.verdict import fetch_failed, judge, network_failed, unknown_revision

if TYPE_CHECKING:
    from modgate.model.egress import Passage
    from modgate.vcs.gocmd.address import Place
    from modgate.vcs.gocmd.mirror import Mirror
    from modgate.vcs.gocmd.process import Ended
    from modgate.vcs.gocmd.programs import Programs
    from modgate.vcs.gocmd.surroundings import Surroundings

__all__ = ["Conversation"]

# What go calls the newest commit of each system.
_NEWEST = {"hg": "tip", "fossil": "trunk", "bzr": "revno:-1"}
# Kept between runs, and so perhaps old (see `mirror`).
_PROBED = frozenset({"hg"})
_NOWHERE = "modgate.looks.whether.the.repository.answers"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Questions about the module `path` of a place; every method raises as `GoCommand` says."""

    place: Place
    path: str
    programs: Programs
    around: Surroundings
    passage: Passage
    mirror: Mirror | None
    quota: int

    async def versions(self) -> list[str]:
        """The tagged versions."""
        listed = (await self._fresh("-versions", self.path))[0]
        if problem := _problem(listed):
            raise await self._proved(problem, self.path)
        versions = [str(version) for version in listed.get("Versions") or ()]
        if not versions:
            if self.place.vcs == "svn":
                await self._subversion().prove_tags_read()
            await self.found(_NEWEST.get(self.place.vcs, "latest"))
        return versions

    async def resolved(self, query: str) -> Document:
        """What a branch, prefix, commit or `latest` means now."""
        answer = (await self._fresh(f"{self.path}@{query}"))[0]
        if problem := _problem(answer):
            raise await self._proved(problem, f"{self.path}@{query}")
        return answer

    async def found(self, version: str) -> Document:
        """What go says of one revision, in a clone of any age."""
        answer = (await self._list(f"{self.path}@{version}"))[0]
        if problem := _problem(answer):
            raise await self._proved(problem, f"{self.path}@{version}")
        return answer

    async def downloaded(self, version: str) -> None:
        """Have the zip made in the module cache."""
        where = f"{self.path}@{version}"
        ended = await self._run([self.programs.go(), "mod", "download", "-modcacherw", "-json", where])
        answers = _documents(ended.out)
        problem = str(answers[0].get("Error") or "") if answers else ended.err
        if problem or not answers:
            raise await self._proved(problem, where)

    async def _fresh(self, *arguments: str) -> list[Document]:
        """As `_list`; Unavailable where the answers are those of an old clone (rule 1)."""
        if self.place.vcs not in _PROBED:
            return await self._list(*arguments)
        *answers, probe = await self._list(*arguments, f"{self.path}@{_NOWHERE}")
        problem = _problem(probe)
        if fetch_failed(problem) or self._refusals or not answers:
            raise self._judged(problem, self.path)
        return answers

    async def _list(self, *arguments: str) -> list[Document]:
        argv = [self.programs.go(), "list", "-m", "-e", "-json", "-retracted", *arguments]
        ended = await self._run(argv)
        answers = _documents(ended.out)
        if not answers:
            raise self._judged(ended.err, self.path)
        return answers

    async def _proved(self, problem: str, where: str) -> Exception:
        """The error for what go said; Absent only after proof (rule 2)."""
        verdict = self._judged(problem, where)
        if not isinstance(verdict, Absent) or fetch_failed(problem):
            return verdict
        unknown = unknown_revision(problem)
        if self.place.vcs == "svn":
            if unknown:
                await self._subversion().prove_unknown("" if unknown == "latest" else unknown)
            else:
                await self._subversion().prove_tags_read()
            return verdict
        newest = (await self._list(f"{self.path}@{_NEWEST[self.place.vcs]}"))[0]
        told = _problem(newest)
        if fetch_failed(told):
            return self._judged(told, where)
        if unknown_revision(told):
            if self.mirror is not None:
                self.mirror.spoil()
            return Unavailable("the clone of its repository could not be read", where=where)
        return verdict

    def _judged(self, problem: str, where: str) -> Exception:
        """The error for go's words; a clone that no network spoiled is begun anew the next time."""
        if self.mirror is not None and fetch_failed(problem) and not network_failed(problem):
            self.mirror.spoil()
        return judge(problem, where=where, refusals=self._refusals)

    @property
    def _refusals(self) -> list[str]:
        """Why connections failed, but where go tries https before the http that was configured."""
        return self.passage.refusals if self.place.told or self.place.https else []

    def _subversion(self) -> Subversion:
        async def ask(*arguments: str) -> Ended:
            return await self._run([self.programs.tool("svn"), *arguments])

        return Subversion(ask, self.place.url, where=self.path)

    async def _run(self, argv: list[str]) -> Ended:
        around, mirror = self.around, self.mirror
        watched = [around.folder, *([mirror.folder] if mirror is not None else [])]
        with mirror.used() if mirror is not None else contextlib.nullcontext():
            return await run(
                argv, cwd=around.working, environment=around.environment, watched=watched, quota=self.quota
            )


def _problem(answer: Document) -> str:
    error = answer.get("Error")
    return str(error.get("Err") or "") if isinstance(error, dict) else ""


def _documents(out: bytes) -> list[Document]:
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
