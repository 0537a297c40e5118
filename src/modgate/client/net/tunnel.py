"""Through a proxy to the target: CONNECT of HTTP, or SOCKS5.

What the proxy says instead of letting us through is kept in its own words: go shows only those.
Sources: RFC 9110 section 9.3.6, RFC 1928, RFC 1929, net/http.Transport.dialConn.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.net.facts import Failure, FailureKind
from modgate.client.net.wire import Ended
from modgate.transport.environment import basic

if TYPE_CHECKING:
    from modgate.client.net.way import Proxy
    from modgate.client.net.wire import Wire

__all__ = ["Buffered", "by_connect", "by_socks", "first_line"]

_MOST_HEAD = 64 << 10
_REPLIES = {
    1: "general SOCKS server failure",
    2: "connection not allowed by ruleset",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "command not supported",
    8: "address type not supported",
}


class Buffered:
    """A wire with bytes that were read too early put back."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._buffer = b""

    async def read(self) -> bytes:
        """As Wire says."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        return await self._wire.read()

    async def write(self, data: bytes) -> None:
        """As Wire says."""
        await self._wire.write(data)

    def close(self) -> None:
        """As Wire says."""
        self._wire.close()

    def put_back(self, data: bytes) -> None:
        """Read this next."""
        self._buffer = data + self._buffer

    async def exactly(self, count: int) -> bytes:
        """So many bytes. Raises Ended where the other side closes before."""
        data = b""
        while len(data) < count:
            more = await self.read()
            if not more:
                raise Ended(Failure(Phase.PROXY, FailureKind.CLOSED))
            data += more
        self.put_back(data[count:])
        return data[:count]


def first_line(data: bytes) -> str:
    """The first line of an answer, for texts."""
    return data.split(b"\n", 1)[0].strip().decode("latin-1")


async def by_connect(wire: Buffered, proxy: Proxy, host: str, port: int, agent: str) -> None:
    """Ask an HTTP proxy for a tunnel. Raises Ended in the phase `proxy`, and OSError."""
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", f"User-Agent: {agent}"]
    if proxy.user is not None:
        lines.append(f"Proxy-Authorization: {basic(proxy.user, proxy.password)}")
    await wire.write("\r\n".join([*lines, "", ""]).encode())
    data = b""
    while b"\r\n\r\n" not in data:
        more = await wire.read()
        data += more
        if len(data) >= 5 and not data.startswith(b"HTTP/"):
            raise Ended(Failure(Phase.PROXY, FailureKind.GARBAGE, first_line(data)))
        if not more:
            kind = FailureKind.GARBAGE if data else FailureKind.CLOSED
            raise Ended(Failure(Phase.PROXY, kind, first_line(data)))
        if len(data) > _MOST_HEAD:
            raise Ended(Failure(Phase.PROXY, FailureKind.TOO_LARGE))
    head, _, rest = data.partition(b"\r\n\r\n")
    words = first_line(head).split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise Ended(Failure(Phase.PROXY, FailureKind.GARBAGE, first_line(head)))
    if words[1] != "200":
        raise Ended(Failure(Phase.PROXY, FailureKind.PROXY_STATUS, " ".join(words[2:]), int(words[1])))
    wire.put_back(rest)


async def by_socks(wire: Buffered, proxy: Proxy, host: str, port: int) -> None:
    """Ask a SOCKS5 proxy for the target by name. Raises Ended in the phase `proxy`, and OSError."""
    methods = b"\x00\x02" if proxy.user is not None else b"\x00"
    await wire.write(bytes([5, len(methods)]) + methods)
    version, method = await wire.exactly(2)
    if version != 5:
        raise Ended(Failure(Phase.PROXY, FailureKind.GARBAGE, f"unexpected protocol version {version}"))
    if method == 2 and proxy.user is not None:
        user, password = proxy.user.encode()[:255], proxy.password.encode()[:255]
        await wire.write(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
        if (await wire.exactly(2))[1] != 0:
            raise Ended(Failure(Phase.PROXY, FailureKind.SOCKS, "username/password authentication failed"))
    elif method != 0:
        raise Ended(Failure(Phase.PROXY, FailureKind.SOCKS, "no acceptable authentication methods"))
    await wire.write(b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2))
    _, reply, _, kind = await wire.exactly(4)
    if reply != 0:
        text = _REPLIES.get(reply, f"unknown code: {reply}")
        raise Ended(Failure(Phase.PROXY, FailureKind.SOCKS, text, reply))
    length = {1: 4, 4: 16}.get(kind) or (await wire.exactly(1))[0]
    await wire.exactly(length + 2)


def _socks_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna") if not host.isascii() else host.encode()
        return b"\x03" + bytes([min(len(name), 255)]) + name[:255]
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed
