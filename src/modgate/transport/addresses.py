"""Which addresses a redirect may lead to, checked when the socket is made.

An upstream's base address is the operator's word and may be anything. Where an *answer* names
another host, only public addresses are followed: the check sits at connect time, after DNS, so that
a rebound name, an IPv6-mapped address or a literal cannot reach a cloud's metadata service. Behind a
proxy, which resolves names itself, literals and the names that are internal everywhere are refused.
Sources: the IANA special-purpose address registries (RFC 6890), RFC 6761.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["InternalAddressError", "guarded_socket", "is_internal_host", "is_metadata", "is_public"]

_NETWORKS = [
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata at .192
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # a cloud's host agent on a public address
        "2001::/23",  # protocol assignments
        "2001:db8::/32",
        "3fff::/20",
    )
]
# Where clouds tell their machines who they are, and the hosts' own agents.
_METADATA = [
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",
        "fe80::/10",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::/32",
        "fd00:c1::a9fe:a9fe/128",
        "fd20:ce::254/128",
    )
]
_UNICAST = ipaddress.IPv6Network("2000::/3")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_INTERNAL = frozenset({"localhost", "local", "internal", "home", "lan", "arpa"})


class InternalAddressError(OSError):
    """A redirect resolved to an address that is not public."""


def is_public(address: str) -> bool:
    """True for a globally routable unicast address; mapped, translated and tunnelled forms unwrapped."""
    try:
        ip = _inner(ipaddress.ip_address(address.split("%", 1)[0]))
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip not in _UNICAST:
        return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NETWORKS)


def is_metadata(address: str) -> bool:
    """True for an address at which a machine may be told its cloud's credentials, in any wrapping."""
    try:
        ip = _inner(ipaddress.ip_address(address.split("%", 1)[0]))
    except ValueError:
        return False
    return any(ip in network for network in _METADATA)


def _inner(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address within a mapped, translated or tunnelled one; others as they are."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _TRANSLATED:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)


def is_internal_host(host: str) -> bool:
    """True for a literal that is not public, and for a name that no public zone holds."""
    labels = host.rstrip(".").lower().split(".")
    # What ends in a number is an address in one of its many spellings (127.1, 0x7f000001).
    if ":" in host or _NUMBER.match(labels[-1]):
        return not is_public(host)
    return len(labels) == 1 or labels[-1] in _INTERNAL


def guarded_socket(addr_info: Sequence[Any]) -> socket.socket:
    """A socket factory (for aiohttp's connector) that refuses addresses which are not public."""
    family, kind, proto, _, address = addr_info
    if not is_public(str(address[0])):
        # One text for all addresses of a host: of several that differ the connector makes a new error.
        raise InternalAddressError("it leads to an address that is not public")
    return socket.socket(family, kind, proto)
