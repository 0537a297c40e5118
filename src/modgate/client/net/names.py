"""Whether a certificate is one for a host, by crypto/x509's rules: apart from the reading of certificates, so
that whoever only compares names loads no cryptography.
"""

from __future__ import annotations

import ipaddress

__all__ = ["matches_name"]


def matches_name(names: tuple[str, ...], asked: str) -> bool:
    """Whether a certificate for these names is one for this host: `*` stands for one first label."""
    asked = asked.rstrip(".").lower()
    address = _address(asked)
    if address is not None:
        return any(_address(name) == address for name in names)
    _, dot, parent = asked.partition(".")
    return any(
        name.lower().rstrip(".") == asked or (bool(dot) and name.lower() == f"*.{parent}") for name in names
    )


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
