"""A dictionary that forgets what was unused longest when it weighs too much."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Bounded"]

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """At most `limit` in sum of `weigh(value)`, each value counting at least 1."""

    def __init__(self, limit: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._items: OrderedDict[K, V] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> V | None:
        """The value, which counts as used now."""
        if key not in self._items:
            return None
        self._items.move_to_end(key)
        return self._items[key]

    def put(self, key: K, value: V) -> None:
        """Remember, and forget what no longer fits."""
        self.pop(key)
        self._items[key] = value
        self.weight += self._cost(value)
        while self.weight > self._limit and self._items:
            self.pop(next(iter(self._items)))

    def pop(self, key: K) -> None:
        """Forget; nothing happens if it is not there."""
        value = self._items.pop(key, None)
        if value is not None:
            self.weight -= self._cost(value)

    def _cost(self, value: V) -> int:
        return max(self._weigh(value), 1)
