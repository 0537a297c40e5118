"""Makes the connections of foreign programs: resolves, looks at the address, connects to that address.

1. A host that is none, and a port on which no repository is served, are refused unasked.
2. Behind a proxy of the environment the proxy resolves, so literals that are not public and names that
   no public zone holds are refused unless the operator named them.
3. Else the name is resolved here, once; addresses that are not public are left out unless the operator
   named the host; the connection goes to a checked address and not to the name again, which by then
   could lead elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from typing import TYPE_CHECKING

import truststore
import yarl

from modgate.errors import Unavailable
from modgate.transport.addresses import is_internal_host
from modgate.transport.environment import basic, proxy_for
from modgate.transport.reach import canonical

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from modgate.transport.reach import Reach

    Resolve = Callable[[str, int], Awaitable[list[str]]]

__all__ = ["Connection", "DialError", "Dialer", "admitted_name", "not_public", "resolve"]

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})\Z")
_PORTS = frozenset({22, 80, 443})
# git:// proves nobody's identity and hides nothing.
_GIT = 9418
_BUFFER = 1 << 18


class DialError(Exception):
    """There is no connection; the text is a sentence for people. `refused`: by a rule, not by fate."""

    def __init__(self, text: str, *, refused: bool) -> None:
        super().__init__(text)
        self.refused = refused


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host in the system's order. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Dialer:
    """Connects to hosts; `connect` is in seconds for everything, `attempt` for one address of several."""

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        proxies: Callable[[], Mapping[str, str]] | None = None,
        connect: float = 10.0,
        attempt: float = 4.0,
    ) -> None:
        self._resolve = resolve
        self._proxies = proxies
        self._connect = connect
        self._attempt = attempt

    async def dial(self, host: str, port: int, reach: Reach, *, proxied: bool = True) -> Connection:
        """A connection to the host, or DialError. `proxied` False: ssh, which no HTTP proxy carries."""
        host = canonical(host)
        self._check(host, port, reach)
        try:
            async with asyncio.timeout(self._connect):
                proxy = self._proxy(host, port) if proxied else None
                if proxy is not None:
                    return await self._through(proxy, host, port, reach)
                return await self._straight(host, port, reach)
        except TimeoutError:
            raise DialError(f"{host}:{port} did not answer in {self._connect:g} s", refused=False) from None

    def _check(self, host: str, port: int, reach: Reach) -> None:
        if not (_HOST.match(host) or _literal(host)):
            raise DialError("a host that is none was asked for", refused=True)
        unserved = port < 1024 and port not in _PORTS and not reach.names_port(host, port)
        if unserved or port == _GIT:
            raise DialError(
                f"{host}:{port}: no repository is fetched over port {port}",
                refused=True,
            )

    def _proxy(self, host: str, port: int) -> yarl.URL | None:
        scheme = "http" if port == 80 else "https"
        url = yarl.URL.build(scheme=scheme, host=host, port=port)
        try:
            return proxy_for(url, None if self._proxies is None else self._proxies())
        except Unavailable as error:
            raise DialError(error.what, refused=False) from None

    async def _straight(self, host: str, port: int, reach: Reach) -> Connection:
        addresses = [host] if _literal(host) else await self._resolved(host, port)
        good = [address for address in addresses if reach.admits(host, port, address)]
        if not good:
            raise DialError(not_public(host, addresses), refused=True)
        failure = ""
        for number, address in enumerate(good, 1):
            try:
                async with asyncio.timeout(None if number == len(good) else self._attempt):
                    return await asyncio.open_connection(address, port, limit=_BUFFER)
            except TimeoutError:
                failure = "no answer in time"
            except (OSError, RuntimeError) as error:
                failure = getattr(error, "strerror", None) or str(error)
        raise DialError(f"cannot connect to {host}:{port}: {failure}", refused=False)

    async def _resolved(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise DialError(f"{host} does not resolve: {said}", refused=False) from None
        if not addresses:
            raise DialError(f"{host} does not resolve", refused=False)
        return addresses

    async def _through(self, proxy: yarl.URL, host: str, port: int, reach: Reach) -> Connection:
        """A tunnel through the proxy, which is the operator's and may have any address."""
        if not admitted_name(host, port, reach, proxied=True):
            raise DialError(not_public(host, [host]), refused=True)
        tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if proxy.scheme == "https" else None
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.user or proxy.password:
            head.append(f"Proxy-Authorization: {basic(proxy.user or '', proxy.password or '')}")
        try:
            reader, writer = await asyncio.open_connection(proxy.host, proxy.port, ssl=tls, limit=_BUFFER)
        except (OSError, RuntimeError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise DialError(f"the proxy on the way cannot be reached: {said}", refused=False) from None
        try:
            writer.write(("\r\n".join(head) + "\r\n\r\n").encode("ascii"))
            said = _refusal(await reader.readuntil(b"\r\n\r\n"))
        except (OSError, RuntimeError, EOFError, asyncio.LimitOverrunError):
            said = "closed the connection"
        except BaseException:
            writer.transport.abort()
            raise
        if said:
            writer.transport.abort()
            raise DialError(f"the proxy on the way to {target} {said}", refused=False)
        return reader, writer


def _refusal(answer: bytes) -> str:
    """What a proxy's answer to CONNECT says against it; empty for nothing."""
    version, _, rest = answer[:100].partition(b" ")
    status = rest[:3].decode("latin-1")
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return "speaks no HTTP"
    return "" if status.startswith("2") else f"refused it with status {status}"


def admitted_name(host: str, port: int, reach: Reach, *, proxied: bool) -> bool:
    """Whether a host may be tried before it is resolved; a proxy on the way would resolve it unseen."""
    if "%" in host:
        return False  # an address of one link (RFC 4007); a client connects to it without asking a resolver
    if _literal(host.strip("[]")):
        return reach.admits(host, port, canonical(host))
    return not proxied or not is_internal_host(host) or reach.allows(host, port)


def not_public(host: str, addresses: list[str]) -> str:
    """Why a host is refused."""
    if addresses == [host]:
        return f"{host} is not public, and no setting names it (vcs.internal_hosts)"
    return f"{host} resolves to {', '.join(addresses[:3])}, which is not public"


def _literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host
