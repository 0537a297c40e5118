"""What a finding is about: which hosts, so that findings of one thing can be laid side by side.

Checks name hosts as they meet them: a bare name, `host:port`, a whole URL. Two names mean one place if the
hosts are the same and the ports, where both are told, are too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from modgate.client.findings import Phase

if TYPE_CHECKING:
    from modgate.client.findings import Finding

__all__ = ["Place", "place_of", "places_of", "value_of"]

_PORTS = {"http": 80, "https": 443}
_NAMES_OF_PLACES = ("host", "url", "repository")
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+|localhost|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A host, its port where it is told (0 where not), and the URL's path where there was a URL."""

    host: str
    port: int = 0
    path: str = ""

    @property
    def is_loopback(self) -> bool:
        """Whether go would never use a proxy for it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def meets(self, other: Place) -> bool:
        """Whether both can be the same place; paths are not compared."""
        return self.host == other.host and (not self.port or not other.port or self.port == other.port)

    def within(self, base: Place) -> bool:
        """Whether this is at or below `base`. A place without a path may be anywhere on its host."""
        return self.meets(base) and (not self.path or not base.path or _below(self.path, base.path))


@lru_cache(maxsize=8192)
def place_of(text: str) -> Place | None:
    """The place that a URL, `host:port` or a host names; None for any other text, as a module's path."""
    text = text.strip()
    if "://" not in text and "/" in text:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not _HOST.fullmatch(host):
        return None
    path = parts.path.rstrip("/") if parts.scheme else ""
    return Place(host.lower().rstrip("."), port or _PORTS.get(parts.scheme, 0), path)


def value_of(finding: Finding, name: str) -> str:
    """A value of the finding as text; empty where there is none of that name, or it is a message."""
    value = finding.values.get(name, "")
    return value if isinstance(value, str) else ""


def places_of(finding: Finding) -> tuple[Place, ...]:
    """Every place that a finding names: its subject, and its values that are hosts or URLs."""
    names = _NAMES_OF_PLACES if finding.cause.phase is Phase.CONFIG else (*_NAMES_OF_PLACES, "value")
    texts = [finding.subject, *(value_of(finding, name) for name in names)]
    return tuple(dict.fromkeys(place for text in texts if text and (place := place_of(text)) is not None))


def _below(path: str, base: str) -> bool:
    return path == base or path.startswith(f"{base}/")
