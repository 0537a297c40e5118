"""What a program says to the way out before its bytes flow: SOCKS5, or HTTP CONNECT.

Both are told apart by the first byte: 5 is SOCKS, a letter is HTTP. A name and a password come before
anything else is looked at, since every program of the machine can reach a listener on loopback.
Sources: RFC 1928, RFC 1929 (SOCKS5); RFC 9110, 9.3.6 and 11.7 (CONNECT, proxy authentication);
RFC 9112, 3.2.2 (absolute-form, for plain http).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Known = Callable[[str, str], bool]

__all__ = ["SPOKEN_NONSENSE", "Wish", "read_wish", "tell"]

_HEAD = 16 * 1024
_TRIES = 3
_DROPPED = (b"proxy-authorization", b"proxy-connection", b"connection", b"keep-alive")

SPOKEN_NONSENSE = (OSError, EOFError, ValueError, asyncio.LimitOverrunError, RuntimeError)
"""What may come out of a conversation with a program that breaks off or says nonsense."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a program wants to go.

    Attributes:
        host: A name or an address, as it was said.
        port: The port.
        user: The passage, already proved by its password.
        socks: Which language the answer is told in.
        first: Bytes that go out before anything else (a request in absolute-form, rewritten).
    """

    host: str
    port: int
    user: str
    socks: bool
    first: bytes | None = None


async def read_wish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: Known) -> Wish | None:
    """The wish of a program whose name and password are known; None after it was refused.

    Raises one of SPOKEN_NONSENSE for anything that is neither language.
    """
    first = await reader.readexactly(1)
    if first == b"\x05":
        return await _read_socks(reader, writer, known)
    if first.isalpha():
        return await _read_http(first, reader, writer, known)
    raise ValueError("neither SOCKS5 nor HTTP")


async def tell(writer: asyncio.StreamWriter, wish: Wish, why: str = "", *, refused: bool = False) -> None:
    """That the connection stands, or why it does not."""
    if wish.socks:
        code = 0 if not why else 2 if refused else 4
        writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
    elif why:
        status = "403 Forbidden" if refused else "502 Bad Gateway"
        writer.write(_answer(status, why))
    elif wish.first is None:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()


async def _read_socks(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, known: Known
) -> Wish | None:
    """1. Methods: only name and password. 2. Prove them. 3. CONNECT to a name or an address."""
    methods = await _counted(reader)
    if 2 not in methods:
        writer.write(b"\x05\xff")
        return None
    writer.write(b"\x05\x02")
    if await reader.readexactly(1) != b"\x01":
        raise ValueError("no RFC 1929")
    user = (await _counted(reader)).decode("latin-1")
    password = (await _counted(reader)).decode("latin-1")
    if not known(user, password):
        writer.write(b"\x01\x01")
        return None
    writer.write(b"\x01\x00")
    version, command, _, kind = await reader.readexactly(4)
    if version != 5:
        raise ValueError("no SOCKS5")
    if kind == 3:
        host = (await _counted(reader)).decode("latin-1")
    elif kind in {1, 4}:
        host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
    else:
        writer.write(bytes([5, 8, 0, 1, 0, 0, 0, 0, 0, 0]))
        return None
    port = int.from_bytes(await reader.readexactly(2), "big")
    if command != 1:
        writer.write(bytes([5, 7, 0, 1, 0, 0, 0, 0, 0, 0]))
        return None
    return Wish(host, port, user, socks=True)


async def _counted(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly((await reader.readexactly(1))[0])


async def _read_http(
    first: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    known: Known,
) -> Wish | None:
    """CONNECT, or a request in absolute-form. Without credentials they are asked for, then tried again."""
    for _ in range(_TRIES):
        head = first + await reader.readuntil(b"\r\n\r\n")
        first = b""
        if len(head) > _HEAD:
            raise ValueError("a head without an end")
        request, *lines = head[:-4].split(b"\r\n")
        user, password = _credentials(lines)
        if known(user, password):
            return _http_wish(request, lines, user)
        writer.write(
            _answer("407 Proxy Authentication Required", "a name and a password are needed", keep=True)
        )
        await writer.drain()
        if not request.startswith(b"CONNECT "):
            return None  # its body may follow
    return None


def _http_wish(request: bytes, lines: list[bytes], user: str) -> Wish:
    method, target, version = request.split(b" ")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
        raise ValueError("no HTTP/1")
    if method == b"CONNECT":
        host, port = _authority(target, 0)
        return Wish(host, port, user, socks=False)
    scheme, _, rest = target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    if scheme.lower() != b"http" or not authority or b"@" in authority:
        raise ValueError("no absolute-form of http")
    host, port = _authority(authority, 80)
    # One request a connection: a second one could name another host.
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in _DROPPED]
    head = [method + b" /" + path + b" " + version, *kept, b"Connection: close", b"", b""]
    if not slash and path:
        raise ValueError("no path")
    return Wish(host, port, user, socks=False, first=b"\r\n".join(head))


def _authority(text: bytes, default: int) -> tuple[str, int]:
    host, colon, port = text.decode("ascii").rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text.decode("ascii"), str(default)
    if not (port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("no port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _credentials(lines: list[bytes]) -> tuple[str, str]:
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"proxy-authorization":
            scheme, _, coded = value.strip().partition(b" ")
            if scheme.lower() == b"basic":
                try:
                    user, _, password = base64.b64decode(coded.strip()).decode("latin-1").partition(":")
                except binascii.Error:
                    break
                return user, password
    return "", ""


def _answer(status: str, text: str, *, keep: bool = False) -> bytes:
    body = (text + "\n").encode("utf-8", "replace")
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if keep else 'close'}",
    ]
    if status.startswith("407"):
        head.append('Proxy-Authenticate: Basic realm="modgate"')
    return ("\r\n".join(head) + "\r\n\r\n").encode("ascii") + body
