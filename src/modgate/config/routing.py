"""The routing table that a configuration means: what is written, and what follows from other keys.

1. `[[routes]]`, as written.
2. `publish.match`: what is published here comes from here.
3. `vcs.repositories`: a prefix with an address is fetched from that address.
4. `no_proxy` (GONOPROXY, GOPRIVATE): from version control, as the go command would.
5. Names that look private: only to proxies of the chain that are themselves inside.
6. Everything else: the upstream chain.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.private_names import looks_private
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.model.routes import BLOCK, DIRECT, PUBLISHED, RouteRule, RouteTable
from modgate.transport.addresses import is_internal_host, is_public

if TYPE_CHECKING:
    from modgate.config.model import Config
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["is_inside", "publish_patterns", "route_table", "unreached"]

_NAME_IT = "name it in a route: [[routes]] match = …, source = direct, a proxy, or publish-only"
_NO_VCS = "version control is switched off (vcs.enabled); give it a route, or switch it on"


def route_table(config: Config) -> RouteTable:
    """The table; every rule says where it is written."""
    rules = [
        _written(
            RouteRule(
                ",".join(route.match),
                route.source,
                route.is_private,
                route.principals,
                f"routes, table {number}",
            ),
            config,
        )
        for number, route in enumerate(config.routes, 1)
    ]
    if config.publish.match:
        rules.append(
            RouteRule(",".join(config.publish.match), PUBLISHED, private=True, origin="publish.match")
        )
    if config.vcs.repositories:
        named = RouteRule(",".join(config.vcs.repositories), DIRECT, private=True, origin="vcs.repositories")
        rules.append(_written(named, config))
    if config.no_proxy:
        rule = RouteRule(",".join(config.no_proxy), DIRECT, private=True, origin="no_proxy")
        rules.append(_written(rule, config))
    return RouteTable(tuple(rules), _inside(config), RouteRule("", config.upstream, origin="upstream"))


def publish_patterns(config: Config) -> str:
    """Which modules may be published, as globs; empty where publishing is off."""
    if not config.publish.enabled:
        return ""
    if config.publish.match:
        return ",".join(config.publish.match)
    return ",".join(glob for route in config.routes if route.source == PUBLISHED for glob in route.match)


def unreached(config: Config) -> list[str]:
    """One sentence for each written glob that never counts, because a rule before it matches all it does."""
    written = [(f"routes, table {number}", route.match) for number, route in enumerate(config.routes, 1)]
    earlier: list[tuple[str, str]] = []
    texts = []
    for origin, globs in [*written, ("publish.match", config.publish.match)]:
        for glob in globs:
            # A star takes in whatever another glob has in its place; other marks prove nothing.
            before = (each for each in earlier if not re.search(r"[?\[\\]", each[0]))
            lower = glob.removesuffix("/").lower()
            first = next((each for each in before if match_prefix_patterns(each[0].lower(), lower)), None)
            if first is not None:
                texts.append(f"{origin}: {glob} never counts, since {first[0]} ({first[1]}) comes first")
        if origin != "publish.match":
            earlier += [(glob, origin) for glob in globs]
    return texts


def is_inside(entry: ProxyEntry) -> bool:
    """Whether a proxy of the chain is plainly inside: a folder, this machine, a private name."""
    address = urlsplit(entry.url)
    host = address.hostname or ""
    if address.scheme == "file" or is_internal_host(host):
        return True
    return looks_private(host) and not is_public(host)


def _written(rule: RouteRule, config: Config) -> RouteRule:
    """The rule, as far as it can be followed."""
    if rule.source == BLOCK:
        return RouteRule(
            rule.patterns, BLOCK, rule.private, rule.principals, rule.origin, "its operator blocked it"
        )
    if rule.source == DIRECT and not config.vcs.enabled:
        return RouteRule(rule.patterns, BLOCK, True, rule.principals, rule.origin, _NO_VCS)
    return rule


def _inside(config: Config) -> RouteRule:
    entries = [entry for entry in parse_proxy_list(config.upstream) if entry.kind is EntryKind.PROXY]
    inside = [entry for entry in entries if is_inside(entry)]
    origin = "the name looks private"
    if not inside:
        return RouteRule("", BLOCK, private=True, origin=origin, reason=_NAME_IT)
    text = "".join(f"{entry.url}{'|' if entry.falls_back_on_error else ','}" for entry in inside)
    return RouteRule("", text.rstrip("|,"), private=True, origin=f"{origin}: proxies inside only")
