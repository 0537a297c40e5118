from __future__ import annotations

import pytest

from modgate.gomod import semver
from tests.gomod.vector_data import cases


@pytest.mark.parametrize("table", ["versions", "more_versions"])
def test_every_part_of_a_version_is_what_go_reads(table: str) -> None:
    for case in cases("semver.json", table):
        version = case["version"]
        assert {
            "version": version,
            "valid": semver.is_valid(version),
            "canonical": semver.canonical(version),
            "major": semver.major(version),
            "major_minor": semver.major_minor(version),
            "prerelease": semver.prerelease(version),
            "build": semver.build(version),
        } == case


@pytest.mark.parametrize("table", ["pairs", "more_pairs"])
def test_every_pair_compares_as_in_go(table: str) -> None:
    for first, second, order, greater in cases("semver.json", table):
        assert semver.compare(first, second) == order, (first, second)
        assert semver.max_version(first, second) == greater, (first, second)


def test_the_table_of_pairs_is_whole() -> None:
    assert len(cases("semver.json", "pairs")) == 1024


@pytest.mark.parametrize("table", ["sorted", "more_sorted"])
def test_sorting_breaks_ties_as_go_does(table: str) -> None:
    expected = cases("semver.json", table)
    assert semver.sorted_versions(reversed(expected)) == expected


def test_numbers_longer_than_python_reads_as_int_compare() -> None:
    huge = "9" * 5000
    assert semver.compare(f"v{huge}.0.0", f"v1{huge}.0.0") == -1
    assert semver.compare(f"v1.0.0-{huge}", f"v1.0.0-1{huge}") == -1
