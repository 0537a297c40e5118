"""The configured databases of advisories followed for a gate: kept, looked at again, made into one index.

1. What was kept is read at the start, beside everything else: until then the index is empty, and says so by
   its empty digest.
2. Each database has a task of its own: one that hangs keeps no other from being looked at. A file or folder
   is looked at whenever the file system says that it changed, all of them every `advisories.interval`.
3. A database that changed makes a new index and a new mirror, in a thread; both take the old ones' place at
   once, and whoever asked for it is told.

The configuration in force is looked at anew all the time, as a reload may name other databases.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modgate.config import redact
from modgate.errors import ModgateError, Unavailable
from modgate.feeds.advisories.http import Archive, GoDatabase
from modgate.feeds.advisories.kept import Kept
from modgate.feeds.advisories.local import LocalDatabase, stamp_of
from modgate.feeds.advisories.mirror import Mirror
from modgate.feeds.advisories.sync import Source
from modgate.model.advisory import Severity
from modgate.policy.advisories import AdvisoryIndex
from modgate.policy.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from prometheus_client.metrics_core import Metric

    from modgate.config import Config
    from modgate.feeds.advisories.reading import Known, Reader
    from modgate.feeds.advisories.sync import Outcome
    from modgate.model.advisory import SyncState
    from modgate.wiring.gate import Gate
    from modgate.wiring.upstreams import Upstreams

__all__ = ["Following", "follow_advisories", "open_advisories", "open_sources"]

_LOOK = 0.5
_SOON = 15.0
"""After a failure a database is asked again so soon, or after the interval where that is shorter."""
_ARCHIVES = (".zip", ".jsonl", ".jsonl.gz", ".json", ".json.gz")

_log = structlog.get_logger("modgate.advisories")

_NOT_READ = Unknown("no database of advisories could be read yet")


@asynccontextmanager
async def follow_advisories(gate: Gate) -> AsyncIterator[Following]:
    """Follow the configured databases until the context ends; what is yielded knows what they say."""
    config = gate.ground.config
    with _folder(config) as folder:
        following = Following(gate, Kept(folder))
        task = asyncio.create_task(following.run())
        try:
            yield following
        finally:
            await following.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def open_advisories(gate: Gate) -> AsyncIterator[Following]:
    """The databases and what was kept of them, for one look and no more."""
    with _folder(gate.ground.config) as folder:
        following = Following(gate, Kept(folder))
        await following.open()
        yield following


class _folder:  # noqa: N801  a context manager that reads like a function
    """Where advisories are kept: in the store, or for a store in memory in a folder that goes with it."""

    def __init__(self, config: Config) -> None:
        self._path = config.store.path
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if self._path is not None:
            return self._path.absolute() / ".modgate" / "advisories"
        self._temporary = tempfile.TemporaryDirectory(prefix="modgate-advisories-")
        return Path(self._temporary.name)

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()


def open_sources(config: Config, kept: Kept, upstreams: Callable[[], Upstreams]) -> list[Source]:
    """The configured databases, in order."""
    return [
        Source(_shown(text), _reader(text, kept, upstreams), kept, clock=time.time)
        for text in dict.fromkeys(config.advisories.sources)
    ]


def _shown(text: str) -> str:
    if "://" not in text:
        return text
    parts = urlsplit(text)
    return redact(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")))


def _reader(text: str, kept: Kept, upstreams: Callable[[], Upstreams]) -> Reader:
    if not text.startswith(("http://", "https://")):
        return LocalDatabase(Path(text.removeprefix("file://")).expanduser())
    parts = urlsplit(text)
    if not parts.path.endswith(_ARCHIVES):
        return GoDatabase(lambda: upstreams().at(f"{text.rstrip('/')}/", written=text))  # type: ignore[arg-type, return-value]  # an http address: HTTPUpstream
    folder, _, name = parts.path.rpartition("/")
    base = urlunsplit((parts.scheme, parts.netloc, f"{folder}/", "", ""))
    asked = f"{name}?{parts.query}" if parts.query else name
    return Archive(lambda: upstreams().at(base, written=text), asked, kept.folder)  # type: ignore[arg-type, return-value]  # likewise


class Following:
    """What the databases say now, and how old that is. Belongs to one event loop."""

    def __init__(self, gate: Gate, kept: Kept) -> None:
        self._gate = gate
        self._kept = kept
        self._index = AdvisoryIndex()
        self._mirror: Mirror | None = None
        self._unrated = False
        self._sources: list[Source] = []
        self._wanted: tuple[str, ...] = ()
        self._told: list[Callable[[AdvisoryIndex, AdvisoryIndex], None]] = []
        self._building = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._loaded = asyncio.Event()
        self._failures: dict[str, int] = {}
        gate.standing.metrics.registry.register(_Numbers(self))

    @property
    def index(self) -> AdvisoryIndex:
        """Everything known, of this moment. Its `digest` is empty while nothing was read."""
        return self._index

    @property
    def loaded(self) -> bool:
        """Whether what was kept has been read: before, an empty index says nothing."""
        return self._loaded.is_set()

    async def wait_loaded(self) -> None:
        """Return when it is."""
        await self._loaded.wait()

    def states(self) -> tuple[SyncState, ...]:
        """How old what is known of each database is."""
        return tuple(source.state for source in self._sources)

    def on_change(self, told: Callable[[AdvisoryIndex, AdvisoryIndex], None]) -> Callable[[], None]:
        """Have it called with the old and the new index, each time another comes into force.

        It is called on the event loop and must not block. What is returned takes it back.
        """
        self._told.append(told)
        return lambda: self._told.remove(told)

    def answers(self) -> AdvisoryIndex | Unknown:
        """What decisions are made of: the index, or that nobody knows because nothing could be read."""
        if self._index.digest or not self._gate.ground.config.advisories.sources:
            return self._index
        return _NOT_READ

    def mirror(self) -> Mirror | None:
        """What `/vulndb/` serves; None where it serves nothing. Raises Unavailable while nothing is known."""
        config = self._gate.ground.config.advisories
        if not config.serve or not config.sources:
            return None
        if self._mirror is None:
            what = "no vulnerability database could be read yet" if self.loaded else "it is being read"
            raise Unavailable(what, where="vulndb", kind="overloaded", retry_after=2.0)
        return self._mirror

    def facts(self) -> dict[str, Any]:
        """For `modgate status`; times in Unix seconds."""
        return {
            "loaded": self.loaded,
            "digest": self._index.digest,
            "without_severity": self._unrated and self._gate.wall.asks_severity(),
            "advisories": len(self._index),
            "serving": self._mirror is not None and self._gate.ground.config.advisories.serve,
            "databases": [
                {
                    "source": state.source,
                    "entries": state.entries,
                    "checked_at": state.checked_at or None,
                    "changed_at": state.changed_at or None,
                    "error": state.error,
                }
                for state in self.states()
            ],
        }

    async def sync(self, *, smaller: bool = False) -> list[Outcome]:
        """Look at all of them now; what they say is in force on return. Raises nothing of ours."""
        await self.wait_loaded()
        sources = list(self._sources)
        outcomes = await asyncio.gather(*(source.look(smaller=smaller) for source in sources))
        for source, outcome in zip(sources, outcomes, strict=True):
            self._count(source, outcome)
        if any(outcome.changed for outcome in outcomes):
            await self._build()
        return list(outcomes)

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            try:
                await self.open()
                self._tasks = [asyncio.create_task(self._follow(source)) for source in self._sources]
                while self._gate.ground.config.advisories.sources == self._wanted:  # noqa: ASYNC110  a reload says nothing
                    await asyncio.sleep(_LOOK)
            except ModgateError as error:
                _log.error("advisories: they cannot be followed", why=str(error))
                await asyncio.sleep(_SOON)
            finally:
                await self.close()

    async def close(self) -> None:
        """End the looks that are under way."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def open(self) -> None:
        """Take up what was kept of the databases that are configured now."""
        config = self._gate.ground.config
        self._wanted = config.advisories.sources
        present = {source.name: source for source in self._sources}
        fresh = open_sources(config, self._kept, lambda: self._gate.ground.upstreams)
        sources = [present.get(each.name, each) for each in fresh]
        for source in sources:
            if source.name not in present:
                await source.load()
        self._sources = sources
        await asyncio.to_thread(self._kept.forget_others, [each.name for each in sources])
        await self._build()
        self._loaded.set()

    async def _follow(self, source: Source) -> None:
        """Look at one database again and again."""
        while True:
            outcome = await source.look()
            self._count(source, outcome)
            if outcome.changed:
                await self._build()
            await self._pause(source)

    async def _pause(self, source: Source) -> None:
        interval = self._gate.ground.config.advisories.interval
        wait = min(interval, _SOON * 2 ** min(source.failures - 1, 6)) if source.failures else interval
        end = time.monotonic() + wait * (0.9 + 0.1 * random.random())  # noqa: S311  jitter
        path = source.path
        if path is None:
            await asyncio.sleep(max(0.0, end - time.monotonic()))
            return
        seen = await asyncio.to_thread(_stamp, path)
        if seen != source.marks.get("stamp"):
            end = min(end, time.monotonic() + _LOOK)
        while time.monotonic() < end:
            await asyncio.sleep(_LOOK)
            found = await asyncio.to_thread(_stamp, path)
            if found != seen:
                # It may still be written: a look when nothing has moved for a moment.
                seen, end = found, min(end, time.monotonic() + _LOOK)

    def _count(self, source: Source, outcome: Outcome) -> None:
        if outcome.state.error:
            self._failures[source.name] = self._failures.get(source.name, 0) + 1
        elif outcome.changed:
            _log.info(
                "advisories: a database has changed",
                database=source.name,
                entries=outcome.state.entries,
                new=outcome.new,
                changed=outcome.altered,
                withdrawn=outcome.withdrawn,
                gone=outcome.gone,
            )

    def failures(self) -> dict[str, int]:
        """How often a look at each database failed."""
        return {source.name: self._failures.get(source.name, 0) for source in self._sources}

    async def _build(self) -> None:
        """One index and one mirror of all that is known; then tell."""
        async with self._building:
            known = [(source.name, source.known) for source in self._sources]
            index, mirror = await asyncio.to_thread(_built, known)
            if index.digest == self._index.digest:
                return
            old, self._index, self._mirror = self._index, index, mirror
            self._unrated = bool(len(index)) and all(
                each.severity is Severity.UNKNOWN for each in index.advisories
            )
            if self._unrated and self._gate.wall.asks_severity():
                _log.warning("advisories: the policy asks for severities, and no database says any")
        for told in list(self._told):
            try:
                told(old, index)
            except Exception:  # noqa: BLE001  nothing that is told may keep the rest from being told
                _log.exception("advisories: somebody who is told of a change failed")


