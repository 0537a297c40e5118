"""What the gate would do for one module, said without doing any of it: `modgate route explain`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.config import publish_patterns, redact, route_table, table_for
from modgate.errors import Absent
from modgate.gomod.module import escape_path
from modgate.gomod.patterns import match_prefix_patterns
from modgate.gomod.proxylist import EntryKind, parse_proxy_list
from modgate.messages import Message
from modgate.model.routes import BLOCK, DIRECT, PUBLISHED
from modgate.vcs.static_hosts import static_root
from modgate.wiring.credentials import credentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.config import Config
    from modgate.gomod.types import ModulePath
    from modgate.model.routes import RouteRule

__all__ = ["Explained", "confided", "explained", "host_of"]

_SCP = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):")


@dataclass(frozen=True, slots=True)
class Explained:
    """Which rule counts for a module, and what follows.

    Attributes:
        path: The module.
        rule: The rule that matched.
        private: Whether the name stays inside.
        rules: All rules in the order they are asked.
        asked: What would be asked, in order, one sentence each.
        credential: What the repository's host would be told.
        warnings: What a person should know of the credentials.
        checks: How what comes is proved, one sentence each.
        publishable: Whether it may be published here.
    """

    path: ModulePath
    rule: RouteRule
    private: bool
    rules: tuple[RouteRule, ...]
    asked: tuple[Message, ...]
    checks: tuple[Message, ...]
    publishable: bool
    credential: Message | None = None
    warnings: tuple[str, ...] = ()


async def explained(config: Config, path: ModulePath) -> Explained:
    """What the configuration means for a module. Asks nobody. Raises Invalid for bad credentials."""
    table = route_table(config)
    rule = table.find(path)
    publishable = rule.source == PUBLISHED and match_prefix_patterns(publish_patterns(config), path)
    asked, address = _asked(config, path, rule.source)
    warnings: list[str] = []
    return Explained(
        path,
        rule,
        table.is_private(path),
        table.all_rules,
        tuple(asked),
        tuple(_checks(config, path, private=table.is_private(path))),
        publishable,
        await _credential(config, path, address, warnings) if address else None,
        tuple(dict.fromkeys(warnings)),
    )


def confided(config: Config) -> Callable[[str], bool]:
    """Whether a module is one of the operator's own: private, restricted, or with an address of his."""
    table = route_table(config)
    mapped = ",".join(config.vcs.repositories)
    return lambda path: (
        table.is_private(path) or not table.is_open(path) or match_prefix_patterns(mapped, path)
    )


def host_of(address: str) -> str:
    """The host of a repository's address, with its port where it names one; empty for a path."""
    if "://" in address:
        return urlsplit(address).netloc.rpartition("@")[2]
    found = _SCP.match(address)
    return found["host"] if found else ""


def _asked(config: Config, path: ModulePath, source: str) -> tuple[list[Message], str]:
    """Who would be asked, in order, and the address of the repository or its page among them."""
    told = [Message("route.asked.store", {})]
    if source == PUBLISHED:
        return told, ""
    if source == BLOCK:
        return [*told, Message("route.asked.nothing", {})], ""
    address = ""
    for entry in [] if source == DIRECT else parse_proxy_list(source):
        if entry.kind is EntryKind.PROXY:
            told.append(_proxy(config, path, entry.url))
        elif entry.kind is EntryKind.DIRECT and config.vcs.enabled:
            source = DIRECT
    if source == DIRECT:
        message, address = _repository(config, path)
        told.append(message)
    return told, address


def _proxy(config: Config, path: ModulePath, address: str) -> Message:
    """A proxy of a chain, and what is particular to it: the names of the keys, never what they hold."""
    url = f"{redact(address)}/{escape_path(path)}/@v/…"
    index = table_for(config.upstreams, address)
    keys = "" if index is None else ", ".join(config.upstreams[index].named)
    if index is None or not keys:
        return Message("route.asked.proxy", {"url": url})
    return Message("route.asked.table", {"url": url, "keys": keys, "number": index + 1})


def _repository(config: Config, path: ModulePath) -> tuple[Message, str]:
    """The repository, as far as it is known without asking."""
    prefixes = (each for each in config.vcs.repositories if match_prefix_patterns(each, path))
    mapped = max(prefixes, key=len, default="")
    if mapped:
        address = config.vcs.repositories[mapped]
        return Message("route.asked.mapped", {"url": redact(address)}), address
    try:
        known = static_root(path)
    except Absent as error:
        return Message("route.asked.impossible", {"why": error.what}), ""
    if known is not None:
        return Message("route.asked.repository", {"url": known.url, "vcs": known.vcs}), known.url
    page = f"https://{path}?go-get=1"
    return Message("route.asked.page", {"url": page}), page


async def _credential(config: Config, path: ModulePath, address: str, warnings: list[str]) -> Message:
    """Which credential the host of an address would be given."""
    host = host_of(address)
    held = credentials(config, warn=warnings.append)
    try:
        kind = held.describe(host)
    finally:
        await held.close()
    if not kind:
        return Message("route.credential.none", {"host": host})
    if not confided(config)(path):
        return Message("route.credential.withheld", {"host": host})
    return Message("route.credential.held", {"host": host, "kind": kind})


def _checks(config: Config, path: ModulePath, *, private: bool) -> list[Message]:
    inside = private or match_prefix_patterns(",".join(config.no_sumdb).lower(), path.lower())
    exempt = match_prefix_patterns(",".join(config.sumdb_exempt), path)
    checks: list[Message] = []
    if config.sumdb and not inside and not exempt:
        database = config.sumdb[0].split()[0].partition("+")[0]
        checks.append(Message("route.checks.database", {"database": database}))
    else:
        checks.append(Message("route.checks.first-seen", {}))
    if config.checksum_log.key_file is not None and (inside or exempt or config.checksum_log.public):
        checks.append(Message("route.checks.log", {}))
    return checks
