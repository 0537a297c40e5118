"""The drill server: one loopback port whose path names the fault, and a port of its own for what has no path.

`http://127.0.0.1:PORT/404/…` answers 404, `…/404:zip/…` only to zips, `…/ok/…` always well. A refused
connection and every TLS fault happen before a path is sent, so each has a port of its own, opened when it is
asked for. Each request has a connection of its own: over a reused one go would silently repeat what a reset
or an early close broke, and a rehearsal would show one fault less than a person's network has.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from weakref import WeakSet

from modgate.client.faults.acts import Act, Asked, Scene, perform, reset
from modgate.client.faults.kinds import FAULTS, OK, FaultSpec, Means, endpoint_of, parse_fault
from modgate.client.faults.tls import shown_certificate
from modgate.errors import Invalid, Unavailable
from modgate.gomod.module import unescape_path
from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self

    from modgate.client.faults.content import Content

__all__ = ["FaultServer", "Rules", "Served"]

_MOST_HEAD = 1 << 16
_PATIENCE = 30.0
_TLS_RECORD = b"\x16"
_HTTP_TO_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nThis port speaks plain HTTP.\n"
_NOT_OURS = (
    b"HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    b"modgate drill: this server answers to 127.0.0.1 and localhost\n"
)
_HOST = re.compile(rb"(?i)host[ \t]*:")
_HERE = re.compile(
    rb"(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\]|[a-z0-9.-]+\.modgate\.invalid)?(?::[0-9]+)?"
)
_BAD_HEAD = (asyncio.IncompleteReadError, asyncio.LimitOverrunError)


@dataclass(frozen=True, slots=True)
class Rules:
    """How every fault of a server is bent.

    Attributes:
        module: Globs of module paths, as GOPRIVATE has them; only these fail. Empty for all.
        after: So many requests that would fail go well first.
        only: Endpoints that fail, where the path names none; empty for all.
        rate: Bytes a second of a slow body.
        delay: Seconds before a slow answer.
    """

    module: str = ""
    after: int = 0
    only: frozenset[str] = frozenset()
    rate: int = 16384
    delay: float = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """One request and what was done to it.

    Attributes:
        at: Of the server's clock.
        spec: The fault of the path (or of the port), as it was asked for.
        path: Behind the fault's name, as it came.
        endpoint: As `endpoint_of` says; empty where no request came.
        did: The name of the fault that was carried out, `ok` for none.
        status: Of the answer, 0 where there is none.
    """

    at: float
    spec: FaultSpec
    path: str
    endpoint: str
    did: str
    status: int


class FaultServer:
    """A GOPROXY that fails as told, on 127.0.0.1.

    Args:
        content: What is served where nothing fails, for every path prefix that has none of its own.
        clock: Seconds; its differences are shown.
        rules: How faults are bent.
        seen: Called for each request when it is known what becomes of it.
    """

    def __init__(
        self,
        content: Content,
        *,
        clock: Callable[[], float],
        rules: Rules | None = None,
        seen: Callable[[Served], None] = lambda _: None,
    ) -> None:
        self._content = content
        self._own: dict[str, Content] = {}
        self._clock = clock
        self._rules = rules or Rules()
        self._seen = seen
        self._port = 0
        self._servers: list[asyncio.Server] = []
        self._closed_ports: dict[str, socket.socket] = {}
        self._ports: dict[str, int] = {}
        self._busy: set[asyncio.Task[None]] = set()
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()
        self._counts: dict[str, int] = {}
        self._spared = 0

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self, port: int = 0) -> None:
        """Listen. Raises Unavailable where the port is taken."""
        self._port = await self._listen(self._serve, port)

    async def url(self, spec: FaultSpec, *, tag: str = "", content: Content | None = None) -> str:
        """The base URL of a fault, without a slash at the end.

        A `tag` gives the place a path prefix of its own, so that one fault can stand in two places of a
        chain; `content` is what is served there instead of the server's own.
        """
        fault = spec.fault
        if fault.means is Means.NAME:
            # A name under .invalid never resolves (RFC 6761), so no resolver need be bent.
            return f"http://{tag or 'drill'}.modgate.invalid"
        if fault.means is Means.PATH:
            if content is not None:
                self._own[tag] = content
            return f"{self.origin}/{tag}/{spec}" if tag else f"{self.origin}/{spec}"
        if fault.name == "tls-plain":
            return f"https://127.0.0.1:{self._port}"
        key = f"{tag}/{fault.name}"
        if key not in self._ports:
            self._ports[key] = await self._open(fault.name, spec)
        return f"{'https' if fault.tls else 'http'}://127.0.0.1:{self._ports[key]}"

    async def nowhere(self) -> str:
        """A URL of this machine on which every connection is refused."""
        return await self.url(FaultSpec(FAULTS["refused"]), tag="nowhere")

    def forget(self) -> None:
        """Count requests anew: what fails only at first fails again."""
        self._counts.clear()
        self._spared = 0

    async def close(self) -> None:
        """Stop listening and cut what is open."""
        for server in self._servers:
            server.close()
        for held in self._closed_ports.values():
            held.close()
        for task in list(self._busy):
            task.cancel()
        if self._busy:
            await asyncio.gather(*self._busy, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()
        # An aborted transport lets go of its socket in the next round of the loop.
        await asyncio.sleep(0)
        for content in (self._content, *self._own.values()):
            await content.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _listen(
        self,
        handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None],
        port: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> int:
        try:
            server = await asyncio.start_server(handler, "127.0.0.1", port, ssl=context, backlog=256)
        except OSError as error:
            raise Unavailable(
                f"port {port} of 127.0.0.1 cannot be used: {error.strerror}",
                next_step="Choose another with --port, or leave it out.",
            ) from error
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def _open(self, name: str, spec: FaultSpec) -> int:
        if name == "refused":
            # Bound and not listening: the port stays ours, and every connection to it is refused.
            held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            held.bind(("127.0.0.1", 0))
            self._closed_ports[f"{name}{len(self._closed_ports)}"] = held
            port: int = held.getsockname()[1]
            return port
        if name in {"tls-reset", "tls-timeout"}:
            return await self._listen(
                lambda reader, writer: self._spawn(self._break_handshake(reader, writer, spec))
            )
        with tempfile.TemporaryDirectory() as folder:
            context = shown_certificate(name, Path(folder))
        return await self._listen(self._serve, context=context)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self._spawn(self._one(reader, writer))

    async def _break_handshake(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spec: FaultSpec
    ) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.read(_MOST_HEAD)
            self._seen(Served(self._clock(), spec, "", "", spec.fault.name, 0))
            if spec.fault.name == "tls-reset":
                reset(writer)
            else:
                await reader.read()
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError, *_BAD_HEAD):
            async with asyncio.timeout(_PATIENCE):
                first = await reader.readexactly(1)
                head = b"" if first == _TLS_RECORD else first + await reader.readuntil(b"\r\n\r\n")
            if head:
                await self._answer(head, reader, writer)
            else:
                await self._told_off(reader, writer)
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.close()
            await writer.wait_closed()

    async def _told_off(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """TLS on the plain port: answer in plain HTTP, as web servers do; go knows the slip by that."""
        await reader.read(_MOST_HEAD)
        self._seen(Served(self._clock(), FaultSpec(FAULTS["tls-plain"]), "", "", "tls-plain", 400))
        writer.write(_HTTP_TO_TLS)
        await writer.drain()

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, _, rest = head.split(b"\r\n", 1)[0].decode("latin-1").partition(" ")
        if not _is_ours(head):
            writer.write(_NOT_OURS)
            await writer.drain()
            return
        target = rest.partition(" ")[0]
        tag, spec, path = self._parsed(target.partition("?")[0])
        endpoint = endpoint_of(path)
        hit = self._hits(spec, path, endpoint)
        asked = Asked(method, target, path, endpoint, self._nth(target))
        act = Act(spec.fault if hit else OK, self._rules.rate, self._rules.delay)
        served = [False]

        def tell(status: int) -> None:
            if not served[0]:
                served[0] = True
                self._seen(Served(self._clock(), spec, path, endpoint, act.fault.name, status))

        await perform(Scene(act, asked, self._own.get(tag, self._content), reader, writer, tell))

    def _parsed(self, target: str) -> tuple[str, FaultSpec, str]:
        """(tag, fault, path behind them); a path that names no fault is served well."""
        first, _, rest = target.lstrip("/").partition("/")
        with contextlib.suppress(Invalid):
            return "", parse_fault(first), rest
        second, _, behind = rest.partition("/")
        if first.startswith("entry"):
            with contextlib.suppress(Invalid):
                return first, parse_fault(second), behind
        return "", FaultSpec(FAULTS["ok"]), target.lstrip("/")

    def _hits(self, spec: FaultSpec, path: str, endpoint: str) -> bool:
        rules = self._rules
        narrowed = spec.only or rules.only
        if spec.fault is OK or (narrowed and endpoint not in narrowed):
            return False
        if rules.module and not match_prefix_patterns(rules.module, _module_of(path)):
            return False
        if self._spared < rules.after:
            self._spared += 1
            return False
        return True

    def _nth(self, target: str) -> int:
        """Which request for this target it is, from 1."""
        self._counts[target] = self._counts.get(target, 0) + 1
        return self._counts[target]


def _is_ours(head: bytes) -> bool:
    """Whether the request names this machine.

    A page whose name was bent to 127.0.0.1 names itself; it is not to read what an upstream gives a person.
    """
    hosts = [line.partition(b":")[2].strip().lower() for line in head.split(b"\r\n")[1:] if _HOST.match(line)]
    return all(_HERE.fullmatch(host) for host in hosts)


def _module_of(path: str) -> str:
    escaped = unquote(path.partition("/@")[0])
    try:
        return unescape_path(escaped)
    except Invalid:
        return escaped
