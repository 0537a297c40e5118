"""Databases on the network: the Go vulnerability database by its API, or one zip of OSV files.

The API (go.dev/security/vuln/database, version 1), each document plain or as `.gz`:

    index/db.json     {"modified"}: when anything in it last changed
    index/vulns.json  [{"id", "modified", "aliases"}, …]; where it is missing, modules.json has the same
    ID/<id>.json      one entry in the form of the OSV schema

1. `index/db.json` is asked with the validators of the last time: 304, or the same `modified`, is the end.
2. The index names every entry and when it changed; only entries that changed are asked for, some at a time.
3. An entry that is another's than the index says is none. One that cannot be had keeps its last form, and the
   next look asks for everything again that is not as the index says.

Bodies are limited, and so is what they inflate to. Redirects, certificates, proxies, credentials and
time-outs are those of every upstream (`transport.http`).
"""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from modgate.errors import Absent, Invalid, ModgateError, Unavailable
from modgate.feeds.advisories.entries import MAX_ENTRIES, MAX_ENTRY, Entry
from modgate.feeds.advisories.files import read_path
from modgate.feeds.advisories.gzipped import inflated
from modgate.feeds.advisories.reading import Reading
from modgate.model import Context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from modgate.feeds.advisories.reading import Known, Taking

__all__ = ["Archive", "ConditionalUpstream", "GoDatabase", "Stream"]

_CONTEXT = Context(background=True)
_JOBS: Final = 16
_PATIENCE: Final = 20
"""So many entries that cannot be had end a look: the database is down."""
_MAX_INDEX: Final = 256 << 20
_MAX_INDEX_SENT: Final = 64 << 20
_MAX_ARCHIVE: Final = 1 << 30
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_ASKED = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}

T = TypeVar("T")


class Stream(Protocol):
    """An answer whose head is there: as `model.UpstreamStream`, and what conditions need."""

    @property
    def unchanged(self) -> bool:
        """Whether it is 304."""

    @property
    def validators(self) -> dict[str, str]:
        """`ETag` and `Last-Modified`, those that came."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body."""

    async def aclose(self) -> None:
        """Give the connection back."""


class ConditionalUpstream(Protocol):
    """An upstream that can be asked whether something has changed: `transport.http.HTTPUpstream`."""

    @property
    def name(self) -> str:
        """Its address without secrets."""

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """As `model.Upstream`."""

    async def open(self, ctx: Context, path: str, *, conditions: Mapping[str, str] | None = None) -> Stream:
        """As `model.Upstream`; with conditions 304 is an answer."""


class _Database(msgspec.Struct):
    modified: str = ""


class _Vuln(msgspec.Struct):
    id: str
    modified: str = ""


class _Module(msgspec.Struct):
    vulns: list[_Vuln] = []


class GoDatabase:
    """The Go vulnerability database under one address (`reading.Reader`).

    `upstream` is asked for anew each time: a reload may put another in its place.
    """

    path: Path | None = None

    def __init__(self, upstream: Callable[[], ConditionalUpstream]) -> None:
        self._upstream = upstream

    async def read(
        self, known: Known, marks: Mapping[str, str], begin: Callable[[], Taking]
    ) -> Reading | None:
        """As `reading.Reader`."""
        upstream = self._upstream()
        held = marks if known.pack is not None else {}
        found = await _fresh(upstream, "index/db.json", held)  # 1
        if found is None:
            return None
        database = _decoded(found[0], _Database, f"{upstream.name}/index/db.json")
        if database.modified and database.modified == held.get("modified"):
            return None
        wanted = await _index(upstream)  # 2
        taking = await asyncio.to_thread(begin)
        fresh = await asyncio.to_thread(_keep, taking, known, wanted)
        error = await _Fetch(upstream, taking, fresh).run()  # 3
        if error:
            return Reading(taking, {}, error)
        return Reading(taking, {**found[1], "modified": database.modified})


def _keep(taking: Taking, known: Known, wanted: Mapping[str, str]) -> list[str]:
    """Take over what has not changed; the rest, for which to ask."""
    rest = []
    for identifier, modified in wanted.items():
        advisory, moment = known.advisories.get(identifier), _seconds(modified)
        same = advisory is not None and moment is not None and abs(advisory.modified - moment) < 1e-5
        if same:
            taking.entries += 1
            taking.keep(identifier)
        else:
            rest.append(identifier)
    return rest


class _Fetch:
    """Entries on their way."""

    def __init__(self, upstream: ConditionalUpstream, taking: Taking, wanted: list[str]) -> None:
        self._upstream = upstream
        self._taking = taking
        self._wanted = wanted
        self._next = iter(wanted)
        self._one = asyncio.Lock()
        self._failed: list[ModgateError] = []

    async def run(self) -> str:
        """Ask for all of them; what is missing after that, in a line. Raises what the disk raises."""
        tasks = [asyncio.create_task(self._work()) for _ in range(min(_JOBS, len(self._wanted)))]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        rest = list(self._next)
        await asyncio.to_thread(lambda: [self._taking.keep(identifier) for identifier in rest])
        missing = len(self._failed) + len(rest)
        if not missing:
            return ""
        if not self._taking.advisories:
            raise self._failed[0]
        why = str(self._failed[0]).replace("\n", " ")
        return f"{missing} of {len(self._wanted)} changed entries could not be had: {why}"

    async def _work(self) -> None:
        while len(self._failed) < _PATIENCE and (identifier := next(self._next, None)) is not None:
            try:
                entry = await self._entry(identifier)
            except (Absent, Invalid) as error:
                entry = Entry(identifier, b"", f"ID/{identifier}.json", error.what)
            except ModgateError as error:
                self._failed.append(error)
                async with self._one:
                    await asyncio.to_thread(self._taking.keep, identifier)
                continue
            async with self._one:
                await asyncio.to_thread(self._take, entry)

    async def _entry(self, identifier: str) -> Entry:
        where = f"ID/{identifier}.json"
        try:
            body = await self._upstream.get(_CONTEXT, f"{where}.gz", limit=MAX_ENTRY)
        except Absent:
            body = await self._upstream.get(_CONTEXT, where, limit=MAX_ENTRY)
        data = inflated(body, MAX_ENTRY, where)
        said = _decoded(data, _Vuln, where).id
        if said != identifier:
            raise Invalid(f"it is the entry {said[:128]}")
        return Entry(identifier, data, where)

    def _take(self, entry: Entry) -> None:
        broken = self._taking.broken
        self._taking.take(entry)
        if self._taking.broken > broken:
            self._taking.keep(entry.id)


