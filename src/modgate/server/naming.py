"""Who is asking: the name by which uses are counted, decisions fall and people are told.

Rules: the name in a verified client certificate comes first, then the configured header, then the address.
The header is believed from the proxies that the operator named; from everybody only where the gate listens on
its own machine and no proxy is named. What a believed proxy did not say unmistakably counts as not said. An
address is the peer's unless the peer is such a proxy, and then the nearest which is none of those; an IPv4
address has one spelling, however it came. Groups follow from the name as it was asked under, before a
pseudonym takes its place.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["UNIX", "Naming", "Network", "Who", "plain_address"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX = "unix"
"""The address of whoever comes over a unix socket."""

_MAX_NAME = 128
_KNOWN = 8192


class Who(NamedTuple):
    """A consumer's name, as it is kept and logged, and the groups that it belongs to."""

    consumer: str
    groups: frozenset[str] = frozenset()


def _no_groups(_name: str) -> frozenset[str]:
    return frozenset()


class Naming:
    """Names who asks.

    Args:
        trusted: Peers whose X-Forwarded-For, X-Forwarded-Proto and `header` are believed.
        header: The header that names the consumer, in lower case; empty for none.
        anyone: Whether the header is believed from everybody.
        groups: The groups of a name.
        pseudonym: What is kept instead of a name; None: the name itself.
    """

    def __init__(
        self,
        trusted: Sequence[Network] = (),
        *,
        header: str = "",
        anyone: bool = False,
        groups: Callable[[str], frozenset[str]] = _no_groups,
        pseudonym: Callable[[str], str] | None = None,
    ) -> None:
        self._trusted = tuple(trusted)
        self.header = header.encode("ascii")
        self._anyone = anyone
        self._groups = groups
        self._pseudonym = pseudonym
        self._known: dict[str, Who] = {}

    @property
    def veiled(self) -> bool:
        """Whether names are replaced by pseudonyms."""
        return self._pseudonym is not None

    def trusts(self, peer: str) -> bool:
        """Whether a peer is one of the named proxies; over a unix socket it is one where any are named."""
        return bool(self._trusted) and _within(peer, self._trusted)

    def settled(self, peer: str, principal: str) -> Who | None:
        """Who a connection's requests come from whatever their headers say; None where these have a say."""
        if principal:
            return self._who(principal)
        if self.trusts(peer) or (self._anyone and self.header):
            return None
        return self._who(plain_address(peer))

    def who(self, peer: str, principal: str, headers: Mapping[bytes, bytes]) -> Who:
        """Who a request comes from. `headers`: lower-case names, repeated ones joined with commas."""
        if principal:
            return self._who(principal)
        trusted = self.trusts(peer)
        if self.header and (trusted or self._anyone):
            name = _name(headers.get(self.header, b""))
            if name:
                return self._who(name)
        address = plain_address(peer)
        if trusted:
            address = _forwarded_for(headers.get(b"x-forwarded-for", b""), address, self._trusted)
        return self._who(address)

    def _who(self, name: str) -> Who:
        who = self._known.get(name)
        if who is None:
            kept = name if self._pseudonym is None else self._pseudonym(name)
            who = Who(kept, self._groups(name))
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[name] = who
        return who


def _name(value: bytes) -> str:
    """A header's value as a name; empty for what is none."""
    try:
        name = value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return ""
    # With a comma there were two headers: a client's own beside the one that the proxy added.
    return name if name.isprintable() and len(name) <= _MAX_NAME and "," not in name else ""


def plain_address(address: str) -> str:
    """An address in its one spelling (RFC 5952), IPv4 as such; what is no address stays as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def _within(address: str, networks: Sequence[Network]) -> bool:
    if address == UNIX:
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(mapped in network for network in networks)


def _forwarded_for(value: bytes, peer: str, trusted: Sequence[Network]) -> str:
    for piece in reversed(value.decode("latin-1").split(",")):
        try:
            address = plain_address(str(ipaddress.ip_address(piece.strip())))
        except ValueError:
            return peer
        if not _within(address, trusted):
            return address
        peer = address
    return peer
