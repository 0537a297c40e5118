"""Putting staged faults in the place of entries of a chain."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from modgate.client.faults.kinds import OK, parse_fault
from modgate.errors import Invalid
from modgate.gomod.proxylist import EntryKind
from modgate.gomod.texts import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modgate.client.faults.content import Content
    from modgate.client.faults.kinds import FaultSpec
    from modgate.client.faults.server import FaultServer
    from modgate.gomod.proxylist import ProxyEntry

__all__ = ["parse_staging", "staged"]


def parse_staging(options: Sequence[str], entries: Sequence[ProxyEntry]) -> dict[int, FaultSpec]:
    """The faults of `ENTRY=FAULT` options by the entry's index from 0.

    ENTRY is a number from 1 or a part of the host. Raises Invalid for an entry that is not there, is not a
    proxy, or is named twice, and for an unknown fault.
    """
    found: dict[int, FaultSpec] = {}
    for option in options:
        name, equals, fault = option.partition("=")
        if not equals:
            raise Invalid(
                f"{shown(option)} is no ENTRY=FAULT", next_step="Write 1=404, or a host: goproxy.cn=timeout."
            )
        index = _index(name.strip(), entries)
        if index in found:
            raise Invalid(f"entry {index + 1} is given two faults")
        found[index] = parse_fault(fault)
    return found


async def staged(
    server: FaultServer,
    entries: Sequence[ProxyEntry],
    faults: Mapping[int, FaultSpec],
    *,
    everything: bool,
    contents: Mapping[int, Content] | None = None,
) -> tuple[ProxyEntry, ...]:
    """The chain with its faulty entries (with `everything`, every proxy) replaced by the drill server's.

    `contents` gives, by index, what an entry serves where its fault leaves it well.
    """
    made: list[ProxyEntry] = []
    for index, entry in enumerate(entries):
        spec = faults.get(index)
        if entry.kind is not EntryKind.PROXY or (spec is None and not everything):
            made.append(entry)
            continue
        wanted = spec or parse_fault(OK.name)
        url = await server.url(wanted, tag=f"entry{index + 1}", content=(contents or {}).get(index))
        made.append(dataclasses.replace(entry, url=url))
    return tuple(made)


def _index(name: str, entries: Sequence[ProxyEntry]) -> int:
    if name.isdecimal():
        index = int(name) - 1
        if not 0 <= index < len(entries):
            raise Invalid(f"the chain has no entry {name}", next_step=f"It has {len(entries)}.")
    else:
        hits = [place for place, entry in enumerate(entries) if name and name in _host(entry)]
        if len(hits) != 1:
            many = "several entries match" if hits else "no entry matches"
            raise Invalid(f"{many} {shown(name)}", next_step="Name the entry by its number, from 1.")
        index = hits[0]
    if entries[index].kind is not EntryKind.PROXY:
        raise Invalid(f"entry {index + 1} is {entries[index].kind}, which cannot be replaced by a fault")
    return index


def _host(entry: ProxyEntry) -> str:
    return entry.url.partition("://")[2].rpartition("@")[2] or entry.kind.value
