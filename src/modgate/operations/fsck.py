"""`modgate fsck`: is everything in the store what it was when it was verified, and is nothing else there.

Each object is judged by itself (`fsck_judge`), then compared with the ledger; names without a place in the
layout and what is left over are faults as well. A version of which a part is missing is none: eviction, or
a client that never asked for the rest, leaves it so, and it is fetched when it is wanted. What comes, goes or
is replaced while the walk is on is judged as it stands, or not at all (`model.inspection`).

Items: `fault` for each as it is found; with repair `repair` for each, when all have been found, with what was
done. The summary counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns
from modgate.model.inspection import Fault, Form
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.fsck_judge import Judge, Level
from modgate.operations.fsck_mend import Mending
from modgate.operations.fsck_names import Name, Part, folder_choice, read_name, why_misplaced
from modgate.operations.params import params_as

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from modgate.model.inspection import Enter, Finding, Inspection, Inspector, Judged, Place
    from modgate.model.operations import Event
    from modgate.operations.fsck_mend import Done
    from modgate.operations.works import Works

__all__ = ["fsck"]

_BESIDE_SERVER = 50_000_000
_AT_ONCE = 64
_EVERY = 0.25
_MOST_REPAIRED = 100_000


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """How.

    Attributes:
        level: `quick` (names, sizes, notes), `full` (every byte, all records), `deep` (h1, zip rules anew).
        repair: Whether to repair.
        rate: Bytes a second; 0 is no limit. Beside a server 50 MB, alone none.
        patterns: Only modules that match, as in GOPRIVATE.
    """

    level: Literal["quick", "full", "deep"] = "full"
    repair: bool = False
    rate: int | None = None
    patterns: list[str] = []


async def fsck(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Check, report, and repair where that is wanted. Raises Invalid, Unavailable."""
    given = params_as(Params, params)
    if given.rate is not None and given.rate < 0:
        raise Invalid("a rate is a number of bytes a second, 0 for no limit")
    wrong = malformed_patterns(",".join(given.patterns))
    if wrong:
        raise Invalid(f"no pattern: {wrong[0]}", next_step="Patterns are written as in GOPRIVATE.")
    inspector = works.inspector
    if inspector is None:
        raise Invalid("the store is in memory: there are no files to check")
    rate = given.rate if given.rate is not None else _BESIDE_SERVER if works.serving else 0
    async with (
        inspector.begin(rate=rate, gentle=works.serving) as inspection,
        aclosing(_Check(works, inspector, inspection, given).run()) as events,
    ):
        async for event in events:
            yield event


