"""One world for all mirrors of these tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.client.mirrors.lab import build_world, database_of

if TYPE_CHECKING:
    from tests.support.modules import World
    from tests.support.sumdb_server import TestDatabase


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build_world(tmp_path_factory.mktemp("mirrors"), size=1 << 18)


@pytest.fixture(scope="session")
def database(world: World) -> TestDatabase:
    return database_of(world)
