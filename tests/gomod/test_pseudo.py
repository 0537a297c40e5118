from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid
from modgate.gomod import pseudo
from tests.gomod.vector_data import cases

if TYPE_CHECKING:
    from collections.abc import Callable

TIME = datetime(2006, 1, 2, 15, 4, 5, tzinfo=UTC)


def outcome(function: Callable[[str], str], version: str) -> str | None:
    try:
        return function(version)
    except Invalid:
        return None


def stamp(version: str) -> str:
    return pseudo.pseudo_version_time(version).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("table", ["made", "increment"])
def test_every_pseudo_version_is_made_as_in_go(table: str) -> None:
    for case in cases("pseudo.json", table):
        assert pseudo.pseudo_version(case["major"], case["older"], TIME, "hash") == case["version"]


@pytest.mark.parametrize("table", ["read", "bad_base", "decrement", "more"])
def test_every_pseudo_version_is_read_as_in_go(table: str) -> None:
    for case in cases("pseudo.json", table):
        version = case["version"]
        if str(case["time"]).startswith("0000-"):
            continue  # the year 0 is a time in Go and none in Python
        assert {
            "version": version,
            "pseudo": pseudo.is_pseudo_version(version),
            "zero": pseudo.is_zero_pseudo_version(version),
            "time": outcome(stamp, version),
            "rev": outcome(pseudo.pseudo_version_rev, version),
            "base": outcome(pseudo.pseudo_version_base, version),
        } == case


def test_the_placeholder_is_as_in_go() -> None:
    for case in cases("pseudo.json", "zero"):
        assert pseudo.zero_pseudo_version(case["major"]) == case["version"]
        assert pseudo.is_zero_pseudo_version(case["version"])


def test_a_commit_time_is_written_in_utc() -> None:
    local = TIME.astimezone(timezone(timedelta(hours=-7)))
    assert pseudo.pseudo_version("v1", "", local, "hash") == "v1.0.0-20060102150405-hash"


def test_a_commit_time_without_zone_is_refused() -> None:
    with pytest.raises(Invalid):
        pseudo.pseudo_version("v1", "", TIME.replace(tzinfo=None), "hash")
