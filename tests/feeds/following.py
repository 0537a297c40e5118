"""A follower over twins, in seconds that only the test lets pass."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from modgate.errors import Unavailable
from modgate.feeds.bookmark import MemoryBookmark
from modgate.feeds.follower import Follower, Settings
from modgate.feeds.refresher import Refresher
from modgate.gomod.protocol import Kind
from modgate.telemetry import Metrics
from modgate.transport.memory import MemoryUpstream
from tests.support.index_feed import IndexFeed
from tests.support.sources import Clock

if TYPE_CHECKING:
    from modgate.errors import ModgateError
    from modgate.feeds.bookmark import Bookmark
    from modgate.feeds.refresher import Lists
    from modgate.gomod.types import ModulePath

__all__ = ["NOW", "Kept", "Rig", "number"]

NOW = 1_790_000_000.0


class Kept:
    """Lists that are kept; `upstream` has the true ones, `broken` and `refused` say what a refresh meets."""

    def __init__(self) -> None:
        self.bodies: dict[tuple[str, Kind], bytes] = {}
        self.upstream: dict[str, list[str]] = {}
        self.broken: dict[str, ModgateError | Exception] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.looked: Counter[str] = Counter()

    def keep(self, path: str, *versions: str, kinds: tuple[Kind, ...] = (Kind.LIST, Kind.LATEST)) -> None:
        """A client asked for them: they are kept as the upstream has them now."""
        self.upstream[path] = list(versions)
        for kind in kinds:
            self.bodies[path, kind] = self._body(path)

    def _body(self, path: str) -> bytes:
        return "".join(f"{version}\n" for version in self.upstream[path]).encode()

    def versions(self, path: str) -> list[str]:
        """What the kept list names."""
        return self.bodies[path, Kind.LIST].decode().split()

    async def held(self, path: ModulePath) -> frozenset[Kind]:
        self.looked[path] += 1
        return frozenset(kind for kind in (Kind.LIST, Kind.LATEST) if (path, kind) in self.bodies)

    async def refresh(self, path: ModulePath, kind: Kind) -> bytes:
        self.asked[path, kind.value] += 1
        if path in self.broken:
            raise self.broken[path]
        body = self.bodies[path, kind] = self._body(path)
        return body


class Rig:
    """A feed, what is kept, and the follower between them."""

    def __init__(
        self,
        *,
        feed: IndexFeed | None = None,
        bookmark: Bookmark | None = None,
        clock: Clock | None = None,
        lists: Lists | None = None,
        private: tuple[str, ...] = (),
        waiting: int = 4096,
        **settings: Any,
    ) -> None:
        self.feed = feed or IndexFeed()
        self.kept = Kept()
        self.clock = clock or Clock(NOW)
        self.bookmark = bookmark or MemoryBookmark()
        self.metrics = Metrics()
        self.upstream = MemoryUpstream("https://index.test", otherwise=self._page)
        self.settings = Settings("https://index.test/index", **settings)
        found = lists or self.kept
        self.refresher = Refresher(
            found,
            clock=self.clock,
            interval=self.settings.interval,
            metrics=self.metrics,
            limit=waiting,
        )
        self.follower = Follower(
            lambda: self.upstream,
            found,
            self.refresher,
            self.bookmark,
            self.settings,
            private=lambda path: path in private,
            clock=self.clock,
            pause=self._pause,
            chance=lambda: 1.0,
            metrics=self.metrics,
        )
        self.metrics.follow_index(lambda: self.follower.lag, lambda: self.follower.up)

    def _page(self, path: str) -> bytes:
        if self.feed.fault in {"drop", "hang", "short"}:
            raise Unavailable("broken off", kind="unreachable")
        status, body = self.feed.answer(path)
        if status != 200:
            raise Unavailable(f"the upstream answered {status}", kind="bad-answer")
        return body

    async def _pause(self, seconds: float) -> None:
        self.clock.now += seconds

    async def round(self, *, after: float = 0.0) -> float:
        """A round, `after` so many seconds, and all that it sets off; seconds until the next."""
        self.clock.now += after
        wait = await self.follower.round()
        await self.refresher.settled()
        return wait

    def announce(self, path: str, *versions: str, ago: float = 0.0) -> None:
        """New versions upstream and in the feed."""
        self.kept.upstream.setdefault(path, []).extend(versions)
        for version in versions:
            self.feed.announce(path, version, self.clock.now - ago)

    @property
    def lag(self) -> float:
        return number(self.metrics, "modgate_index_lag_seconds")


def number(metrics: Metrics, name: str) -> float:
    """A sample without labels, or with the labels as they are rendered."""
    for line in metrics.render().decode().splitlines():
        if line.startswith(f"{name} "):
            return float(line.rpartition(" ")[2])
    raise AssertionError(f"no {name}")
