"""Following a module index: what is announced there and kept here is refreshed.

A round:

1. Read from a little before the place that was reached (what came late into the feed is found so; what was
   read before is known by its mark) until a page brings nothing more.
2. Of each announced module whose list or newest version is kept, and which may be asked for, the
   `Refresher` takes care. Nothing else is fetched.
3. Move the place: never back, never past what was announced, never past the present; and save it.

How far back a follower that begins, or comes back after a long time, has to read: an announcement concerns
answers from before it, and an answer older than its time to live is asked for anew by itself. So `reach`,
which is that time, is enough; whatever is older is passed over without being read.

The lag is the time from the moment up to which everything announced has been dealt with. That moment is
when the feed was last asked and had no more to say, unless something announced before it still waits. A feed
that cannot be read, or that no longer has what it had, leaves the moment where it is, so the lag grows.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from modgate.errors import Invalid, ModgateError, Unavailable
from modgate.feeds.bookmark import Place
from modgate.feeds.entries import SECOND, read_page, write_time
from modgate.gomod import module
from modgate.model import Context
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from modgate.feeds.bookmark import Bookmark
    from modgate.feeds.entries import Entry, Page
    from modgate.feeds.refresher import Lists, Refresher
    from modgate.gomod.types import ModulePath, ModuleVersion
    from modgate.model import Upstream
    from modgate.telemetry import Metrics

__all__ = ["Follower", "Settings"]

_KNOWN = 16_384
_SMALL = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """How a feed is followed; times in seconds.

    Attributes:
        url: The feed without user info: for people, and to know whose place was saved.
        path: What is asked of the upstream, without `since` and `limit`.
        interval: At most so long between the beginnings of two rounds.
        reach: How far back there can be anything to do.
        overlap: How far before its place a round begins.
        ahead: How far in the future an announcement may lie (clocks differ).
        patience: For one page.
        pages: In one round.
        limit: Lines in one page.
        max_bytes: Of one page.
    """

    url: str
    path: str = "index"
    interval: float = 30.0
    reach: float = 600.0
    overlap: float = 120.0
    ahead: float = 120.0
    patience: float = 30.0
    pages: int = 20
    limit: int = 2000
    max_bytes: int = 4 << 20


class Follower:
    """Follows one feed. Belongs to one event loop.

    Args:
        upstream: Where the feed is; asked anew each time, since a reload may put another in its place.
        lists: What is kept.
        refresher: What refreshes it.
        bookmark: Where the place is kept.
        settings: See `Settings`.
        private: Modules that a feed must never have asked for.
        clock: Unix seconds.
        pause: Waits so many seconds.
        chance: Evenly from 0 to 1.
        metrics: What is counted.
        announced: Told of each version of a module that is kept, with when it was announced (Unix seconds).
    """

    def __init__(
        self,
        upstream: Callable[[], Upstream],
        lists: Lists,
        refresher: Refresher,
        bookmark: Bookmark,
        settings: Settings,
        *,
        private: Callable[[ModulePath], bool],
        clock: Callable[[], float],
        pause: Callable[[float], Awaitable[None]],
        chance: Callable[[], float],
        metrics: Metrics,
        announced: Callable[[ModuleVersion, float], None] = lambda _version, _at: None,
    ) -> None:
        self._upstream = upstream
        self._announced = announced
        self._lists = lists
        self._refresher = refresher
        self._bookmark = bookmark
        self._settings = settings
        self._private = private
        self._clock = clock
        self._pause = pause
        self._chance = chance
        self._metrics = metrics
        self._log = structlog.get_logger("modgate.index")
        self._known: OrderedDict[int, None] = OrderedDict()
        self._saved: Place | None = None
        self._cursor = 0
        self._anchor = 0
        self._reached = self._now() - round(settings.reach * SECOND)
        self._behind = False
        self._failures = 0
        self._unsaved = False
        self._entries = 0
        self._rounds = 0
        self._error = ""
        self._error_at: float | None = None

    async def run(self) -> None:
        """Follow until cancelled. Nothing that a feed or a store does ends it."""
        await self.begin()
        while True:
            began = self._clock()
            try:
                wait = await self.round()
            except Exception:  # noqa: BLE001  nothing may end it
                self._log.exception("index: a round failed")
                wait = self._failed("a fault of this program")
            # The time that a round takes is part of the interval, unless a clock was moved meanwhile.
            took = min(max(self._clock() - began, 0.0), wait / 2)
            await self._pause(wait - took)

    async def begin(self) -> None:
        """Take up the place that was saved, if it is one in this feed."""
        self._saved = place = await self._bookmark.load()
        if place is None or place.url != self._settings.url:
            return
        self._cursor = place.cursor
        self._anchor = place.anchor
        self._reached = max(self._reached, self._cursor)
        for each in place.awaited:
            with suppress(Invalid):
                self._refresher.add(module.check_path(each.path), each.versions, each.since)

    async def round(self) -> float:
        """One round; seconds until the next should begin."""
        now = self._now()
        floor = now - round(self._settings.reach * SECOND)
        self._reached = max(self._reached, floor)
        # The future is where a clock that was wrong left the place; from there nothing would ever be seen.
        beyond = now + round(self._settings.ahead * SECOND)
        if not floor <= self._cursor <= beyond or self._anchor > beyond:
            self._cursor, self._anchor = floor, 0
        if self._reached > beyond:
            self._reached = floor
        self._refresher.forget_before(floor)
        self._rounds += 1
        try:
            with tracing.span("index round", root=True):
                more = await self._read()
        except ModgateError as error:
            wait = self._failed(error.what, error.retry_after if isinstance(error, Unavailable) else None)
        else:
            if self._failures:
                self._log.info("index: the feed is read again", feed=self._settings.url)
            self._failures, self._error = 0, ""
            wait = self._settings.interval * (0.8 + 0.1 * self._chance())
            if more:
                wait = min(wait, 1.0)
        self._refresher.start()
        await self._save()
        return wait

    async def close(self) -> None:
        """End the refreshes that run and save the place; what was not done is taken up at the next start."""
        await self._refresher.close()
        await self._save()

    @property
    def up(self) -> bool:
        """Whether the last round could read the feed."""
        return self._rounds > 0 and not self._failures

    @property
    def lag(self) -> float:
        """Seconds since the moment up to which everything announced has been dealt with."""
        oldest = self._refresher.oldest()
        done = self._reached if oldest is None else min(self._reached, oldest)
        return max(0.0, (self._now() - done) / SECOND)

    def facts(self) -> dict[str, Any]:
        """For `modgate status`; durations in seconds, times in Unix seconds or RFC 3339."""
        return {
            "enabled": True,
            "url": self._settings.url,
            "up": self.up,
            "cursor": write_time(self._cursor),
            "lag_seconds": self.lag,
            "entries": self._entries,
            "refreshes": self._refresher.refreshed,
            "failed_refreshes": self._refresher.failed,
            "waiting": len(self._refresher),
            "last_error": self._error,
            "last_error_at": self._error_at,
        }

    def _now(self) -> int:
        return round(self._clock() * SECOND)

    def _failed(self, why: str, retry_after: float | None = None) -> float:
        """Say it once, and how long to wait before the next try."""
        self._failures += 1
        if why != self._error or self._failures == 1:
            self._log.warning("index: the feed cannot be read", feed=self._settings.url, why=why)
        self._error, self._error_at = why, self._clock()
        # Longer each time, yet never so long that a feed which is back goes unread for an interval.
        longest = self._settings.interval * (0.25, 0.5, 0.9)[min(self._failures, 3) - 1]
        wait = longest * (0.5 + 0.5 * self._chance())
        return max(wait, min(retry_after or 0.0, 20 * self._settings.interval))

    async def _read(self) -> bool:
        """Read until there is nothing more; whether there may be more after all. Raises ModgateError."""
        since = self._cursor
        if not self._behind:
            since -= round(self._settings.overlap * SECOND)
        self._behind = False
        anchored = self._anchor
        newest = 0
        for _ in range(self._settings.pages):
            asked = self._now()
            page = await self._page(since, asked)
            if not await self._take(page, asked):
                return False
            newest = max(newest, page.newest)
            self._anchor = max(self._anchor, page.newest)
            full = page.lines >= self._settings.limit
            end = page.last if page.last > since else page.newest
            self._cursor = max(self._cursor, min(page.newest if not full else end, asked))
            if page.fault:
                raise Unavailable(page.fault, where=self._settings.url, kind="bad-answer")
            if not full and (end <= since or page.lines < _SMALL):
                if not newest and anchored:
                    raise Unavailable(
                        "the feed is empty, and was not before", where=self._settings.url, kind="bad-answer"
                    )
                if newest < anchored:
                    raise Unavailable(
                        f"the feed has gone back: it no longer has what it had at {write_time(anchored)}",
                        where=self._settings.url,
                        kind="bad-answer",
                    )
                self._reached = max(self._reached, asked)
                return False
            if end < since:
                raise Unavailable(
                    "the feed repeats itself whatever is asked", where=self._settings.url, kind="bad-answer"
                )
            # A whole page of one moment: the next one can only be behind it.
            since = end + (end == since)
            self._reached = max(self._reached, min(self._cursor, asked))
        self._behind = True
        return True

    async def _page(self, since: int, now: int) -> Page:
        settings = self._settings
        mark = "&" if "?" in settings.path else "?"
        path = f"{settings.path}{mark}since={quote(write_time(since))}&limit={settings.limit}"
        try:
            async with asyncio.timeout(settings.patience):
                body = await self._upstream().get(Context(background=True), path, limit=settings.max_bytes)
        except TimeoutError:
            raise Unavailable(
                f"no page within {settings.patience:g} s", where=settings.url, kind="timeout"
            ) from None
        return await asyncio.to_thread(read_page, body, until=now + round(settings.ahead * SECOND))

    async def _take(self, page: Page, now: int) -> bool:
        """Have what is kept refreshed; False where no more can wait, and the page must be read again."""
        announced: dict[ModulePath, list[Entry]] = {}
        for entry in page.entries:
            if entry.mark in self._known:
                self._known.move_to_end(entry.mark)
            else:
                announced.setdefault(entry.version.path, []).append(entry)
        for path, entries in announced.items():
            if not self._private(path) and await self._kept(path):
                since = min(min(entry.at or now, now) for entry in entries)
                if not self._refresher.add(path, [entry.version.version for entry in entries], since):
                    return False
                for entry in entries:
                    self._announced(entry.version, min(entry.at or now, now) / SECOND)
            self._known.update((entry.mark, None) for entry in entries)
            self._entries += len(entries)
            self._metrics.index_entries(len(entries))
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        return True

    async def _kept(self, path: ModulePath) -> bool:
        """Whether anything of the module may have to be refreshed; a store that cannot say is asked later."""
        if self._refresher.knows(path):
            return True
        try:
            return bool(await self._lists.held(path))
        except ModgateError:
            return True

    async def _save(self) -> None:
        place = Place(self._settings.url, self._cursor, self._anchor, self._refresher.awaited())
        if place == self._saved:
            return
        try:
            await self._bookmark.save(place)
        except Unavailable as error:
            if not self._unsaved:
                self._log.warning("index: its place cannot be saved", why=str(error))
            self._unsaved = True
        else:
            self._saved, self._unsaved = place, False
