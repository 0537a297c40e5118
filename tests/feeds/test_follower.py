"""Following a feed round by round, in the test's own time."""

from __future__ import annotations

import pytest

from modgate.errors import Absent, Denied, Unavailable
from modgate.feeds.bookmark import MemoryBookmark
from modgate.gomod.protocol import Kind
from tests.feeds.following import NOW, Rig, number
from tests.support.index_feed import FAULTS, IndexFeed
from tests.support.sources import Clock

LIB = "example.com/lib"


async def test_a_kept_list_is_refreshed_in_the_round_after_its_announcement() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    await rig.round()
    rig.announce(LIB, "v1.1.0")
    wait = await rig.round(after=20)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert rig.kept.asked == {(LIB, "list"): 1, (LIB, "latest"): 1}
    assert wait <= 30


async def test_the_repeated_last_entry_is_not_refreshed_again() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.1.0")
    for _ in range(4):
        await rig.round(after=27)
    assert rig.kept.asked[LIB, "list"] == 1
    assert number(rig.metrics, "modgate_index_entries_total") == 1


async def test_nothing_is_fetched_that_nobody_keeps() -> None:
    rig = Rig()
    rig.kept.keep("example.com/half", "v1.0.0", kinds=(Kind.LATEST,))
    rig.announce("example.com/unknown", "v1.0.0")
    rig.announce("example.com/half", "v1.1.0")
    await rig.round()
    assert rig.kept.asked == {("example.com/half", "latest"): 1}


async def test_private_modules_are_never_asked_for() -> None:
    rig = Rig(private=("corp.example/secret",))
    rig.kept.keep("corp.example/secret", "v1.0.0")
    rig.announce("corp.example/secret", "v1.1.0")
    await rig.round()
    assert not rig.kept.asked
    assert not rig.kept.looked


async def test_a_pseudo_version_can_only_be_the_newest() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.0.1-0.20260901120000-0123456789ab")
    await rig.round()
    assert rig.kept.asked == {(LIB, "latest"): 1}
    assert len(rig.refresher) == 0


async def test_many_announcements_of_one_module_are_one_refresh() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, *[f"v1.{minor}.0" for minor in range(1, 300)])
    await rig.round()
    assert rig.kept.asked[LIB, "list"] == 1


@pytest.mark.parametrize("size", [2000, 1000, 150])
async def test_a_feed_is_read_to_its_end_page_by_page(size: int) -> None:
    rig = Rig(feed=IndexFeed(limit=size))
    rig.kept.keep(LIB, "v1.0.0")
    for number_ in range(5000):
        rig.feed.announce(f"example.com/m{number_}", "v1.0.0", NOW - 500 + number_ / 20)
    rig.announce(LIB, "v1.1.0")
    waits = [await rig.round(after=1) for _ in range(3)]
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert rig.lag < 1
    assert number(rig.metrics, "modgate_index_entries_total") == 5001
    assert min(waits) == (1.0 if size == 150 else waits[-1])


async def test_a_whole_page_of_one_moment_does_not_hold_it_up() -> None:
    rig = Rig(limit=50)
    rig.kept.keep(LIB, "v1.0.0")
    for each in range(50):
        rig.feed.announce(f"example.com/m{each}", "v1.0.0", NOW - 100)
    rig.announce(LIB, "v1.1.0")
    await rig.round()
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


async def test_what_comes_late_into_the_feed_is_found() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.feed.announce("example.com/other", "v1.0.0", NOW - 1)
    await rig.round()
    rig.announce(LIB, "v1.1.0", ago=60)
    await rig.round(after=27)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


