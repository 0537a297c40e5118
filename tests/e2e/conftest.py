"""A world, its checksum database, an upstream that serves both, and gates and go clients in front."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.gate import Gate, GoClient
from tests.support.modules import World
from tests.support.static_sumdb import StaticDatabase, filler
from tests.support.upstreams import FaultUpstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

QUICK: dict[str, Any] = {
    "fetch": {"connect_timeout": 1, "head_timeout": 2, "stall_timeout": 2, "total_timeout": 30, "retries": 1},
    "cache": {"mutable_ttl": 0.2, "absent_ttl": 0.2, "verdict_ttl": 0.2},
    "breaker": {"failures": 1000, "reset": 0.1},
    "log": {"access": "all"},
}


def quick(**sections: dict[str, Any] | str | list[str]) -> dict[str, Any]:
    """The quick settings with some keys set otherwise."""
    found = {name: dict(section) for name, section in QUICK.items()}
    for name, value in sections.items():
        if isinstance(value, dict):
            found.setdefault(name, {}).update(value)
        else:
            found[name] = value  # type: ignore[assignment]  # top-level keys are plain
    return found


@dataclass(slots=True)
class Stage:
    """One test's surroundings. `seal` must be called once the world is complete."""

    folder: Path
    go: str
    stack: ExitStack
    world: World
    quick: Callable[..., dict[str, Any]] = quick
    database: StaticDatabase = field(init=False)
    upstream: FaultUpstream = field(init=False)
    _names: int = 0

    def seal(self, *, unknown: tuple[str, ...] = ()) -> Stage:
        """Write the lists and the database (without the modules `unknown`), and serve them."""
        self.world.finish()
        records = {key: text for key, text in self.world.records().items() if key[0] not in unknown}
        self.database = StaticDatabase(self.world.root / "db", filler(300) | records)
        self.upstream = self.stack.enter_context(FaultUpstream(self.world.root))
        return self

    @property
    def sumdb(self) -> str:
        """GOSUMDB of the gate: the database at the upstream."""
        return self.database.spec(self.upstream.url + "/db")

    def gate(self, **options: Any) -> Gate:
        """A gate in front of the upstream that verifies with the database; stopped after the test."""
        self._names += 1
        folder = options.pop("folder", None) or self.folder / f"gate{self._names}"
        settings = {"upstream": self.upstream.url, "sumdb": self.sumdb, "config": quick()} | options
        return self.stack.enter_context(Gate(folder, **settings))

    def client(self, proxy: Gate | str, **environment: str) -> GoClient:
        """A developer's machine with empty caches that verifies with the database through its proxy."""
        self._names += 1
        url = proxy.url if isinstance(proxy, Gate) else proxy
        return GoClient(
            self.go, self.folder / f"client{self._names}", url, self.database.key, dict(environment)
        )


@pytest.fixture(scope="session", autouse=True)
def _one_build_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["TESTS_OF_MODGATE_GOCACHE"] = str(tmp_path_factory.mktemp("gocache"))
    yield
    del os.environ["TESTS_OF_MODGATE_GOCACHE"]


@pytest.fixture
def stage(tmp_path: Path, go_command: str) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(tmp_path, go_command, stack, World(tmp_path / "upstream"))


@pytest.fixture
def furnished(stage: Stage) -> Stage:
    """A small graph: root → middle → leaf, a second major, a retraction, capitals, a command."""
    world = stage.world
    world.add("example.test/leaf", "v1.0.0")
    world.add("example.test/leaf", "v1.1.0")
    world.add("example.test/leaf", "v1.2.0", retract=["v1.1.0"])
    world.add("example.test/leaf", "v1.3.0-rc.1")
    world.add("example.test/leaf/v2", "v2.0.0", package="leaf")
    world.add("example.test/Upper", "v0.1.0")
    world.add("example.test/middle", "v0.3.0", requires={"example.test/leaf": "v1.0.0"})
    world.add(
        "example.test/root",
        "v1.0.0",
        requires={"example.test/middle": "v0.3.0", "example.test/Upper": "v0.1.0"},
    )
    world.add("example.test/cmd/hello", "v1.0.0", requires={"example.test/leaf": "v1.0.0"}, main=True)
    world.add("example.test/untagged", "v0.0.0-20240506070809-abcdef123456")
    world.query("example.test/untagged", "main", "v0.0.0-20240506070809-abcdef123456")
    world.query("example.test/untagged", "abcdef123456", "v0.0.0-20240506070809-abcdef123456")
    return stage.seal()
