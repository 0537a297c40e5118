"""What a consumer has received already: versions that no list may hide from it.

A version that vanishes from the list of somebody who builds with it makes `go get module@latest` go back to
an older one and drop what needs the newer. What the book of consumers says is held in memory for those that
asked last; what is counted since, and not written yet, is added. Where the book cannot be read nothing
is known, and who asks must hide nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from modgate.gomod.types import ModulePath, Version
from modgate.policy.facts import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modgate.firewall.patience import Patience
    from modgate.model.consumers import ConsumerBook, Fetches

__all__ = ["Received"]

_HELD = 20_000


class Received:
    """The versions that consumers have.

    Args:
        book: What is written down; None: nothing is.
        patience: How it is asked.
        since: What a consumer was given of a module since then.
        held: Bound on what is held in memory.
    """

    def __init__(
        self,
        book: ConsumerBook | None,
        patience: Patience,
        since: Callable[[str, ModulePath], frozenset[Version]] = lambda _consumer, _path: frozenset(),
        *,
        held: int = _HELD,
    ) -> None:
        self._book = book
        self._patience = patience
        self._since = since
        self._limit = held
        self._held: OrderedDict[tuple[str, str], frozenset[Version]] = OrderedDict()

    async def versions(self, consumer: str, path: ModulePath) -> frozenset[Version] | Unknown:
        """What it has of a module."""
        if not consumer:
            return frozenset()
        found = self._held.get((consumer, path))
        if found is not None:
            self._held.move_to_end((consumer, path))
            return found | self._since(consumer, path)
        # What is counted now may be written, and so be counted no more, before the book answers.
        since = self._since(consumer, path)
        book = self._book
        if book is None:
            return since
        asked = await self._patience.ask(lambda: book.received(consumer, path))
        if isinstance(asked, Unknown):
            return asked
        found = self._held[consumer, path] = asked | since
        while len(self._held) > self._limit:
            self._held.popitem(last=False)
        return found | self._since(consumer, path)

    def wrote(self, batch: Iterable[Fetches]) -> None:
        """These were written, and are counted no more."""
        for row in batch:
            key = (row.consumer, row.path)
            held = self._held.get(key)
            if held is not None and row.version not in held:
                self._held[key] = held | {Version(row.version)}

    def forget(self) -> None:
        """Ask the book again: consumers were erased, or uses dropped."""
        self._held.clear()
