"""Connections leave files their room."""

from __future__ import annotations

import subprocess
import sys

import pytest

from modgate.server.descriptors import connections_within


@pytest.mark.parametrize(
    ("limit", "wanted", "given"),
    [
        (None, 4096, 4096),
        (65536, 4096, 4096),
        (8704, 4096, 4096),
        (4096, 4096, 1792),
        (1024, 4096, 256),
        (100, 4096, 25),
        (1, 4096, 1),
        (1024, 8, 8),
    ],
)
def test_connections_leave_room_for_files(limit: int | None, wanted: int, given: int) -> None:
    assert connections_within(limit, wanted) == given


@pytest.mark.parametrize(("hard", "held"), [(200, 200), (1 << 14, 1 << 14)])
def test_the_soft_limit_is_raised_to_the_hard_one(hard: int, held: int) -> None:
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        held = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        hard = held
    code = (
        "import resource; from modgate.server.descriptors import raise_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (100, {hard}))\n"
        "print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == [str(held)] * 2
