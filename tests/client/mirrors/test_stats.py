"""Statistics against the standard library and brute force."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.client.mirrors.stats import (
    differs,
    jitter,
    median,
    percentile,
    share_differs,
    summary,
)

VALUES = st.lists(st.floats(0, 1e6), min_size=2, max_size=60)


@given(VALUES)
def test_percentiles_are_those_of_the_inclusive_method(values: list[float]) -> None:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    for share in (1, 5, 25, 50, 75, 95, 99):
        assert percentile(values, share / 100) == pytest.approx(cuts[share - 1], rel=1e-9, abs=1e-9)


@given(VALUES)
def test_the_median_is_the_standard_librarys(values: list[float]) -> None:
    assert median(values) == pytest.approx(statistics.median(values), rel=1e-12, abs=1e-12)


@given(VALUES, st.floats(0, 1), st.floats(0, 1))
def test_percentiles_grow_and_stay_within_the_values(values: list[float], a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert min(values) <= percentile(values, low) <= percentile(values, high) <= max(values)
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)


@given(VALUES)
def test_at_least_the_asked_share_is_not_above_a_percentile(values: list[float]) -> None:
    for share in (0.5, 0.95, 0.99):
        at = percentile(values, share)
        # One value may lie above, because the percentile interpolates up to the next rank.
        assert sum(value <= at for value in values) >= math.floor(share * (len(values) - 1)) + 1


@given(VALUES)
def test_jitter_is_the_mean_step_between_neighbours(values: list[float]) -> None:
    steps = [abs(a - b) for a, b in itertools.pairwise(values)]
    assert jitter(values) == pytest.approx(statistics.fmean(steps), rel=1e-9, abs=1e-9)
    assert jitter(values[:1]) == 0


@given(VALUES, st.floats(0.1, 100))
def test_a_summary_scales_with_its_values(values: list[float], factor: float) -> None:
    one, many = summary(values), summary([value * factor for value in values])
    assert one is not None
    assert many is not None
    for name in ("p50", "p95", "p99", "low", "high", "mean", "mad", "jitter"):
        assert getattr(many, name) == pytest.approx(getattr(one, name) * factor, rel=1e-6, abs=1e-6)
    assert one.n == len(values)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=30))
def test_only_jitter_depends_on_the_order(values: list[float]) -> None:
    ordered = sorted(values)
    one, other = summary(values), summary(ordered)
    assert one is not None
    assert other is not None
    assert (one.p50, one.p95, one.mad, one.low, one.high) == (
        other.p50,
        other.p95,
        other.mad,
        other.low,
        other.high,
    )
    assert other.jitter <= one.jitter + 1e-9


def test_nothing_has_no_percentile_and_no_summary() -> None:
    assert summary([]) is None
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_shift_far_beyond_the_spread_differs_and_noise_does_not() -> None:
    before = summary([0.100 + 0.001 * (i % 5) for i in range(20)])
    same = summary([0.101 + 0.001 * (i % 4) for i in range(20)])
    slower = summary([0.150 + 0.001 * (i % 5) for i in range(20)])
    assert before is not None
    assert same is not None
    assert slower is not None
    assert not differs(before, same, least_share=0.1, least=0.003)
    assert differs(before, slower, least_share=0.1, least=0.003)
    assert differs(slower, before, least_share=0.1, least=0.003)


def test_a_wide_spread_hides_a_shift_that_a_narrow_one_shows() -> None:
    wide = [summary([0.1 + shift + 0.05 * (i % 7) for i in range(8)]) for shift in (0, 0.05)]
    narrow = [summary([0.1 + shift + 0.0005 * (i % 7) for i in range(8)]) for shift in (0, 0.05)]
    assert wide[0] is not None
    assert wide[1] is not None
    assert narrow[0] is not None
    assert narrow[1] is not None
    assert not differs(wide[0], wide[1], least_share=0.1, least=0.003)
    assert differs(narrow[0], narrow[1], least_share=0.1, least=0.003)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((0, 30), (0, 30), False),
        ((0, 30), (1, 30), False),
        ((0, 30), (15, 30), True),
        ((0, 0), (5, 5), False),
    ],
)
def test_shares_of_failures_differ_only_beyond_chance(
    before: tuple[int, int], after: tuple[int, int], expected: bool
) -> None:
    assert share_differs(*before, *after) is expected
    assert share_differs(*after, *before) is expected
