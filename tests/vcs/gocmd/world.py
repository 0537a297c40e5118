"""Servers on loopback under invented names, and a GoCommandSource over the real guarded way out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.source.gocmd import GoCommandSource
from modgate.transport.dial import Dialer, DialError
from modgate.transport.egress import GuardedEgress
from modgate.transport.reach import Reach
from modgate.vcs.gocmd import GoCommand, Programs
from modgate.vcs.roots import RepositoryRoot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from modgate.gomod.types import ModulePath
    from modgate.model.credentials import Credentials

GO = shutil.which("go") or ""

needs_go = pytest.mark.skipif(not GO, reason="needs go")
needs_hg = pytest.mark.skipif(not GO or shutil.which("hg") is None, reason="needs go and hg")
needs_fossil = pytest.mark.skipif(not GO or shutil.which("fossil") is None, reason="needs go and fossil")
needs_svn = pytest.mark.skipif(not GO or shutil.which("svnadmin") is None, reason="needs go and svn")


class Names(Dialer):
    """Connects invented hosts to ports on loopback and keeps who was asked for."""

    def __init__(self, ports: dict[str, int]) -> None:
        # `host` stands for its port 80, `host:443` for itself.
        super().__init__()
        self.ports = ports
        self.asked: list[tuple[str, int]] = []

    async def dial(
        self,
        host: str,
        port: int,
        reach: Reach,  # noqa: ARG002  every name here is named
        *,
        proxied: bool = True,  # noqa: ARG002  and nothing stands before them
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.asked.append((host, port))
        served = self.ports.get(f"{host}:{port}", self.ports.get(host, 0) if port == 80 else 0)
        if not served:
            raise DialError(f"{host}:{port} is not served here", refused=True)
        try:
            return await asyncio.open_connection("127.0.0.1", served)
        except OSError:
            raise DialError(f"{host} refused the connection", refused=False) from None


@dataclass
class Roots:
    """A finder that knows repositories by prefix."""

    known: dict[str, RepositoryRoot] = field(default_factory=dict)

    async def find(self, ctx: Context, path: ModulePath) -> RepositoryRoot:  # noqa: ARG002  known to all
        return next(
            root for prefix, root in self.known.items() if path == prefix or path.startswith(prefix + "/")
        )

    async def close(self) -> None:
        pass


@dataclass
class World:
    """What a test holds in its hands."""

    source: GoCommandSource
    names: Names
    roots: Roots
    cache: Path

    def put(self, root: str, vcs: str, url: str, subdir: str = "") -> None:
        self.roots.known[root] = RepositoryRoot(root, vcs, url, subdir)

    async def ask(self, kind: Kind, path: str, version: str = "", *, ctx: Context | None = None) -> bytes:
        answer = await self.source.fetch(ctx or Context(), checked(kind, path, version))
        if isinstance(answer.body, bytes):
            return answer.body
        body = cast("AsyncIterator[bytes]", answer.body)
        data = b"".join([piece async for piece in body])
        assert answer.size in {None, len(data)}
        return data

    async def list(self, path: str) -> list[str]:
        return (await self.ask(Kind.LIST, path)).decode().split()


@contextlib.asynccontextmanager
async def a_world(
    cache: Path,
    ports: dict[str, int],
    *,
    environ: dict[str, str] | None = None,
    quota: int = 64 << 20,
    timeout: float = 60.0,
    credentials: Credentials | None = None,
    clock: Callable[[], float] = time.monotonic,
    trusted: Reach | None = None,
    insecure: str = "*.test,vcs-test.golang.org",
) -> AsyncIterator[World]:
    names, roots = Names(ports), Roots()
    egress = GuardedEgress(Reach(ports), dialer=names)
    command = GoCommand(
        Programs(environ if environ is not None else dict(os.environ)),
        egress,
        cache=cache,
        credentials=credentials,
        timeout=timeout,
        max_repository=quota,
    )
    source = GoCommandSource(
        roots,
        command,
        clock=clock,
        trusted=trusted if trusted is not None else Reach(ports),
        insecure=insecure,
    )
    try:
        yield World(source, names, roots, cache)
    finally:
        await source.close()
        await egress.close()


def hg(repository: Path, *arguments: str) -> str:
    """Run hg without anybody's settings."""
    env = {
        "PATH": os.environ["PATH"],
        "HGRCPATH": "",
        "HGPLAIN": "1",
        "HGUSER": "gopher",
        "LC_ALL": "C.UTF-8",
    }
    return subprocess.run(
        ["hg", *arguments], cwd=repository, env=env, check=True, capture_output=True, text=True
    ).stdout


def hg_commit(repository: Path, files: dict[str, str], *tags: str, date: str = "2020-01-01") -> str:
    """Write files, commit, tag; the commit's hash."""
    if not (repository / ".hg").exists():
        repository.mkdir(parents=True, exist_ok=True)
        hg(repository, "init")
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    hg(repository, "commit", "-A", "-q", "-d", f"{date} 00:00:00 +0000", "-m", "a change")
    commit = hg(repository, "log", "-r", ".", "-T", "{node}")
    for tag in tags:
        hg(repository, "tag", "-q", "-d", f"{date} 00:00:00 +0000", "-r", commit, tag)
    return commit


@contextlib.contextmanager
def hg_serve(folder: Path) -> Iterator[int]:
    """Serve every repository below a folder on a port of loopback, by name."""
    conf = folder / "hgweb.conf"
    conf.write_text(f"[web]\nrefreshinterval = 0\n[paths]\n/ = {folder}/**\n")
    env = {"PATH": os.environ["PATH"], "HGRCPATH": "", "HGPLAIN": "1", "LC_ALL": "C.UTF-8"}
    with served(["hg", "serve", "-a", "127.0.0.1", "--web-conf", str(conf), "-p", "{port}"], env) as port:
        yield port


@contextlib.contextmanager
def served(argv: list[str], env: dict[str, str]) -> Iterator[int]:
    """Start a server that is told its port, wait until it listens, and end it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [word.format(port=port) for word in argv],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives every request one answer; its port, and the heads it heard."""
    heard: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


def status(line: str, *headers: str) -> bytes:
    """An answer without a body."""
    return "\r\n".join(
        [f"HTTP/1.1 {line}", "Content-Length: 0", "Connection: close", *headers, "", ""]
    ).encode()


def tool(folder: Path, name: str, script: str) -> dict[str, str]:
    """An environment whose PATH begins with a folder that holds a program of this Python text."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!{sys.executable}\n{script}")
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
