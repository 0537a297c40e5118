"""`modgate warm`: the store is filled ahead with all that go will ask for.

What is wanted comes as parameters, never as the name of a file: who runs the command has the files, not the
server.

1. Single versions (`zips`, and `mods` whose go.mod alone is read), as a go.sum lists them.
2. Module graphs (`graphs`): the go.mod files of a main module or a workspace, from which the rest is found
   as go finds it. What `go mod download` fetches must be there; what else its go.sum has of the selected
   versions (for tests of dependencies) may be absent upstream, which is counted and fails nothing.
3. Modules by a query (`modules`): resolved first; then the version, and what it needs as a main module.

Results are `Item`s of kind `resolved` (a query and its version) and `failed` (a version, or a query, that
will not be there, with its error). Not `ok` where anything failed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from modgate.errors import Invalid, ModgateError
from modgate.gomod import modfile, module
from modgate.gomod.buildlist import ModGraph, Needs, needs_of
from modgate.gomod.protocol import Kind
from modgate.model.operations import Item, Summary
from modgate.operations.params import params_as
from modgate.operations.warm_fill import Filler, fault_item
from modgate.operations.warm_query import resolve

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from modgate.gomod.buildlist import Pair
    from modgate.gomod.types import ModuleVersion
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["MAX_JOBS", "Graph", "Params", "warm"]

MAX_JOBS = 96
"""More are not asked of an upstream at a time, whatever is wished."""

_EVERY = 0.2
_PARSED_AT_ONCE = 64 << 10  # a larger go.mod is parsed in a thread


class Go(msgspec.Struct, forbid_unknown_fields=True):
    """A go.mod: its language version and its requirements."""

    go: str = ""
    require: list[tuple[str, str]] = []


class Graph(msgspec.Struct, forbid_unknown_fields=True):
    """A main module, or the modules of a workspace.

    Attributes:
        mains: Go.mod files by module path.
        workspace: Whether a go.work names them.
        exclude: Requirements that do not count.
        replace: (path, version or empty, new path, new version or empty for a folder).
        folders: Go.mod files of replacing folders, by the path that `replace` has.
        known: `module@version` whose zips a go.sum has.
        known_mods: `module@version` whose go.mod files it has.
    """

    mains: dict[str, Go]
    workspace: bool = False
    exclude: list[tuple[str, str]] = []
    replace: list[tuple[str, str, str, str]] = []
    folders: dict[str, Go] = {}
    known: list[str] = []
    known_mods: list[str] = []


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """What is wanted (see the module), and how many objects at a time."""

    mods: list[str] = []
    zips: list[str] = []
    graphs: list[Graph] = []
    modules: list[str] = []
    alone: bool = False
    jobs: int | None = None


class _Lines(NamedTuple):
    """Versions as go.sum files have them, checked."""

    mods: list[ModuleVersion]
    zips: list[ModuleVersion]
    known: list[frozenset[Pair]]
    known_mods: list[list[ModuleVersion]]


async def warm(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Fill the store. Raises Invalid for parameters that are none."""
    asked = params_as(Params, params)
    if asked.jobs is not None and asked.jobs < 1:
        raise Invalid("jobs must be at least 1")
    lines = _Lines(
        _versions(asked.mods),
        _versions(asked.zips),
        [frozenset(map(_pair, _versions(graph.known))) for graph in asked.graphs],
        [_versions(graph.known_mods) for graph in asked.graphs],
    )
    began = works.monotonic()
    filler = Filler(works, min(asked.jobs or works.concurrency, MAX_JOBS))
    feeding = asyncio.create_task(_feed(works, filler, asked, lines))
    settling = asyncio.create_task(filler.settled(feeding))
    try:
        ended = False
        while not ended:
            ended = bool((await asyncio.wait({settling}, timeout=_EVERY))[0])
            if feeding.done():
                feeding.result()
            while filler.items:
                yield filler.items.popleft()
            yield filler.progress(known=feeding.done())
        settling.result()
    finally:
        for task in (feeding, settling):
            task.cancel()
        await asyncio.gather(feeding, settling, return_exceptions=True)
        await filler.close()
    seconds = round(works.monotonic() - began, 3)
    left_out = 0 if asked.zips else feeding.result()
    yield Summary(ok=not filler.faults, facts={**filler.facts(), "left_out": left_out, "seconds": seconds})


def _versions(written: Sequence[str]) -> list[ModuleVersion]:
    found = []
    for each in written:
        path, at, version = each.partition("@")
        if not at:
            raise Invalid("a version is written module@version", where=each[:200])
        found.append(module.check(path, version))
    return found


