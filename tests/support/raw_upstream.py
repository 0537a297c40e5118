"""A server at socket level in the test's own loop: what it says, byte by byte, is the test's word."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["Exchange", "RawUpstream", "said"]


def said(
    status: int = 200,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    kind: str = "text/plain; charset=utf-8",
    length: int | None = None,
) -> bytes:
    """A whole answer; `length` may lie about the body, and -1 leaves it out."""
    lines = {"Content-Type": kind, "Content-Length": str(len(body) if length is None else length)}
    if length == -1:
        del lines["Content-Length"]
    lines.update(headers or {})
    head = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
    return f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode("latin-1") + body


@dataclass(slots=True)
class Exchange:
    """One request, and the connection it came by."""

    method: str
    target: str
    headers: dict[str, str]
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class RawUpstream:
    """`async with RawUpstream(answer) as server:`; `answer` gets each exchange.

    The connection stays open for the next request unless `answer` returns False.
    """

    answer: Callable[[Exchange], Awaitable[bool | None]]
    tls: ssl.SSLContext | None = None
    seen: list[Exchange] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @classmethod
    def saying(cls, *answers: bytes) -> Self:
        """A server that gives these answers in turn, and the last one for ever."""
        left = list(answers)

        async def answer(exchange: Exchange) -> None:
            await exchange.send(left.pop(0) if len(left) > 1 else left[0])

        return cls(answer)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def targets(self) -> list[str]:
        return [exchange.target for exchange in self.seen]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                first, *lines = head.strip().split("\r\n")
                method, target, _ = first.split(" ", 2)
                headers = {
                    key.lower(): value.strip() for key, _, value in (li.partition(":") for li in lines)
                }
                exchange = Exchange(method, target, headers, number, reader, writer)
                self.seen.append(exchange)
                if await self.answer(exchange) is False:
                    return
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
