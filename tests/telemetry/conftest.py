"""A collector, an upstream with a checksum database, and gates in between."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import Stage, quick
from tests.support.modules import World
from tests.support.otlp import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.gate import Gate

FILES = {"lib.go": b'package lib\n\nconst Name = "lib"\n'}
"""What `tampering` knows how to change."""

MODULES = (
    "leaf",
    "miss",
    "proxied",
    "stale",
    "tampered",
    "silent",
    "joined",
    "left",
    "ahead",
    "joint",
    "chain",
)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """As in the tests of whole gates, but nobody runs go. A module `example.test/NAME` for each test."""
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as stack:
        stage = Stage(folder, "", stack, World(folder / "upstream"))
        for name in MODULES:
            stage.world.add(f"example.test/{name}", "v1.0.0", files=FILES)
        stage.world.add("example.test/short", "v1.0.0")
        stage.world.add("example.test/long", "v1.0.0", padding=200_000)
        stage.world.add("example.test/unknown", "v1.0.0")
        yield stage.seal(unknown=("example.test/unknown",))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """What `gate` tells."""
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def gate(stage: Stage, told: Collector) -> Gate:
    """A gate that fetches nothing ahead and logs what is no hit, so that hits go the short way."""
    config = quick(
        log={"access": "misses"},
        prefetch={"enabled": False},
        fetch={"head_timeout": 1},
    )
    return stage.gate(environment=told.environment, config=config | {"trusted_proxies": ["127.0.0.0/8"]})
