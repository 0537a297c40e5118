"""`modgate export`: versions of the store for another site, as a folder or one file.

What is written is a module proxy made of files, with the checksum databases' proofs: `GOPROXY=file://…`
verifies offline, in any order, any part of it. Each object's SHA-256 is compared while it is read; a damaged
one is left out and named. What was stored without the database's proof is proved before it goes out.

Lists name what is here and whole, since nothing else could be had where nobody can be asked. Modules that are
private, restricted or published here stay here unless they are asked for: a bundle travels.

Beside a running server: objects never change, and the databases' files are not copied but asked for and
verified anew, so that a head which moves meanwhile does no harm.

Items: `damaged`, `differs` (the earlier export or the go.sum has other bytes), `missing` (named by the
go.sum, not in the store), `unproved` (the database could not prove it now), each with `text`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Conflict, Invalid, ModgateError, Tampered, Unavailable
from modgate.gomod import dirhash, gosum, module, protocol, query, semver
from modgate.gomod.patterns import malformed_patterns
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.types import ModuleVersion
from modgate.model import Context, Verification
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.exports_choice import Group, Wanted, groups_of, groups_stored
from modgate.operations.exports_failures import translated
from modgate.operations.exports_sink import Sink, check_target, open_sink
from modgate.operations.imports_together import to_the_end, together
from modgate.operations.params import params_as
from modgate.source.bodies import drain
from modgate.source.verified import stored_sums

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.gomod.types import ModulePath, Version
    from modgate.model import Blob
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["export"]

_PERIOD = 0.2
_BATCH = 500
_MAX_GO_SUM = 64 << 20
_ORDER = (Kind.INFO, Kind.MOD, Kind.ZIP)


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters.

    Attributes:
        target: An absolute path: a folder, or a file whose name ends with .tar, .tar.gz or .tgz.
        only: Globs over module paths, as in GOPRIVATE; empty for all.
        go_sum: The absolute path of a go.sum that names what is wanted; empty for all there is.
        private: Whether private, restricted and published modules go along.
    """

    target: str
    only: list[str] = []
    go_sum: str = ""
    private: bool = False


@dataclass(slots=True)
class _Carried:
    """What became of one module."""

    path: ModulePath
    versions: list[ModuleVersion] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    held: int = 0
    objects: int = 0
    there: int = 0
    size: int = 0