def _pair(version: ModuleVersion) -> Pair:
    return version.path, version.version


async def _feed(works: Works, filler: Filler, asked: Params, lines: _Lines) -> int:
    """Want everything, as it becomes known."""
    for version in lines.zips:
        filler.want_all(version)
    for version in lines.mods:
        _want_go_mod(filler, version)
    for versions in lines.known_mods:
        for version in versions:
            _want_go_mod(filler, version, optional=True)
    graphs = [_graph(filler, graph, sums) for graph, sums in zip(asked.graphs, lines.known, strict=True)]
    modules = [_module(works, filler, subject, alone=asked.alone) for subject in asked.modules]
    left_out, _ = await asyncio.gather(asyncio.gather(*graphs), asyncio.gather(*modules))
    return sum(left_out)


def _want_go_mod(filler: Filler, version: ModuleVersion, *, optional: bool = False) -> None:
    filler.want(Kind.MOD, version, optional=optional)
    # go list shows its time, and does without it.
    filler.want(Kind.INFO, version, optional=True)


async def _graph(filler: Filler, graph: Graph, known: frozenset[Pair]) -> int:
    """Want what a build needs; how many zips of its go.sum are not among that."""
    replace = {(old, version): (new, new_version) for old, version, new, new_version in graph.replace}
    loaded = ModGraph(
        {path: _needs(each) for path, each in graph.mains.items()},
        workspace=graph.workspace,
        exclude=graph.exclude,
        replace=replace,
        folders={path: _needs(each) for path, each in graph.folders.items()},
    )
    for pair in loaded.downloads(()):
        if pair in known:
            _want_all(filler, pair)
    await _load(filler, loaded)
    needed = set(loaded.downloads(() if known else None))
    for pair in needed:
        _want_all(filler, pair)
    for pair in loaded.downloads(known):
        if pair not in needed:
            _want_all(filler, pair, optional=True)
    if not known:
        _want_selected(filler, loaded)
    return len(known.difference(loaded.downloads(known)))


async def _module(works: Works, filler: Filler, subject: str, *, alone: bool) -> None:
    try:
        version = await resolve(works.way, subject)
    except ModgateError as error:
        filler.fail(fault_item(subject, error))
        return
    if subject != str(version):
        filler.items.append(Item(kind="resolved", subject=subject, facts={"version": version.version}))
    filler.want_all(version)
    if alone:
        return
    needs = await _read(filler, version)
    if needs is not None:
        loaded = ModGraph({version.path: needs})
        await _load(filler, loaded)
        for pair in loaded.downloads(()):
            _want_all(filler, pair)
        _want_selected(filler, loaded)


def _want_selected(filler: Filler, graph: ModGraph) -> None:
    """The go.mods of all selected versions: `go list -m all` reads them where no go.sum is in its way."""
    for pair in map(graph.actual, graph.build_list()):
        if pair[1]:
            with suppress(Invalid):
                _want_go_mod(filler, module.check(*pair), optional=True)


async def _load(filler: Filler, graph: ModGraph) -> None:
    """Read the go.mod files that the graph wants, those of one step together."""
    reading: set[asyncio.Task[tuple[Pair, Needs | None]]] = set()
    try:
        while True:
            for pair in graph.wanted():
                reading.add(asyncio.create_task(_read_pair(filler, pair)))
            if not reading:
                return
            done, reading = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                graph.give(*task.result())
    finally:
        for task in reading:
            task.cancel()


async def _read_pair(filler: Filler, pair: Pair) -> tuple[Pair, Needs | None]:
    try:
        version = module.check(*pair)
    except Invalid as error:
        filler.fail(fault_item("@".join(pair), error))
        return pair, None
    _want_go_mod(filler, version)
    return pair, await _read(filler, version)


async def _read(filler: Filler, version: ModuleVersion) -> Needs | None:
    """What a go.mod says; None where it cannot be had or is none, which is noted."""
    body = await filler.go_mod(version)
    if body is None:
        return None
    try:
        if len(body) > _PARSED_AT_ONCE:
            return needs_of(await asyncio.to_thread(modfile.parse_lax, body))
        return needs_of(modfile.parse_lax(body))
    except Invalid as error:
        filler.fault(version, error, Kind.MOD)
        return None


def _want_all(filler: Filler, pair: Pair, *, optional: bool = False) -> None:
    try:
        filler.want_all(module.check(*pair), optional=optional)
    except Invalid as error:
        filler.fail(fault_item("@".join(pair), error))


def _needs(each: Go) -> Needs:
    return Needs(each.go, tuple(each.require))
