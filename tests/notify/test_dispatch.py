"""Messages reach a real receiver: each at least once, in order, whatever it does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.notify.parts import dispatching, message, settled, target, verified
from tests.support.outbox import MemoryOutbox
from tests.support.receiver import OK, Answer, Received, Receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable


def keys(received: list[Received]) -> list[str]:
    return [json.loads(each.body)["data"]["n"] for each in received]


def first_of_each(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


def taking_turns(*answers: Answer) -> Callable[[Received], Answer]:
    turns = iter(answers)
    return lambda _received: next(turns, OK)


async def test_a_message_reaches_its_receiver_signed() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url)]) as dispatcher:
            await outbox.enqueue([message("one", n="1")])
            dispatcher.wake()
            await settled(outbox)
    assert len(receiver.got) == 1
    assert verified(receiver.got[0])
    assert not verified(receiver.got[0], b"another secret")
    event = json.loads(receiver.got[0].body)
    assert event["id"] == receiver.got[0].headers["webhook-id"]
    assert event["data"]["consumer"] == "team-a"
    assert await outbox.counts() == {("ops", "delivered"): 1}


async def test_a_receiver_that_fails_half_of_the_time_gets_everything_in_order() -> None:
    outbox = MemoryOutbox()
    count = 60

    def half(received: Received) -> Answer:
        return OK if len(receiver.got) % 2 == 0 else status(500, b"not now")

    with Receiver(half) as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await outbox.enqueue([message(f"k{n}", n=str(n)) for n in range(count)])
            await settled(outbox)
    assert keys(receiver.taken) == [str(n) for n in range(count)]
    assert len(receiver.got) == 2 * count
    assert {each.headers["webhook-id"] for each in receiver.got} == {
        each.headers["webhook-id"] for each in receiver.taken
    }
