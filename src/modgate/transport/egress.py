"""The guarded way out (`modgate.model.egress`): one listener on loopback, one passage for each run.

git, ssh and their kin connect by themselves and follow what servers tell them. So that none of it leads
to a place nobody named, they are given nothing but this proxy: it resolves, checks and connects
(`transport.dial`), counts, and ends what exceeds its quota, idles, or outlives its run. A passage's name
and password are random and good for one run; they are compared in constant time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.errors import Unavailable
from modgate.transport.dial import Dialer, DialError
from modgate.transport.egress_words import SPOKEN_NONSENSE, read_wish, tell
from modgate.transport.reach import NOWHERE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from modgate.transport.egress_words import Wish
    from modgate.transport.reach import Reach

__all__ = ["GuardedEgress"]

_PIECE = 1 << 16
_BUFFER = 1 << 18
_HANDSHAKE = 20.0
_REFUSALS = 100
_PIPE = Path(__file__).with_name("egress_pipe.py")


class _Passage:
    """The right of one run (`modgate.model.Passage`)."""

    def __init__(self, port: int, quota: int, reach: Reach) -> None:
        self.user = secrets.token_hex(8)
        self._password = secrets.token_hex(16)
        self._port = port
        self.quota = quota
        self.reach = reach
        self.received = 0
        self.sent = 0
        self.refusals: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.over = False

    def __repr__(self) -> str:
        return f"<passage: {self.received} bytes in, {self.sent} out>"

    @property
    def proxy(self) -> str:
        return f"socks5h://{self.user}:{self._password}@127.0.0.1:{self._port}"

    @property
    def http_proxy(self) -> str:
        return f"http://{self.user}:{self._password}@127.0.0.1:{self._port}"

    @property
    def proxy_command(self) -> str:
        # ssh expands % first and then hands the line to a shell.
        words = [sys.executable, "-I", "-S", str(_PIPE)]
        return " ".join(shlex.quote(word.replace("%", "%%")) for word in words) + " '%h' '%p'"

    @property
    def environment(self) -> Mapping[str, str]:
        # The name's ending says that it is ssh, which no proxy of the environment carries.
        return {"MODGATE_EGRESS_PASSAGE": f"{self._port}:{self.user}.ssh:{self._password}"}

    def knows(self, password: str) -> bool:
        return hmac.compare_digest(self._password.encode(), password.encode("utf-8", "replace"))

    def refuse(self, why: str) -> None:
        if len(self.refusals) < _REFUSALS:
            self.refusals.append(why)

    def exhausted(self) -> None:
        """Over its quota: said once, and every connection ends."""
        if not self.over:
            self.over = True
            self.refuse(f"more than {self.quota} bytes came: the transfer was stopped")
            for task in self.tasks:
                task.cancel()

    async def end(self) -> None:
        self.over = True
        tasks = [task for task in self.tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class GuardedEgress:
    """Opens passages (`modgate.model.Egress`); `idle` is in seconds.

    The listener starts with the first passage. `connections` bounds each passage.
    """

    def __init__(
        self,
        reach: Reach = NOWHERE,
        *,
        dialer: Dialer | None = None,
        idle: float = 300.0,
        connections: int = 32,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reach = reach
        self._dialer = dialer or Dialer()
        self._idle = idle
        self._connections = connections
        self._monotonic = monotonic
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._passages: dict[str, _Passage] = {}
        self._strangers: dict[asyncio.Task[None], None] = {}
        self._closed = False

    @contextlib.asynccontextmanager
    async def passage(self, *, quota: int, internal: frozenset[str] = frozenset()) -> AsyncIterator[_Passage]:
        """A passage that lets at most `quota` bytes in."""
        passage = _Passage(await self._port(), quota, self._reach.more(internal))
        self._passages[passage.user] = passage
        try:
            yield passage
        finally:
            del self._passages[passage.user]
            await passage.end()

    async def close(self) -> None:
        """Close every connection and the listener."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for passage in list(self._passages.values()):
            await passage.end()
        strangers = list(self._strangers)
        for task in strangers:
            task.cancel()
        await asyncio.gather(*strangers, return_exceptions=True)

    async def _port(self) -> int:
        async with self._starting:
            if self._closed:
                raise Unavailable("the gate is stopping", kind="stopping")
            if self._server is None:
                try:
                    self._server = await asyncio.start_server(
                        self._serve, "127.0.0.1", 0, limit=_BUFFER, backlog=64
                    )
                except OSError as error:
                    raise Unavailable(
                        f"the guarded way out cannot listen on loopback: {error.strerror}"
                    ) from error
            port: int = self._server.sockets[0].getsockname()[1]
            return port

    def _known(self, user: str, password: str) -> bool:
        passage = self._passages.get(user.removesuffix(".ssh"))
        if passage is None:
            hmac.compare_digest(password.encode("utf-8", "replace"), b"0" * 32)
            return False
        return passage.knows(password) and not passage.over

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a program, from its first byte to its end; says why where it fails."""
        task = asyncio.current_task()
        if task is None or self._closed:
            writer.transport.abort()
            return
        if len(self._strangers) >= 4 * self._connections:
            # Any program of the machine may connect and say nothing; ours prove themselves at once.
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            oldest.cancel()
        self._strangers[task] = None
        try:
            async with asyncio.timeout(_HANDSHAKE):
                wish = await read_wish(reader, writer, self._known)
            passage = self._passages.get(wish.user.removesuffix(".ssh")) if wish is not None else None
            if wish is None or passage is None:
                await writer.drain()
                return
            passage.tasks.add(task)
            self._strangers.pop(task, None)
            try:
                await self._pass(passage, wish, reader, writer)
            finally:
                passage.tasks.discard(task)
        except (TimeoutError, *SPOKEN_NONSENSE):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._strangers.pop(task, None)
            writer.close()

    async def _pass(
        self, passage: _Passage, wish: Wish, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Dial for a program, tell it, and pipe."""
        if len(passage.tasks) > self._connections:
            why = f"more than {self._connections} connections at a time"
            passage.refuse(why)
            await tell(writer, wish, why, refused=True)
            return
        proxied = not wish.user.endswith(".ssh")
        try:
            outer = await self._dialer.dial(wish.host, wish.port, passage.reach, proxied=proxied)
        except DialError as error:
            passage.refuse(str(error))
            await tell(writer, wish, str(error), refused=error.refused)
            return
        far_reader, far_writer = outer
        try:
            await tell(writer, wish)
            if wish.first is not None:
                far_writer.write(wish.first)
                passage.sent += len(wish.first)
            if await self._pipe(passage, wish, (reader, writer), (far_reader, far_writer)):
                await _flushed(far_writer, writer, self._idle)
        finally:
            far_writer.transport.abort()
            writer.transport.abort()

    async def _pipe(
        self,
        passage: _Passage,
        wish: Wish,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        """Both ways until both have ended (True), one has broken, or nothing moves any more."""
        moved = self._monotonic()

        async def outward() -> None:
            nonlocal moved
            while piece := await near[0].read(_PIECE):
                moved = self._monotonic()
                passage.sent += len(piece)
                far[1].write(piece)
                await far[1].drain()
            _end(far[1])

        async def inward() -> None:
            nonlocal moved
            while piece := await far[0].read(_PIECE):
                moved = self._monotonic()
                passage.received += len(piece)
                if passage.received > passage.quota:
                    passage.exhausted()
                    raise ConnectionAbortedError
                near[1].write(piece)
                await near[1].drain()
            _end(near[1])

        ways = [asyncio.ensure_future(outward()), asyncio.ensure_future(inward())]
        try:
            while True:
                done, pending = await asyncio.wait(
                    ways, timeout=self._idle / 4, return_when=asyncio.FIRST_EXCEPTION
                )
                if any(way.exception() for way in done):
                    return False
                if not pending:
                    return True
                if self._monotonic() - moved > self._idle:
                    passage.refuse(
                        f"nothing came or went for {self._idle:g} s: the connection to {wish.host} was closed"
                    )
                    return False
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)


def _end(writer: asyncio.StreamWriter) -> None:
    """Nothing more comes this way; the other way stays open."""
    if writer.can_write_eof():
        writer.write_eof()


async def _flushed(far: asyncio.StreamWriter, near: asyncio.StreamWriter, patience: float) -> None:
    """What is still on its way arrives before the connections are given up."""
    far.close()
    near.close()
    with contextlib.suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(patience):
            await asyncio.gather(far.wait_closed(), near.wait_closed())
