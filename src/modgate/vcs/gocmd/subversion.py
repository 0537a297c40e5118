"""Asks Subversion itself where the go command's words prove nothing.

The go command takes every failure of `svn log` for an unknown revision and every failure of `svn list`
for an empty list. So the same question is put once more, and only Subversion's own codes prove absence:
E160006 (no such revision), E160013 and W160013 (no such path), E205000 (no revision's name), each with
the repository's address answering.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.vcs.gocmd.verdict import spoken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.vcs.gocmd.process import Ended

__all__ = ["Subversion"]

_NO_REVISION = re.compile(r"\b(?:E160006|E160013|E195012|E205000)\b")
_NO_FOLDER = re.compile(r"\b[EW](?:160013|200009)\b")


class Subversion:
    """One repository, by `ask`, which runs svn with arguments in guarded surroundings."""

    def __init__(self, ask: Callable[..., Awaitable[Ended]], url: str, *, where: str) -> None:
        self._ask = ask
        self._url = url
        self._where = where

    async def prove_unknown(self, revision: str) -> None:
        """Raise Unavailable unless the repository answers and says that it has no such revision."""
        peg = f"@{revision}" if revision else ""
        ended = await self._ask("log", "-l1", "--xml", "--non-interactive", "--", self._url + peg)
        if ended.status == 0:
            raise self._broken("the revision could not be read, and a moment later it could")
        if not _NO_REVISION.search(ended.err):
            raise self._broken("; ".join(spoken(ended.err)))
        await self._answers()

    async def prove_tags_read(self) -> None:
        """Raise Unavailable unless the repository answers and its tags can be read, or there are none."""
        tags = self._url.removesuffix("/trunk") + "/tags"
        ended = await self._ask("list", "--non-interactive", "--", tags)
        if ended.status != 0 and not _NO_FOLDER.search(ended.err):
            raise self._broken("; ".join(spoken(ended.err)))
        await self._answers()

    async def _answers(self) -> None:
        ended = await self._ask("info", "--non-interactive", "--", self._url)
        if ended.status != 0:
            raise self._broken("; ".join(spoken(ended.err)))

    def _broken(self, what: str) -> Unavailable:
        return Unavailable(f"its Subversion repository could not be asked: {what}", where=self._where)
