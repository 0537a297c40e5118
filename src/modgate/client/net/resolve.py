"""What one resolver says of one name: the system's, a server by UDP (TCP where the answer was cut), or DoH.

The system is asked in a thread of its own that nobody waits for at the end: getaddrinfo cannot be stopped,
and a dead resolver holds it for half a minute.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from modgate.client.findings import Phase
from modgate.client.net.dial import dial
from modgate.client.net.facts import Failure, FailureKind, Resolution
from modgate.client.net.wire import failure_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import dns.message

    Post = Callable[[str, bytes], Awaitable[bytes | Failure]]

__all__ = ["is_address", "resolve", "resolve_by_system"]

_EDNS = 1232
_RESOLV_CONF = Path("/etc/resolv.conf")
_SYSTEM_KINDS = {
    "EAI_NONAME": FailureKind.NO_SUCH_HOST,
    "EAI_NODATA": FailureKind.NO_ADDRESS,
    "EAI_ADDRFAMILY": FailureKind.NO_ADDRESS,
    "EAI_AGAIN": FailureKind.TIMEOUT,
    "EAI_FAIL": FailureKind.SERVER_FAILURE,
}


def is_address(host: str) -> bool:
    """A literal needs no resolver."""
    try:
        ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    return True


async def resolve(host: str, server: str, limit: float, post: Post) -> Resolution:
    """Ask one server; `post` sends a DNS message to a DoH URL and gives its answer."""
    if is_address(host):
        return Resolution(host, server, (host,))
    if server == "system":
        return await resolve_by_system(host, limit)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    pair = await asyncio.gather(*(_ask(host, kind, server, limit, post) for kind in ("A", "AAAA")))
    seconds = loop.time() - begun
    addresses, names = _addresses([answer for answer in pair if not isinstance(answer, Failure)])
    if addresses:
        return Resolution(host, server, addresses, seconds, cname=names)
    failure = next((answer for answer in pair if isinstance(answer, Failure)), None)
    return Resolution(
        host, server, (), seconds, failure or Failure(Phase.DNS, FailureKind.NO_ADDRESS), cname=names
    )


async def resolve_by_system(host: str, limit: float) -> Resolution:
    """Ask as programs do: the hosts file, the system's resolvers, in its order of preference."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    asked: asyncio.Future[list[tuple[str, str]]] = loop.create_future()

    def settle(found: list[tuple[str, str]], error: Exception | None) -> None:
        if asked.done():
            return
        if error is not None:
            asked.set_exception(error)
        else:
            asked.set_result(found)

    def ask() -> None:
        found: list[tuple[str, str]] = []
        failed: Exception | None = None
        try:
            answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
            found = [(str(answer[4][0]), answer[3]) for answer in answers]
        except (OSError, UnicodeError) as error:
            failed = error
        try:
            loop.call_soon_threadsafe(settle, found, failed)
        except RuntimeError:
            return  # the loop is gone: nobody waits any more

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    failure: Failure | None = None
    addresses: tuple[str, ...] = ()
    cname = ""
    try:
        async with asyncio.timeout(limit):
            found = await asked
        addresses = tuple(dict.fromkeys(address for address, _ in found))
        cname = next((name for _, name in found if name and name != host), "")
    except TimeoutError:
        failure = Failure(Phase.DNS, FailureKind.TIMEOUT)
    except socket.gaierror as error:
        failure = Failure(Phase.DNS, _system_kind(error), error.strerror or "")
        if error.errno == socket.EAI_AGAIN:
            failure = await _why_again(host, limit - (loop.time() - begun)) or failure
    except (OSError, UnicodeError) as error:
        failure = Failure(Phase.DNS, FailureKind.NO_SUCH_HOST, str(error))
    return Resolution(host, "system", addresses, loop.time() - begun, failure, cname)


async def _why_again(host: str, limit: float) -> Failure | None:
    """The system's `try again` hides a refusal, a failure or silence: its first server tells which."""
    servers = _system_servers()
    if not servers or not is_address(servers[0]) or limit <= 0:
        return None
    answer = await _ask(host, "A", servers[0], limit, _no_post)
    return answer if isinstance(answer, Failure) else None