@pytest.mark.parametrize("fault", [*FAULTS, "hang"])
async def test_the_lag_grows_while_the_feed_is_broken_and_falls_when_it_is_back(fault: str) -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    for each in range(8):
        rig.feed.announce(f"example.com/m{each}", "v1.0.0", NOW - 10 + each)
    await rig.round()
    assert rig.lag == 0
    rig.clock.now += 1
    rig.announce(LIB, "v1.1.0")
    before = rig.follower.facts()["cursor"]
    rig.feed.fault = fault
    for passed in (26, 30, 300):
        wait = await rig.round(after=passed)
        assert not rig.follower.up
        assert 3 < wait <= 27
        assert rig.follower.facts()["last_error"]
    assert rig.lag == 357
    assert number(rig.metrics, "modgate_index_up") == 0
    assert rig.follower.facts()["cursor"] >= before
    rig.feed.fault = ""
    await rig.round(after=30)
    assert (rig.lag, rig.follower.up) == (0, True)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert rig.kept.asked[LIB, "list"] == 1


async def test_a_feed_that_is_restored_from_a_backup_and_goes_on_is_followed_on() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    for each in range(10):
        rig.feed.announce(f"example.com/m{each}", "v1.0.0", NOW - 20 + each)
    await rig.round()
    del rig.feed.entries[5:]
    await rig.round(after=27)
    assert "gone back" in rig.follower.facts()["last_error"]
    rig.clock.now += 10
    rig.announce(LIB, "v1.1.0")
    await rig.round(after=17)
    assert (rig.lag, rig.follower.up) == (0, True)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


async def test_a_time_that_cannot_be_moves_nobodys_place() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.kept.keep("example.com/odd", "v1.0.0")
    rig.kept.upstream["example.com/odd"].append("v1.1.0")
    rig.feed.announce("example.com/odd", "v1.1.0", 4_070_908_800.0)
    await rig.round()
    assert rig.kept.versions("example.com/odd") == ["v1.0.0", "v1.1.0"]
    rig.announce(LIB, "v1.1.0")
    await rig.round(after=27)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert rig.follower.facts()["cursor"] < "2027"
    assert rig.lag == 0
    assert rig.kept.asked["example.com/odd", "list"] == 1


async def test_a_clock_that_was_years_ahead_loses_nothing_when_it_is_right_again() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    await rig.round()
    rig.clock.now += 10 * 365 * 86400
    await rig.round()
    rig.clock.now = NOW + 100
    rig.announce(LIB, "v1.1.0", ago=50)
    await rig.round()
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert rig.lag == 0


async def test_a_refresh_that_fails_is_tried_again_and_counts_as_lag() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    await rig.round()
    rig.announce(LIB, "v1.1.0")
    rig.kept.broken[LIB] = Unavailable("refused", kind="unreachable")
    for _ in range(3):
        await rig.round(after=27)
    assert rig.lag == 81
    assert rig.follower.up
    assert rig.follower.facts()["failed_refreshes"] == 3
    rig.kept.broken.clear()
    await rig.round(after=27)
    assert (rig.lag, len(rig.refresher)) == (0, 0)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


@pytest.mark.parametrize("error", [Absent("gone"), Denied("no")])
async def test_what_is_refused_is_not_asked_for_again(error: Exception) -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.1.0")
    rig.kept.broken[LIB] = error
    for _ in range(3):
        await rig.round(after=27)
    assert rig.kept.asked[LIB, "list"] == 1
    assert rig.lag == 0


async def test_a_fault_of_this_program_ends_nothing() -> None:
    rig = Rig()
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.1.0")
    rig.kept.broken[LIB] = RuntimeError("what nobody thought of")
    await rig.round()
    rig.kept.broken.clear()
    await rig.round(after=27)
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


async def test_a_list_that_does_not_name_the_version_yet_is_asked_for_again_a_few_times() -> None:
    rig = Rig(reach=86400)
    rig.kept.keep(LIB, "v1.0.0")
    rig.feed.announce(LIB, "v1.1.0", NOW)
    at: list[float] = []
    for _ in range(60):
        before = rig.kept.asked[LIB, "list"]
        await rig.round(after=30)
        if rig.kept.asked[LIB, "list"] > before:
            at.append(rig.clock.now - NOW)
        assert rig.lag == 0
    assert at == [30, 60, 120, 240, 480, 960]
    assert len(rig.refresher) == 0


