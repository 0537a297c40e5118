"""Requests to one mirror over one session: counted, bounded, and said in words when they fail."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.mirrors.results import LOST, Sample, Transfer
from modgate.client.mirrors.words import cleaned
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from modgate.client.mirrors.results import MirrorResult
    from modgate.client.net.facts import Exchange
    from modgate.client.net.session import Session

__all__ = ["Asker", "failure_word", "referers", "sample_of", "transfer_of"]

_TRIES = 3
_TOO_LITTLE = 1 << 16


class Asker:
    """One session with one mirror; what it costs is counted in the result."""

    def __init__(self, session: Session, result: MirrorResult) -> None:
        self._session = session
        self._result = result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    async def get(
        self, url: str, *, method: str = "GET", most: int = 65536, seconds: float | None = None
    ) -> Exchange:
        """One request as it goes."""
        answer = await self._session.fetch(url, method=method, most=most, seconds=seconds)
        self._result.requests += 1
        self._result.received += answer.size
        return answer

    async def settled(self, url: str, *, method: str = "GET", most: int = 65536) -> Exchange:
        """One request, made again (three times at most) where the network failed it: what the server says
        is wanted, not how often it can be reached.
        """
        answer = await self.get(url, method=method, most=most)
        for _ in range(_TRIES - 1):
            if not failure_word(answer):
                break
            answer = await self.get(url, method=method, most=most)
        return answer


def failure_word(exchange: Exchange) -> str:
    """`<phase>/<kind>`, `status/<code>` for an overloaded or broken server, empty where it went well.

    404 and 410 are answers, not failures; so are other statuses below 500, except 408 and 429.
    """
    if exchange.failure is not None:
        return f"{exchange.failure.phase.value}/{exchange.failure.kind.value}"
    if exchange.status >= 500 or exchange.status in {408, 429}:
        return f"status/{exchange.status}"
    return ""


def sample_of(exchange: Exchange, round_: int, *, cold: bool, kept: bool = True) -> Sample:
    """The sample in an exchange, its body left out; `kept`: the connection should still be there."""
    steps = tuple((step.name, step.seconds) for step in exchange.steps if step.name != "body")
    failure = failure_word(exchange)
    if not failure and not cold and kept and not exchange.reused:
        failure = LOST
    return Sample(round_, cold, sum(seconds for _, seconds in steps), steps, failure)


def transfer_of(exchange: Exchange) -> Transfer:
    """The transfer in an exchange. A rate needs 64 KiB: less arrives at once and says nothing."""
    seconds = exchange.step("body")
    rate = exchange.size / seconds if exchange.size >= _TOO_LITTLE and seconds > 0 else 0.0
    good = exchange.status == 200 and exchange.failure is None
    return Transfer(exchange.size, seconds, rate if good else 0.0, exchange.complete, failure_word(exchange))


def referers(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """For each redirect to another host: the Referer that go sends there (the URL that redirected, without
    credentials and query), and the host. Source: net/http, refererForURL.
    """
    urls = [exchange.url, *exchange.redirects]
    found = []
    for before, after in itertools.pairwise(urls):
        host = urlsplit(after).netloc.rpartition("@")[2]
        if host != urlsplit(before).netloc.rpartition("@")[2]:
            found.append((cleaned(redacted(before.partition("?")[0])), cleaned(host)))
    return tuple(found)
