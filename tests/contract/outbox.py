"""What every outbox promises: a suite to inherit from, with a fixture `books`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from modgate.model.outbox import Message

if TYPE_CHECKING:
    from modgate.model.outbox import Outbox
    from modgate.wiring.books import Books

__all__ = ["OutboxContract", "message"]


def message(key: str, *, target: str = "ops", at: float = 5.0, consumer: str = "team-a") -> Message:
    return Message(
        target, key, "denied", at, consumer, {"why": f"é {key}", "list": [1, 2.5, None, {"a": True}]}
    )


async def keys(outbox: Outbox, target: str = "ops", *, limit: int = 100) -> list[str]:
    return [each.message.key for each in await outbox.waiting(target, limit=limit)]


class OutboxContract:
    """The promises of model/outbox.py."""

    async def test_a_message_comes_back_whole(self, books: Books) -> None:
        assert await books.outbox.enqueue([message("k1")]) == 1
        (each,) = await books.outbox.waiting("ops")
        assert each.message == message("k1")
        assert (each.attempts, each.next_at, each.error, each.state) == (0, 0.0, "", "waiting")

    async def test_a_message_is_found_by_its_number(self, books: Books) -> None:
        await books.outbox.enqueue([message("k1"), message("k2")])
        number = (await books.outbox.waiting("ops"))[1].number
        found = await books.outbox.delivery(number)
        assert found is not None
        assert found.message == message("k2")
        assert await books.outbox.delivery(number + 1) is None

    async def test_messages_of_a_target_wait_in_the_order_in_which_they_came(self, books: Books) -> None:
        await books.outbox.enqueue([message(f"k{i}", at=float(-i)) for i in range(5)])
        await books.outbox.enqueue([message("x", target="other"), message("k5")])
        assert await keys(books.outbox) == ["k0", "k1", "k2", "k3", "k4", "k5"]
        assert await keys(books.outbox, limit=2) == ["k0", "k1"]
        assert await keys(books.outbox, "other") == ["x"]
        assert await keys(books.outbox, "nobody") == []

    async def test_a_key_is_taken_once_for_each_target(self, books: Books) -> None:
        outbox = books.outbox
        assert await outbox.enqueue([message("k1"), message("k1"), message("k1", target="b")]) == 2
        assert await outbox.enqueue([message("k1"), message("k2")]) == 1
        assert await outbox.enqueue([message("x", target="a1"), message("1x", target="a")]) == 2
        assert await keys(outbox) == ["k1", "k2"]

    async def test_a_key_is_taken_once_by_many_at_once(self, books: Books) -> None:
        told = await asyncio.gather(
            *(books.outbox.enqueue([message("k1"), message("k2")]) for _ in range(50))
        )
        assert sum(told) == 2

    async def test_a_key_stays_taken_when_its_message_is_forgotten(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1"), message("k2"), message("k3")])
        one, two, _ = await outbox.waiting("ops")
        await outbox.delivered(one.number, at=6.0)
        await outbox.failed(two.number, error="500", next_at=None)
        assert await outbox.forget(before=5.0) == 0
        assert await outbox.forget(before=7.0) == 2
        assert await outbox.enqueue([message("k1"), message("k2")]) == 0
        assert await keys(outbox) == ["k3"]

    async def test_thousands_go_in_at_once(self, books: Books) -> None:
        many = [message(f"k{i}", consumer=f"team-{i}") for i in range(2500)]
        assert await books.outbox.enqueue(many) == 2500
        assert await books.outbox.enqueue(many) == 0
        assert await books.outbox.counts() == {("ops", "waiting"): 2500}

    async def test_a_mark_is_set_with_the_messages(self, books: Books) -> None:
        outbox = books.outbox
        assert await outbox.mark("advisories") == ""
        await outbox.enqueue([message("k1")], mark=("advisories", "é1"))
        assert await outbox.mark("advisories") == "é1"
        assert await outbox.enqueue([], mark=("advisories", "2")) == 0
        assert await outbox.mark("advisories") == "2"
        assert await outbox.enqueue([]) == 0

    async def test_what_was_delivered_waits_no_more(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1"), message("k2")])
        first, _ = await outbox.waiting("ops")
        await outbox.delivered(first.number, at=6.0)
        assert await keys(outbox) == ["k2"]
        assert await outbox.counts() == {("ops", "waiting"): 1, ("ops", "delivered"): 1}
        await outbox.failed(first.number, error="late", next_at=None)
        assert await outbox.counts() == {("ops", "waiting"): 1, ("ops", "delivered"): 1}

    async def test_what_failed_keeps_its_place_and_tells_when_again(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1"), message("k2")])
        first, _ = await outbox.waiting("ops")
        await outbox.failed(first.number, error="503 é\0", next_at=9.5)
        again, _ = await outbox.waiting("ops")
        assert (again.number, again.attempts, again.next_at) == (first.number, 1, 9.5)
        assert again.error.startswith("503 é")

    async def test_dead_ones_wait_again_when_they_are_replayed(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1"), message("k2"), message("k3", target="b")])
        for each in [*await outbox.waiting("ops"), *await outbox.waiting("b")]:
            await outbox.failed(each.number, error="gone", next_at=None)
        assert await keys(outbox) == []
        dead = await outbox.deliveries(state="dead", target="ops")
        assert [(each.message.key, each.attempts, each.error) for each in dead] == [
            ("k2", 1, "gone"),
            ("k1", 1, "gone"),
        ]
        assert await outbox.replay(number=dead[0].number, at=8.0) == 1
        assert await keys(outbox) == ["k2"]
        assert await outbox.replay(target="ops", at=9.0) == 1
        first, _ = await outbox.waiting("ops")
        assert (first.message.key, first.attempts, first.next_at) == ("k1", 0, 9.0)
        assert await outbox.replay(at=9.0) == 1
        assert await outbox.replay(at=9.0) == 0

    async def test_deliveries_are_told_the_newest_first(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1"), message("k2", target="b"), message("k3")])
        assert [each.message.key for each in await outbox.deliveries()] == ["k3", "k2", "k1"]
        assert [each.message.key for each in await outbox.deliveries(target="ops", limit=1)] == ["k3"]
        assert await outbox.deliveries(state="dead") == []

    async def test_what_waits_is_never_forgotten(self, books: Books) -> None:
        await books.outbox.enqueue([message("k1", at=0.0)])
        assert await books.outbox.forget(before=1e12) == 0

    async def test_numbers_grow_also_when_the_last_was_forgotten(self, books: Books) -> None:
        outbox = books.outbox
        await outbox.enqueue([message("k1")])
        (first,) = await outbox.waiting("ops")
        await outbox.delivered(first.number, at=1.0)
        await outbox.forget(before=2.0)
        await outbox.enqueue([message("k2")])
        (second,) = await outbox.waiting("ops")
        assert second.number > first.number
