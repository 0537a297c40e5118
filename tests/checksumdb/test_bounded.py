"""The dictionary with a bound."""

from __future__ import annotations

from modgate.checksumdb.bounded import Bounded


def test_what_was_unused_longest_is_forgotten() -> None:
    cache: Bounded[int, bytes] = Bounded(1000, len)
    for i in range(500):
        cache.put(i, bytes(100))
        cache.get(0)
    assert cache.weight == 1000
    assert len(cache) == 10
    assert cache.get(0) is not None
    assert cache.get(1) is None


def test_putting_again_counts_once() -> None:
    cache: Bounded[str, bytes] = Bounded(1000, len)
    for _ in range(50):
        cache.put("a", bytes(400))
    assert cache.weight == 400
    cache.pop("a")
    cache.pop("a")
    assert cache.weight == 0


def test_what_is_larger_than_all_is_not_kept() -> None:
    cache: Bounded[str, bytes] = Bounded(10, len)
    cache.put("a", bytes(11))
    assert cache.get("a") is None


def test_empty_values_weigh_too() -> None:
    cache: Bounded[int, bytes] = Bounded(10, len)
    for i in range(100):
        cache.put(i, b"")
    assert len(cache) == 10
