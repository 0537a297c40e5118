"""Messages reach a real receiver: each at least once, in order, whatever it does."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.ledger.memory import MemoryLedger
from modgate.ledger.sql import SqlLedger
from modgate.notify import dispatch
from modgate.notify.dispatch import Clocks, Settings, Worker
from modgate.notify.target import Reply
from modgate.wiring.books import build_books
from tests.notify.parts import SECRET, dispatching, message, settled, target, until, verified
from tests.support.outbox import MemoryOutbox
from tests.support.receiver import OK, Answer, Received, Receiver, status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modgate.model.ledger import Lease
    from modgate.notify.target import Post

ROOT = Path(__file__).parents[2]


def names(received: Sequence[Received]) -> list[str]:
    return [json.loads(each.body)["data"]["n"] for each in received]


def once(items: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(items))


def numbered(count: int) -> list[str]:
    return [str(n) for n in range(count)]


def in_turn(*answers: Answer) -> Callable[[Received], Answer]:
    turns = iter(answers)
    return lambda _received: next(turns, OK)


async def filled(outbox: MemoryOutbox, count: int, name: str = "ops") -> None:
    await outbox.enqueue([message(f"k{n}", name, n=str(n)) for n in range(count)])


async def test_a_message_reaches_its_receiver_signed() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url)]) as dispatcher:
            await filled(outbox, 1)
            dispatcher.wake()
            await settled(outbox)
    assert len(receiver.got) == 1
    assert verified(receiver.got[0])
    assert not verified(receiver.got[0], b"another secret")
    event = json.loads(receiver.got[0].body)
    assert event["id"] == receiver.got[0].headers["webhook-id"]
    assert event["data"]["consumer"] == "team-a"
    assert await outbox.counts() == {("ops", "delivered"): 1}


async def test_while_a_secret_is_replaced_both_verify() -> None:
    outbox = MemoryOutbox()
    both = (b"the new one", SECRET)
    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url, secrets=lambda: both)]):
            await filled(outbox, 1)
            await settled(outbox)
    assert all(verified(receiver.got[0], secret) for secret in both)


async def test_a_receiver_that_fails_half_of_the_time_gets_everything_in_order() -> None:
    outbox = MemoryOutbox()
    count = 60
    with Receiver() as receiver:
        receiver.answer = lambda _received: OK if len(receiver.got) % 2 == 0 else status(500, b"not now")
        async with dispatching(outbox, [target(receiver.url)]):
            await filled(outbox, count)
            await settled(outbox)
    assert names(receiver.taken) == numbered(count)
    assert len(receiver.got) == 2 * count
    assert len({each.headers["webhook-id"] for each in receiver.got}) == count


async def test_an_answer_that_ends_in_the_middle_is_no_delivery_unless_its_head_said_so() -> None:
    cut_head = Answer(b"HTTP/1.1 200 OK\r\nContent-")
    nothing = Answer(b"\n")
    outbox = MemoryOutbox()
    with Receiver(in_turn(cut_head, nothing)) as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await filled(outbox, 2)
            await settled(outbox)
    assert names(receiver.got) == ["0", "0", "0", "1"]


async def test_a_receiver_that_said_2xx_and_stalls_then_has_taken_it() -> None:
    promised = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", linger=True)
    outbox = MemoryOutbox()
    with Receiver(in_turn(promised)) as receiver:
        async with dispatching(outbox, [target(receiver.url)], timeout=0.2):
            await filled(outbox, 2)
            await settled(outbox)
    assert names(receiver.got) == numbered(2)


async def test_a_bots_answer_may_come_in_pieces() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n"
    pieces = Answer(head + b'{"code":0,', more=(b'"msg":', b'"sent"', b"}"))
    outbox = MemoryOutbox()
    with Receiver(in_turn(pieces)) as receiver:
        async with dispatching(outbox, [target(receiver.url, format="feishu")], attempts=1):
            await filled(outbox, 1)
            await settled(outbox)
    assert await outbox.counts() == {("ops", "delivered"): 1}


async def test_a_receiver_that_stalls_is_given_up_after_the_time_out_and_asked_again() -> None:
    outbox = MemoryOutbox()
    with Receiver(in_turn(Answer(stall=True))) as receiver:
        async with dispatching(outbox, [target(receiver.url)], timeout=0.2):
            await filled(outbox, 2)
            await until(lambda: len(receiver.got) >= 2)
            await settled(outbox)
    assert names(receiver.got) == ["0", "0", "1"]


async def test_a_receiver_that_is_away_gets_everything_when_it_is_back() -> None:
    outbox = MemoryOutbox()
    receiver = Receiver().start()
    receiver.stop()
    async with dispatching(outbox, [target(receiver.url)], attempts=1000) as dispatcher:
        await filled(outbox, 5)
        await until(lambda: dispatcher.workers["ops"].failed >= 2)
        assert "cannot be reached" in (await outbox.deliveries())[-1].error
        with receiver:
            await settled(outbox)
    assert names(receiver.got) == numbered(5)


async def test_a_failing_receiver_holds_up_its_own_messages_and_nobody_elses() -> None:
    outbox = MemoryOutbox()
    with Receiver(lambda _received: status(503)) as bad, Receiver() as good:
        targets = [target(bad.url, "bad"), target(good.url, "good")]
        async with dispatching(outbox, targets, attempts=1000):
            await filled(outbox, 3, "bad")
            await filled(outbox, 3, "good")
            await settled(outbox, "good")
            await until(lambda: len(bad.got) >= 2)
    assert set(names(bad.got)) == {"0"}
    assert names(good.got) == numbered(3)


async def test_what_nobody_takes_is_dead_after_its_attempts_and_the_next_goes_on() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:
        receiver.answer = lambda received: status(500, b"no") if names([received]) == ["0"] else OK
        async with dispatching(outbox, [target(receiver.url)], attempts=4):
            await filled(outbox, 2)
            await settled(outbox)
            [dead] = await outbox.deliveries(state="dead")
            assert (dead.message.key, dead.attempts, dead.error) == ("k0", 4, "answered 500: no")
            receiver.answer = lambda _received: OK
            assert await outbox.replay(at=time.time()) == 1
            await settled(outbox)
    assert names(receiver.got) == ["0"] * 4 + ["1", "0"]
    assert await outbox.counts() == {("ops", "delivered"): 2}


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_a_message_that_a_receiver_finds_fault_with_is_not_sent_for_hours(code: int) -> None:
    outbox = MemoryOutbox()
    with Receiver(lambda _received: status(code)) as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await filled(outbox, 1)
            await settled(outbox)
    assert len(receiver.got) == 3


async def test_a_message_that_cannot_be_written_is_given_up_and_the_next_goes_on() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await outbox.enqueue([replace(message("bad"), at=1e300), message("good", n="good")])
            await settled(outbox)
        [dead] = await outbox.deliveries(state="dead")
    assert (dead.message.key, dead.attempts) == ("bad", 3)
    assert dead.error.startswith("it cannot be written")
    assert names(receiver.got) == ["good"]


async def test_a_redirect_is_not_followed() -> None:
    outbox = MemoryOutbox()
    with Receiver() as elsewhere, Receiver(lambda _received: status(307, Location=elsewhere.url)) as receiver:
        async with dispatching(outbox, [target(receiver.url)], attempts=1):
            await filled(outbox, 1)
            await settled(outbox)
    assert not elsewhere.got
    assert "redirect" in (await outbox.deliveries())[0].error


async def test_of_an_answer_without_end_only_a_beginning_is_read() -> None:
    outbox = MemoryOutbox()
    endless = Answer(b"HTTP/1.1 500 No\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 2_000_000)
    with Receiver(in_turn(endless)) as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await filled(outbox, 1)
            await settled(outbox)
    assert len(receiver.got) == 2


async def test_what_a_receiver_says_is_kept_without_its_address() -> None:
    outbox = MemoryOutbox()
    with Receiver(lambda received: status(500, b"no \x1b[31m" + received.target.encode())) as receiver:
        async with dispatching(outbox, [target(receiver.url)], attempts=1):
            await filled(outbox, 1)
            await settled(outbox)
    error = (await outbox.deliveries())[0].error
    assert error.startswith("answered 500: no")
    assert "secret-path" not in error
    assert error.isprintable()


async def test_a_bot_that_refuses_with_200_has_not_taken_it() -> None:
    outbox = MemoryOutbox()
    refusing = status(200, b'{"code":19021,"msg":"sign match fail"}')
    taking = status(200, b'{"code":0,"msg":"success","data":{}}')
    with Receiver(in_turn(refusing, taking)) as receiver:
        async with dispatching(outbox, [target(receiver.url, format="feishu")]):
            await filled(outbox, 1)
            await settled(outbox)
    assert len(receiver.got) == 2


class Rehearsed:
    """Time that passes only where somebody sleeps, and says when things were done."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.now, lambda: self.now, self.sleep, lambda: 0.0)


