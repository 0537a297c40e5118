"""Which packets on the loopback of an isolated command are attempts to get out.

Every address is local in there, so each attempt passes `lo` and is refused at once. A SYN to an address
that is not loopback's is one; so are UDP and echo requests to such an address. To a loopback address a
program may speak to itself, so only a SYN that was refused counts: its reset answers with sequence 0.
Sources: RFC 791, RFC 8200, RFC 9293 section 3.10.7.1.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

from modgate.client.launch.names import question
from modgate.client.launch.record import Attempt

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

__all__ = ["FILTER", "attempts"]

_TCP, _UDP, _ICMP, _ICMP6 = 6, 17, 1, 58
_SYN, _RST, _ACK = 2, 4, 16
_ECHO, _ECHO6 = 8, 128

# What the kernel passes on to us: the rest would be every byte of every download.
FILTER = (
    (0x30, 0, 0, 0),  # 0  A = byte 0
    (0x74, 0, 0, 4),  # 1  A >>= 4
    (0x15, 0, 7, 4),  # 2  IPv4, else to 10
    (0x30, 0, 0, 9),  # 3  A = protocol
    (0x15, 11, 0, _UDP),  # 4  UDP: pass (16)
    (0x15, 10, 0, _ICMP),  # 5  ICMP: pass
    (0x15, 0, 10, _TCP),  # 6  neither TCP: drop (17)
    (0xB1, 0, 0, 0),  # 7  X = length of the header
    (0x50, 0, 0, 13),  # 8  A = flags
    (0x45, 6, 7, _SYN | _RST),  # 9  pass, else drop
    (0x30, 0, 0, 6),  # 10 A = next header
    (0x15, 4, 0, _UDP),  # 11 pass
    (0x15, 3, 0, _ICMP6),  # 12 pass
    (0x15, 0, 3, _TCP),  # 13 drop
    (0x30, 0, 0, 53),  # 14 A = flags
    (0x45, 0, 1, _SYN | _RST),  # 15 pass, else drop
    (0x06, 0, 0, 0xFFFF),  # 16 pass
    (0x06, 0, 0, 0),  # 17 drop
)
"""A classic BPF program for packets that begin with the IP header: (code, jt, jf, k)."""


def attempts(packet: bytes, open_ports: Container[tuple[str, int]]) -> Iterator[Attempt]:
    """The attempts in an outgoing packet; `open_ports` are the (address, port) that are offered."""
    try:
        source, target, protocol, body = _split(packet)
        if protocol == _TCP:
            yield from _tcp(source, target, body, open_ports)
        elif protocol == _UDP and not _loopback(target):
            port = int.from_bytes(body[2:4])
            yield Attempt("udp", target, port)
            if port == 53:
                yield Attempt("dns", question(body[8:]).name)
        elif protocol in {_ICMP, _ICMP6} and body[0] in {_ECHO, _ECHO6} and not _loopback(target):
            yield Attempt("icmp", target)
    except (ValueError, IndexError, struct.error):
        return


def _tcp(source: str, target: str, body: bytes, open_ports: Container[tuple[str, int]]) -> Iterator[Attempt]:
    source_port, port, sequence = struct.unpack_from("!HHI", body)
    flags = body[13]
    if flags & (_SYN | _ACK) == _SYN and not _loopback(target):
        if (target, port) not in open_ports:
            yield Attempt("tcp", target, port)
    elif flags & _RST and flags & _ACK and sequence == 0 and _loopback(source):
        yield Attempt("tcp", source, source_port)


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _split(packet: bytes) -> tuple[str, str, int, bytes]:
    if packet[0] >> 4 == 4:
        length = (packet[0] & 15) * 4
        source, target = packet[12:16], packet[16:20]
        return _address(source), _address(target), packet[9], packet[length:]
    return _address(packet[8:24]), _address(packet[24:40]), packet[6], packet[40:]


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))
