"""The fills of a gate that are under way, whichever configuration began them.

A reload makes a second way beside the first, and an object that the first is fetching is not fetched once
more by the second: with the same source, the same credentials and the same proof asked for it would only be
the same bytes again. `way` is what two configurations must have in common for that; under another way an
object is fetched anew, since whoever changed an upstream that hangs must not wait for it. A client's
credential scope is a part of the key for the same reason. What may be given of a fill to whom is decided in
front of it, by the policy in force when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modgate.source.fill import Fill

__all__ = ["FillKey", "Fills"]


class FillKey(NamedTuple):
    """What makes two fills the same; `path` is `Request.url_path`."""

    way: int
    scope: str
    path: str


class Fills:
    """At most one fill for each key; `ended` counts those that are over."""

    def __init__(self) -> None:
        self.ended = 0
        self._under_way: dict[FillKey, Fill] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def __iter__(self) -> Iterator[FillKey]:
        return iter(self._under_way)

    def __contains__(self, key: FillKey) -> bool:
        return key in self._under_way

    def get(self, key: FillKey) -> Fill | None:
        """The fill that is under way."""
        return self._under_way.get(key)

    def values(self) -> Iterable[Fill]:
        """All that are under way."""
        return self._under_way.values()

    def begin(self, key: FillKey, fill: Fill) -> None:
        """This one is joined from now on."""
        self._under_way[key] = fill

    def end(self, key: FillKey, fill: Fill) -> None:
        """It is over. Another one may stand in its place already."""
        if self._under_way.get(key) is fill:
            del self._under_way[key]
        self.ended += 1