class _Check:
    """One run."""

    def __init__(self, works: Works, inspector: Inspector, inspection: Inspection, given: Params) -> None:
        self._works = works
        self._inspection = inspection
        self._given = given
        self._level = Level(given.level)
        self._part = Part(given.patterns)
        self._keys = inspector.verifier_keys
        self._faults: list[Fault] = []
        self._kinds: Counter[str] = Counter()
        self._versions = self._objects = self._size = self._files = 0
        self._last = ""
        self._total: tuple[int, int] | None = None
        self._told = works.monotonic()
        self._mended = 0

    async def run(self) -> AsyncGenerator[Event, None]:
        """The events."""
        works, inspection = self._works, self._inspection
        began = works.monotonic()
        if self._level is not Level.QUICK:
            self._total = await inspection.count(self._enter)
        async with aclosing(self._checked()) as batches:
            async for faults in batches:
                for fault in faults:
                    self._kinds[fault.kind] += 1
                    if len(self._faults) < _MOST_REPAIRED:
                        self._faults.append(fault)
                    yield _item("fault", fault)
                if (progress := self._progress()) is not None:
                    yield progress
        read, seconds = inspection.read, works.monotonic() - began
        if self._given.repair:
            async with aclosing(self._repaired()) as events:
                async for event in events:
                    yield event
        quarantine = await inspection.quarantine()
        found = self._kinds.total()
        yield Summary(
            ok=found == self._mended,
            facts={
                "level": self._given.level,
                "repair": self._given.repair,
                "versions": self._versions,
                "objects": self._objects,
                "stored": self._size,
                "read": read,
                "seconds": round(seconds, 3),
                "mb_per_second": round(read / seconds / 1e6, 1) if seconds > 0 else 0.0,
                "faults": found,
                "kinds": dict(sorted(self._kinds.items())),
                "repaired": self._mended,
                "remaining": found - self._mended,
                "quarantine": {"objects": quarantine.objects, "size": quarantine.size},
            },
        )

    # --- finding

    async def _checked(self) -> AsyncGenerator[list[Fault], None]:
        """The faults, a batch at a time; empty batches come so that progress can be told."""
        running: deque[asyncio.Task[list[Fault]]] = deque()
        most = 1 if self._works.serving else 2
        try:
            async with aclosing(self._inspection.walk(self._enter, self._read)) as walk:
                async for names, misplaced in walk:
                    if misplaced:
                        yield [fault for fault, place in misplaced if await self._inspection.stands(place)]
                    for some in _portions(names):
                        running.append(asyncio.create_task(self._examined(some)))
                        while len(running) > most:
                            await asyncio.wait({running[0]}, timeout=_EVERY)
                            yield running.popleft().result() if running[0].done() else []
            while running:
                await asyncio.wait({running[0]}, timeout=_EVERY)
                yield running.popleft().result() if running[0].done() else []
            if self._part.whole:
                async with aclosing(self._inspection.leftovers()) as left:
                    async for faults in left:
                        yield faults
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _enter(self, folder: str) -> Enter:
        return folder_choice(folder, self._part)

    def _read(self, places: list[Place]) -> tuple[list[Name], list[tuple[Fault, Place]]]:
        """The objects among these names, and the names that have no place."""
        names: list[Name] = []
        misplaced: list[tuple[Fault, Place]] = []
        for place in places:
            if place.form is Form.FILE and (name := read_name(place.name)) is not None:
                self._count(name, place)
                names.append(name)
            elif (self._part.whole or self._is_in_part(place)) and not _is_lock_of_go(place):
                misplaced.append((_misplaced(place), place))
        return names, misplaced

    def _count(self, name: Name, place: Place) -> None:
        self._files += 1
        if name.kind == "ziphash":
            return
        self._objects += 1
        self._size += place.size
        stem = name.key.rpartition(".")[0]
        if name.version is not None and stem != self._last:
            self._versions += 1
            self._last = stem

    def _is_in_part(self, place: Place) -> bool:
        """A stray name belongs to the module in whose folder it lies."""
        return "/@v/" in place.name

    async def _examined(self, names: list[Name]) -> list[Fault]:
        """The faults of some objects."""
        notes = [name.key for name in names if name.kind == "ziphash"]
        alone = await self._inspection.without_zip(notes) if notes else []
        faults = [Fault("orphan", f"{key}hash", "orphan-ziphash") for key in alone]
        objects = {name.key: name for name in names if name.kind not in {"ziphash", "supported"}}
        judge = Judge(objects, self._level, self._keys)
        for finding in await self._inspection.examine(list(objects), judge):
            name = objects[finding.key]
            found = list(finding.judged.faults)
            if not found and self._level is not Level.QUICK and name.version is not None:
                found = await self._compared(finding, name)
            faults += [replace(fault, stamp=fault.stamp or finding.stamp) for fault in found]
        return faults

    async def _compared(self, finding: Finding, name: Name) -> list[Fault]:
        """The fault of an object that the ledger knows by another h1."""
        judged, version = finding.judged, name.version
        if not judged.h1 or version is None:
            return []
        record = await self._works.ledger.seen(version, name.kind)
        if record is None or record.h1 == judged.h1:
            return await self._inner(judged, name)
        if not judged.exact:
            # Only the bytes can say whether the note or the record is wrong.
            again = await self._inspection.examine(
                [name.key], Judge({name.key: name}, Level.DEEP, self._keys)
            )
            if not again:
                return []
            judged = again[0].judged
            if judged.faults:
                return [replace(fault, stamp=fault.stamp or again[0].stamp) for fault in judged.faults]
            if record.h1 == judged.h1:
                return []
        reason = "record-both" if judged.proved else "record-ledger"
        return [Fault("record", name.key, reason, {"h1": judged.h1, "record": record.h1}, finding.stamp)]

    async def _inner(self, judged: Judged, name: Name) -> list[Fault]:
        """The fault of a zip whose go.mod is another than the one beside it; if the ledger has the zip's, the
        other is the wrong one, and a fault by itself.
        """
        if not judged.inner_mod or name.version is None:
            return []
        record = await self._works.ledger.seen(name.version, "mod")
        if record is not None and record.h1 == judged.inner_mod:
            return []
        return [Fault("record", name.key, "record-mod")]

    # --- repairing

    async def _repaired(self) -> AsyncGenerator[Event, None]:
        """Some at a time, told in the order in which they were found."""
        mending = Mending(self._works, self._inspection, self._keys)
        waiting = deque(self._faults)
        running: deque[tuple[Fault, asyncio.Task[Done]]] = deque()
        told = 0
        try:
            while waiting or running:
                while waiting and len(running) < max(1, self._works.concurrency):
                    fault = waiting.popleft()
                    running.append((fault, asyncio.create_task(mending.mend(fault))))
                fault, task = running[0]
                await asyncio.wait({task}, timeout=_EVERY)
                if not task.done():
                    yield Progress(done=told, total=len(self._faults), failed=told - self._mended)
                    continue
                running.popleft()
                done = task.result()
                told += 1
                self._mended += done.mended
                yield _item("repair", fault, done)
        finally:
            for _, task in running:
                task.cancel()
            await asyncio.gather(*(task for _, task in running), return_exceptions=True)

    def _progress(self) -> Progress | None:
        now = self._works.monotonic()
        if now - self._told < _EVERY:
            return None
        self._told = now
        total, total_size = self._total or (None, None)
        return Progress(
            done=self._files,
            total=total,
            size=self._inspection.read,
            total_size=total_size,
            failed=self._kinds.total(),
            now=self._last,
        )


def _portions(names: list[Name]) -> list[list[Name]]:
    return [names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE)]


def _misplaced(place: Place) -> Fault:
    if place.form is Form.UNREADABLE:
        name, _, why = place.name.partition("\0")
        return Fault("unreadable", name, "unreadable", {"why": why, "errno": 0})
    if place.form is Form.LINK:
        return Fault("layout", place.name, "name-link")
    if place.form is Form.SPECIAL:
        return Fault("layout", place.name, "name-special")
    return Fault("layout", place.name, why_misplaced(place.name, folder=place.form is Form.FOLDER))


def _is_lock_of_go(place: Place) -> bool:
    """A module cache that became a store keeps the empty files that go locked its versions with."""
    return (
        place.form is Form.FILE and place.size == 0 and place.name.endswith(".lock") and "/@v/" in place.name
    )


def _item(kind: str, fault: Fault, done: Done | None = None) -> Item:
    facts: dict[str, Any] = {"kind": fault.kind, "reason": fault.reason, "values": dict(fault.values)}
    if done is not None:
        facts |= {"done": done.word, "repaired": done.mended, "why": done.why}
    # File systems hold names that are no text.
    shown = fault.where.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return Item(kind=kind, subject=shown, facts=facts)
