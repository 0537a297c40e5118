"""Resolvers of the laboratory: UDP, TCP and (behind a web server) DNS over HTTPS, each with its own truth."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Resolver", "listen"]


@dataclass(slots=True)
class Resolver:
    """What one resolver says.

    Attributes:
        zone: Name -> addresses; shared by all unless a stage gives one its own.
        lies: Name -> addresses that it says instead.
        missing: Names that it says do not exist; `*` for every one.
        failing: It answers SERVFAIL to everything.
        silent: It answers nothing.
        lies_over_tcp: Whether lies are told by TCP and DoH as well.
    """

    zone: Mapping[str, tuple[str, ...]]
    lies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    failing: bool = False
    silent: bool = False
    lies_over_tcp: bool = False
    asked: list[str] = field(default_factory=list)

    def answer(self, wire: bytes, *, safely: bool) -> bytes | None:
        """The reply to a question, None for silence; `safely` where it came by TCP or DoH."""
        if self.silent:
            return None
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        found = self.zone.get(name)
        if name in self.lies and (self.lies_over_tcp or not safely):
            found = self.lies[name]
        if found is None or name in self.missing or "*" in self.missing:
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply.to_wire()
        wanted = {dns.rdatatype.A: ".", dns.rdatatype.AAAA: ":"}.get(question.rdtype)
        fitting = [address for address in found if wanted and (":" if ":" in address else ".") == wanted]
        if fitting:
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *fitting))
        return reply.to_wire()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._resolver.answer(data, safely=False)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


async def listen(address: str, resolver: Resolver) -> None:
    """Answer on port 53 of an address, for as long as the loop runs."""

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(2))
                reply = resolver.answer(await reader.readexactly(size), safely=True)
                if reply is None:
                    continue
                writer.write(len(reply).to_bytes(2) + reply)
                await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Datagrams(resolver), local_addr=(address, 53))
    await asyncio.start_server(stream, address, 53)
