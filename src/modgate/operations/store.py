"""`modgate store ls`, `du` and `rm`: what is stored is listed, measured, pruned.

Listing and measuring read what is known of each object, no object. Removing takes whole versions: `.info`
first, so that no version is half there for those who look for it by name, then `.zip` and `.mod`; where
nothing of a module is left its list goes as well. It refuses pinned versions, and, unless it is told so,
those that may not come back.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modgate.errors import Invalid
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.fsck_names import read_name
from modgate.operations.params import params_as
from modgate.operations.stored import Choice, modules_stored, read_pins

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from modgate.gomod.types import Version
    from modgate.model import StoredObject
    from modgate.model.operations import Event
    from modgate.operations.stored import Pins, StoredModule, StoredVersion
    from modgate.operations.works import Works

__all__ = ["list_", "remove", "usage"]

_EVERY = 0.2
_PARTS = ("info", "zip", "mod")


class ListParams(msgspec.Struct, forbid_unknown_fields=True):
    """What to list.

    Attributes:
        patterns: See `stored`; all without one.
        versions: A row for each version instead of each module.
        sort: `path`, `size` (the largest first) or `used` (the longest unused first).
        limit: Rows; 0 for all of them.
        pinned: Only what is pinned.
    """

    patterns: list[str] = []
    versions: bool = False
    sort: Literal["path", "size", "used"] = "path"
    limit: int = 100
    pinned: bool = False


class UsageParams(msgspec.Struct, forbid_unknown_fields=True):
    """What to measure, telling `depth` elements of the module paths apart; `limit` rows, 0 for all."""

    patterns: list[str] = []
    depth: int = 1
    limit: int = 100


class RemoveParams(msgspec.Struct, forbid_unknown_fields=True):
    """What to remove.

    Attributes:
        patterns: See `stored`; there must be one, or `older_than`.
        older_than: Only versions unused for so many seconds.
        dry_run: Only say what would go.
        irretrievable: Also private, restricted and published versions, which may not come back.
    """

    patterns: list[str] = []
    older_than: float = 0.0
    dry_run: bool = False
    irretrievable: bool = False


async def list_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `module` or `version`, sorted; the summary counts all that matched, shown or not."""
    given = params_as(ListParams, params)
    choice, pins = Choice(given.patterns), await read_pins(works.ledger)
    pace = _Pace(works)
    rows: list[tuple[Any, int, Item]] = []
    matched = size = objects = 0
    async for found in modules_stored(works.store, choice):
        for item in _rows(works, pins, found, given):
            matched += 1
            size += item.facts["bytes"]
            objects += item.facts["objects"]
            row = (_rank(item, given.sort), -matched, item)
            if not given.limit or len(rows) < given.limit:
                heapq.heappush(rows, row)
            else:
                heapq.heappushpop(rows, row)
        if (moved := pace.moved(objects, size, found.path)) is not None:
            yield moved
    rows.sort(key=lambda row: row[:2], reverse=True)
    for _, _, item in rows:
        yield item
    yield Summary(ok=True, facts={"matched": matched, "shown": len(rows), "objects": objects, "bytes": size})


def _rank(item: Item, sort: str) -> Any:
    """The greater, the sooner it is shown."""
    if sort == "size":
        return item.facts["bytes"]
    if sort == "used":
        return -item.facts["used_at"]
    return _Backwards((item.subject, item.facts.get("scope", "")))


class _Backwards:
    """Orders as its value, the other way round."""

    __slots__ = ("value",)

    def __init__(self, value: tuple[str, str]) -> None:
        self.value = value

    def __lt__(self, other: _Backwards) -> bool:
        return self.value > other.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Backwards) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


def _rows(works: Works, pins: Pins, found: StoredModule, given: ListParams) -> Iterable[Item]:
    kept = works.kept(found.path)
    pinned = [version for version in found.versions if pins.hold(found.path, version)]
    if given.versions:
        for version in pinned if given.pinned else found.versions:
            objects = list(found.versions[version].objects.values())
            facts = {"version": version, "pinned": int(version in pinned), "kinds": _kinds(found, version)}
            yield Item(
                kind="version",
                subject=f"{found.path}@{version}",
                facts=_facts(found, objects) | facts | {"kept": kept},
            )
    elif pinned or not given.pinned:
        facts = {"versions": len(found.versions), "pinned": len(pinned), "kept": kept}
        yield Item(kind="module", subject=found.path, facts=_facts(found, found.objects) | facts)


def _kinds(found: StoredModule, version: Version) -> list[str]:
    return [kind for kind in ("info", "mod", "zip") if kind in found.versions[version].objects]


def _facts(found: StoredModule, objects: list[StoredObject]) -> dict[str, Any]:
    immutable = [each for each in objects if not each.mutable]
    # No database has a record of an .info: beside what has one it says nothing.
    recorded = [each for each in immutable if not each.key.endswith(".info")] or immutable
    facts = {
        "module": found.path,
        "objects": len(objects),
        "bytes": sum(each.size for each in objects),
        "stored_at": max(each.stored_at for each in objects),
        "used_at": max(each.used_at for each in objects),
        "verified": sorted({each.verified for each in recorded}),
    }
    return facts | {"scope": found.scope.strip("/")} if found.scope else facts


