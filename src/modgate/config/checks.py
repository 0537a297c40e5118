"""Checks of the values that Go spells: proxy chains, checksum databases, module patterns.

A slip in one of these is silent in go (a space becomes part of a URL path, `Direct` a host name, a
malformed pattern matches nothing), so it is refused before the server starts.
"""

from __future__ import annotations

import ipaddress
import re

from modgate.config.values import redact
from modgate.errors import Invalid
from modgate.gomod.patterns import malformed_patterns
from modgate.gomod.proxylist import parse_proxy_list
from modgate.sumdb.spec import parse_gosumdb

__all__ = ["check_hosts", "check_networks", "check_patterns", "check_sumdb", "check_upstream"]


def check_upstream(value: object) -> str:
    """A GOPROXY chain, also as a list, whose items are joined by commas. Raises ValueError."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ",".join(value)
    if not isinstance(value, str):
        raise ValueError('a proxy chain such as "https://proxy.golang.org,direct"')  # noqa: TRY004  pydantic collects ValueErrors only
    try:
        parse_proxy_list(value)
    except Invalid as error:
        raise _told(error) from None
    return value.strip()


def check_sumdb(value: object) -> tuple[str, ...]:
    """GOSUMDB specs; `off` alone is none at all. Raises ValueError."""
    specs = value if isinstance(value, tuple) else ()
    if specs == ("off",):
        return ()
    for spec in specs:
        try:
            if parse_gosumdb(spec) is None:
                raise ValueError('"off" stands alone')
        except Invalid as error:
            raise _told(error) from None
    return specs


def check_patterns(value: object) -> tuple[str, ...]:
    """Globs over module path prefixes, as in GOPRIVATE. Raises ValueError."""
    patterns = value if isinstance(value, tuple) else ()
    for pattern in patterns:
        if "://" in pattern:
            raise ValueError(
                f"{redact(pattern)!r} is a URL; a pattern is a module path such as corp.example/*"
            )
        if re.search(r"\s", pattern):
            raise ValueError(f"{pattern!r} contains white space; patterns are separated by commas")
        if pattern.startswith("/") or re.match(r"[^/\[]*:", pattern):
            raise ValueError(
                f"{pattern!r} would match nothing: a module path begins with a host, without slash and port"
            )
        if "**" in pattern:
            raise ValueError(
                f"{pattern!r}: ** is no glob of Go; a pattern already matches every path below it"
            )
        if malformed_patterns(pattern):
            raise ValueError(f"{pattern!r} is malformed and would match nothing")
    return patterns


def check_hosts(value: object) -> tuple[str, ...]:
    """Hosts, each with an optional port. Raises ValueError."""
    hosts = value if isinstance(value, tuple) else ()
    for host in hosts:
        if not re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", host):
            raise ValueError(f"{redact(host)!r} is not a host or host:port")
    return hosts


def check_networks(value: object) -> tuple[str, ...]:
    """IP addresses and networks, without host bits. Raises ValueError."""
    networks = value if isinstance(value, tuple) else ()
    return tuple(str(ipaddress.ip_network(network)) for network in networks)


def _told(error: Invalid) -> ValueError:
    """The sentences of an error of Go's rules, without user info, as pydantic collects them."""
    return ValueError("; ".join(redact(line).removesuffix(".") for line in error.lines()))
