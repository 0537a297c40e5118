from __future__ import annotations

import pytest

from modgate.errors import Invalid
from modgate.gomod import patterns
from tests.gomod.vector_data import cases


@pytest.mark.parametrize("table", ["match_prefix_patterns", "more"])
def test_every_pattern_matches_as_in_go(table: str) -> None:
    for case in cases("patterns.json", table):
        assert patterns.match_prefix_patterns(case["globs"], case["target"]) == case["match"], case


def test_malformed_patterns_are_told_apart() -> None:
    assert patterns.malformed_patterns("*.corp,[a,x/\\,[a-],,a/[b-c]/") == ("[a", "x/\\", "[a-]")


def test_a_malformed_pattern_is_refused_whatever_the_name() -> None:
    for name in ("", "a", "b/c"):
        with pytest.raises(Invalid):
            patterns.path_match("a*[", name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [("*b", "a/b", False), ("*b", "aab", True), ("[*]", "*", True), ("[*]x", "ax", False), ("?", "/", False)],
)
def test_a_star_stays_within_its_element_and_is_plain_in_a_class(
    pattern: str, name: str, matches: bool
) -> None:
    assert patterns.path_match(pattern, name) == matches


def test_many_stars_take_no_exponential_time() -> None:
    assert not patterns.match_prefix_patterns("*a" * 200 + "b", "a" * 2000)
