"""`modgate import`: versions from a folder that another program filled come into the store, each verified.

Nothing comes in that a fill from an upstream would not bring in: the zip's rules, the h1, the checksum
database's proof, the go.mod of the zip, what was seen first. There is no way around the database: what it
does not prove now is named apart, and another run takes it. Taken unproved, a version of a public module
would be recorded as seen first and stand against the true one from then on.

The folder's own `sumdb/` is not taken: a lookup is only worth what its proof is, so each is made again by the
gate's mirror, which keeps it with all that it leans on.

An import that was ended is run again: what is there and agrees is counted as there.

Items: `folder` (where the modules lie and how), then one `refused` or `unverifiable` for each version that
did not come in, with `reason` (`name`, `broken`, `differs`, `unknown`, `unreachable`) and `text`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modgate.errors import Invalid
from modgate.gomod import protocol
from modgate.gomod.patterns import malformed_patterns, match_prefix_patterns
from modgate.gomod.protocol import Kind, Request
from modgate.gomod.semver import sorted_versions
from modgate.model import BlobMeta
from modgate.model.operations import Item, Progress, Summary
from modgate.operations.imports_take import Outcome, State, Taker
from modgate.operations.imports_together import in_thread, to_the_end, together
from modgate.operations.params import params_as
from modgate.source.folder import FolderUpstream
from modgate.source.folder_layout import Layout, find_place, scan
from modgate.source.folder_tar import TarFiles, is_tar
from modgate.source.proxy import ProxySource
from modgate.source.published import list_of, published_versions

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from modgate.gomod.types import ModulePath
    from modgate.model import BlobStore
    from modgate.model.operations import Event
    from modgate.operations.works import Works
    from modgate.source.folder_layout import Entry, Place

__all__ = ["import_"]

_PERIOD = 0.2


class Params(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters.

    Attributes:
        folder: An absolute path: a folder, or an export as .tar, .tar.gz or .tgz.
        layout: A `Layout`, or `auto`.
        only: Globs over module paths, as in GOPRIVATE; empty for all.
        dry_run: Judge, and store nothing.
    """

    folder: str
    layout: str = "auto"
    only: list[str] = []
    dry_run: bool = False


class _Tally:
    """What has become of how many."""

    def __init__(self) -> None:
        self.states: Counter[State] = Counter()
        self.reasons: Counter[str] = Counter()
        self.size = 0
        self.modules: set[ModulePath] = set()
        self.changed: set[ModulePath] = set()

    def count(self, outcome: Outcome) -> None:
        self.states[outcome.state] += 1
        self.size += outcome.size
        if outcome.reason:
            self.reasons[outcome.reason] += 1
        elif outcome.entry.version is not None:
            self.modules.add(outcome.entry.version.path)
            if outcome.state is State.IMPORTED:
                self.changed.add(outcome.entry.version.path)

    @property
    def done(self) -> int:
        return self.states.total()

    @property
    def failed(self) -> int:
        return self.states[State.REFUSED] + self.states[State.UNVERIFIABLE]


