"""Which addresses a redirect may lead to, checked when the socket is made.

An upstream's base address is the operator's word and may be anything. Where an *answer* names
another host, only public addresses are followed: the check sits at connect time, after DNS, so that
a rebound name, an IPv6-mapped address or a literal cannot reach a cloud's metadata service.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["InternalAddressError", "guarded_socket", "is_public"]


class InternalAddressError(OSError):
    """A redirect resolved to an address that is not public."""


def is_public(address: str) -> bool:
    """True for a globally routable unicast address; mapped, translated and tunnelled forms unwrapped."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def guarded_socket(addr_info: Sequence[Any]) -> socket.socket:
    """A socket factory (for aiohttp's connector) that refuses addresses which are not public."""
    family, kind, proto, _, address = addr_info
    if not is_public(str(address[0])):
        raise InternalAddressError(f"refused: {address[0]} is not a public address")
    return socket.socket(family, kind, proto)
