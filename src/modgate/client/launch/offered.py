"""The sockets that an isolated command meets: which address stands for which target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.launch.targets import address_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.launch.targets import Target

__all__ = ["Offer", "names_of", "offers"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Listen here for that target."""

    address: str
    port: int
    target: Target


def names_of(targets: Sequence[Target]) -> Mapping[str, str]:
    """A loopback address for each host name among the targets."""
    hosts = dict.fromkeys(
        target.host for target in targets if address_of(target.host) is None and target.host != "localhost"
    )
    return {host: f"127.77.{1 + index // 250}.{1 + index % 250}" for index, host in enumerate(hosts)}


def offers(targets: Sequence[Target]) -> tuple[Offer, ...]:
    """Where to listen: at an address itself, at both loopbacks for localhost, at the name's own address."""
    names = names_of(targets)
    found = []
    for target in targets:
        addresses = (
            ("127.0.0.1", "::1") if target.host == "localhost" else (names.get(target.host, target.host),)
        )
        found += [Offer(address, target.port, target) for address in addresses]
    return tuple({(offer.address, offer.port): offer for offer in reversed(found)}.values())[::-1]
