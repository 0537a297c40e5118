"""A real gate process behind a real feed on loopback. Lists live for an hour: only the feed renews them."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gate import Gate
from tests.support.index_feed import FAULTS, FeedServer, IndexFeed
from tests.support.modules import World
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

LIB = "example.test/Lib"
ESCAPED = "/example.test/!lib"
INTERVAL = 0.25
SETTINGS: dict[str, Any] = {
    "fetch": {"connect_timeout": 1, "head_timeout": 1, "stall_timeout": 1, "retries": 0},
    "breaker": {"failures": 1000, "reset": 0.1},
    "cache": {"mutable_ttl": 3600},
}


class Stage:
    """Modules, their proxy, the feed about them, and gates in front."""

    def __init__(self, folder: Path, upstream: FaultUpstream, feed: FeedServer, world: World) -> None:
        self.folder, self.upstream, self.feed, self.world = folder, upstream, feed, world
        self.count = 0

    def gate(self, *, enabled: bool = True, environment: Mapping[str, str] | None = None) -> Gate:
        """A gate over the one store."""
        table = {"enabled": enabled, "url": self.feed.url, "interval": INTERVAL}
        return Gate(
            self.folder / "gate",
            upstream=self.upstream.url,
            config={**SETTINGS, "index": table},
            environment=environment,
        )

    def release(self, path: str = LIB) -> tuple[str, float]:
        """A new version upstream, announced at once; and when."""
        self.count += 1
        version = f"v1.{self.count}.0"
        self.world.add(path, version)
        self.world.finish()
        return version, self.feed.publish(path, version)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World(tmp_path / "world")
    world.add(LIB, "v1.0.0")
    world.add("example.test/other", "v1.0.0")
    world.finish()
    with FaultUpstream(world.root) as upstream, FeedServer(IndexFeed()) as feed:
        yield Stage(tmp_path, upstream, feed, world)


def until(done: Callable[[], bool], seconds: float = 20.0) -> float:
    """Wait for it; the time (Unix seconds) when it was so."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return time.time()


def listed(gate: Gate) -> list[str]:
    reply = gate.ask(f"{ESCAPED}/@v/list")
    assert reply.status == 200
    return reply.text.split()


def metric(gate: Gate, name: str) -> float:
    lines = [line for line in gate.ask("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(("500", "cut", "repeat", "back"), id="some"),
        pytest.param((*FAULTS, "hang"), id="all", marks=pytest.mark.long),
    ],
)
def test_whatever_the_feed_does_the_lists_follow_it_and_serving_never_suffers(
    stage: Stage, faults: tuple[str, ...]
) -> None:
    with stage.gate() as gate:
        assert listed(gate) == ["v1.0.0"]
        assert listed(gate) == ["v1.0.0"]
        newest = json.loads(gate.ask(f"{ESCAPED}/@latest").body)["Version"]
        assert newest == "v1.0.0"
        calm, after, lags = [], [], []
        for fault in faults:
            version, at = stage.release()
            calm.append(until(lambda version=version: version in listed(gate)) - at)  # type: ignore[misc]
            until(lambda: metric(gate, "modgate_index_up") == 1)
            lags.append(metric(gate, "modgate_index_lag_seconds"))
            stage.feed.feed.fault = fault
            version, at = stage.release()
            until(lambda: metric(gate, "modgate_index_up") == 0)
            until(lambda at=at: metric(gate, "modgate_index_lag_seconds") > time.time() - at > 0.5)  # type: ignore[misc]
            reply = gate.ask(f"{ESCAPED}/@v/list")
            assert (reply.status, reply.whole) == (200, True)
            stage.feed.feed.fault = ""
            healed = time.time()
            after.append(until(lambda version=version: version in listed(gate)) - healed)  # type: ignore[misc]
        until(lambda: metric(gate, "modgate_index_lag_seconds") < 2 * INTERVAL)
        reply = gate.ask(f"{ESCAPED}/@v/list")
        assert int(reply.headers["age"]) < 60
        assert json.loads(gate.ask(f"{ESCAPED}/@latest").body)["Version"] == version
    print(
        f"looking every {INTERVAL} s: served {max(calm):.2f} s after the announcement at most, "
        f"{max(after):.2f} s after the end of a fault at most ({len(after)} kinds); "
        f"lag {max(lags):.2f} s at most while the feed is well"
    )
    asked = stage.upstream.counts()
    assert not [url for url in asked if "other" in url], "nobody asked for it"


def test_nothing_is_refreshed_that_nobody_asked_for_or_that_is_private(stage: Stage) -> None:
    inside = "example.test/inside"
    stage.world.add(inside, "v1.0.0")
    stage.world.finish()
    routes = [{"match": [inside], "source": stage.upstream.url, "private": True}]
    with stage.gate(environment={"MODGATE_ROUTES": json.dumps(routes)}) as gate:
        listed(gate)
        assert gate.ask(f"/{inside}/@v/list").text == "v1.0.0\n"
        before = stage.upstream.counts()
        stage.release("example.test/other")
        stage.release(inside)
        until(lambda: metric(gate, "modgate_index_entries_total") == 2)
        version, _ = stage.release()
        until(lambda: version in listed(gate))
        new = {url for url, count in stage.upstream.counts().items() if before.get(url) != count}
        assert new == {f"{ESCAPED}/@v/list"}
        assert gate.ask(f"/{inside}/@v/list").text == "v1.0.0\n"


def test_a_killed_gate_goes_on_where_it_was_and_misses_nothing(stage: Stage) -> None:
    with stage.gate() as gate:
        listed(gate)
        version, _ = stage.release()
        until(lambda: version in listed(gate))
        place = stage.folder / "gate" / "store" / ".modgate" / "index.json"
        until(lambda: place.exists() and json.loads(place.read_text())["anchor"] > 0)
        gate.kill()
    asked = stage.feed.feed.asked
    version, _ = stage.release()
    with stage.gate() as gate:
        until(lambda: version in listed(gate))
        assert metric(gate, "modgate_index_entries_total") <= 2
    assert stage.feed.feed.asked > asked


def test_an_upstream_that_was_down_is_asked_again_also_after_a_restart(stage: Stage) -> None:
    with stage.gate() as gate:
        listed(gate)
        stage.upstream.fault("refuse", "*")
        version, _ = stage.release()
        until(lambda: 'modgate_index_refreshes_total{result="failed"}' in gate.ask("/metrics").text)
        assert listed(gate) == ["v1.0.0"]
    stage.upstream.heal()
    stage.feed.feed.entries.clear()
    with stage.gate() as gate:
        until(lambda: version in listed(gate))


def test_a_reload_switches_the_feed_on_and_off(stage: Stage) -> None:
    with stage.gate(enabled=False) as gate:
        listed(gate)
        stage.release()
        time.sleep(3 * INTERVAL)
        assert listed(gate) == ["v1.0.0"]
        assert "modgate_index_lag_seconds" not in gate.ask("/metrics").text
        assert stage.feed.feed.asked == 0
        settings = stage.folder / "gate" / "modgate.toml"
        off = settings.read_text()
        settings.write_text(off.replace("enabled = false", "enabled = true"))
        os.kill(gate.pid, signal.SIGHUP)
        version, _ = stage.release()
        until(lambda: version in listed(gate))
        settings.write_text(off)
        os.kill(gate.pid, signal.SIGHUP)
        until(lambda: "modgate_index_up" not in gate.ask("/metrics").text)
        asked = stage.feed.feed.asked
        time.sleep(3 * INTERVAL)
        assert stage.feed.feed.asked == asked
