"""From what a person names to the value that GOPROXY gets.

The name or the host of a known mirror, and a single URL, become `URL,direct`: what the mirror proves absent
go then fetches from its origin, as with go's own default. A list is taken as it is written, so that
somebody who wants no `direct` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.client.machine.goproxy_words import SPACES, split_list
from modgate.client.mirrors.known import find_mirror, known_bogus

if TYPE_CHECKING:
    from modgate.client.mirrors.known import KnownMirror

__all__ = ["Named", "named_chain"]


@dataclass(frozen=True, slots=True)
class Named:
    """A chain.

    Attributes:
        value: For GOPROXY.
        completed: `,direct` was put behind what was named.
        mirror: The known mirror that stands first, None for another.
    """

    value: str
    completed: bool = False
    mirror: KnownMirror | None = None


def named_chain(text: str) -> Named:
    """The chain that a mirror's name, a URL, a host or a list means. Nothing is judged here."""
    bare = text.strip(SPACES)
    items = [(item, mark) for item, mark in split_list(bare) if item]
    if len(items) != 1:
        pieces = [(_spelt(item), mark) for item, mark in split_list(bare)]
        first = find_mirror(items[0][0]) if items else None
        return Named("".join(item + mark for item, mark in pieces), mirror=first)
    item, mark = items[0]
    mirror = find_mirror(item) if known_bogus(item) is None else None
    if item in {"direct", "off"} or mark or re.search(r"\s|[;，；、｜]", bare):
        return Named(_spelt(item) + mark, mirror=mirror)
    return Named(f"{_spelt(item)},direct", completed=True, mirror=mirror)


def _spelt(item: str) -> str:
    """A known mirror's name or host as its URL; anything else as it is."""
    mirror = find_mirror(item) if "/" not in item and known_bogus(item) is None else None
    if mirror is not None:
        return mirror.url
    # A host of several labels, alone or with a port: go would put https before it as well.
    return f"https://{item}" if re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?", item) else item
