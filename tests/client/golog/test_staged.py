"""Logs of faults staged with the real go, each with what a colleague would say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modgate.client.golog import analyse
from modgate.client.golog.decode import read_lines

HERE = Path(__file__).parent / "data"
EXPECTED: dict[str, tuple[str, int | None, str] | None] = {
    "absent-then-off": ("status", 12, "MG-STAT-003"),
    "application-test-fails": None,
    "connect-answered-by-ssh": ("proxy", 10, "MG-PRX-008"),
    "connect-reset": ("proxy", 10, "MG-PRX-008"),
    "database-in-a-folder": ("checksum", None, "MG-SUM-004"),
    "flag-gone": ("config", None, "MG-CFG-033"),
    "folder-like-a-domain": None,
    "go-sum-malformed": ("config", None, "MG-CFG-033"),
    "info-is-null": ("content", None, "MG-CNT-006"),
    "latest-is-no-version": ("content", None, "MG-CNT-006"),
    "mod-flag-value": ("config", None, "MG-CFG-026"),
    "module-mode-value": ("config", None, "MG-CFG-037"),
    "no-content": ("status", None, "MG-STAT-008"),
    "no-such-tool": ("config", None, "MG-CFG-033"),
    "pattern-outside-module": ("config", None, "MG-CFG-033"),
    "port-out-of-range": ("config", 24, "MG-CFG-002"),
    "record-of-another-module": ("checksum", None, "MG-SUM-011"),
    "too-many-files": ("config", None, "MG-CACHE-006"),
    "toolchain-not-in-database": ("toolchain", 23, "MG-TC-001"),
    "upgrades-with-vendor": ("config", None, "MG-CFG-020"),
    "zip-leads-out": ("content", None, "MG-CNT-012"),
    "zip-licence-too-large": ("content", None, "MG-CNT-012"),
}


def test_every_log_has_an_expectation() -> None:
    assert {path.stem for path in HERE.glob("*.log")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_staged_fault_has_its_cause(name: str) -> None:
    with (HERE / f"{name}.log").open("rb") as stream:
        root = analyse(read_lines(stream), name).root_cause
    found = None if root is None else (root.cause.phase.value, root.cause.row, root.cause.id)
    assert found == EXPECTED[name]


def test_a_database_below_a_folder_is_told_as_one() -> None:
    with (HERE / "database-in-a-folder.log").open("rb") as stream:
        last = analyse(read_lines(stream)).requests[-1]
    assert (last.endpoint, last.module, last.version) == ("sumdb-lookup", "mod.test/team/lib", "v1.2.3")
