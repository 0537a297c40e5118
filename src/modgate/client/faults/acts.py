"""What each fault does to a connection whose request has been read."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.faults.content import Reply
from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from modgate.client.faults.content import Content
    from modgate.client.faults.kinds import Fault

__all__ = ["Act", "Asked", "Scene", "perform", "reset"]

_TEXT = "text/plain; charset=utf-8"
_PORTAL = (
    b"<!doctype html>\n<html><head><title>Sign in to the network</title></head>\n"
    b"<body><form>Please accept the terms of use.</form></body></html>\n"
)
_NOT_HTTP = b"SSH-2.0-OpenSSH_9.6\r\n\x00\x01\x02 this is not HTTP\r\n"
_BAD_ZIP = b"this is not a zip, whatever its Content-Type says\n"
_MOVED = b"module example.com/modgate/moved\n\ngo 1.21\n"
_REASONS = {200: "OK", 302: "Found"}
_EXTRA = {
    401: {"WWW-Authenticate": 'Basic realm="modgate drill"'},
    429: {"Retry-After": "30"},
    503: {"Retry-After": "5"},
}
_STEP = 0.05


@dataclass(frozen=True, slots=True)
class Act:
    """The fault to carry out, and the pace of a slow one."""

    fault: Fault
    rate: int
    delay: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `path` is what stands behind the fault's name; `nth` counts the requests for the target."""

    method: str
    target: str
    path: str
    endpoint: str
    nth: int


@dataclass(slots=True)
class Scene:
    """One request, the connection it came on, and `tell`, called with the status as soon as it is known."""

    act: Act
    asked: Asked
    content: Content
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tell: Callable[[int], None]

    async def good(self) -> Reply:
        """The answer that a healthy proxy would give."""
        try:
            return await self.content.open(self.asked.path)
        except Unavailable as error:
            return Reply.of(502, _TEXT, f"{error.what}\n".encode())

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and headers."""
        self.tell(status)
        from http import HTTPStatus  # noqa: PLC0415  only its table of words

        reason = _REASONS.get(status) or HTTPStatus(status).phrase
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
        self.writer.write(("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode("latin-1"))
        await self.writer.drain()

    async def whole(self, status: int, kind: str, body: bytes, extra: Mapping[str, str]) -> None:
        """Send an answer whose body is known."""
        await self.head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **extra})
        await self.write(body)

    async def write(self, data: bytes) -> None:
        """Send a piece of a body; nothing for HEAD."""
        if self.asked.method != "HEAD":
            self.writer.write(data)
            await self.writer.drain()

    async def pass_on(self, reply: Reply, *, rate: int = 0) -> None:
        """The answer as it is; without a known size its end is the end of the connection."""
        size = {} if reply.size is None else {"Content-Length": str(reply.size)}
        await self.head(reply.status, {"Content-Type": reply.kind, **size})
        try:
            async with aclosing(reply.pieces):
                async for piece in reply.pieces:
                    await (self.drip(piece, rate) if rate else self.write(piece))
        except Unavailable:
            self.writer.transport.abort()

    async def drip(self, piece: bytes, rate: int) -> None:
        """Send a piece of a body at `rate` bytes a second."""
        step = max(1, int(rate * _STEP))
        for start in range(0, len(piece), step):
            await self.write(piece[start : start + step])
            await asyncio.sleep(_STEP)

    async def hold(self) -> None:
        """Say nothing until the other side goes away."""
        await self.reader.read()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a TCP reset instead of an end of file."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def perform(scene: Scene) -> None:
    """Answer one request well or as badly as told; `scene.tell` has been called once it returns."""
    fault = scene.act.fault
    if fault.status:
        await _status(scene)
    else:
        await _ACTS[fault.name](scene)
    scene.tell(0)


async def _status(scene: Scene, status: int = 0) -> None:
    status = status or scene.act.fault.status
    # What modgate calls the fault is go's `server response:`, so that a person sees whose error it is.
    text = f"modgate drill: {scene.act.fault.name} as told\n".encode()
    await scene.whole(status, _TEXT, text, _EXTRA.get(status, {}))


async def _ok(scene: Scene) -> None:
    await scene.pass_on(await scene.good())


async def _then_ok(scene: Scene) -> None:
    await (_status(scene, 500) if scene.asked.nth == 1 else _ok(scene))


async def _timeout(scene: Scene) -> None:
    scene.tell(0)
    await scene.hold()


async def _reset(scene: Scene) -> None:
    scene.tell(0)
    reset(scene.writer)


async def _eof(scene: Scene) -> None:
    scene.tell(0)


async def _garbage(scene: Scene) -> None:
    scene.tell(0)
    scene.writer.write(_NOT_HTTP)
    await scene.writer.drain()


async def _html(scene: Scene) -> None:
    await scene.whole(200, "text/html; charset=utf-8", _PORTAL, {})


async def _bad_zip(scene: Scene) -> None:
    if scene.asked.endpoint == "zip":
        await scene.whole(200, "application/zip", _BAD_ZIP, {})
    else:
        await _ok(scene)


async def _moved(scene: Scene) -> None:
    if scene.asked.endpoint == "mod":
        await scene.whole(200, _TEXT, _MOVED, {})
    else:
        await _ok(scene)


async def _wrong_version(scene: Scene) -> None:
    if scene.asked.endpoint == "info":
        other = "v0.0.2" if scene.asked.path.endswith("/v0.0.1.info") else "v0.0.1"
        body = json.dumps({"Version": other, "Time": "2024-01-01T00:00:00Z"}).encode()
        await scene.whole(200, "application/json", body, {})
    else:
        await _ok(scene)


async def _loop(scene: Scene) -> None:
    await scene.whole(302, _TEXT, b"over there\n", {"Location": scene.asked.target})


async def _half(scene: Scene) -> bool:
    """Send a whole head and half of the body; False where the source had no good answer to cut."""
    reply = await scene.good()
    if reply.status != 200:
        await scene.pass_on(reply)
        return False
    size = reply.size
    if size is None:
        body = await reply.body()
        size, half = len(body), body[: len(body) // 2]
        await scene.head(200, {"Content-Type": reply.kind, "Content-Length": str(size)})
        await scene.write(half)
        return True
    await scene.head(200, {"Content-Type": reply.kind, "Content-Length": str(size)})
    left = size // 2
    async with aclosing(reply.pieces):
        async for piece in reply.pieces:
            await scene.write(piece[:left])
            left -= len(piece[:left])
            if not left:
                break
    return True


async def _truncated(scene: Scene) -> None:
    await _half(scene)


async def _stall(scene: Scene) -> None:
    if await _half(scene):
        await scene.hold()


async def _slow(scene: Scene) -> None:
    await asyncio.sleep(scene.act.delay)
    await scene.pass_on(await scene.good(), rate=scene.act.rate)


_ACTS: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
    "ok": _ok,
    "500-then-ok": _then_ok,
    "timeout": _timeout,
    "reset": _reset,
    "eof": _eof,
    "garbage": _garbage,
    "html": _html,
    "badzip": _bad_zip,
    "truncated": _truncated,
    "stall": _stall,
    "slow": _slow,
    "redirect-loop": _loop,
    "moved": _moved,
    "wrong-version": _wrong_version,
    # These come before any request; a request that got through all the same is served.
    "tls-untrusted": _ok,
    "tls-name": _ok,
    "tls-expired": _ok,
}
