"""Statistics of repeated measurements, stated exactly so that two runs can be compared.

Percentiles interpolate linearly between the closest ranks (Hyndman and Fan's type 7: what numpy and
`statistics.quantiles(method="inclusive")` use); with few values P99 is close to the largest one, so `n` is
always told beside it. Jitter is the mean absolute difference of consecutive values in the order of time, as
RFC 3550 means it without its smoothing. Spread is the median absolute deviation: one late answer does not
move it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Summary", "differs", "jitter", "median", "median_error", "percentile", "share_differs", "summary"]

# For normal values: sigma = 1.4826 MAD, and the median's standard error = 1.2533 sigma / sqrt(n).
_SIGMA_PER_MAD = 1.4826
_MEDIAN_ERROR = 1.2533
_BEYOND = 3.0


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a series: seconds (or bytes a second) throughout.

    Attributes:
        n: How many values there were.
        p50: The median.
        p95: 95 % were not above it.
        p99: Likewise 99 %.
        low: The smallest.
        high: The largest.
        mean: The arithmetic mean.
        mad: The median absolute deviation from the median.
        jitter: The mean absolute difference of consecutive values.
    """

    n: int
    p50: float
    p95: float
    p99: float
    low: float
    high: float
    mean: float
    mad: float
    jitter: float


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie. Raises ValueError for no values."""
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    # Written so that rounding cannot leave the interval between the two ranks.
    return min(max(low + (high - low) * (rank - below), low), high)


def median(values: Sequence[float]) -> float:
    """The middle value. Raises ValueError for no values."""
    return percentile(values, 0.5)


def jitter(values: Sequence[float]) -> float:
    """The mean absolute difference of neighbours in time; 0 for fewer than two values."""
    if len(values) < 2:
        return 0.0
    return math.fsum(abs(b - a) for a, b in itertools.pairwise(values)) / (len(values) - 1)


def summary(values: Sequence[float]) -> Summary | None:
    """The summary of a series in the order of time, None for an empty one."""
    if not values:
        return None
    middle = median(values)
    return Summary(
        n=len(values),
        p50=middle,
        p95=percentile(values, 0.95),
        p99=percentile(values, 0.99),
        low=min(values),
        high=max(values),
        mean=math.fsum(values) / len(values),
        mad=median([abs(value - middle) for value in values]),
        jitter=jitter(values),
    )


def median_error(found: Summary) -> float:
    """The standard error of the median, estimated from the spread."""
    return _MEDIAN_ERROR * _SIGMA_PER_MAD * found.mad / math.sqrt(found.n)


def differs(before: Summary, after: Summary, *, least_share: float, least: float) -> bool:
    """Whether two medians differ beyond noise.

    They do if the difference exceeds three standard errors of it, `least_share` of the earlier value, and
    `least` in absolute terms, all three.
    """
    gap = abs(after.p50 - before.p50)
    noise = _BEYOND * math.hypot(median_error(before), median_error(after))
    return gap > max(noise, least_share * before.p50, least)


def share_differs(failed_before: int, of_before: int, failed_after: int, of_after: int) -> bool:
    """Whether two shares of failures differ beyond noise: two-proportion z-test, |z| > 3 (the pooled share
    is kept off 0 and 1, so that one failure among few is not certainty).
    """
    if not of_before or not of_after:
        return False
    pooled = (failed_before + failed_after + 1) / (of_before + of_after + 2)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of_before + 1 / of_after))
    return abs(failed_after / of_after - failed_before / of_before) > _BEYOND * error
