"""Asks the go command about modules in other version control systems than git.

Each question is one run in an empty world (`surroundings`), with one way out (`model.egress`) and one
place to ask (`page`). 1. The programs are there. 2. The repository's turn. 3. A slot among all fetches.
4. A passage. 5. The conversation (`asking`), bounded in time, words and bytes. 6. What came is read.
Versions are listed with -retracted: a list has no retraction semantics, the asking go applies them.

Sources: go help list, go help mod download; cmd/go/internal/modload/list.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from modgate.errors import Unavailable
from modgate.gomod import module, protocol
from modgate.vcs.gocmd.address import check_revision
from modgate.vcs.gocmd.asking import Conversation
from modgate.vcs.gocmd.mirror import Mirrors
from modgate.vcs.gocmd.page import go_import_page
from modgate.vcs.gocmd.scratch import Scratch
from modgate.vcs.gocmd.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model.credentials import Credentials
    from modgate.model.egress import Egress
    from modgate.vcs.gocmd.address import Place
    from modgate.vcs.gocmd.programs import Programs

__all__ = ["GoCommand", "Metadata"]

_MAX_METADATA = 16 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """The `.info` and the `.mod` of one version."""

    info: bytes
    mod: bytes


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
        max_mirrors: Bytes that all kept clones may hold together.
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
        max_mirrors: int = 64 << 30,
    ) -> None:
        self._programs = programs
        self._egress = egress
        self._scratch = Scratch(cache / "runs")
        self._mirrors = Mirrors(cache / "gocmd", max_mirrors)
        self._credentials = credentials
        self._slots = slots or asyncio.Semaphore(8)
        self._timeout = timeout
        self._quota = max_repository

    async def versions(self, place: Place, path: str) -> list[str]:
        """The tagged versions of a module as go counts them, `+incompatible` included.

        This and the further methods raise Absent where it is proved, Invalid for a revision that is
        none, and Unavailable for everything broken, missing programs included.
        """
        async with self._conversation(place, path) as asking:
            return await asking.versions()

    async def resolve(self, place: Place, path: str, query: str) -> bytes:
        """The `.info` of the version that a branch, prefix, commit or `latest` means."""
        check_revision(query, path)
        async with self._conversation(place, path) as asking:
            return _info(await asking.resolved(query), path)

    async def metadata(self, place: Place, path: str, version: str) -> Metadata:
        """The `.info` and `.mod` of a version."""
        check_revision(version, path)
        async with self._conversation(place, path) as asking:
            await asking.found(version)
            return await asyncio.to_thread(_metadata, asking.around, path, version)

    async def zip(self, place: Place, path: str, version: str) -> tuple[BinaryIO, Metadata]:
        """The zip of a version, open, and what belongs to it. The file has no name any more."""
        check_revision(version, path)
        async with self._conversation(place, path) as asking:
            await asking.downloaded(version)
            return await asyncio.to_thread(_zip, asking.around, path, version)

    @contextlib.asynccontextmanager
    async def _conversation(self, place: Place, path: str) -> AsyncIterator[Conversation]:
        """Steps 1 to 4, and an end in time."""
        self._programs.go()
        self._programs.tool(place.vcs)
        try:
            async with asyncio.timeout(self._timeout), self._mirrors.of(place) as mirror, self._slots:
                credential = await self._credential(place)
                async with (
                    go_import_page(place) as page,
                    self._egress.passage(quota=self._quota) as passage,
                    self._scratch.folder() as folder,
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
                    yield Conversation(place, path, self._programs, around, passage, mirror, self._quota)
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
