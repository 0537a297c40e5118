"""The module index followed for a gate, with its own upstreams, routes and store.

The configuration in force is looked at anew all the time: a reload may switch the feed on or off, name
another, or replace the way by which answers are refreshed.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import structlog

from modgate.errors import Unavailable
from modgate.feeds.bookmark import MemoryBookmark, Place
from modgate.feeds.follower import Follower, Settings
from modgate.feeds.refresher import Refresher
from modgate.gomod.protocol import Kind, Request
from modgate.model import Context
from modgate.model.routes import BLOCK, PUBLISHED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.config import Config
    from modgate.feeds.bookmark import Bookmark
    from modgate.gomod.types import ModulePath
    from modgate.model import BlobStore, Upstream
    from modgate.source.cached import CachedSource
    from modgate.wiring.gate import Gate

__all__ = ["FileBookmark", "Following", "StoredLists", "feed_address", "follow_index"]

_CONTEXT = Context(background=True)
_LOOK = 1.0
_MAX_PLACE = 16 << 20
_SHORTEST_REACH = 660.0  # how old an answer is given at once while its refresh runs, and a minute
_LONGEST_REACH = 7 * 86400.0


@asynccontextmanager
async def follow_index(gate: Gate) -> AsyncIterator[Following]:
    """Follow the configured feed until the context ends; what is yielded knows how it goes."""
    following = Following(gate)
    task = asyncio.create_task(following.run())
    try:
        yield following
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Following:
    """Runs a follower for as long as the configuration in force wants one, and the one that it wants."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._bookmark: Bookmark = _bookmark(gate.ground.config)
        self.follower: Follower | None = None

    def facts(self) -> dict[str, Any]:
        """For `modgate status`."""
        return {"enabled": False} if self.follower is None else self.follower.facts()

    async def run(self) -> None:
        """Never ends by itself."""
        while True:
            wanted = _wanted(self._gate.ground.config)
            task = asyncio.create_task(self._follow()) if wanted[0].enabled else None
            try:
                while _wanted(self._gate.ground.config) == wanted:  # noqa: ASYNC110  a reload says nothing
                    await asyncio.sleep(_LOOK)
            finally:
                if task is not None:
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        metrics = self._gate.standing.metrics
        self.follower = follower = _build(self._gate, self._bookmark)
        metrics.follow_index(lambda: follower.lag, lambda: follower.up)
        try:
            await follower.run()
        except Exception:
            structlog.get_logger("modgate.index").exception("index: nobody follows the feed any more")
            raise
        finally:
            self.follower = None
            metrics.follow_index(None)
            await follower.close()


def _wanted(config: Config) -> tuple[Any, float]:
    return config.index, config.cache.mutable_ttl


def _build(gate: Gate, bookmark: Bookmark) -> Follower:
    config, metrics = gate.ground.config, gate.standing.metrics
    base, path, shown = feed_address(config.index.url)
    lists = StoredLists(lambda: gate.stack.cached, gate.standing.store)
    reach = min(max(config.cache.mutable_ttl, _SHORTEST_REACH), _LONGEST_REACH)

    def upstream() -> Upstream:
        return gate.ground.upstreams.at(base, written=config.index.url)

    def private(module_path: ModulePath) -> bool:
        table = gate.ground.table
        inside = table.is_private(module_path) or not table.is_open(module_path)
        return inside or table.find(module_path).source in {PUBLISHED, BLOCK}

    return Follower(
        upstream,
        lists,
        Refresher(lists, clock=time.time, interval=config.index.interval, metrics=metrics),
        bookmark,
        Settings(shown, path, interval=config.index.interval, reach=reach),
        private=private,
        clock=time.time,
        pause=asyncio.sleep,
        chance=random.random,
        metrics=metrics,
        announced=gate.wall.announced,
    )


def feed_address(url: str) -> tuple[str, str, str]:
    """The upstream of a feed's address, what to ask it for, and the address without user info."""
    parts = urlsplit(url)
    folder, _, name = parts.path.rpartition("/")
    # The slash at the end tells it from a proxy at the same address, as chains write it: each has its own
    # breaker, so that a broken feed keeps nobody from that proxy.
    base = urlunsplit((parts.scheme, parts.netloc, f"{folder}/", "", ""))
    path = f"{name}?{parts.query}" if parts.query else name
    host = parts.netloc.rpartition("@")[2]
    return base, path, urlunsplit((parts.scheme, host, parts.path, "", ""))


class StoredLists:
    """What the gate keeps of a module (`feeds.refresher.Lists`)."""

    def __init__(self, cached: Callable[[], CachedSource], store: BlobStore) -> None:
        self._cached = cached
        self._store = store

    async def held(self, path: ModulePath) -> frozenset[Kind]:
        """Which of list and newest version are kept or on their way."""
        cached = self._cached()
        return frozenset(
            [kind for kind in (Kind.LIST, Kind.LATEST) if await cached.holds(_CONTEXT, Request(kind, path))]
        )

    async def refresh(self, path: ModulePath, kind: Kind) -> bytes:
        """Ask the source; what the store has after that."""
        request = Request(kind, path)
        await self._cached().refresh(_CONTEXT, request)
        blob = await self._store.get(request.url_path)
        return b"" if blob is None else await blob.read()


def _bookmark(config: Config) -> Bookmark:
    if config.store.path is None:
        return MemoryBookmark()
    return FileBookmark(config.store.path.absolute() / ".modgate" / "index.json")


class FileBookmark:
    """A place in a JSON file that is swapped as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def load(self) -> Place | None:
        """What the file says; None where there is none, or it cannot be understood."""
        return await asyncio.to_thread(self._load)

    async def save(self, place: Place) -> None:
        """Write it beside and rename it. Raises Unavailable."""
        await asyncio.to_thread(self._save, place)

    def _load(self) -> Place | None:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_PLACE), type=Place)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            structlog.get_logger("modgate.index").warning(
                "index: its place is lost", file=str(self._path), why=type(error).__name__
            )
            return None

    def _save(self, place: Place) -> None:
        # What a crash leaves in this folder is swept with the rest.
        beside = self._path.parent / "tmp" / self._path.name
        try:
            beside.parent.mkdir(exist_ok=True)
            try:
                with beside.open("wb") as file:
                    file.write(msgspec.json.encode(place))
                    file.flush()
                    os.fsync(file.fileno())
                beside.replace(self._path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise Unavailable(f"it cannot be written: {error.strerror}", where=str(self._path)) from error
