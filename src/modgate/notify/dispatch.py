"""Messages leave the outbox: one worker for each webhook, in the order in which they came.

1. A worker holds its webhook's lease, so that of several gates on one database a single one sends to it. It
   is renewed while a receiver takes its time. Who had to take it anew looks again at what waits: another gate
   may have been at it.
2. The oldest message goes first. Whoever is after it waits until it was taken or given up.
3. It counts as taken when the receiver answered 2xx (and, for bots that say it there, nothing else in the
   body), and is marked as such after that: a gate that dies in between sends it again. At least once.
4. Otherwise it is tried again later: the pause doubles up to ten minutes, longer if the receiver asks for it.
   After `attempts` it is dead, kept for `modgate webhooks replay`, and the next one goes on. A receiver that
   finds fault with the message itself (400, 413, 422) gets it three times, not more; so does one that cannot
   be written in its form. A clock that is set back makes nobody wait longer than any pause is.
5. What is wrong on this side (a secret's file, the ledger) costs no attempts: the worker waits and goes on.

New messages of this process wake a worker at once; those of other processes are found by looking.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from modgate.errors import ModgateError, Unavailable
from modgate.messages import Catalogue
from modgate.notify.judged import Attempt, judged
from modgate.notify.pace import LONGEST_ASKED, Rate, pause_after
from modgate.notify.sign import message_id, signed_headers
from modgate.notify.target import Post
from modgate.notify.templates import render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from typing import Protocol

    from modgate.model.ledger import Lease
    from modgate.model.outbox import Delivery, Message, Outbox
    from modgate.notify.target import Poster, Target

    class Leases(Protocol):
        """The two methods of a ledger that keep several gates apart."""

        async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
            """As `modgate.model.Ledger`."""

        async def release(self, lease: Lease) -> bool:
            """Likewise."""


__all__ = ["Clocks", "Dispatcher", "Settings", "Worker"]

_BATCH = 50
_LEASE = 60.0
_LOOK = 15.0
_BROKEN = 5.0
_LONGEST_BROKEN = 60.0
_TRIES_AT_FAULT = 3
_WARN_EVERY = 60.0
_UNWRITABLE = (ValueError, TypeError, ArithmeticError, RecursionError, OSError, msgspec.MsgspecError)
_SECRET_FORMS = frozenset({"feishu", "dingtalk"})


@dataclass(frozen=True, slots=True)
class Settings:
    """How patient the dispatcher is; times in seconds.

    Attributes:
        source: Names this gate in messages.
        holder: Names this process among those that share the ledger.
        attempts: After how many a message is dead.
        backoff: The pause after a first failure.
        poll: The pause between two looks for messages of other processes.
    """

    source: str = "modgate"
    holder: str = ""
    attempts: int = 30
    backoff: float = 2.0
    poll: float = 1.0


@dataclass(frozen=True, slots=True)
class Clocks:
    """Time and chance: Unix seconds, seconds that only grow, waiting, and a number in [0, 1)."""

    clock: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    chance: Callable[[], float]


class Worker:
    """Serves one webhook. Made by `Dispatcher`."""

    def __init__(
        self,
        target: Target,
        *,
        outbox: Outbox,
        leases: Leases,
        poster: Poster,
        settings: Settings,
        clocks: Clocks,
    ) -> None:
        self.target = target
        self.error = ""
        self.sent = 0
        self.failed = 0
        self._outbox = outbox
        self._leases = leases
        self._poster = poster
        self._settings = settings
        self._clocks = clocks
        self._rate = Rate(target.rate, monotonic=clocks.monotonic)
        self._say = Catalogue(target.language)
        self._news = asyncio.Event()
        self._lease: Lease | None = None
        self._held_at = 0.0
        self._warned = -_WARN_EVERY
        self._log = structlog.get_logger("modgate.notify")

    @property
    def sending(self) -> bool:
        """Whether this process is the one that sends."""
        return self._lease is not None

    def wake(self) -> None:
        """There may be something new."""
        self._news.set()

    async def run(self) -> None:
        """Serve until cancelled. Nothing that is broken ends it."""
        broken = 0
        try:
            while True:
                try:
                    idle = await self.step()
                except ModgateError as error:
                    broken += 1
                    self._tell_broken(error)
                    await self._clocks.sleep(min(_LONGEST_BROKEN, _BROKEN * 2.0 ** min(broken - 1, 6)))
                    continue
                broken, self.error = 0, ""
                if idle:
                    await self._pause(idle)
        finally:
            await self._give_back()

    async def step(self) -> float:
        """Send what is due; how many seconds there is nothing to do, 0 where there is. Raises ModgateError
        for what is broken here.
        """
        self._news.clear()
        if not await self._hold():
            return _LOOK
        lease = self._lease
        waiting = await self._outbox.waiting(self.target.name, limit=_BATCH)
        for delivery in waiting:
            pause = delivery.next_at - self._clocks.clock()
            if 0 < pause <= LONGEST_ASKED:
                return pause
            if away := self._rate.turn():
                await self._clocks.sleep(away)
            if not await self._hold():
                return _LOOK
            if not _same(lease, self._lease) or not await self._deliver(delivery):
                return 0.0
        return 0.0 if waiting else self._settings.poll

    async def attempt(self, message: Message) -> Attempt:
        """Send a message once, whatever comes of it. Raises ModgateError for what is broken here."""
        target, now = self.target, self._clocks.clock()
        secrets = target.secrets()
        try:
            rendered = render(
                target.format,
                message,
                self._say,
                identifier=message_id(message),
                source=self._settings.source,
                at=now,
                secret=secrets[0] if secrets and target.format in _SECRET_FORMS else None,
            )
        except _UNWRITABLE as error:
            return Attempt(f"it cannot be written ({type(error).__name__})", at_fault=True)
        url = target.address()
        headers = {"Content-Type": rendered.content_type}
        # Their bots' secrets sign in their own way; what they get beside it could only be misread.
        if target.format not in _SECRET_FORMS:
            headers |= signed_headers(
                secrets, identifier=message_id(message), at=int(now), body=rendered.body
            )
        if rendered.query:
            url += ("&" if "?" in url else "?") + rendered.query
        post = Post(url, rendered.body, headers, internal=target.internal)
        try:
            reply = await self._poster.post(post)
        except ModgateError as error:
            return Attempt(error=error.what)
        return judged(target, reply, url)

    async def _deliver(self, delivery: Delivery) -> bool:
        """Send one message and write down what came of it; whether it was taken."""
        attempt = await self._while_held(self.attempt(delivery.message))
        number, now = delivery.number, self._clocks.clock()
        if not attempt.error:
            self.sent += 1
            await self._settle(lambda: self._outbox.delivered(number, at=now))
            return True
        self.failed += 1
        tried = delivery.attempts + 1
        most = self._settings.attempts
        if attempt.at_fault:
            most = min(most, _TRIES_AT_FAULT)
        pause = pause_after(
            tried, first=self._settings.backoff, chance=self._clocks.chance(), asked=attempt.asked
        )
        next_at = None if tried >= most else now + pause
        await self._settle(lambda: self._outbox.failed(number, error=attempt.error, next_at=next_at))
        tick = self._clocks.monotonic()
        loud = next_at is None or tick - self._warned >= _WARN_EVERY
        self._warned = tick if loud else self._warned
        log = self._log.warning if loud else self._log.debug
        log(
            "webhook: given up" if next_at is None else "webhook: not delivered",
            webhook=self.target.name,
            number=number,
            attempts=tried,
            why=attempt.error,
        )
        return False

    async def _settle(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write down what happened; what was sent is not sent again while the ledger is away."""
        pause = _BROKEN / 5
        while True:
            try:
                await write()
            except Unavailable as error:
                self._tell_broken(error)
            else:
                return
            await self._clocks.sleep(pause)
            pause = min(pause * 2, _LONGEST_BROKEN)

    async def _while_held(self, attempt: Coroutine[Any, Any, Attempt]) -> Attempt:
        """Make an attempt, however long it takes, without losing the lease over it."""
        task = asyncio.ensure_future(attempt)
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK))[0]:
                with suppress(ModgateError):
                    await self._hold()
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _hold(self) -> bool:
        """Have the lease for long enough to send; whether it is held. Two clocks are asked: one may be set
        back, the other stands still while the machine sleeps.
        """
        lease, now = self._lease, self._clocks.monotonic()
        if (
            lease is not None
            and lease.expires_at - self._clocks.clock() > _LEASE / 2
            and now - self._held_at < _LEASE / 2
        ):
            return True
        self._lease = await self._leases.acquire(
            f"webhook:{self.target.name}", self._settings.holder, ttl=_LEASE
        )
        self._held_at = now
        return self._lease is not None

    async def _give_back(self) -> None:
        if self._lease is not None:
            lease, self._lease = self._lease, None
            with suppress(ModgateError):
                await self._leases.release(lease)

    async def _pause(self, seconds: float) -> None:
        """Wait, at most until there is news."""
        waits = asyncio.ensure_future(self._clocks.sleep(min(seconds, _LOOK)))
        news = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({waits, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waits.cancel()
            news.cancel()
            await asyncio.gather(waits, news, return_exceptions=True)

    def _tell_broken(self, error: ModgateError) -> None:
        if self.error != error.what:
            self._log.warning("webhook: waits", webhook=self.target.name, why=error.what)
        self.error = error.what


class Dispatcher:
    """Runs a worker for each target; `replace` puts others in their place, for a reload."""

    def __init__(
        self,
        outbox: Outbox,
        leases: Leases,
        *,
        poster: Callable[[Target], Poster],
        settings: Settings,
        clocks: Clocks,
    ) -> None:
        self._outbox = outbox
        self._leases = leases
        self._poster = poster
        self._settings = settings
        self._clocks = clocks
        self._running: dict[str, tuple[Worker, Poster, asyncio.Task[None]]] = {}

    @property
    def workers(self) -> dict[str, Worker]:
        """The workers by the names of their webhooks."""
        return {name: worker for name, (worker, _, _) in self._running.items()}

    def wake(self, targets: Sequence[str] = ()) -> None:
        """Messages were put in for these webhooks, or for any."""
        for name, (worker, _, _) in self._running.items():
            if not targets or name in targets:
                worker.wake()

    async def replace(self, targets: Sequence[Target], settings: Settings | None = None) -> None:
        """Serve these webhooks from now on. What another one's messages wait for is its return."""
        await self.close()
        self._settings = settings or self._settings
        for target in targets:
            poster = self._poster(target)
            worker = Worker(
                target,
                outbox=self._outbox,
                leases=self._leases,
                poster=poster,
                settings=self._settings,
                clocks=self._clocks,
            )
            self._running[target.name] = (worker, poster, asyncio.create_task(self._watched(worker)))

    async def close(self) -> None:
        """End every worker. A message that is on its way is sent again later."""
        running, self._running = self._running, {}
        for _, _, task in running.values():
            task.cancel()
        await asyncio.gather(*(task for _, _, task in running.values()), return_exceptions=True)
        for _, poster, _ in running.values():
            await poster.close()

    async def _watched(self, worker: Worker) -> None:
        """Run a worker; one that fails by a fault of ours is begun again."""
        while True:
            try:
                await worker.run()
            except Exception:  # noqa: BLE001  one worker's fault must not end the others' way
                structlog.get_logger("modgate.notify").exception(
                    "webhook: the worker failed", webhook=worker.target.name
                )
                await self._clocks.sleep(_LONGEST_BROKEN)


def _same(before: Lease | None, now: Lease | None) -> bool:
    """Whether a lease was held all the time between."""
    return before is not None and now is not None and before.token == now.token