class Posts:
    """A receiver in memory that takes everything, and knows when it came."""

    def __init__(self, rehearsed: Rehearsed) -> None:
        self._time = rehearsed
        self.at: list[float] = []

    async def post(self, post: Post) -> Reply:
        assert post.body
        self.at.append(self._time.now)
        return Reply(200)

    async def close(self) -> None: ...


def worker(outbox: MemoryOutbox, poster: Posts, rehearsed: Rehearsed, *, rate: float) -> Worker:
    return Worker(
        target("http://127.0.0.1:1/", rate=rate),
        outbox=outbox,
        leases=MemoryLedger(clock=lambda: rehearsed.now),
        poster=poster,
        settings=Settings(holder="a"),
        clocks=rehearsed.clocks,
    )


async def test_within_any_second_no_more_messages_leave_than_the_rate_allows() -> None:
    outbox, rehearsed = MemoryOutbox(), Rehearsed()
    posts = Posts(rehearsed)
    serving = worker(outbox, posts, rehearsed, rate=5.0)
    await filled(outbox, 60)
    while await outbox.waiting("ops", limit=1):
        await serving.step()
    assert len(posts.at) == 60
    for start in posts.at:
        assert sum(start <= at < start + 0.999 for at in posts.at) <= 5


async def test_retry_after_is_waited_for() -> None:
    outbox = MemoryOutbox()
    with Receiver(lambda _received: status(429, Retry_After="1234")) as receiver:
        async with dispatching(outbox, [target(receiver.url)]):
            await filled(outbox, 1)
            began = time.time()
            await until(lambda: len(receiver.got) == 1)
            while not (waiting := await outbox.waiting("ops"))[0].attempts:
                await asyncio.sleep(0.005)
    assert waiting[0].next_at >= began + 1234


