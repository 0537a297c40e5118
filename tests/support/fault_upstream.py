"""An upstream that breaks on command, at socket level, in a process of its own.

    python -m tests.support.fault_upstream ROOT [--port 0] [--cert FILE --key FILE]

It serves the folder ROOT as a GOPROXY (or anything else: a path is a file) and prints one JSON line:
`{"url": …, "tls": … or null, "control": …}`. The control address takes `POST /fault` (a rule),
`POST /heal` (`{}` or `{"pattern": …}`), `GET /count` and `GET /broken`. It listens on a port of its own,
because one of the faults closes the serving one.

A rule is `{"pattern": fnmatch, "fault": name, …}`; the newest matching rule wins. With `share` (0 to 1) and
`seed` it matches only that part of the requests, chosen by seed, fault, path and which request of the path
it is: the order in which clients come changes nothing. Faults and their arguments (see `_FAULTS`):
`refuse` (the port is closed, for every path), `rst`, `eof`, `garbage`, `hang`, `hang-body`, `drip`, `short`,
`cut-chunked`, `status` (`status`, `headers`, `text`, `type`), `file` (`file`, `type`: other bytes),
`gzip-bomb`, `redirect` (`location`; empty: itself), `announce` (`size`: a Content-Length, then zeros for
ever), `endless` (chunked zeros), `throttle` (`rate` bytes/s, `delay` s).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fnmatch
import json
import random
import socket
import ssl
import struct
import sys
import time
import urllib.parse
import zlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TYPES = {
    "info": "application/json",
    "latest": "application/json",
    "zip": "application/zip",
    "mod": "text/plain; charset=utf-8",
    "list": "text/plain; charset=utf-8",
}
HANG = 120.0
BOMB = 192 << 20
ENDLESS = 520 << 20
HTML = b"<!doctype html><html><title>Sign in</title><body>Please accept the terms.</body></html>\n"


@dataclass(slots=True)
class Count:
    """What one path cost: requests by method, body bytes that left, GETs broken by a rule with a share."""

    get: int = 0
    head: int = 0
    bytes: int = 0
    broken: int = 0


@dataclass(slots=True)
class Exchange:
    """One request and the means to answer it."""

    method: str
    path: str
    target: str
    writer: asyncio.StreamWriter
    count: Count
    rule: dict[str, Any]
    body: bytes | None
    keep: bool = True

    async def send(self, data: bytes, *, is_body: bool = False) -> None:
        self.writer.write(data)
        if is_body:
            self.count.bytes += len(data)
        await self.writer.drain()

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Said", *(f"{key}: {value}" for key, value in headers.items())]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def whole(self, status: int, body: bytes, kind: str, extra: dict[str, str] | None = None) -> None:
        await self.head(
            status,
            {"Content-Type": kind, "Content-Length": str(len(body)), "Server": "faulty", **(extra or {})},
        )
        if self.method != "HEAD":
            await self.send(body, is_body=True)

    @property
    def kind(self) -> str:
        return TYPES.get(
            self.path.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lstrip("@"), "application/octet-stream"
        )

    @property
    def good(self) -> bytes:
        """The right bytes; something to cut where there are none."""
        return self.body or b"0123456789abcdef" * 64


async def _plain(ex: Exchange) -> None:
    if ex.body is None:
        await ex.whole(404, b"not found: unknown module or version\n", "text/plain; charset=utf-8")
    else:
        await ex.whole(200, ex.body, ex.kind)


async def _throttle(ex: Exchange) -> None:
    await asyncio.sleep(float(ex.rule.get("delay", 0)))
    rate = float(ex.rule.get("rate", 0))
    if not rate or ex.body is None or ex.method == "HEAD":
        await _plain(ex)
        return
    await ex.head(200, {"Content-Type": ex.kind, "Content-Length": str(len(ex.body))})
    begun, step = time.perf_counter(), 16384
    for start in range(0, len(ex.body), step):
        await ex.send(ex.body[start : start + step], is_body=True)
        lag = (start + step) / rate - (time.perf_counter() - begun)
        if lag > 0:
            await asyncio.sleep(lag)


def _reset(ex: Exchange) -> None:
    sock = ex.writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    ex.keep = False
    ex.writer.transport.abort()


async def _rst(ex: Exchange) -> None:
    _reset(ex)


async def _eof(ex: Exchange) -> None:
    ex.keep = False


async def _garbage(ex: Exchange) -> None:
    ex.keep = False
    await ex.send(b"\x15\x03\x01\x00\x02\x02\x28 this is not HTTP\r\n\r\n\x00\xff" * 4)


async def _hang(ex: Exchange) -> None:
    ex.keep = False
    await asyncio.sleep(HANG)


async def _half(ex: Exchange) -> None:
    ex.keep = False
    await ex.head(200, {"Content-Type": ex.kind, "Content-Length": str(len(ex.good))})
    await ex.send(ex.good[: len(ex.good) // 2], is_body=True)


async def _hang_body(ex: Exchange) -> None:
    await _half(ex)
    await asyncio.sleep(HANG)


async def _drip(ex: Exchange) -> None:
    ex.keep = False
    await ex.head(200, {"Content-Type": ex.kind, "Content-Length": str(len(ex.good))})
    for byte in ex.good:
        await ex.send(bytes((byte,)), is_body=True)
        await asyncio.sleep(1.0)


async def _cut_chunked(ex: Exchange) -> None:
    ex.keep = False
    await ex.head(200, {"Content-Type": ex.kind, "Transfer-Encoding": "chunked"})
    half = ex.good[: max(1, len(ex.good) // 2)]
    await ex.send(f"{len(half):x}\r\n".encode() + half + b"\r\n", is_body=True)


async def _status(ex: Exchange) -> None:
    text = str(ex.rule.get("text", "broken by the test\n")).encode()
    kind = str(ex.rule.get("type", "text/plain; charset=utf-8"))
    await ex.whole(int(ex.rule["status"]), text, kind, ex.rule.get("headers"))


async def _file(ex: Exchange) -> None:
    await ex.whole(200, Path(ex.rule["file"]).read_bytes(), str(ex.rule.get("type", ex.kind)))


async def _html(ex: Exchange) -> None:
    await ex.whole(200, HTML, str(ex.rule.get("type", "text/html; charset=utf-8")))


@cache
def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * (1 << 20)
    return b"".join(packer.compress(block) for _ in range(BOMB >> 20)) + packer.flush()


async def _gzip_bomb(ex: Exchange) -> None:
    await ex.whole(200, await asyncio.to_thread(_bomb), ex.kind, {"Content-Encoding": "gzip"})


async def _redirect(ex: Exchange) -> None:
    await ex.whole(302, b"over there\n", "text/plain", {"Location": ex.rule.get("location") or ex.target})


async def _announce(ex: Exchange) -> None:
    ex.keep = False
    await ex.head(200, {"Content-Type": ex.kind, "Content-Length": str(ex.rule.get("size", ENDLESS))})
    if ex.method != "HEAD":
        for _ in range(64):
            await ex.send(b"\0" * (1 << 20), is_body=True)


async def _endless(ex: Exchange) -> None:
    ex.keep = False
    await ex.head(200, {"Content-Type": ex.kind, "Transfer-Encoding": "chunked"})
    block = b"100000\r\n" + b"a" * (1 << 20) + b"\r\n"
    for _ in range(ENDLESS >> 20):
        await ex.send(block, is_body=True)


_FAULTS: dict[str, Callable[[Exchange], Awaitable[None]]] = {
    "": _plain,
    "throttle": _throttle,
    "rst": _rst,
    "eof": _eof,
    "garbage": _garbage,
    "hang": _hang,
    "hang-body": _hang_body,
    "drip": _drip,
    "short": _half,
    "cut-chunked": _cut_chunked,
    "status": _status,
    "file": _file,
    "html": _html,
    "gzip-bomb": _gzip_bomb,
    "redirect": _redirect,
    "announce": _announce,
    "endless": _endless,
}


def _drawn(rule: dict[str, Any], path: str, place: int) -> bool:
    if "share" not in rule:
        return True
    draw = random.Random(f"{rule.get('seed')} {rule['fault']} {path} {place}").random()
    return draw < float(rule["share"])


@dataclass(slots=True)
class Upstream:
    """The serving side and its rules."""

    root: Path
    tls: ssl.SSLContext | None = None
    rules: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, Count] = field(default_factory=dict)
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    servers: list[asyncio.Server] = field(default_factory=list)
    ports: list[int] = field(default_factory=lambda: [0, 0])

    async def listen(self) -> None:
        contexts = [None] if self.tls is None else [None, self.tls]
        for place, context in enumerate(contexts):
            server = await asyncio.start_server(
                self.serve, "127.0.0.1", self.ports[place], ssl=context, backlog=512
            )
            self.ports[place] = server.sockets[0].getsockname()[1]
            self.servers.append(server)

    async def refuse(self) -> None:
        for server in self.servers:
            server.close()
        self.servers.clear()
        for writer in list(self.open):
            writer.transport.abort()

    def rule_for(self, path: str, place: int = 1) -> dict[str, Any]:
        for rule in reversed(self.rules):
            if fnmatch.fnmatchcase(path, rule["pattern"]) and _drawn(rule, path, place):
                return dict(rule)
        return {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.open.discard(writer)
            with contextlib.suppress(Exception):
                writer.close()
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        path = urllib.parse.unquote(target.split("?", 1)[0])
        count = self.counts.setdefault(path, Count())
        if method == "HEAD":
            count.head += 1
        else:
            count.get += 1
        rule = self.rule_for(path, count.get + count.head)
        count.broken += method != "HEAD" and "share" in rule
        exchange = Exchange(method, path, target, writer, count, rule, self._read(path))
        await _FAULTS[rule.get("fault", "")](exchange)
        return exchange.keep

    def _read(self, path: str) -> bytes | None:
        place = (self.root / path.lstrip("/")).resolve()
        if not place.is_relative_to(self.root) or not place.is_file():
            return None
        return place.read_bytes()

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            size = next(
                (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")),
                0,
            )
            body = json.loads(await reader.readexactly(size) or b"{}") if size else {}
            answer = json.dumps(await self._obey(head.split(" ", 2)[1], body)).encode()
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode()
                + answer
            )
            await writer.drain()
        finally:
            writer.close()

    async def _obey(self, what: str, body: dict[str, Any]) -> Any:
        if what == "/fault":
            if body["fault"] == "refuse":
                await self.refuse()
            else:
                assert body["fault"] in _FAULTS, body
                self.rules.append(body)
        elif what == "/heal":
            pattern = body.get("pattern")
            self.rules = [rule for rule in self.rules if pattern is not None and rule["pattern"] != pattern]
            if not self.servers:
                await self.listen()
        elif what == "/reset":
            self.counts.clear()
        elif what == "/broken":
            return {path: c.broken for path, c in self.counts.items() if c.broken}
        else:
            return {path: [c.get, c.head, c.bytes] for path, c in self.counts.items()}
        return {}


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
    upstream = Upstream(options.root.resolve(), context, ports=[options.port, 0])
    await upstream.listen()
    control = await asyncio.start_server(upstream.control, "127.0.0.1", 0)
    port = control.sockets[0].getsockname()[1]
    ready = {
        "url": f"http://127.0.0.1:{upstream.ports[0]}",
        "tls": f"https://127.0.0.1:{upstream.ports[1]}" if context else None,
        "control": f"http://127.0.0.1:{port}",
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
