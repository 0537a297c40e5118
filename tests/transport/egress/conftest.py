"""A loopback town: servers that record, a resolver that says what a test wants, and the guard before them."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from modgate.transport.dial import Dialer
from modgate.transport.egress import GuardedEgress
from modgate.transport.reach import Reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from modgate.model.egress import Passage

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

__all__ = ["Socks", "Town"]


class Town:
    """Servers, names and guards of one test."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.names: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        self.accepted = 0

    async def resolve(self, host: str, _port: int) -> list[str]:
        """The next answer for a name; the last one stays."""
        self.asked.append(host)
        answers = self.names.get(host)
        if not answers:
            raise OSError(-2, "Name or service not known")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def serve(self, handler: Handler, host: str = "127.0.0.1") -> int:
        """The port of a server."""

        async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.accepted += 1
            try:
                await handler(reader, writer)
            except (OSError, EOFError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(counted, host, 0)
        self.stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def echo(self) -> int:
        """A server that says everything back, and ends when its client does."""

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()

        return await self.serve(handler)

    def socks(self, passage: Passage, *, user: str | None = None, password: str | None = None) -> Socks:
        """A client, closed with the town."""
        client = Socks(passage, user=user, password=password)
        self.stack.callback(client.close)
        return client

    def gate(
        self,
        reach: Iterable[str] = ("good.test",),
        *,
        proxies: Mapping[str, str] | None = None,
        connect: float = 5.0,
        attempt: float = 0.2,
        idle: float = 300.0,
        connections: int = 32,
    ) -> GuardedEgress:
        """A guard that knows the town's names."""
        said = dict(proxies or {})
        dialer = Dialer(resolve=self.resolve, proxies=lambda: said, connect=connect, attempt=attempt)
        gate = GuardedEgress(Reach(reach), dialer=dialer, idle=idle, connections=connections)
        self.stack.push_async_callback(gate.close)
        return gate

    @asynccontextmanager
    async def passage(
        self,
        reach: Iterable[str] = ("good.test",),
        *,
        quota: int = 1 << 30,
        internal: Iterable[str] = (),
    ) -> AsyncIterator[Passage]:
        """A passage of a gate of its own."""
        async with self.gate(reach).passage(quota=quota, internal=frozenset(internal)) as passage:
            yield passage


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        built = Town(stack)
        stack.push_async_callback(asyncio.sleep, 0)  # closed transports say so in the next turn
        built.names["good.test"] = [["127.0.0.1"]]
        yield built


class Socks:
    """A SOCKS5 client, byte by byte."""

    def __init__(self, passage: Passage, *, user: str | None = None, password: str | None = None) -> None:
        rest = passage.proxy.removeprefix("socks5h://")
        pair, _, place = rest.partition("@")
        self.user, _, self.password = pair.partition(":")
        self.port = int(place.rpartition(":")[2])
        self.user = self.user if user is None else user
        self.password = self.password if password is None else password
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter
        self.open = False

    async def greet(self, methods: bytes = b"\x02") -> bytes:
        """The chosen method."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.open = True
        self.writer.write(bytes([5, len(methods)]) + methods)
        return await self.reader.readexactly(2)

    async def prove(self) -> bytes:
        """What is said to the name and the password."""
        user, password = self.user.encode(), self.password.encode()
        self.writer.write(b"\x01" + bytes([len(user)]) + user + bytes([len(password)]) + password)
        return await self.reader.readexactly(2)

    async def ask(self, host: str | bytes, port: int, *, command: int = 1, kind: int = 3) -> int:
        """The reply's code."""
        where = host if isinstance(host, bytes) else bytes([len(host)]) + host.encode()
        self.writer.write(bytes([5, command, 0, kind]) + where + port.to_bytes(2, "big"))
        reply = await self.reader.readexactly(10)
        return reply[1]

    async def connect(self, host: str, port: int) -> int:
        """All three steps."""
        assert await self.greet() == b"\x05\x02"
        assert await self.prove() == b"\x01\x00"
        return await self.ask(host, port)

    def close(self) -> None:
        if self.open:
            self.writer.transport.abort()


async def run(command: str, environment: Mapping[str, str], stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """A shell command's exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_shell(
        command,
        env={"PATH": os.environ.get("PATH", ""), **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return process.returncode, out, err


PYTHON = sys.executable