def _system_servers() -> list[str]:
    try:
        text = _RESOLV_CONF.read_text(errors="replace")
    except OSError:
        return []
    lines = (line.split() for line in text.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


async def _no_post(_url: str, _message: bytes) -> bytes | Failure:
    raise ValueError("a nameserver is no URL")


def _system_kind(error: socket.gaierror) -> FailureKind:
    known = {getattr(socket, name, None): kind for name, kind in _SYSTEM_KINDS.items()}
    return known.get(error.errno, FailureKind.SERVER_FAILURE)


async def _ask(host: str, kind: str, server: str, limit: float, post: Post) -> dns.message.Message | Failure:
    import dns.exception  # noqa: PLC0415  dnspython costs 50 ms, and most runs ask the system only
    import dns.message  # noqa: PLC0415
    import dns.rcode  # noqa: PLC0415

    try:
        query = dns.message.make_query(host, kind, use_edns=0, payload=_EDNS)
    except dns.exception.DNSException as error:
        return Failure(Phase.DNS, FailureKind.NO_SUCH_HOST, str(error))
    try:
        async with asyncio.timeout(limit):
            answer = await _carried(query, server, limit, post)
    except TimeoutError:
        return Failure(Phase.DNS, FailureKind.TIMEOUT)
    except OSError as error:
        return failure_of(error, Phase.DNS)
    except (dns.exception.DNSException, ValueError) as error:
        return Failure(Phase.DNS, FailureKind.GARBAGE, str(error))
    if isinstance(answer, Failure):
        return answer
    if answer.rcode() == dns.rcode.NXDOMAIN:
        return Failure(Phase.DNS, FailureKind.NO_SUCH_HOST, "NXDOMAIN")
    if answer.rcode() != dns.rcode.NOERROR:
        return Failure(Phase.DNS, FailureKind.SERVER_FAILURE, dns.rcode.to_text(answer.rcode()))
    return answer


async def _carried(
    query: dns.message.Message, server: str, limit: float, post: Post
) -> dns.message.Message | Failure:
    import dns.flags  # noqa: PLC0415  as in _ask
    import dns.message  # noqa: PLC0415

    if server.startswith(("https://", "http://")):
        query.id = 0  # RFC 8484: the same question is the same body
        answer = await post(server, query.to_wire())
        return answer if isinstance(answer, Failure) else dns.message.from_wire(answer)
    address, port, by_tcp = _server(server)
    if not by_tcp:
        got = await _by_udp(query, address, port, limit)
        if not got.flags & dns.flags.TC:
            return got
    return await _by_tcp(query, address, port)


def _server(text: str) -> tuple[str, int, bool]:
    scheme, mark, rest = text.rpartition("://")
    by_tcp = bool(mark) and scheme == "tcp"
    if is_address(rest):
        return rest, 53, by_tcp
    host, _, port = rest.rpartition(":")
    host = host.strip("[]") or rest
    if not is_address(host) or not port.isdigit():
        raise ValueError(f"{text} is no address of a resolver")
    return host, int(port), by_tcp


class _Datagrams(asyncio.DatagramProtocol):
    """A connected UDP socket: the system then tells that nobody listens there."""

    def __init__(self, query: dns.message.Message) -> None:
        self._query = query
        self.answer: asyncio.Future[dns.message.Message] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002  asyncio's promise
        import dns.exception  # noqa: PLC0415  as in _ask
        import dns.message  # noqa: PLC0415

        try:
            got = dns.message.from_wire(data, ignore_trailing=True)
        except dns.exception.DNSException:
            return
        if self._query.is_response(got) and not self.answer.done():
            self.answer.set_result(got)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def _by_udp(query: dns.message.Message, address: str, port: int, limit: float) -> dns.message.Message:
    """One question, sent twice where a packet seems lost."""
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        lambda: _Datagrams(query), remote_addr=(address, port)
    )
    try:
        transport.sendto(query.to_wire())
        done, _ = await asyncio.wait([protocol.answer], timeout=limit / 2)
        if not done:
            transport.sendto(query.to_wire())
        return await protocol.answer
    finally:
        protocol.answer.cancel()
        transport.close()


async def _by_tcp(query: dns.message.Message, address: str, port: int) -> dns.message.Message:
    import dns.message  # noqa: PLC0415  as in _ask

    wire = await dial(address, port)
    try:
        asked = query.to_wire()
        await wire.write(len(asked).to_bytes(2) + asked)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2]):
            more = await wire.read()
            if not more:
                raise ConnectionResetError(errno.ECONNRESET, "closed")
            data += more
        return dns.message.from_wire(data[2 : 2 + int.from_bytes(data[:2])])
    finally:
        wire.close()


def _addresses(answers: Sequence[dns.message.Message]) -> tuple[tuple[str, ...], str]:
    import dns.rdatatype  # noqa: PLC0415  as in _ask

    found: dict[str, None] = {}
    cname = ""
    for answer in answers:
        for records in answer.answer:
            if records.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}:
                found |= dict.fromkeys(str(record) for record in records)
            elif records.rdtype == dns.rdatatype.CNAME:
                cname = str(records[0]).rstrip(".")
    return tuple(found), cname
