"""The prober that really goes out.

Every experiment is made once: the task is remembered, not the answer, so that checks which ask at the same
time wait for the same one. It runs on when a check that waits for it is cancelled.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from modgate.client.findings import Phase
from modgate.client.net.dial import dial
from modgate.client.net.facts import Certificate, Exchange, Failure, FailureKind, Resolution
from modgate.client.net.opening import shake
from modgate.client.net.resolve import resolve
from modgate.client.net.session import Session
from modgate.client.net.wire import Ended, Stopwatch, TlsWire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Sequence

    from modgate.client.net.session import Outfit

__all__ = ["LiveProber"]

T = TypeVar("T")

_AT_ONCE = 48
_DNS_MESSAGE = "application/dns-message"


class LiveProber:
    """Probes over this machine's network. One event loop; made by wiring."""

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = replace(outfit, resolve=self.resolve)
        self._limits = outfit.limits
        self._made: dict[Hashable, asyncio.Task[Any]] = {}
        self._running = asyncio.Semaphore(_AT_ONCE)

    async def resolve(self, host: str, server: str = "system") -> Resolution:
        """As Prober says."""
        return await self._once(("resolve", host, server), lambda: self._resolve(host, server))

    async def connect(self, address: str, port: int) -> tuple[float, Failure | None]:
        """As Prober says."""
        return await self._once(("connect", address, port), lambda: self._connect(address, port))

    async def handshake(
        self, address: str, port: int, name: str
    ) -> tuple[float, Certificate | None, Failure | None]:
        """As Prober says."""
        key = ("handshake", address, port, name)
        return await self._once(key, lambda: self._handshake(address, port, name))

    async def get(
        self,
        url: str,
        *,
        method: str = "GET",
        most: int = 65536,
        address: str | None = None,
        direct: bool = False,
        headers: Sequence[tuple[str, str]] = (),
        fresh: bool = False,
        seconds: float | None = None,
    ) -> Exchange:
        """As Prober says."""
        key = ("get", url, method, most, address, direct, tuple(headers), seconds)

        async def fetch() -> Exchange:
            async with Session(self._outfit, reuse=False) as session:
                return await session.fetch(
                    url,
                    method=method,
                    most=most,
                    address=address,
                    direct=direct,
                    headers=headers,
                    seconds=seconds,
                )

        if fresh:
            async with self._running:
                return await fetch()
        return await self._once(key, fetch)

    async def _once(self, key: Hashable, make: Callable[[], Coroutine[object, object, T]]) -> T:
        task = self._made.get(key)
        if task is None:
            task = self._made[key] = asyncio.create_task(self._bounded(key, make))
        made: T = await asyncio.shield(task)
        return made

    async def _bounded(self, key: Hashable, make: Callable[[], Coroutine[object, object, T]]) -> T:
        # A name is resolved inside of other probes: to wait for their place would be a deadlock.
        if isinstance(key, tuple) and key[0] == "resolve":
            return await make()
        async with self._running:
            return await make()

    async def _resolve(self, host: str, server: str) -> Resolution:
        return await resolve(host, server, self._limits.dns, self._post)

    async def _post(self, url: str, message: bytes) -> bytes | Failure:
        headers = [("Content-Type", _DNS_MESSAGE), ("Accept", _DNS_MESSAGE)]
        async with Session(self._outfit, reuse=False) as session:
            answer = await session.fetch(url, method="POST", headers=headers, content=message)
        if (failure := answer.failure) is not None:
            # That the server's own name is unknown says nothing of the name that is asked for.
            kind = FailureKind.UNREACHABLE if failure.phase is Phase.DNS else failure.kind
            return Failure(Phase.DNS, kind, f"{failure.phase}: {failure.text or failure.kind}")
        if answer.status != 200:
            return Failure(Phase.DNS, FailureKind.SERVER_FAILURE, f"HTTP {answer.status}")
        return answer.body

    async def _connect(self, address: str, port: int) -> tuple[float, Failure | None]:
        watch = Stopwatch(self._limits.connect)
        failure = None
        try:
            async with watch.step("connect", self._limits.connect, Phase.CONNECT):
                (await dial(address, port)).close()
        except Ended as ended:
            failure = ended.failure
        return _spent(watch), failure

    async def _handshake(
        self, address: str, port: int, name: str
    ) -> tuple[float, Certificate | None, Failure | None]:
        limits, trust = self._limits, self._outfit.trust
        watch = Stopwatch(limits.connect + limits.tls)
        try:
            async with watch.step("connect", limits.connect, Phase.CONNECT):
                wire = await dial(address, port)
        except Ended as ended:
            return _spent(watch), None, ended.failure
        try:
            async with watch.step("tls", limits.tls, Phase.TLS):
                tls = TlsWire(wire, trust.context(("h2", "http/1.1")), name)
                await tls.shake()
            return _spent(watch), trust.describe(tls.tls, trusted=True), None
        except Ended as ended:
            return _spent(watch), None, ended.failure
        except ssl.SSLCertVerificationError as error:
            shown = await self._shown(address, port, name)
            return _spent(watch), shown, trust.judge(shown, name, error)
        finally:
            wire.close()

    async def _shown(self, address: str, port: int, name: str) -> Certificate | None:
        watch = Stopwatch(self._limits.tls)
        try:
            async with watch.step("tls", self._limits.tls, Phase.TLS):
                wire = await dial(address, port)
                try:
                    return await shake(wire, name, self._outfit.trust)
                finally:
                    wire.close()
        except Ended:
            return None


def _spent(watch: Stopwatch) -> float:
    return sum(step.seconds for step in watch.steps())