async def test_a_ledger_that_is_away_is_waited_for_and_nothing_is_sent_twice_meanwhile() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:

        def break_it(_received: Received) -> Answer:
            outbox.broken = len(receiver.got) == 1
            return OK

        receiver.answer = break_it
        async with dispatching(outbox, [target(receiver.url)], speed=500) as dispatcher:
            await filled(outbox, 3)
            await until(lambda: dispatcher.workers["ops"].error == "the ledger is away")
            await asyncio.sleep(0.05)
            assert len(receiver.got) == 1
            outbox.broken = False
            await settled(outbox)
    assert names(receiver.got) == numbered(3)


async def test_a_secret_that_cannot_be_read_costs_no_attempt() -> None:
    outbox = MemoryOutbox()
    readable = False

    def secrets() -> tuple[bytes, ...]:
        if not readable:
            raise Unavailable("the file with the secret cannot be used")
        return (SECRET,)

    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url, secrets=secrets)], speed=500) as dispatcher:
            await filled(outbox, 1)
            await until(lambda: dispatcher.workers["ops"].error != "")
            assert (await outbox.waiting("ops"))[0].attempts == 0
            readable = True
            await settled(outbox)
    assert verified(receiver.got[0])


async def test_of_several_gates_on_one_ledger_one_sends() -> None:
    outbox, rehearsed = MemoryOutbox(), Rehearsed()
    leases = MemoryLedger(clock=lambda: rehearsed.now)
    posts = [Posts(rehearsed), Posts(rehearsed)]
    workers = [
        Worker(
            target("http://127.0.0.1:1/"),
            outbox=outbox,
            leases=leases,
            poster=poster,
            settings=Settings(holder=holder),
            clocks=rehearsed.clocks,
        )
        for holder, poster in zip("ab", posts, strict=True)
    ]
    await filled(outbox, 10)
    for _ in range(5):
        for each in workers:
            await each.step()
    assert [len(each.at) for each in posts] == [10, 0]
    assert [each.sending for each in workers] == [True, False]
    rehearsed.now += 61
    await outbox.enqueue([message("later", n="later")])
    await workers[1].step()
    assert [len(each.at) for each in posts] == [10, 1]


async def test_a_clock_that_is_set_back_makes_nobody_wait_longer_than_any_pause() -> None:
    outbox, rehearsed = MemoryOutbox(), Rehearsed()
    posts = Posts(rehearsed)
    serving = worker(outbox, posts, rehearsed, rate=1000.0)
    await filled(outbox, 2)
    [first, _] = await outbox.waiting("ops")
    await outbox.failed(first.number, error="busy", next_at=rehearsed.now + 60)
    assert 0 < await serving.step() <= 60
    rehearsed.now -= 7 * 86400
    await serving.step()
    assert len(posts.at) == 2


class Overtaken(Posts):
    """While this one waits for its turn, another gate does all of the work."""

    def __init__(self, rehearsed: Rehearsed, outbox: MemoryOutbox) -> None:
        super().__init__(rehearsed)
        self._outbox = outbox

    async def sleep(self, seconds: float) -> None:
        self._time.now += seconds
        for each in await self._outbox.waiting("ops"):
            await self._outbox.delivered(each.number, at=self._time.now)


