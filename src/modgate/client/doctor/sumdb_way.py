"""Which way go takes to the checksum database, and what it finds there.

1. A URL in GOSUMDB is asked directly, past every proxy.
2. Else each proxy in turn is asked for `/sumdb/<name>/supported`; the first that answers 200 carries it.
3. 404 and 410 lead on, any other failure only where `|` follows; else go stops there.
4. Where none carries it, or `direct` or `off` is reached, the database itself is asked.

Source: initBase in cmd/go/internal/modfetch/sumdb.go.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.doctor.module_answers import base_url, is_askable
from modgate.errors import Invalid, ModgateError
from modgate.gomod.module import escape_path, escape_version
from modgate.gomod.proxylist import EntryKind
from modgate.sumdb.head import Head, Record, open_head, parse_lookup
from modgate.sumdb.note import new_verifier, verifier_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.doctor.asked import Asked
    from modgate.client.net.facts import Exchange
    from modgate.client.net.prober import Prober
    from modgate.gomod.proxylist import ProxyEntry
    from modgate.sumdb.spec import Spec

__all__ = ["Lookup", "Reached", "chosen_way", "reach_all", "read_head", "read_record"]


@dataclass(frozen=True, slots=True)
class Lookup:
    """The database's answer about one module."""

    module: Asked
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Reached:
    """The database through one place.

    Attributes:
        place: URL of the proxy, or of the database itself.
        base: What `lookup/…` is appended to.
        supported: The answer to `/supported`; None where the database itself is asked.
        latest: The signed head, None where it was not asked for.
        lookups: One for each module.
    """

    place: str
    base: str
    supported: Exchange | None = None
    latest: Exchange | None = None
    lookups: tuple[Lookup, ...] = ()

    @property
    def carries(self) -> bool:
        """Whether go would ask the database here."""
        return self.supported is None or (self.supported.failure is None and self.supported.status == 200)

    @property
    def answers(self) -> tuple[Exchange, ...]:
        """Everything that was asked of the database here."""
        latest = (self.latest,) if self.latest is not None else ()
        return latest + tuple(lookup.exchange for lookup in self.lookups)


async def reach_all(
    net: Prober, spec: Spec, chain: Sequence[ProxyEntry], modules: Sequence[Asked]
) -> tuple[list[Reached], Reached]:
    """The database through every proxy at once, and directly."""
    proxies = [] if spec.url else [base_url(entry) for entry in chain if is_askable(entry)]
    found = await asyncio.gather(
        _ask(net, spec.direct_url, spec.direct_url, modules),
        *(_through(net, proxy, spec.name, modules) for proxy in proxies),
    )
    return list(found[1:]), found[0]


def chosen_way(
    chain: Sequence[ProxyEntry], through: Sequence[Reached], direct: Reached
) -> tuple[Reached | None, Reached | None]:
    """(where go asks the database, where it stops instead); one of them is None."""
    asked = iter(through)
    stopped: Reached | None = None
    for entry in chain:
        if entry.kind is not EntryKind.PROXY:
            return direct, None
        reached = next(asked, None) if is_askable(entry) else None
        if reached is None:
            continue
        if reached.carries:
            return reached, None
        assert reached.supported is not None
        if reached.supported.failure is None and reached.supported.status in {404, 410}:
            continue
        stopped = reached
        if not entry.falls_back_on_error:
            return None, stopped
    return (None, stopped) if stopped is not None else (direct, None)


def read_head(spec: Spec, exchange: Exchange) -> Head:
    """The signed head in an answer to `latest`. Raises Invalid (it is none), Tampered (not signed)."""
    return open_head(exchange.body, verifier_list(new_verifier(spec.verifier_key)))


def read_record(spec: Spec, exchange: Exchange) -> Record:
    """The record in an answer to a lookup, its head's signature checked; that it is in the tree is not.

    Raises Invalid (it is none), Tampered (not signed).
    """
    record_id, text, message = parse_lookup(exchange.body)
    return Record(record_id, text, open_head(message, verifier_list(new_verifier(spec.verifier_key))))


async def _through(net: Prober, proxy: str, name: str, modules: Sequence[Asked]) -> Reached:
    base = f"{proxy}/sumdb/{name}"
    supported = await net.get(f"{base}/supported", most=1024)
    if supported.failure is not None or supported.status != 200:
        return Reached(proxy, base, supported)
    return await _ask(net, proxy, base, modules, supported)


async def _ask(
    net: Prober, place: str, base: str, modules: Sequence[Asked], supported: Exchange | None = None
) -> Reached:
    paths = [path for path in map(_lookup_path, modules) if path]
    latest, *looked = await asyncio.gather(
        net.get(f"{base}/latest"), *(net.get(f"{base}/lookup/{path}") for path in paths)
    )
    known = [module for module in modules if _lookup_path(module)]
    lookups = tuple(Lookup(module, exchange) for module, exchange in zip(known, looked, strict=True))
    return Reached(place, base, supported, latest, lookups)


def _lookup_path(module: Asked) -> str:
    if not module.canonical:
        return ""
    try:
        return f"{escape_path(module.path)}@{escape_version(module.version)}"
    except (Invalid, ModgateError):
        return ""