async def _index(upstream: ConditionalUpstream) -> dict[str, str]:
    """Every entry's id and when it changed. Raises as `reading.Reader.read`."""
    try:
        body, _ = await _asked(upstream, "index/vulns.json")
        vulns = await asyncio.to_thread(_decoded, body, list[_Vuln], f"{upstream.name}/index/vulns.json")
    except Absent:
        body, _ = await _asked(upstream, "index/modules.json")
        where = f"{upstream.name}/index/modules.json"
        modules = await asyncio.to_thread(_decoded, body, list[_Module], where)
        vulns = [vuln for module in modules for vuln in module.vulns]
    for vuln in vulns:
        if not _ID.fullmatch(vuln.id):
            raise Invalid(f"its index names {vuln.id[:80]!r}, which is no id", where=upstream.name)
    found = {vuln.id: vuln.modified for vuln in vulns}
    if not 0 < len(found) <= MAX_ENTRIES:
        raise Invalid(f"its index names {len(found)} entries", where=upstream.name)
    return found


async def _asked(upstream: ConditionalUpstream, name: str) -> tuple[bytes, dict[str, str]]:
    found = await _fresh(upstream, name, {})
    assert found is not None
    return found


async def _fresh(
    upstream: ConditionalUpstream, name: str, held: Mapping[str, str]
) -> tuple[bytes, dict[str, str]] | None:
    """A document of the index and its validators; None where it is as they say. Raises as an upstream."""
    for path in (f"{name}.gz", name):
        try:
            stream = await upstream.open(_CONTEXT, path, conditions=_conditions(held, path))
        except Absent:
            if path == name:
                raise
            continue
        try:
            if stream.unchanged:
                return None
            body = bytearray()
            async with aclosing(stream.chunks()) as chunks:  # type: ignore[type-var]  # it is a generator
                async for chunk in chunks:
                    body += chunk
                    if len(body) > _MAX_INDEX_SENT:
                        raise Invalid("it is too large", where=f"{upstream.name}/{path}")
        finally:
            await stream.aclose()
        data = await asyncio.to_thread(inflated, bytes(body), _MAX_INDEX, f"{upstream.name}/{path}")
        return data, {"path": path, **stream.validators}
    raise Absent("it is not there", where=f"{upstream.name}/{name}")


def _conditions(held: Mapping[str, str], path: str) -> dict[str, str]:
    if held.get("path") != path:
        return {}
    return {header: held[name] for name, header in _ASKED.items() if name in held}


class Archive:
    """A zip (or any file that `files` reads) of OSV entries at an address (`reading.Reader`).

    Args:
        upstream: As `GoDatabase`; the folder that the file is in.
        name: The file's name, a query with it.
        folder: Where it is put while it is read.
    """

    path: Path | None = None

    def __init__(self, upstream: Callable[[], ConditionalUpstream], name: str, folder: Path) -> None:
        self._upstream = upstream
        self._name = name
        self._folder = folder

    async def read(
        self, known: Known, marks: Mapping[str, str], begin: Callable[[], Taking]
    ) -> Reading | None:
        """As `reading.Reader`."""
        upstream = self._upstream()
        held = marks if known.pack is not None else {}
        stream = await upstream.open(_CONTEXT, self._name, conditions=_conditions(held, self._name))
        shown = self._name.partition("?")[0]
        path = self._folder / f"{id(stream):x}.{shown}.tmp"
        try:
            if stream.unchanged:
                return None
            await self._save(stream, path)
            taking = await asyncio.to_thread(begin)
            await asyncio.to_thread(_take_all, taking, path, shown)
        finally:
            await stream.aclose()
            await asyncio.to_thread(path.unlink, missing_ok=True)
        return Reading(taking, {"path": self._name, **stream.validators})

    async def _save(self, stream: Stream, path: Path) -> None:
        size = 0
        try:
            await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
            file = await asyncio.to_thread(path.open, "xb")
            try:
                async for chunk in stream.chunks():
                    size += len(chunk)
                    if size > _MAX_ARCHIVE:
                        raise Invalid(f"it has more than {_MAX_ARCHIVE >> 30} GiB", where=self._name)
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await asyncio.to_thread(file.close)
        except OSError as error:
            raise Unavailable(f"it cannot be kept: {error.strerror}", where=str(path)) from error


def _take_all(taking: Taking, path: Path, _shown: str) -> None:
    for entry in read_path(path):
        taking.take(entry)


def _decoded(data: bytes, kind: Any, where: str) -> Any:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Invalid(f"it is not what a Go vulnerability database has there: {error}", where=where) from None


def _seconds(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
