"""Which addresses a beginning of an address covers: compared whole, and cut at a slash only.

Scheme, host and port are compared as they mean: in lower case, without a dot at the end, with the scheme's
own port where none is written. `https://host/go` covers `https://host/go` and `https://host/go/x`, and not
`https://host/gopher`. What climbs (`..`, however it is escaped) is covered by nothing: servers differ in
where it leads.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Place", "longest", "place_of"]

_PORTS = {"http": 80, "https": 443}
_SAFE = "/!$&'()*+,;=:@~-._"


class Place(NamedTuple):
    """An address in its normal form; `path` has no slash at its end, and escapes only where needed."""

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, other: Place) -> bool:
        """Whether an address is this one or below it."""
        if self[:3] != other[:3] or _climbs(other.path):
            return False
        return other.path == self.path or other.path.startswith(f"{self.path}/")


def place_of(url: str) -> Place:
    """The normal form of an http or https address; user info, query and fragment are left out.

    Raises ValueError for a port that is none.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    host = (parts.hostname or "").rstrip(".")
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    port = parts.port if parts.port is not None else _PORTS.get(scheme, 0)
    return Place(scheme, host, port, quote(unquote(parts.path), safe=_SAFE).rstrip("/"))


def longest(prefixes: Iterable[Place], url: Place) -> Place | None:
    """The one of `prefixes` that covers an address and says most about it; None where none does."""
    return max((each for each in prefixes if each.covers(url)), key=lambda each: len(each.path), default=None)


def _climbs(path: str) -> bool:
    return any(re.fullmatch(r"\.\.?", part) for part in re.split(r"[/\\]", unquote(unquote(path))))
