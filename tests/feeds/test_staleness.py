"""How old a served list can be: the whole way from feed to client, over hours of the test's own time.

The time to live is longer than the test, so that only the feed can make a list newer.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.feeds.bookmark import MemoryBookmark
from modgate.feeds.follower import Follower, Settings
from modgate.feeds.refresher import Refresher
from modgate.ledger.memory import MemoryLedger
from modgate.model import Context
from modgate.server.goproxy import GoProxy
from modgate.server.memo import Memo
from modgate.source.cached import CachedSource
from modgate.source.observed import Observer
from modgate.source.settings import CacheSettings
from modgate.source.turns import Turns
from modgate.storage.memory import MemoryStore
from modgate.telemetry import Metrics
from modgate.transport.memory import MemoryUpstream
from modgate.wiring.index import StoredLists
from tests.feeds.following import NOW
from tests.support.index_feed import FAULTS, IndexFeed
from tests.support.sources import Clock, ScriptedSource

if TYPE_CHECKING:
    from collections.abc import Callable

CTX = Context(consumer="192.0.2.1")
MODULES = [f"example.com/m{number}" for number in range(4)]
INTERVAL = 30.0


class World:
    """Modules upstream, the feed that announces them, a gate in between, and a client that never rests."""

    def __init__(self) -> None:
        self.clock = Clock(NOW)
        self.versions = {path: ["v1.0.0"] for path in MODULES}
        self.upstream = ScriptedSource()
        self.down = False
        for path in MODULES:
            self.upstream.answers[f"{path}/@v/list"] = self._list(path)
        metrics, store = Metrics(), MemoryStore(1 << 24)
        observer = Observer(metrics, MemoryLedger(clock=self.clock), clock=self.clock)
        cached = CachedSource(
            self.upstream,
            store,
            CacheSettings(mutable_ttl=86400.0),
            clock=self.clock,
            watch=observer,
            turns=Turns(slots=4, patience=30.0),
        )
        self.memo = Memo(clock=self.clock)
        observer.tell_refreshed(lambda path: self.memo.forget(f"/{path}".encode()))
        self.proxy = GoProxy(cached, self.memo, metrics, mount="", extra=[])
        self.feed = IndexFeed()
        feed = MemoryUpstream("https://index.test", otherwise=self._page)
        lists = StoredLists(lambda: cached, store)
        self.follower = Follower(
            lambda: feed,
            lists,
            Refresher(lists, clock=self.clock, interval=INTERVAL, metrics=metrics),
            MemoryBookmark(),
            Settings("https://index.test/index", interval=INTERVAL, reach=86400.0),
            private=lambda _: False,
            clock=self.clock,
            pause=self.live,
            chance=random.Random(1).random,
            metrics=metrics,
        )
        self.announced: dict[tuple[str, str], float] = {}
        self.served: dict[tuple[str, str], float] = {}
        self.each_second: Callable[[], None] = lambda: None

    def _list(self, path: str) -> Callable[[], bytes | Unavailable]:
        def answer() -> bytes | Unavailable:
            if self.down:
                return Unavailable("down", kind="unreachable")
            return "".join(f"{version}\n" for version in self.versions[path]).encode()

        return answer

    def _page(self, path: str) -> bytes:
        self.clock.now += 0.5
        status, body = (502, b"") if self.feed.fault in {"drop", "short"} else self.feed.answer(path)
        if status != 200:
            raise Unavailable(f"the feed answered {status}", kind="bad-answer")
        return body

    @property
    def unseen(self) -> float:
        """Seconds since the oldest announcement that no client has been served."""
        waiting = [at for each, at in self.announced.items() if each not in self.served]
        return self.clock.now - min(waiting, default=self.clock.now)

    def release(self, path: str) -> None:
        """A new version upstream and in the feed."""
        version = f"v1.{len(self.versions[path])}.0"
        self.versions[path].append(version)
        self.feed.announce(path, version, self.clock.now)
        self.announced[path, version] = self.clock.now

    async def live(self, seconds: float) -> None:
        """So many seconds pass, and the client asks for every list in each of them."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.now = min(end, self.clock.now + 1)
            self.each_second()
            await _settled()
            for path in MODULES:
                for version in await self.ask(path):
                    self.served.setdefault((path, version), self.clock.now)

    async def ask(self, path: str) -> list[str]:
        """What the client hears: a ready answer, or one that is made."""
        hot = self.memo.get(f"/{path}/@v/list".encode())
        if hot is not None:
            return hot.body.decode().split()
        told = await self.proxy.answer(CTX, f"/{path}/@v/list")
        body = told.rep.body
        assert isinstance(body, bytes)
        return body.decode().split()

    async def follow(self, seconds: float) -> None:
        """Run the follower for so long."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            began = self.clock.now
            wait = await self.follower.round()
            await self.live(max(0.0, wait - (self.clock.now - began)))


async def _settled() -> None:
    for _ in range(12):
        await asyncio.sleep(0)


def releasing(world: World, chance: random.Random) -> Callable[[], None]:
    """About one release a minute."""

    def release() -> None:
        if chance.random() < 0.02:
            world.release(chance.choice(MODULES))

    return release


async def test_no_list_is_older_than_the_feed_and_thirty_seconds() -> None:
    world = World()
    for path in MODULES:
        await world.ask(path)
    lags: list[float] = []
    release = releasing(world, random.Random(7))

    def each_second() -> None:
        lags.append(world.follower.lag)
        release()

    await world.follow(60)
    world.each_second = each_second
    await world.follow(2 * 3600)
    world.each_second = lambda: None
    await world.follow(60)
    late = [world.served[each] - at for each, at in world.announced.items()]
    refreshes = sum(world.upstream.counts.values())
    print(
        f"{len(late)} releases in two hours, {refreshes} refreshes: each served after {max(late):.1f} s at "
        f"most; the lag was {max(lags):.1f} s at most"
    )
    assert len(late) > 100
    assert max(late) <= INTERVAL
    assert max(lags) <= INTERVAL
    assert world.upstream.counts.keys() == {f"{path}/@v/list" for path in MODULES}


async def test_whatever_breaks_the_lag_says_it_and_the_lists_catch_up() -> None:
    world, chance = World(), random.Random(11)
    for path in MODULES:
        await world.ask(path)
    untold: list[float] = []
    release = releasing(world, chance)
    breaks: list[tuple[float, float, str]] = []
    began = NOW + 300
    for fault in [*FAULTS, "upstream", "both"]:
        breaks.append((began, began + chance.uniform(120, 900), fault))
        began = breaks[-1][1] + chance.uniform(200, 400)

    def each_second() -> None:
        # What nobody was served a moment ago must be within the lag that the gate owns up to.
        untold.append(world.unseen - world.follower.lag)
        now = world.clock.now
        fault = next((fault for begins, ends, fault in breaks if begins <= now < ends), "")
        world.down = fault in {"upstream", "both"}
        world.feed.fault = "500" if fault == "both" else fault if fault in FAULTS else ""
        release()

    world.each_second = each_second
    for begins, ends, fault in breaks:
        await world.follow(begins - world.clock.now)
        await world.follow(ends - world.clock.now - 4 * INTERVAL)
        assert world.follower.lag >= world.clock.now - begins - 2 * INTERVAL, fault
    healed = [(begins, ends) for begins, ends, _ in breaks]
    await world.follow(600)
    world.each_second = lambda: None
    await world.follow(60)
    assert world.follower.lag <= INTERVAL
    assert world.announced.keys() <= world.served.keys()
    calm, after = [0.0], [0.0]
    for each, at in world.announced.items():
        over = [end for begins, end in healed if begins - INTERVAL <= at < end]
        (after if over else calm).append(world.served[each] - max([at, *over]))
    print(
        f"{len(world.announced)} releases, {len(healed)} faults: served after {max(calm):.1f} s at most, and "
        f"{max(after):.1f} s after the end of a fault; the lag was short of the truth by {max(untold):.1f} s"
    )
    assert len(after) > 50
    assert max(calm) <= INTERVAL
    assert max(after) <= INTERVAL
    assert max(untold) <= 1.0
