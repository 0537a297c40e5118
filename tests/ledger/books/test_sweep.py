"""What is old goes in pieces, and what was used meanwhile stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.ledger.books import SqlConsumerBook
from modgate.ledger.books.sweep import SWEEP
from modgate.model.consumers import Fetches
from tests.contract.consumer_book import M, fetch
from tests.contract.ledger import SetClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.ledger.sql import SqlLedger
    from modgate.wiring.books import Books


async def test_more_than_one_piece_goes(books: Books) -> None:
    old = [Fetches("a", M, f"v0.0.{i}", "zip", 1, 1.0, 1.0) for i in range(2 * SWEEP + 7)]
    await books.consumers.add([*old, fetch("a", at=(1.0, 9.0))])
    assert await books.consumers.forget(before=2.0) == 2 * SWEEP + 7
    assert len(await books.consumers.users(M)) == 1


async def test_what_is_used_between_finding_and_dropping_stays(books: Books, ledger: SqlLedger) -> None:
    class Late:
        """A ledger in which somebody uses a version just after it was found to be old."""

        transact = staticmethod(ledger.transact)
        settle = staticmethod(ledger.settle)

        async def query(self, query: Any, values: Mapping[str, object]) -> Sequence[Any]:
            rows = await ledger.query(query, values)
            await books.consumers.add([fetch("a", at=(9.0, 9.0))])
            return rows

    await books.consumers.add([fetch("a", at=(1.0, 1.0)), fetch("b", at=(1.0, 1.0))])
    assert await SqlConsumerBook(Late(), clock=SetClock()).forget(before=2.0) == 1
    assert [use.consumer for use in await books.consumers.users(M)] == ["a"]
