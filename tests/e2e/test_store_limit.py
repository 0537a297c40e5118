"""A real gate whose store may hold a fifth of what passes through it: never more, nothing wrong, no pin lost.

The folder is measured from outside while the server is stopped for a moment (SIGSTOP), so that what is seen
was there at one time.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from modgate.model.operations import Item, Summary
from modgate.transport.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate
    from tests.support.modules import BuiltModule

_NOT_COUNTED = ("ledger.sqlite3", "lock", "format", "admin.sock")
_ASIDE = 16 * 4096  # the files of the checksum database are never refused


@dataclass(slots=True)
class Measured:
    """What was seen of the folder from outside."""

    samples: int = 0
    most: int = 0
    most_blocks: int = 0
    temporary: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, gate: Gate, root: Path) -> None:
        while not self.stop.wait(0.02):
            os.kill(gate.pid, signal.SIGSTOP)
            try:
                self.look(root)
            finally:
                os.kill(gate.pid, signal.SIGCONT)

    def look(self, root: Path) -> None:
        size = blocks = temporary = 0
        for folder, _, names in os.walk(root):
            for name in names:
                if not name.startswith(_NOT_COUNTED):
                    try:
                        found = os.lstat(f"{folder}/{name}")
                    except FileNotFoundError:
                        continue  # a step of a thread that was under way when the gate was stopped
                    size += found.st_size
                    blocks += found.st_blocks * 512
                    temporary += found.st_size if folder.endswith(".modgate/tmp") else 0
        self.samples += 1
        self.most, self.most_blocks = max(self.most, size), max(self.most_blocks, blocks)
        self.temporary = max(self.temporary, temporary)


def operate(gate: Gate, name: str, params: Mapping[str, Any]) -> tuple[list[Item], Summary]:
    """An operation of the running server, by its own socket."""

    async def run() -> tuple[list[Item], Summary]:
        items: list[Item] = []
        async for event in AdminClient(socket=gate.store / ".modgate/admin.sock").run(name, params):  # type: ignore[operator]
            if isinstance(event, Item):
                items.append(event)
            elif isinstance(event, Summary):
                return items, event
        raise AssertionError("no summary")

    return asyncio.run(run())


def _load(stage: Stage, *, limit: int, modules: int, sizes: tuple[int, int], clients: int) -> dict[str, Any]:
    """Put a world through a gate with this limit, and check everything on the way. Returns the figures."""
    dice = random.Random(7)
    world = stage.world
    built = [
        world.add(f"example.test/m{number}", padding=dice.randrange(*sizes)) for number in range(modules)
    ]
    stage.seal()
    gate = stage.gate(config=stage.quick(cache={"limit": limit, "mutable_ttl": 0.2}))
    root = stage.folder / "gate1/store"
    pinned, rest = built[:5], built[5:]
    wrong: list[str] = []
    count = {"answers": 0, "bytes": 0}
    lock = threading.Lock()

    def ask(one: BuiltModule, kind: str) -> None:
        reply = gate.ask(one.url(kind), wait=120)
        if (reply.status, reply.whole, reply.body) != (200, True, one.bytes_of(kind)):
            wrong.append(f"{one.url(kind)}: {reply.status} {reply.text[:200]}")
        with lock:
            count["answers"] += 1
            count["bytes"] += len(reply.body)

    for one in pinned:
        for kind in ("info", "mod", "zip"):
            ask(one, kind)
    _, done = operate(gate, "store-pin", {"subjects": [each.path for each in pinned], "note": "for good"})
    assert done.facts["pinned"] == len(pinned)

    def client(number: int) -> None:
        own = random.Random(number)
        for one in rest[number::clients]:
            for kind in ("info", "mod", "zip"):
                ask(one, kind)
            if own.random() < 0.3:
                ask(own.choice(pinned), "zip")
            if own.random() < 0.3:
                ask(own.choice(rest), "zip")

    measured = Measured()
    watching = threading.Thread(target=measured.watch, args=(gate, root))
    watching.start()
    began = time.monotonic()
    try:
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(client, range(clients)))
    finally:
        measured.stop.set()
        watching.join()
    seconds = time.monotonic() - began
    assert not wrong, wrong[:5]
    for one in pinned:
        for kind in ("info", "mod", "zip"):
            kept = gate.ask(one.url(kind), headers={"Disable-Module-Fetch": "true"})
            assert (kept.status, kept.body) == (200, one.bytes_of(kind))
        assert stage.upstream.gets(one.url("zip")) == 1
    _, usage = operate(gate, "store-usage", {})
    assert usage.facts["evictions"] > 0
    assert usage.facts["used"] <= limit
    items, checked = operate(gate, "fsck", {"level": "full"})
    assert checked.ok, items[:3]
    largest = max(len(each.zip) for each in built)
    assert measured.samples >= 5
    assert measured.most <= limit + largest + _ASIDE
    return {
        "limit": limit,
        "most ever held": measured.most,
        "in blocks of the disk": measured.most_blocks,
        "most in temporary files": measured.temporary,
        "largest object": largest,
        "samples": measured.samples,
        "put through": sum(len(each.zip) for each in built),
        "answers": count["answers"],
        "answered bytes": count["bytes"],
        "wrong answers": len(wrong),
        "evictions": usage.facts["evictions"],
        "seconds": round(seconds, 1),
    }


def _print(figures: dict[str, Any]) -> None:
    print()
    for name, value in figures.items():
        print(f"{name:>24}  {value:>13,}")


def test_a_store_under_load_stays_within_its_limit_and_loses_no_pin(stage: Stage) -> None:
    _print(_load(stage, limit=4_000_000, modules=80, sizes=(20_000, 480_000), clients=6))


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_gigabyte_passes_through_two_hundred_megabytes(stage: Stage) -> None:
    _print(_load(stage, limit=200_000_000, modules=420, sizes=(100_000, 5_000_000), clients=12))


def test_modules_larger_than_the_limit_are_passed_on_whole_and_do_not_push_others_out(stage: Stage) -> None:
    small = stage.world.add("example.test/small", padding=50_000)
    large = [stage.world.add(f"example.test/large{number}", padding=3_000_000) for number in range(3)]
    stage.seal()
    gate = stage.gate(config=stage.quick(cache={"limit": 1_000_000}))
    assert gate.ask(small.url("zip")).body == small.zip
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda one: gate.ask(one.url("zip"), wait=60), large * 2))
    for one, reply in zip(large * 2, replies, strict=True):
        assert (reply.status, reply.whole, reply.body == one.zip) == (200, True, True), reply.text[:300]
    assert gate.ask(small.url("zip"), headers={"Disable-Module-Fetch": "true"}).status == 200
    assert gate.ask(large[0].url("zip"), headers={"Disable-Module-Fetch": "true"}).status == 404
    # The last reader has its answer a moment before what it was read from is given back.
    deadline = time.monotonic() + 10
    while left := list((stage.folder / "gate1/store/.modgate/tmp").iterdir()):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_a_first_sight_that_does_not_fit_is_passed_on_and_remembered(stage: Stage) -> None:
    large = stage.world.add("example.test/large", padding=3_000_000)
    stage.seal()
    gate = stage.gate(sumdb="off", config=stage.quick(cache={"limit": 1_000_000, "verdict_ttl": 60}))
    for _ in range(2):
        reply = gate.ask(large.url("zip"), wait=60)
        assert (reply.status, reply.whole, reply.body == large.zip) == (200, True, True), reply.text[:300]
    other = stage.world.add("example.test/large", padding=2_999_000)
    assert other.zip != large.zip
    assert not gate.ask(large.url("zip"), wait=60).whole
    assert "SECURITY" in gate.ask(large.url("zip"), wait=60).text