async def test_no_more_modules_wait_than_may_and_none_is_lost() -> None:
    rig = Rig(waiting=10)
    paths = [f"example.com/m{each}" for each in range(35)]
    for each, path in enumerate(paths):
        rig.kept.keep(path, "v1.0.0")
        rig.kept.upstream[path].append("v1.1.0")
        rig.feed.announce(path, "v1.1.0", NOW - 50 + each)
        rig.kept.broken[path] = Unavailable("down", kind="unreachable")
    await rig.round()
    assert len(rig.refresher) == 10
    await rig.round(after=27)
    assert rig.lag > 27
    rig.kept.broken.clear()
    for _ in range(6):
        await rig.round(after=27)
    assert all(rig.kept.versions(path) == ["v1.0.0", "v1.1.0"] for path in paths)
    assert rig.lag == 0


async def test_after_a_restart_it_goes_on_where_it_was_with_what_waited() -> None:
    bookmark, clock = MemoryBookmark(), Clock(NOW)
    first = Rig(bookmark=bookmark, clock=clock)
    first.kept.keep(LIB, "v1.0.0")
    first.announce(LIB, "v1.1.0")
    first.kept.broken[LIB] = Unavailable("down", kind="unreachable")
    await first.round()
    await first.follower.close()
    again = Rig(bookmark=bookmark, clock=clock, lists=first.kept)
    first.kept.broken.clear()
    await again.follower.begin()
    clock.now += 200
    again.announce("example.com/new", "v1.0.0")
    await again.round()
    assert first.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]
    assert number(again.metrics, "modgate_index_entries_total") == 1


async def test_a_place_in_another_feed_is_none() -> None:
    bookmark, clock = MemoryBookmark(), Clock(NOW)
    rig = Rig(bookmark=bookmark, clock=clock)
    await rig.round()
    place = await bookmark.load()
    assert place is not None
    await bookmark.save(type(place)("https://other.test/index", place.cursor - 10**12))
    again = Rig(bookmark=bookmark, clock=clock)
    await again.follower.begin()
    await again.round()
    assert again.follower.up


async def test_a_long_absence_is_not_replayed() -> None:
    feed, bookmark, clock = IndexFeed(), MemoryBookmark(), Clock(NOW)
    rig = Rig(feed=feed, bookmark=bookmark, clock=clock, reach=600)
    await rig.round()
    for each in range(10_000):
        feed.announce(f"example.com/m{each}", "v1.0.0", NOW + each * 30)
    clock.now = NOW + 10_000 * 30
    again = Rig(feed=feed, bookmark=bookmark, clock=clock, reach=600)
    await again.follower.begin()
    await again.round()
    assert again.lag == 0
    assert number(again.metrics, "modgate_index_entries_total") <= (600 + 120) / 30 + 1


async def test_what_waits_is_let_go_when_its_answers_have_expired() -> None:
    rig = Rig(reach=600)
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.1.0")
    rig.kept.broken[LIB] = Unavailable("down", kind="unreachable")
    for _ in range(30):
        await rig.round(after=27)
        assert rig.lag <= 627
    assert len(rig.refresher) == 0
    assert rig.lag == 0


async def test_a_place_that_cannot_be_saved_stops_nobody() -> None:
    class Full(MemoryBookmark):
        async def save(self, _place: object) -> None:
            raise Unavailable("no space is left", kind="storage-full")

    rig = Rig(bookmark=Full())
    rig.kept.keep(LIB, "v1.0.0")
    rig.announce(LIB, "v1.1.0")
    await rig.round()
    assert rig.kept.versions(LIB) == ["v1.0.0", "v1.1.0"]


async def test_the_overload_of_a_feed_is_respected() -> None:
    rig = Rig()
    rig.upstream.otherwise = Unavailable("busy", kind="overloaded", retry_after=400.0)
    assert await rig.round() == 400
    rig.upstream.otherwise = Unavailable("busy", kind="overloaded", retry_after=1e9)
    assert await rig.round() == 600
