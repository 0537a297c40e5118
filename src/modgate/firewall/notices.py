"""After advisories changed: one message for each consumer that uses what they hit, and for nobody else.

1. News are advisories that were never met, name other versions than before, or are worse than before. One
   that was never met must have been published since the last look, or some time before it (`backlog`): a
   gate that gets its first database, or another one, would otherwise tell everybody of years at once. What is
   older, `modgate impact` lists.
2. In use is what a consumer was given the zip of. What it was only asked about hits nobody.
3. A message tells one consumer of one advisory, with all its versions that are hit and the way out of each:
   a version that this consumer may use. Where none that would fix it may be used, that is told.
4. Entries that nobody reviewed and that no version closes are left out unless `doubtful` is set: hundreds of
   them are false alarms, and there is nothing to go to.
5. What was dealt with is written in the transaction of the last messages. Whoever is killed before does all
   of it again, and the keys of messages, each taken once for ever, leave out what was already said.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from modgate.firewall.fixes import Called, Closing
from modgate.firewall.subscriptions import NOBODY, subscribers
from modgate.firewall.told import Told
from modgate.gomod.toolchain import TOOLCHAIN
from modgate.gomod.types import ModulePath, ModuleVersion
from modgate.model.outbox import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from modgate.firewall.fixes import Ways
    from modgate.firewall.subscriptions import Owners, Subscription
    from modgate.model.advisory import Advisory, Hit
    from modgate.model.consumers import ConsumerBook, Use
    from modgate.model.ledger import Lease
    from modgate.model.outbox import Outbox

    class Leases(Protocol):
        """The two methods of a ledger that keep several gates apart."""

        async def acquire(self, name: str, holder: str, *, ttl: float) -> Lease | None:
            """As `modgate.model.Ledger`."""

        async def release(self, lease: Lease) -> bool:
            """Likewise."""


__all__ = ["AdvisoryNotices", "Index", "Settings"]

_MARK = "advisories"
_LEASE = 120.0
_BATCH = 500
_GO = frozenset({"stdlib", "toolchain"})
_MAX_VERSIONS = 200


class Index(Closing, Protocol):
    """An index that can be gone through."""

    @property
    def advisories(self) -> tuple[Advisory, ...]:
        """All of them, withdrawn ones included."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What is told.

    Attributes:
        subscriptions: Who hears of what.
        backlog: Seconds: how old an advisory that is met for the first time may be.
        doubtful: Whether entries that nobody reviewed and nothing closes are told of.
        ask: Where to ask for a waiver.
    """

    subscriptions: tuple[Subscription, ...] = ()
    backlog: float = 30 * 86400.0
    doubtful: bool = False
    ask: str = ""


class AdvisoryNotices:
    """Makes messages of what changed.

    Args:
        consumers: Who uses what.
        outbox: Where messages go.
        leases: Keeps several gates on one database from doing the same.
        holder: Names this one among them.
        clock: Unix seconds.
        settings: Asked each time, so that a reload counts at once.
        owners: Likewise.
        ways: Makes what knows where a consumer may go from a version; asked once for each look.
        wake: Told the webhooks that have something new.
    """

    def __init__(
        self,
        consumers: ConsumerBook,
        outbox: Outbox,
        leases: Leases,
        *,
        holder: str,
        clock: Callable[[], float],
        settings: Callable[[], Settings],
        owners: Callable[[], Owners] = lambda: NOBODY,
        ways: Callable[[], Ways] = Called,
        wake: Callable[[Sequence[str]], None] = lambda _targets: None,
    ) -> None:
        self._consumers = consumers
        self._outbox = outbox
        self._leases = leases
        self._holder = holder
        self._clock = clock
        self._settings = settings
        self._owners = owners
        self._ways = ways
        self._wake = wake
        self._log = structlog.get_logger("modgate.firewall")

    async def changed(self, old: Index | None, new: Index) -> int | None:
        """Tell of what `new` brought; how many messages were new, None where another gate is at it.

        `old` is what was in force before, where that is known. Raises Unavailable: then nothing is marked,
        and the next call does it.
        """
        if not new.digest or Told.read(await self._outbox.mark(_MARK)).digest == new.digest:
            return 0
        lease = await self._leases.acquire(f"notices:{_MARK}", self._holder, ttl=_LEASE)
        if lease is None:
            return None
        try:
            return await self._tell(old, new)
        finally:
            await self._leases.release(lease)

    async def _tell(self, old: Index | None, new: Index) -> int:
        settings, now = self._settings(), self._clock()
        # Another gate may have been at it a moment ago.
        told = Told.read(await self._outbox.mark(_MARK))
        if told.digest == new.digest:
            return 0
        since = (told.at or now) - settings.backlog
        news = [each for each in new.advisories if not each.withdrawn and told.is_news(each, since=since)]
        before = old if old is not None and old.digest == told.digest else None
        hits = await self._hits(news, new, before, settings) if settings.subscriptions else {}
        sent, targets, ways = 0, set[str](), self._ways()
        batch: list[Message] = []
        for (_, consumer), found in hits.items():
            messages = await self._messages(consumer, found, new, ways)
            batch += messages
            targets.update(each.target for each in messages)
            if len(batch) >= _BATCH:
                sent += await self._outbox.enqueue(batch)
                self._wake(sorted(targets))
                batch = []
        done = Told.of(new.advisories, digest=new.digest, at=now)
        sent += await self._outbox.enqueue(batch, mark=(_MARK, done.write()))
        self._wake(sorted(targets))
        self._log.info("advisories: told", news=len(news), messages=sent)
        return sent

    async def _hits(
        self, news: Sequence[Advisory], new: Index, before: Index | None, settings: Settings
    ) -> dict[tuple[str, str], list[tuple[Hit, Use]]]:
        """For each advisory and consumer, what it uses that is hit; without those for whom nothing is new."""
        wanted = {each.id: each for each in news}
        found: dict[tuple[str, str], list[tuple[Hit, Use]]] = defaultdict(list)
        for path in _modules(news):
            for use in await self._consumers.users(ModulePath(path)):
                if not use.consumer or use.consumer == f"erased-{use.ref}":
                    continue
                for hit in new.hits(path, use.version):
                    if hit.advisory.id in wanted and (settings.doubtful or not hit.doubtful):
                        found[hit.advisory.id, use.consumer].append((hit, use))
        if before is not None:
            return {key: each for key, each in found.items() if _is_new(each, before)}
        return found

    async def _messages(
        self, consumer: str, found: Sequence[tuple[Hit, Use]], index: Index, ways: Ways
    ) -> list[Message]:
        """What one consumer is told of one advisory, for each webhook that hears of it."""
        owners, settings, now = self._owners(), self._settings(), self._clock()
        advisory, groups = found[0][0].advisory, owners.groups_of(consumer)
        targets = subscribers(settings.subscriptions, "advisory", consumer, owners)
        if not targets:
            return []
        uses = {(hit.path, use.path, use.version): use for hit, use in found}
        versions = []
        for _, use in sorted(uses.items())[:_MAX_VERSIONS]:
            way = await ways.out(consumer, groups, ModuleVersion(use.path, use.version), index)
            told = {"module": use.path, "version": use.version, "fixed": way.fixed, "last": int(use.last)}
            versions.append(told | ({"withheld": way.withheld} if way.withheld else {}))
        body: dict[str, Any] = {"advisory": _told(advisory), "versions": versions}
        beside = {"contact": owners.contact_of(consumer), "ask": settings.ask}
        body |= {name: value for name, value in beside.items() if value}
        digest = _digest(advisory, uses)
        key = f"advisory:{advisory.id}:{consumer}:{digest}"
        return [Message(target, key, "advisory", now, consumer, body) for target in targets]


def _modules(news: Iterable[Advisory]) -> list[str]:
    """The modules that advisories name; Go's own are used as the module of toolchains."""
    paths = {block.path for advisory in news for block in advisory.blocks}
    return sorted((paths - _GO) | ({TOOLCHAIN} if paths & _GO else set()))


def _is_new(found: Sequence[tuple[Hit, Use]], before: Index) -> bool:
    """Whether some version was not hit before, or is hit worse."""
    for hit, use in found:
        known = next(
            (
                each.advisory
                for each in before.hits(use.path, use.version)
                if each.advisory.id == hit.advisory.id
            ),
            None,
        )
        if known is None or hit.advisory.severity.rank > known.severity.rank:
            return True
    return False


def _told(advisory: Advisory) -> dict[str, Any]:
    return {
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "severity": str(advisory.severity),
        "summary": advisory.summary,
        "url": advisory.url,
    }


def _digest(advisory: Advisory, uses: Iterable[tuple[str, str, str]]) -> str:
    """Names what is said: which versions are hit, and how badly."""
    text = "\n".join([str(advisory.severity), *(f"{path}@{version}" for _, path, version in sorted(uses))])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