async def import_(works: Works, params: Mapping[str, Any]) -> AsyncGenerator[Event, None]:
    """Import; `params` as `Params`.

    Raises Invalid (a parameter; no such folder), Unavailable (the folder, the store or the ledger fails).
    """
    wish = params_as(Params, params)
    place, folder, entries_there = await asyncio.to_thread(_opened, _folder(wish), _layout(wish))
    yield Item(kind="folder", subject=str(place.root), facts={"layout": place.layout.value})
    total = 0
    told = float("-inf")
    tally = _Tally()
    source = ProxySource(folder)
    way = works.way_from(source)
    try:
        async with aclosing(in_thread(lambda: _wanted(entries_there(), wish))) as entries:
            async for _ in entries:
                total += 1
                if works.monotonic() - told >= _PERIOD:
                    told = works.monotonic()
                    yield Progress(done=0, now=str(place.root))
        taker = Taker(works, way, source, folder, dry=wish.dry_run)
        async with (
            aclosing(in_thread(lambda: _wanted(entries_there(), wish))) as entries,
            aclosing(together(entries, taker.take, at_once=works.concurrency)) as outcomes,
        ):
            async for outcome in outcomes:
                tally.count(outcome)
                if outcome.reason:
                    facts = {"reason": outcome.reason, "text": outcome.text}
                    yield Item(kind=outcome.state.value, subject=outcome.entry.name, facts=facts)
                if works.monotonic() - told >= _PERIOD:
                    told = works.monotonic()
                    yield _progress(tally, total, outcome.entry.name)
    finally:
        await to_the_end(way.close())
    if not wish.dry_run:
        for path in sorted(tally.modules):
            # An import that was ended before it came to this is run again.
            listed = await _list(works.store, path)
            if listed or path in tally.changed:
                await works.way.forget(path)
    yield _progress(tally, total, "")
    yield Summary(ok=not tally.failed, facts=_facts(place, wish, tally))


def _opened(
    folder: Path, layout: str
) -> tuple[Place, FolderUpstream | TarFiles, Callable[[], Iterator[Entry]]]:
    """Where modules lie, what answers for them, and what names them; blocks."""
    if layout in {"auto", Layout.TAR} and is_tar(folder) and not folder.is_dir():
        tar = TarFiles.at(folder)
        return tar.place, tar, tar.scan
    place = find_place(folder, layout)
    return place, FolderUpstream(place), lambda: scan(place)


def _wanted(there: Iterator[Entry], wish: Params) -> Iterator[Entry]:
    """What the folder names, as far as it was asked for; a name that is none only where all was."""
    globs = ",".join(wish.only)
    for entry in there:
        if not globs or (entry.version is not None and match_prefix_patterns(globs, entry.version.path)):
            yield entry


def _folder(wish: Params) -> Path:
    folder = Path(wish.folder)
    if not folder.is_absolute() or "\0" in wish.folder:
        raise Invalid("the path of the folder must be absolute", where=wish.folder[:200])
    bad = malformed_patterns(",".join(wish.only))
    if bad:
        raise Invalid(f"{bad[0]!r} is no pattern", next_step="For example github.com/acme or *.corp.example.")
    return folder


def _layout(wish: Params) -> str:
    if wish.layout != "auto" and wish.layout not in set(Layout):
        known = ", ".join(["auto", *Layout])
        raise Invalid(f"no layout {wish.layout[:100]!r}", next_step=f"Known are {known}.")
    return wish.layout


def _progress(tally: _Tally, total: int, now: str) -> Progress:
    return Progress(
        done=tally.done, total=max(total, tally.done), size=tally.size, failed=tally.failed, now=now
    )


def _facts(place: Place, wish: Params, tally: _Tally) -> dict[str, Any]:
    states = {state.value: tally.states[state] for state in State}
    return {
        "folder": str(place.root),
        "layout": place.layout.value,
        "dry_run": wish.dry_run,
        "found": tally.done,
        **states,
        "reasons": dict(sorted(tally.reasons.items())),
        "modules": len(tally.modules),
        "bytes": tally.size,
    }


async def _list(store: BlobStore, path: ModulePath) -> bool:
    """Have the stored list name what is stored whole, so that it does when no upstream can be asked; whether
    it had to change.
    """
    kept, confirmed = await list_of(store, path)
    found = await published_versions(store, path)
    listed = protocol.encode_list(sorted_versions({*kept, *found}))
    if listed == protocol.encode_list(kept):
        return False
    # A list made here says nothing about what other sources have: a gate must ask them first.
    meta = BlobMeta(sha256=hashlib.sha256(listed).hexdigest(), size=len(listed), stored_at=confirmed)
    await store.replace(Request(Kind.LIST, path).url_path, listed, meta)
    return True
