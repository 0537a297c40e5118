"""Which hosts may resolve to addresses that are not public: those that the operator named, and no other.

A repository's address, a redirect or a go-import page is an answer's word; that `git.corp.example` lies in
10.0.0.0/8 is the operator's. A name lets its host in, not its address: a foreign name that resolves to the
same address stays outside. No name opens the way to a cloud's metadata, because a zone (`*.corp.example`)
may hold a record that somebody else wrote; who wants it must write that very address.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from modgate.transport.addresses import is_metadata, is_public

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NOWHERE", "Reach"]


class Reach:
    """The hosts of the configuration: `host`, `host:port`, `*.suffix`, `*.suffix:port`, addresses.

    An IPv6 address with a port stands in brackets. Case and a dot at the end do not matter.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: frozenset[str] = frozenset(name.strip() for name in names if name.strip())
        self._hosts: set[tuple[str, int | None]] = set()
        self._suffixes: set[tuple[str, int | None]] = set()
        for name in self._names:
            host, port = _split(name)
            if host.startswith("*."):
                self._suffixes.add((host[1:], port))
            else:
                self._hosts.add((host, port))

    def __repr__(self) -> str:
        return f"Reach({sorted(self._names)!r})"

    def more(self, names: Iterable[str]) -> Reach:
        """This one and further names."""
        further = frozenset(names)
        return Reach(self._names | further) if further else self

    def allows(self, host: str, port: int) -> bool:
        """Whether the operator named the host, for every port or for this one."""
        return any(self._holds(host, its) for its in (None, port))

    def names_port(self, host: str, port: int) -> bool:
        """Whether the operator named the host together with this port."""
        return self._holds(host, port)

    def admits(self, host: str, port: int, address: str) -> bool:
        """Whether a connection for the host may go to the address that it resolved to."""
        if is_public(address):
            return True
        if not self.allows(host, port):
            return False
        return not is_metadata(address) or canonical(host) == canonical(address)

    def _holds(self, host: str, port: int | None) -> bool:
        name = canonical(host)
        if (name, port) in self._hosts:
            return True
        at = name.find(".")
        while at >= 0:
            if (name[at:], port) in self._suffixes:
                return True
            at = name.find(".", at + 1)
        return False


def canonical(host: str) -> str:
    """One spelling of a host: lower case, no dot at the end, an address as `ipaddress` writes it."""
    host = host.strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _split(name: str) -> tuple[str, int | None]:
    """The host and the port of a name; an IPv6 address without brackets has no port."""
    host, colon, port = name.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.startswith("[")):
        return canonical(host), int(port)
    return canonical(name), None


NOWHERE = Reach()
"""No host beyond the public ones."""