async def export(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Export; `params` as `Params`.

    Raises Invalid (a parameter; a target that is something else), Unavailable (store or target fail).
    """
    wish = params_as(Params, params)
    globs = _globs(wish)
    target = _absolute(wish.target, "target")
    await asyncio.to_thread(check_target, target)
    named = await asyncio.to_thread(_read_go_sum, _absolute(wish.go_sum, "go.sum")) if wish.go_sum else None
    groups = groups_stored(works.store, globs) if named is None else groups_of(named, globs)
    sink = await open_sink(target, works.bundle, at_once=works.concurrency)
    try:
        tally: Counter[str] = Counter()
        waiting: list[ModuleVersion] = []
        told = float("-inf")
        carrier = _Carrier(works, sink, private=wish.private)
        async with aclosing(groups), aclosing(together(groups, carrier.carry, at_once=sink.at_once)) as done:
            async for carried in done:
                for item in carried.items:
                    yield item
                _count(tally, carried)
                waiting += carried.versions
                if len(waiting) >= _BATCH:
                    async for item in _prove(sink, waiting, tally):
                        yield item
                    waiting.clear()
                if works.monotonic() - told >= _PERIOD:
                    told = works.monotonic()
                    yield _progress(tally, carried.path)
        async for item in _prove(sink, waiting, tally):
            yield item
        await sink.finish()
        databases = list(sink.bundle.databases)
    finally:
        await to_the_end(sink.close())
    yield _progress(tally, "")
    failed = tally["damaged"] + tally["differs"] + tally["missing"] + tally["unproved"]
    counts = ("modules", "versions", "objects", "there", "bytes", "held", "damaged", "differs", "missing")
    facts = {"target": str(target), "databases": databases, "private": wish.private}
    facts |= {name: tally[name] for name in (*counts, "unproved")}
    yield Summary(ok=not failed, facts=facts)


class _Carrier:
    """Carries modules from the store to the sink."""

    def __init__(self, works: Works, sink: Sink, *, private: bool) -> None:
        self._works = works
        self._sink = sink
        self._private = private

    async def carry(self, group: Group) -> _Carried:
        """One module. Raises Unavailable."""
        carried = _Carried(group.path)
        if not self._private and self._works.kept(group.path):
            carried.held = len(group.versions)
            return carried
        for version in sorted(group.versions, key=semver.sort_key):
            await self._version(ModuleVersion(group.path, version), group.versions[version], carried)
        if carried.versions:
            await self._lists(group.path)
        return carried

    async def _version(self, version: ModuleVersion, wanted: Wanted, carried: _Carried) -> None:
        if wanted.kinds == {Kind.INFO}:
            return  # it proves nothing and serves nobody
        taken = 0
        for kind in _ORDER:
            if kind not in wanted.kinds:
                continue
            request = Request.exact(kind, version)
            try:
                blob = await self._proved(request)
                if blob is None:
                    if kind in wanted.required:
                        text = f"the {kind} is not in the store"
                        carried.items.append(Item(kind="missing", subject=str(version), facts={"text": text}))
                    continue
                h1 = await _h1(request, blob)
                _compare(request, h1, wanted)
                written = await self._sink.add(request.url_path, blob, h1 if kind is Kind.ZIP else "")
            except Unavailable as error:
                if error.kind != "bad-answer":
                    raise
                carried.items.append(_item("damaged", request, error))
            except Tampered as error:
                carried.items.append(_item("damaged", request, error))
            except Conflict as error:
                carried.items.append(_item("differs", request, error))
            except _UnprovedError as error:
                carried.items.append(_item("unproved", request, error.error))
            else:
                taken += 1
                carried.objects += written
                carried.there += not written
                carried.size += blob.meta.size if written else 0
        if taken:
            carried.versions.append(version)

    async def _proved(self, request: Request) -> Blob | None:
        """The stored object; one that was stored without the database's proof is proved now.

        Raises _UnprovedError where that cannot be.
        """
        store, key = self._works.store, request.url_path
        blob = await store.get(key)
        if (
            blob is None
            or request.kind is Kind.INFO
            or blob.meta.verified == Verification.SUMDB
            or not self._works.database.covers(request.path)
        ):
            return blob
        try:
            await drain(await self._works.way.fetch(Context(background=True), request))
        except ModgateError as error:
            raise _UnprovedError(error) from error
        return await store.get(key)

    async def _lists(self, path: ModulePath) -> None:
        """The list and the newest version, of what is there and whole."""
        folder = Request(Kind.LIST, path).url_path.removesuffix("/list")
        names = set(await self._sink.names(folder))
        whole = [
            version
            for name in names
            if name.endswith(".zip") and {f"{name[:-4]}.info", f"{name[:-4]}.mod"} <= names
            if (version := _version(path, name[:-4]))
        ]
        ordered = semver.sorted_versions(whole)
        listed = protocol.parse_list(protocol.encode_list(ordered), path)
        await self._sink.text(f"{folder}/list", protocol.encode_list(listed))
        newest = query.latest(ordered)
        if newest is not None:
            info = await self._works.store.get(Request(Kind.INFO, path, newest).url_path)
            if info is not None:
                await self._sink.text(Request(Kind.LATEST, path).url_path, await info.read())


class _UnprovedError(Exception):
    """The database does not prove an object (now)."""

    def __init__(self, error: ModgateError) -> None:
        super().__init__(str(error))
        self.error = error


async def _prove(
    sink: Sink, versions: list[ModuleVersion], tally: Counter[str]
) -> AsyncGenerator[Item, None]:
    """Have the sink carry the lookups of these versions; an item for each that could not be had."""
    if not versions:
        return
    for subject, error in sorted((await sink.bundle.prove(versions)).items()):
        tally["unproved"] += 1
        text = f"its lookup could not be had: {error.what}"
        yield Item(kind="unproved", subject=subject, facts={"text": text})


async def _h1(request: Request, blob: Blob) -> str:
    """The h1 of an object, empty for an `.info`. Raises Unavailable for a zip that is none, Tampered."""
    if request.kind is Kind.MOD:
        return dirhash.hash_go_mod(await blob.read())
    if request.kind is Kind.ZIP:
        return blob.meta.h1 or (await stored_sums(request.module_version, blob))[0]
    return ""


def _compare(request: Request, h1: str, wanted: Wanted) -> None:
    """Raise Conflict where the go.sum has other sums."""
    sums = wanted.sums.get(request.kind)
    if sums and h1 not in sums:
        raise Conflict(f"the go.sum has another sum of its {request.kind}", where=str(request.module_version))


def _version(path: ModulePath, escaped: str) -> Version | None:
    try:
        return module.check(path, module.unescape_version(escaped)).version
    except Invalid:
        return None


def _item(kind: str, request: Request, error: ModgateError) -> Item:
    text = f"{request.kind}: {error.what}"
    return Item(kind=kind, subject=str(request.module_version), facts={"text": text})


def _count(tally: Counter[str], carried: _Carried) -> None:
    tally["modules"] += bool(carried.versions)
    tally["versions"] += len(carried.versions)
    tally["held"] += carried.held
    tally["objects"] += carried.objects
    tally["there"] += carried.there
    tally["bytes"] += carried.size
    tally.update(item.kind for item in carried.items)


def _progress(tally: Counter[str], now: str) -> Progress:
    failed = tally["damaged"] + tally["differs"] + tally["missing"]
    return Progress(done=tally["versions"], size=tally["bytes"], failed=failed, now=now)


def _globs(wish: Params) -> str:
    globs = ",".join(wish.only)
    bad = malformed_patterns(globs)
    if bad:
        raise Invalid(f"{bad[0]!r} is no pattern", next_step="For example github.com/acme or *.corp.example.")
    return globs


def _absolute(text: str, what: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise Invalid(f"the path of the {what} must be absolute", where=text[:200])
    return path


def _read_go_sum(path: Path) -> gosum.GoSum:
    with translated("cannot be read", str(path)), path.open("rb") as file:
        data = file.read(_MAX_GO_SUM + 1)
    if len(data) > _MAX_GO_SUM:
        raise Invalid("too large for a go.sum", where=str(path))
    return gosum.parse(data, name=str(path))