async def test_who_lost_its_lease_over_a_long_wait_looks_again_before_it_sends() -> None:
    outbox, rehearsed = MemoryOutbox(), Rehearsed()
    leases = MemoryLedger(clock=lambda: rehearsed.now)
    posts = Overtaken(rehearsed, outbox)
    clocks = replace(rehearsed.clocks, sleep=posts.sleep)
    slow = target("http://127.0.0.1:1/", rate=0.001)
    serving = Worker(
        slow, outbox=outbox, leases=leases, poster=posts, settings=Settings(holder="a"), clocks=clocks
    )
    await filled(outbox, 3)
    await serving.step()
    assert await outbox.counts() == {("ops", "delivered"): 3}
    assert len(posts.at) == 1


class Renewed(MemoryLedger):
    """Knows until when a lease was last granted."""

    until = 0.0

    async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
        lease = await super().acquire(name, holder, ttl=ttl)
        self.until = self.until if lease is None else lease.expires_at
        return lease


class Slow(Posts):
    """Takes longer than a lease lasts, as long as its holder looks after it meanwhile."""

    def __init__(self, rehearsed: Rehearsed, leases: Renewed) -> None:
        super().__init__(rehearsed)
        self._leases = leases
        self.lost: list[bool] = []

    async def post(self, post: Post) -> Reply:
        for _ in range(3):
            self._time.now += 40
            await until(lambda: self._leases.until == self._time.now + 60)
            self.lost.append(await self._leases.acquire("webhook:ops", "another", ttl=60.0) is not None)
        return await super().post(post)


async def test_a_lease_is_kept_while_a_receiver_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "_LOOK", 0.005)
    outbox, rehearsed = MemoryOutbox(), Rehearsed()
    leases = Renewed(clock=lambda: rehearsed.now)
    posts = Slow(rehearsed, leases)
    serving = Worker(
        target("http://127.0.0.1:1/"),
        outbox=outbox,
        leases=leases,
        poster=posts,
        settings=Settings(holder="a"),
        clocks=rehearsed.clocks,
    )
    await filled(outbox, 1)
    await serving.step()
    assert posts.lost == [False] * 3


async def test_messages_of_a_webhook_that_is_gone_are_kept_for_its_return() -> None:
    outbox = MemoryOutbox()
    with Receiver() as receiver:
        async with dispatching(outbox, [target(receiver.url)]) as dispatcher:
            await dispatcher.replace([])
            await filled(outbox, 2)
            dispatcher.wake()
            await asyncio.sleep(0.05)
            assert await outbox.counts() == {("ops", "waiting"): 2}
            await dispatcher.replace([target(receiver.url)])
            await settled(outbox)
    assert names(receiver.got) == numbered(2)


async def killed_again_and_again(tmp_path: Path, *, count: int, kills: int) -> tuple[list[str], int]:
    """What was taken from a sender that was killed so often, and how often it was."""
    file = tmp_path / "ledger.db"
    ledger = await SqlLedger.open(file, clock=time.time)
    outbox = build_books(ledger).outbox
    await outbox.enqueue([message(f"k{n}", n=str(n)) for n in range(count)])
    done = 0
    with Receiver() as receiver:
        receiver.answer = lambda _received: OK if random.random() < 0.5 else status(500)
        while await outbox.waiting("ops", limit=1):
            sender = subprocess.Popen(
                [sys.executable, "-m", "tests.notify.killed", str(file), receiver.url],
                cwd=ROOT,
                stdout=subprocess.PIPE,
            )
            try:
                assert sender.stdout is not None
                assert await asyncio.to_thread(sender.stdout.readline) == b"up\n"
                seen = len(receiver.got)
                share = max(2, 2 * count // (kills + 1))
                while await outbox.waiting("ops", limit=1) and (
                    done >= kills or len(receiver.got) < seen + share
                ):
                    await asyncio.sleep(0.002)
            finally:
                sender.send_signal(signal.SIGKILL)
                await asyncio.to_thread(sender.communicate)
            done += 1
    await ledger.close()
    return names(receiver.taken), done


async def test_none_is_lost_and_the_order_stands_when_the_sender_is_killed(tmp_path: Path) -> None:
    taken, kills = await killed_again_and_again(tmp_path, count=120, kills=3)
    assert kills >= 3
    assert once(taken) == numbered(120)
    # What was taken and not yet marked when it was killed comes again, and nothing else does.
    assert sum(Counter(taken).values()) <= 120 + kills


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_none_is_lost_over_many_kills(tmp_path: Path) -> None:
    taken, kills = await killed_again_and_again(tmp_path, count=2000, kills=50)
    print(f"{kills} kills, {len(taken)} taken of 2000")
    assert kills >= 50
    assert once(taken) == numbered(2000)
    assert len(taken) <= 2000 + kills