async def usage(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `prefix`, the largest first; the summary has the totals by kind, and the limit."""
    given = params_as(UsageParams, params)
    choice = Choice(given.patterns)
    depth = max(0, given.depth)
    pace = _Pace(works)
    kinds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    objects: Counter[str] = Counter()
    async for batch in works.store.walk():
        for each in batch:
            name = read_name(each.key)
            request = None if name is None else name.request
            if request is None and not choice.whole:
                continue
            if request is not None and not choice.takes(request.path, request.version):
                continue
            kind = "other" if name is None else name.kind if request is not None else "sumdb"
            prefix = "" if request is None else "/".join(request.path.split("/")[:depth])
            kinds[kind] += each.size
            counts[kind] += 1
            if prefix:
                sizes[prefix] += each.size
                objects[prefix] += 1
        if (moved := pace.moved(counts.total(), kinds.total())) is not None:
            yield moved
    rows = heapq.nsmallest(given.limit or len(sizes), sizes, key=lambda each: (-sizes[each], each))
    for prefix in rows:
        yield Item(kind="prefix", subject=prefix, facts={"bytes": sizes[prefix], "objects": objects[prefix]})
    full = works.store.usage()
    yield Summary(
        ok=True,
        facts={
            "bytes": kinds.total(),
            "objects": counts.total(),
            "kinds": {kind: {"bytes": kinds[kind], "objects": counts[kind]} for kind in sorted(kinds)},
            "prefixes": len(sizes),
            "limit": full.limit,
            "used": full.used,
            "free": None if full.used is None else max(0, full.limit - full.used - full.in_flight),
            "evictions": full.evictions,
            "evicted_bytes": full.evicted,
        },
    )


async def remove(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Items `removed` (or `would`) and `refused` (`why`: `pinned`, `kept`), one for each version."""
    given = params_as(RemoveParams, params)
    if not 0 <= given.older_than < math.inf:  # NaN is none of them, and would let everything go
        raise Invalid("older_than is no number of seconds")
    if not given.patterns and not given.older_than:
        raise Invalid("nothing is named that could be removed", next_step="Name modules, or an age.")
    choice = Choice(given.patterns)
    before = works.clock() - given.older_than
    pace = _Pace(works)
    removed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    async for found in modules_stored(works.store, choice):
        pins = await read_pins(works.ledger)  # a pin counts from the moment it is there
        going: list[Version] = []
        for version, stored in found.versions.items():
            if given.older_than > 0 and stored.used_at > before:
                continue
            why = _why_not(works, pins, found, version, irretrievable=given.irretrievable)
            if why:
                refused[why] += 1
                yield _item("refused", found, version, stored, why=why)
                continue
            going.append(version)
        for version in going:
            stored = found.versions[version]
            if not given.dry_run:
                for kind in _PARTS:
                    if kind in stored.objects:
                        await works.store.remove(stored.objects[kind].key)
            removed["versions"] += 1
            removed["objects"] += len(stored.objects)
            removed["bytes"] += sum(each.size for each in stored.objects.values())
            yield _item("would" if given.dry_run else "removed", found, version, stored)
            if (moved := pace.moved(removed["objects"], removed["bytes"], found.path)) is not None:
                yield moved
        if not given.dry_run and (going or not found.versions):
            await _forget(works, choice, found, everything=len(going) == len(found.versions))
    yield Summary(
        ok=True,
        facts={
            "versions": removed["versions"],
            "objects": removed["objects"],
            "bytes": removed["bytes"],
            "refused": dict(refused),
            "dry_run": given.dry_run,
        },
    )


def _why_not(works: Works, pins: Pins, found: StoredModule, version: Version, *, irretrievable: bool) -> str:
    if pins.hold(found.path, version):
        return "pinned"
    return "kept" if works.kept(found.path) and not irretrievable else ""


async def _forget(works: Works, choice: Choice, found: StoredModule, *, everything: bool) -> None:
    """What lists and queries say of the module counts no more; where nothing is left they go."""
    if everything and choice.takes_module(found.path) and not (works.kept(found.path) and not found.versions):
        for each in found.others:
            await works.store.remove(each.key)
    if not found.scope:
        await works.way.forget(found.path)


def _item(kind: str, found: StoredModule, version: Version, stored: StoredVersion, **more: Any) -> Item:
    facts: dict[str, Any] = {
        "objects": len(stored.objects),
        "bytes": sum(each.size for each in stored.objects.values()),
        "used_at": stored.used_at,
    }
    if found.scope:
        facts["scope"] = found.scope.strip("/")
    return Item(kind=kind, subject=f"{found.path}@{version}", facts=facts | more)


class _Pace:
    """Tells how far it is, a few times a second."""

    def __init__(self, works: Works) -> None:
        self._monotonic = works.monotonic
        self._next = works.monotonic() + _EVERY

    def moved(self, done: int, size: int, now: str = "") -> Progress | None:
        """The event, if it is time for one."""
        if self._monotonic() < self._next:
            return None
        self._next = self._monotonic() + _EVERY
        return Progress(done=done, size=size, now=now)