def _built(known: list[tuple[str, Known]]) -> tuple[AdvisoryIndex, Mirror | None]:
    read = [(name, each.pack, each.advisories) for name, each in known if each.pack is not None]
    if not read:
        return AdvisoryIndex(), None
    content = hashlib.blake2b(digest_size=16)
    for name, pack, _ in read:
        content.update(f"{name}\n{pack.digest}\n".encode("utf-8", "surrogateescape"))
    index = AdvisoryIndex(
        (each for _, _, advisories in read for each in advisories.values()), digest=content.hexdigest()
    )
    packs = {name: pack for name, pack, _ in read}
    return index, Mirror(index.advisories, packs, max(pack.changed_at for _, pack, _ in read))


def _stamp(path: Path) -> str:
    try:
        return stamp_of(path)
    except ModgateError:
        return ""


class _Numbers(Collector):
    """What is published: the age of what is known, how much it is, how often looks failed."""

    def __init__(self, following: Following) -> None:
        self._following = following

    def collect(self) -> Iterator[Metric]:
        now, states = time.time(), self._following.states()
        if not states:
            return
        age = GaugeMetricFamily(
            "modgate_advisories_age_seconds",
            "Time since a database of advisories was last read.",
            labels=["database"],
        )
        entries = GaugeMetricFamily(
            "modgate_advisories_entries", "Advisories that a database gave.", labels=["database"]
        )
        failures = CounterMetricFamily(
            "modgate_advisories_failures", "Looks at a database that failed.", labels=["database"]
        )
        for state in states:
            if state.checked_at:
                age.add_metric([state.source], max(0.0, now - state.checked_at))
            entries.add_metric([state.source], state.entries)
        for source, count in self._following.failures().items():
            failures.add_metric([source], count)
        yield from (age, entries, failures)
