"""`modgate refresh`: what may change of modules is asked for now, whatever its age.

That is the list, the newest version, and the branches, commits and prefixes that were asked for before. A
module that is named is asked for in any case; a pattern (as in GOPRIVATE) and `all` mean what the store has
such an answer of. Their modules are found by a walk over the store and asked for while it goes on, so that a
large one costs no memory; `all` is paced, since it is an upstream's day as well.

One `Item` a module: kind `module` with what is new, or `failed` with the error. Not `ok` where one failed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Absent, Invalid, ModgateError
from modgate.gomod import module, protocol
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.protocol import Kind, Request
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.params import params_as
from modgate.operations.warm_fill import ASKING, fault_item
from modgate.source.bodies import small_body

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from modgate.gomod.types import ModulePath
    from modgate.model.operations import Event
    from modgate.operations.works import Works

__all__ = ["Params", "refresh"]

_EVERY = 0.2
_JOBS = 8
_PACE = 0.05  # seconds from one module to the next
_TOLD = 50
_READ_AT_ONCE = 64 << 10  # reading a list of some MiB takes seconds


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Modules and patterns, or everything."""

    modules: list[str] = []
    all: bool = False


async def refresh(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Ask anew. Raises Invalid for a module path that is none, Unavailable for a broken store."""
    asked = params_as(Params, params)
    if asked.all == bool(asked.modules):
        raise Invalid("name modules or patterns, or everything")
    named = [module.check_path(each) for each in asked.modules if not _is_pattern(each)]
    patterns = ",".join(each for each in asked.modules if _is_pattern(each))
    began = works.monotonic()
    run = _Run(works)
    finding = asyncio.create_task(run.find(named, patterns, everything=asked.all))
    workers = [asyncio.create_task(run.work()) for _ in range(_JOBS)]
    working = asyncio.gather(finding, *workers)
    try:
        ended = False
        while not ended:
            ended = bool((await asyncio.wait({working}, timeout=_EVERY))[0])
            while run.items:
                yield run.items.popleft()
            total = run.found if finding.done() else None
            yield Progress(done=run.done, total=total, failed=run.failed, now=run.now)
        await working
    finally:
        for task in (finding, *workers):
            task.cancel()
        await asyncio.gather(working, return_exceptions=True)
    yield Summary(
        ok=not run.failed,
        facts={
            "modules": run.done,
            "changed": run.changed,
            "new_versions": run.new,
            "failed": run.failed,
            "seconds": round(works.monotonic() - began, 3),
        },
    )


def _is_pattern(text: str) -> bool:
    return any(mark in text for mark in "*?[,")


class _Run:
    """The modules on their way: found by one, refreshed by some."""

    def __init__(self, works: Works) -> None:
        self._works = works
        self._queue: asyncio.Queue[tuple[ModulePath, bool] | None] = asyncio.Queue(_JOBS)
        self._met: set[ModulePath] = set()
        self.items: deque[Item] = deque()
        self.found = self.done = self.changed = self.new = self.failed = 0
        self.now = ""

    async def find(self, named: list[ModulePath], patterns: str, *, everything: bool) -> None:
        """Hand out the modules, then an end for each worker."""
        for path in named:
            await self._hand_out(path, named=True)
        if everything or patterns:
            async with aclosing(self._works.store.walk()) as batches:
                async for batch in batches:
                    for stored in batch:
                        met = _module_of(stored.key) if stored.mutable else None
                        if met and (everything or match_prefix_patterns(patterns, met)):
                            await self._hand_out(met, named=False, pace=_PACE if everything else 0.0)
        for _ in range(_JOBS):
            await self._queue.put(None)

    async def work(self) -> None:
        """Refresh module after module."""
        while (item := await self._queue.get()) is not None:
            path, named = item
            self.now = path
            try:
                self._report(path, await _refreshed(self._works, path, named=named))
            except ModgateError as error:
                self.failed += 1
                self.items.append(fault_item(path, error))
            self.done += 1

    async def _hand_out(self, path: ModulePath, *, named: bool, pace: float = 0.0) -> None:
        if path in self._met:
            return
        self._met.add(path)
        self.found += 1
        await self._queue.put((path, named))
        await asyncio.sleep(pace)

    def _report(self, path: ModulePath, facts: dict[str, Any]) -> None:
        self.changed += bool(facts["new"] or facts["gone"] or facts["moved"])
        self.new += facts["new_count"]
        self.items.append(Item(kind="module", subject=path, facts=facts))


def _module_of(key: str) -> ModulePath | None:
    """The module that a key's changing answer is about; None for what is no module's."""
    if key.startswith(("sumdb/", "scope/")):
        return None
    escaped, at, rest = key.rpartition("/@")
    if not at or not (rest == "latest" or rest.startswith("v/")):
        return None
    try:
        return module.unescape_path(escaped)
    except Invalid:
        return None


async def _refreshed(works: Works, path: ModulePath, *, named: bool) -> dict[str, Any]:
    """Ask for everything that may change, and say what did. Raises what a source raises."""
    base = f"{module.escape_path(path)}/@v"
    names = frozenset(await works.store.names(base))
    facts: dict[str, Any] = {"new": [], "new_count": 0, "gone": [], "moved": {}}
    if named or "list" in names:
        before, after = await _change(works, Request(Kind.LIST, path), lambda body: _versions(path, body))
        new = [version for version in after or () if version not in set(before or ())]
        facts |= {"before": len(before or ()), "after": len(after or ())}
        facts |= {"new": new[-_TOLD:], "new_count": len(new)}
        facts["gone"] = [version for version in before or () if version not in set(after or ())][-_TOLD:]
    latest = Request(Kind.LATEST, path)
    if named or await works.store.get(latest.url_path) is not None:
        try:
            before, after = await _change(works, latest, _version)
        except Absent:
            # Go does without it where there is a list with a version.
            if not facts.get("after"):
                raise
        else:
            facts["latest"] = after
            facts["moved"] |= {"latest": [before, after]} if before != after else {}
    for text in _queries(names):
        request = protocol.checked(Kind.INFO, path, text)
        if request.kind is Kind.QUERY:
            before, after = await _change(works, request, _version, may_go=True)
            facts["moved"] |= {text: [before, after]} if before != after else {}
    return facts


def _queries(names: frozenset[str]) -> list[str]:
    """What was asked for beside versions: stored under a name that is no canonical version."""
    found = []
    for name in sorted(names):
        stem, dot, kind = name.rpartition(".")
        if not dot or kind != "info":
            continue
        try:
            text = module.unescape_version(stem)
        except Invalid:
            continue
        if module.canonical_version(text) != text:
            found.append(text)
    return found


async def _change(
    works: Works, request: Request, read: Callable[[bytes], Any], *, may_go: bool = False
) -> tuple[Any, Any]:
    """What an answer said before, None where there was none, and what it says now."""
    before = await _read(works, request, read)
    try:
        await works.way.refresh(ASKING, request)
    except Absent:
        if not may_go:
            raise
        return before, None
    return before, await _parsed(read, await small_body(await works.way.fetch(ASKING, request)))


async def _read(works: Works, request: Request, read: Callable[[bytes], Any]) -> Any:
    blob = await works.store.get(request.url_path)
    if blob is None:
        return None
    try:
        return await _parsed(read, await blob.read())
    except ModgateError:
        return None


async def _parsed(read: Callable[[bytes], Any], body: bytes) -> Any:
    return read(body) if len(body) <= _READ_AT_ONCE else await asyncio.to_thread(read, body)


def _versions(path: ModulePath, body: bytes) -> tuple[str, ...]:
    return protocol.parse_list(body, path)


def _version(body: bytes) -> str:
    return protocol.parse_info(body, asked=None).version
