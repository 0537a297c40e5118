"""Loopback mirrors whose faults are set: real HTTP over real sockets, from one small world of modules.

The world and its checksum database are the same for all; what differs is how a mirror serves them.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modgate.client.mirrors.subject import Subject
from tests.support.modules import World
from tests.support.sumdb_server import TestDatabase

if TYPE_CHECKING:
    import ssl
    from pathlib import Path
    from types import TracebackType
    from typing import Self

__all__ = ["BUSY", "DATABASE", "MEASURED", "MODULE", "SUBJECT", "LabMirror", "build_world", "database_of"]

MODULE = "example.com/sys"
BUSY = "example.com/busy"
UPPER = "example.com/Upper/Case"
TOOLCHAIN = ("golang.org/toolchain", "v0.0.1-go1.24.0.linux-amd64")
DATABASE = TestDatabase()
SUBJECT = Subject(
    MODULE,
    "v0.20.0",
    (UPPER, "v1.0.0"),
    (BUSY,),
    TOOLCHAIN,
    DATABASE.name,
    DATABASE.verifier_key,
)
MEASURED = frozenset(f"/{MODULE}/@v/{SUBJECT.version}.{kind}" for kind in ("info", "zip"))
"""What latency, throughput and failures are measured with."""
BUSY_VERSIONS = [f"v1.{minor}.0" for minor in range(6)]


def build_world(root: Path, *, size: int = 1 << 20) -> World:
    """A module with a zip of `size` bytes, a busy one (v1.0.0 to v1.5.0, one a day), and the rest."""
    world = World(root)
    world.add(MODULE, "v0.20.0", padding=size)
    for day, version in enumerate(BUSY_VERSIONS, start=10):
        world.add(BUSY, version, time=f"2024-05-{day}T00:00:00Z")
    world.add(UPPER)
    world.add(*TOOLCHAIN)
    return world.finish()


def database_of(world: World) -> TestDatabase:
    """The world's checksum database, with enough records for tiles."""
    database = TestDatabase()
    database.add_filler(300)
    for built in world.modules.values():
        database.add(built.path, built.version, built.h1, built.mod_h1)
    database.add_filler(300)
    return database


@dataclass
class LabMirror:
    """`async with LabMirror(world, database) as mirror:` serves at `mirror.url`.

    Attributes:
        delay: Seconds before each head.
        jitter: More seconds before every other head.
        rate: Bytes of body a second, 0 for as fast as it goes.
        lose_every: Every so many requests for `.info` and `.zip` of the module end in a reset; 0 for none.
        lag: How many of the busy module's newest versions it does not have yet.
        html: Everything is answered with 200 and an HTML page.
        empty: Everything is answered with 404.
        bad_zip: The zip holds another prefix.
        bad_tiles: The database's tiles are wrong.
        keep_alive: False closes each connection after one answer.
        refuse_absent: The status for what does not exist.
        zip_at: Another mirror's URL to which zips are redirected.
        headers: Sent with every answer.
    """

    world: World
    database: TestDatabase | None = None
    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    lose_every: int = 0
    lag: int = 0
    html: bool = False
    empty: bool = False
    bad_zip: bool = False
    bad_tiles: bool = False
    keep_alive: bool = True
    refuse_absent: int = 404
    zip_at: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    seen: list[str] = field(default_factory=list)
    busy_now: int = 0
    most_at_once: int = 0
    port: int = 0
    _measured: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        text = "text/plain; charset=utf-8"
        if self.html:
            return 200, "text/html", b"<!DOCTYPE html><title>Welcome</title>"
        if path.startswith("/sumdb/"):
            return self._database(path)
        if self.empty:
            return 404, text, b"not found\n"
        if self.bad_zip and path.endswith(".zip"):
            return 200, "application/zip", self.world.modules[UPPER, "v1.0.0"].zip
        hidden = BUSY_VERSIONS[len(BUSY_VERSIONS) - self.lag :]
        if path == f"/{BUSY}/@v/list":
            return 200, text, "".join(f"{v}\n" for v in BUSY_VERSIONS if v not in hidden).encode()
        if path == f"/{BUSY}/@latest":
            newest = BUSY_VERSIONS[len(BUSY_VERSIONS) - self.lag - 1]
            return 200, "application/json", self.world.modules[BUSY, newest].info
        file = self.world.root / path.lstrip("/")
        if not file.is_file() or any(f"/{BUSY}/@v/{v}." in path for v in hidden):
            return self.refuse_absent, text, b"not found: unknown revision\n"
        kind = "application/json" if path.endswith((".info", "@latest")) else text
        return 200, "application/zip" if path.endswith(".zip") else kind, file.read_bytes()

    def _database(self, path: str) -> tuple[int, str, bytes]:
        prefix = f"/sumdb/{DATABASE.name}/"
        if self.database is None or not path.startswith(prefix):
            return 404, "text/plain", b"not found\n"
        reply = self.database.answer(path.removeprefix(prefix))
        body = reply.body
        if self.bad_tiles and "/tile/" in path:
            body = bytes(len(body))
        return reply.status, reply.content_type, body

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, path, _ = head.split(" ", 2)
        self.seen.append(path)
        self.busy_now += 1
        self.most_at_once = max(self.most_at_once, self.busy_now)
        try:
            if path in MEASURED:
                self._measured += 1
                if self.lose_every and self._measured % self.lose_every == 0:
                    writer.transport.abort()
                    return False
            wait = self.delay + (self.jitter if len(self.seen) % 2 else 0.0)
            if wait:
                await _until(asyncio.get_running_loop().time() + wait)
            return await self._say(method, path, writer)
        finally:
            self.busy_now -= 1

    async def _say(self, method: str, path: str, writer: asyncio.StreamWriter) -> bool:
        if self.zip_at and path.endswith(".zip"):
            location = f"{self.zip_at}{path}"
            writer.write(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return True
        status, kind, body = self.answer(path)
        lines = {"Content-Type": kind, "Content-Length": str(len(body)), **self.headers}
        if not self.keep_alive:
            lines["Connection"] = "close"
        said = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status} Said\r\n{said}\r\n".encode("latin-1"))
        if method != "HEAD":
            await self._send(body, writer)
        await writer.drain()
        return self.keep_alive

    async def _send(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        """Pieces at their due times: what one sleep overslept the next one makes up for."""
        if not self.rate or len(body) < 1 << 16:
            writer.write(body)
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        piece = 1 << 14
        for at in range(0, len(body), piece):
            due = begun + min(at + piece, len(body)) / self.rate
            await asyncio.sleep(max(0.0, due - loop.time()))
            writer.write(body[at : at + piece])
            await writer.drain()

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


async def _until(due: float) -> None:
    """A sleep that does not oversleep: a loop's timers are a millisecond or two late."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, due - loop.time() - 0.002))
    while loop.time() < due:
        await asyncio.sleep(0)
