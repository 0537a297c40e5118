"""What a condition or a waiver picks out of names: any of some patterns, except others.

Modules are picked by the globs of GOPRIVATE. Consumers are picked by their name, by a glob in which `*`
stands for anything and `?` for one character, or, where their name is an address, by a network.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from modgate.gomod.patterns import match_prefix_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Choice", "consumer_matches", "glob_matches", "module_matches"]


_MAPPED_BITS = 96
"""How many bits of `::ffff:0:0/96` come before the IPv4 address."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Some names: those that match one of `wanted` (all, where it is empty) and none of `spared`."""

    wanted: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()

    def picks(self, name: str, matches: Callable[[str, str], bool]) -> bool:
        """Whether it picks the name; `matches(pattern, name)` is the way to compare."""
        if self.wanted and not any(matches(each, name) for each in self.wanted):
            return False
        return not any(matches(each, name) for each in self.spared)

    def __str__(self) -> str:
        words = list(self.wanted or ("*",))
        return ", ".join([*words, *(f"not {each}" for each in self.spared)])


@lru_cache(maxsize=65536)
def module_matches(pattern: str, path: str) -> bool:
    """Whether a module path lies under a glob of GOPRIVATE's kind, or several with commas between. A list
    asks it of each of its versions.
    """
    return match_prefix_patterns(pattern, path)


def glob_matches(pattern: str, name: str) -> bool:
    """Whether the whole name matches a glob of `*` and `?`, capitals told apart."""
    return pattern == name or _glob(pattern).fullmatch(name) is not None


def consumer_matches(pattern: str, consumer: str) -> bool:
    """Whether a consumer's name matches a name, a glob, or a network such as `10.0.0.0/8`."""
    if pattern == consumer:
        return True
    network = _network(pattern)
    if network is None:
        return glob_matches(pattern, consumer)
    address = _address(consumer)
    return address is not None and address.version == network.version and address in network


def any_consumer(patterns: Iterable[str], consumer: str) -> bool:
    """Whether one of the patterns matches."""
    return any(consumer_matches(each, consumer) for each in patterns)


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    first, *rest = (
        "".join("." if char == "?" else re.escape(char) for char in part) for part in _split(pattern)
    )
    if not rest:
        return re.compile(first, re.DOTALL)
    # The leftmost place that a piece fits is as good as any: an atomic group never tries another one, and
    # no pattern makes the search slow.
    pieces = "".join(f"(?>.*?{piece})" for piece in rest[:-1])
    return re.compile(f"{first}{pieces}.*{rest[-1]}", re.DOTALL)


def _split(pattern: str) -> list[str]:
    return re.split(r"\*+", pattern)


@lru_cache(maxsize=4096)
def _network(pattern: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network, or an address as the network of itself; one of mapped IPv4 addresses as what it means."""
    try:
        network = ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


@lru_cache(maxsize=16384)
def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
