"""Telling people, for a gate: webhooks served; alerts, denials, waivers and advisories put into messages.

One `Notices` stands as long as the gate. What makes messages never waits for the ledger: what cannot be
written yet is kept, so many and no more. The configuration in force is looked at all the time, so a reload
puts other webhooks in the place of those before.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from modgate.errors import ModgateError, Unavailable
from modgate.firewall.alarms import Alarms
from modgate.firewall.fixes import Allowed
from modgate.firewall.notices import AdvisoryNotices, Settings
from modgate.firewall.owners import Owners as Teams
from modgate.firewall.subscriptions import Subscription
from modgate.notify.dispatch import Dispatcher
from modgate.notify.dispatch import Settings as Patience
from modgate.notify.post import HTTPPoster
from modgate.transport.credentials.secrets import too_open
from modgate.wiring.owners import owners_of, pseudonym_of
from modgate.wiring.webhooks import patience_of, real_clocks, target_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from prometheus_client.metrics_core import Metric

    from modgate.config import Config
    from modgate.firewall.notices import Index
    from modgate.model.decision import Decision
    from modgate.model.outbox import Message
    from modgate.wiring.gate import Gate

__all__ = ["Notices", "follow_notices"]

_LOOK = 1.0
_COUNT = 5.0
_WAIVERS = 30.0
_RETRY = 2.0
_KEPT = 10_000

_log = structlog.get_logger("modgate.notify")


@dataclass(frozen=True, slots=True)
class _KnownTeams:
    """The mapping file as those who make messages ask it (`firewall.subscriptions.Owners`)."""

    teams: Teams

    def contact_of(self, consumer: str) -> str:
        team = self.teams.team(consumer)
        return ", ".join(each for each in (team.contact, team.channel) if each)

    def groups_of(self, consumer: str) -> frozenset[str]:
        return self.teams.groups(consumer)


class Notices:
    """The notices of one gate. Made by `follow_notices`, which runs it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        standing = gate.standing
        self._outbox = standing.books.outbox
        self._owners = _KnownTeams(Teams())
        self._settings = Settings()
        self._config: tuple[Any, ...] = ()
        self._kept: deque[Message] = deque()
        self._more = asyncio.Event()
        self._news: tuple[Index | None, Index] | None = None
        self._changed = asyncio.Event()
        self._counts: dict[tuple[str, str], int] = {}
        self._oldest: dict[str, float] = {}
        self.dispatcher = Dispatcher(
            self._outbox,
            standing.ledger,
            poster=lambda _target: self._poster(),
            settings=Patience(),
            clocks=real_clocks(),
        )
        self.alarms = Alarms(clock=time.time, settings=lambda: self._settings, owners=lambda: self._owners)
        self._advisories = AdvisoryNotices(
            standing.books.consumers,
            self._outbox,
            standing.ledger,
            holder=standing.instance,
            clock=time.time,
            settings=lambda: self._settings,
            owners=lambda: self._owners,
            ways=self._ways,
            wake=self.dispatcher.wake,
        )

    def advisories_changed(self, old: Index | None, new: Index) -> None:
        """Other advisories are in force: whoever uses what they hit is told, as soon as the ledger answers.

        Called once at the start as well, with no `old`: what an earlier run did not come to is done then.
        """
        first = self._news[0] if self._news is not None else old
        self._news = (first, new)
        self._changed.set()

    def messages_for(self, decision: Decision) -> tuple[Message, ...]:
        """What goes into the outbox with a decision that is new."""
        return self.alarms.of_decision(decision)

    def tell(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox as soon as the ledger takes them."""
        self._kept.extend(messages)
        while len(self._kept) > _KEPT:
            self._kept.popleft()
        if messages:
            self._more.set()

    def facts(self) -> list[dict[str, Any]]:
        """For `modgate status`: a row for each webhook, and for those that are gone and left messages."""
        workers, now = self.dispatcher.workers, time.time()
        names = dict.fromkeys([*workers, *(target for target, _ in self._counts)])
        rows = []
        for name in names:
            worker, oldest = workers.get(name), self._oldest.get(name)
            rows.append(
                {
                    "name": name,
                    "configured": worker is not None,
                    "format": "" if worker is None else worker.target.format,
                    "waiting": self._counts.get((name, "waiting"), 0),
                    "delivered": self._counts.get((name, "delivered"), 0),
                    "dead": self._counts.get((name, "dead"), 0),
                    "oldest_seconds": None if oldest is None else max(0.0, now - oldest),
                    "error": "" if worker is None else worker.error,
                }
            )
        return rows

    async def run(self) -> None:
        """Never ends by itself."""
        async with asyncio.TaskGroup() as tasks:
            for loop in (
                self._watch,
                self._write,
                self._tell_advisories,
                self._look_at_waivers,
                self._count,
            ):
                tasks.create_task(_endless(loop))

    async def close(self) -> None:
        """Write what is left, if the ledger takes it now, and end every worker."""
        try:
            async with asyncio.timeout(_RETRY):
                await self._put()
        except (ModgateError, TimeoutError):
            _log.warning("notices are lost: the ledger does not take them", count=len(self._kept))
        await self.dispatcher.close()

    async def _watch(self) -> None:
        """Take over another configuration."""
        await asyncio.sleep(_LOOK)
        if _wanted(self._gate.ground.config) != self._config:
            await self.reconfigure()

    async def reconfigure(self) -> None:
        """Take over the configuration in force. Raises ModgateError for what it names and cannot be read."""
        config = self._gate.ground.config
        pseudonym = pseudonym_of(config)
        self._owners = _KnownTeams(await asyncio.to_thread(owners_of, config, pseudonym))
        self._settings = _settings(config, pseudonym)
        for webhook in config.webhooks:
            for path in (webhook.url_file, webhook.secret_file):
                if path is not None and (line := too_open(path)):
                    _log.warning(line)
        await self.dispatcher.replace(
            [target_of(each) for each in config.webhooks], patience_of(config, self._gate.standing.instance)
        )
        self._config = _wanted(config)

    async def _write(self) -> None:
        await self._more.wait()
        self._more.clear()
        while self._kept:
            try:
                await self._put()
            except Unavailable:
                await asyncio.sleep(_RETRY)

    async def _put(self) -> None:
        batch = list(self._kept)
        if not batch:
            return
        await self._outbox.enqueue(batch)
        # New ones may have come meanwhile, and the oldest may have been dropped for them.
        taken = set(map(id, batch))
        self._kept = deque(each for each in self._kept if id(each) not in taken)
        self.dispatcher.wake([each.target for each in batch])

    async def _tell_advisories(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        while self._news is not None:
            old, new = news = self._news
            try:
                done = await self._advisories.changed(old, new)
            except Unavailable as error:
                _log.warning("advisories: nobody is told yet", why=error.what)
                done = None
            if done is None:
                await asyncio.sleep(_RETRY)
            elif self._news is news:
                self._news = None
            else:
                # What was told of is what comes before the next.
                self._news = (new, self._news[1])

    async def _look_at_waivers(self) -> None:
        config = self._gate.ground.config
        if config.webhooks:
            granted = await self._gate.standing.books.waivers.waivers()
            waivers = [*granted, *self._gate.wall.guard.policy.waivers]
            self.tell(self.alarms.of_waivers(waivers, before=config.notify.waivers))
        await asyncio.sleep(_WAIVERS)

    async def _count(self) -> None:
        if self._gate.ground.config.webhooks or self._counts:
            self._counts = dict(await self._outbox.counts())
            oldest: dict[str, float] = {}
            for name in {target for (target, state), count in self._counts.items() if state == "waiting"}:
                if found := await self._outbox.waiting(name, limit=1):
                    oldest[name] = found[0].message.at
            self._oldest = oldest
        await asyncio.sleep(_COUNT)

    def _poster(self) -> HTTPPoster:
        return HTTPPoster(timeout=self._gate.ground.config.notify.timeout, clock=time.time)

    def _ways(self) -> Allowed:
        guard = self._gate.wall.guard
        return Allowed(guard, guard.gatherer.modules, monotonic=time.monotonic)

    def alerted(self, kind: str, subject: str, text: str) -> None:
        """An alert was raised (`source.observed.Observer`)."""
        if kind == "policy-broken":
            self.tell(self.alarms.of_broken_policy(text, subject))
        else:
            self.tell(self.alarms.of_alert(kind, subject, text))


@asynccontextmanager
async def follow_notices(gate: Gate) -> AsyncIterator[Notices]:
    """Serve the webhooks and make the notices of a gate until the context ends.

    Raises ModgateError for what the configuration names and cannot be read.
    """
    notices = Notices(gate)
    gate.standing.observer.tell_alerts(notices.alerted)
    gate.wall.recorder.messages_for = notices.messages_for
    gate.wall.examining.tell(lambda version, verdict: notices.tell(notices.alarms.of_scan(version, verdict)))
    await notices.reconfigure()
    gate.standing.metrics.registry.register(collector := _Counted(notices))
    task = asyncio.create_task(notices.run())
    try:
        yield notices
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await notices.close()
        gate.standing.metrics.registry.unregister(collector)


class _Counted(Collector):
    """What waits and what was given up, as it was some seconds ago."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily(
            "modgate_webhook_waiting", "Messages that wait to be delivered.", labels=["webhook"]
        )
        dead = GaugeMetricFamily("modgate_webhook_dead", "Messages that were given up.", labels=["webhook"])
        age = GaugeMetricFamily(
            "modgate_webhook_oldest_seconds", "Age of the oldest message that waits.", labels=["webhook"]
        )
        attempts = CounterMetricFamily(
            "modgate_webhook_attempts", "Attempts to deliver messages.", labels=["webhook", "result"]
        )
        for row in self._notices.facts():
            waiting.add_metric([row["name"]], row["waiting"])
            dead.add_metric([row["name"]], row["dead"])
            age.add_metric([row["name"]], row["oldest_seconds"] or 0.0)
        for name, worker in self._notices.dispatcher.workers.items():
            attempts.add_metric([name, "taken"], worker.sent)
            attempts.add_metric([name, "failed"], worker.failed)
        yield from (waiting, dead, age, attempts)


def _wanted(config: Config) -> tuple[Any, ...]:
    return config.webhooks, config.notify, config.consumers


def _settings(config: Config, pseudonym: Callable[[str], str] | None) -> Settings:
    """Who hears of what; where names are not kept, consumers that are named are known by their pseudonyms."""
    subscriptions = []
    for webhook in config.webhooks:
        consumers = webhook.consumers
        if pseudonym is not None:
            consumers += tuple(pseudonym(each) for each in consumers)
        subscriptions.append(Subscription(webhook.name, frozenset(webhook.events), consumers))
    notify = config.notify
    return Settings(tuple(subscriptions), notify.backlog, notify.doubtful, notify.contact)


async def _endless(step: Callable[[], Any]) -> None:
    """Do it again and again; what is broken is waited for."""
    while True:
        try:
            await step()
        except ModgateError as error:
            _log.debug("notices wait", why=error.what)
            await asyncio.sleep(_RETRY)
        except Exception:  # noqa: BLE001  the other loops go on
            _log.exception("notices failed")
            await asyncio.sleep(_LOOK * 30)
