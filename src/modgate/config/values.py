"""The small values a configuration is written in: sizes, durations, addresses, stores, patterns.

Each is parsed once, here, into something that needs no second look; a ValueError says what would
have been right, and the loader adds where the text stood.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from modgate.gomod.proxylist import redacted

__all__ = [
    "Listen",
    "StoreSpec",
    "parse_duration",
    "parse_list",
    "parse_listen",
    "parse_prefix",
    "parse_size",
    "parse_store",
    "redact",
    "write_duration",
]

_UNITS = {
    "": 1,
    "b": 1,
    "k": 1 << 10,
    "m": 1 << 20,
    "g": 1 << 30,
    "t": 1 << 40,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.IGNORECASE)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)")
_USER_INFO = re.compile(r"(?<=://)[^/]*@")


def redact(text: str) -> str:
    """The text without the user info of any URL in it: safe for logs, errors and `repr`.

    Generous: what is not yet known to be a URL may hold its secret in odd places.
    """
    return _USER_INFO.sub("***@", redacted(text))


def parse_size(value: object) -> int:
    """Bytes from `1048576`, `"512MiB"`, `"1.5 GB"`: `k`, `m`, `g` alone count in 1024s.

    Raises ValueError.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        unit = _UNITS.get(match[2].lower())
        if unit is not None:
            return int(float(match[1]) * unit) if "." in match[1] else int(match[1]) * unit
    raise ValueError('a size is a number of bytes or a text such as "512MiB" or "2GiB"')


def parse_duration(value: object) -> float:
    """Seconds from `30`, `"30"`, `"30s"`, `"1m30s"`, `"250ms"` (the units of Go, and `d`).

    Raises ValueError.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"\d+(?:\.\d+)?", text):
            return float(text)
        parts = _DURATION_PART.findall(text)
        if parts and "".join(number + unit for number, unit in parts) == text:
            return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    raise ValueError('a duration is a number of seconds or a text such as "30s", "1m30s" or "250ms"')


def write_duration(seconds: float) -> str:
    """What `parse_duration` reads as so many seconds: whole days as such."""
    days = seconds / 86400
    if days >= 1 and days.is_integer():
        return f"{int(days)}d"
    return f"{int(seconds)}s" if seconds.is_integer() else f"{seconds!r}s"


def parse_list(value: object) -> tuple[str, ...]:
    """A list of texts, or one text with commas between them, as in Go's own variables.

    Empty items are dropped, as Go drops them. Raises ValueError.
    """
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(item.strip() for item in value if item.strip())
    raise ValueError("a list of texts, or one text with commas between the items")


def parse_prefix(value: object) -> str:
    """The mount prefix with a leading and without a trailing slash; empty for none.

    Raises ValueError.
    """
    if not isinstance(value, str):
        raise ValueError('a URL path such as "/go"')  # noqa: TRY004  pydantic collects ValueErrors only
    path = value.strip("/")
    if not path:
        return ""
    if not re.fullmatch(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*", path) or ".." in path.split("/"):
        raise ValueError('a URL path of letters, digits and "._~-/" such as "/go"')
    return "/" + path


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the server listens: a host and a port (0: any free one), or the path of a Unix socket."""

    host: str = ""
    port: int = 0
    socket: Path | None = None

    @property
    def loopback(self) -> bool:
        """True where only this machine can connect. A name other than localhost counts as open."""
        if self.socket is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.socket is not None:
            return f"unix:{self.socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_LISTEN_FORMS = 'an address is "127.0.0.1:3000", "[::1]:3000", ":3000" (every interface) or "unix:/path"'


def parse_listen(value: object) -> Listen:
    """`host:port`, `[v6]:port`, `:port` (every interface, as in Go), `port`, or `unix:/path`.

    A bare port listens on 127.0.0.1: being reachable from outside must be asked for.
    Raises ValueError.
    """
    if isinstance(value, Listen):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError(_LISTEN_FORMS)  # noqa: TRY004  pydantic collects ValueErrors only
    text = value.strip()
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        path = path.removeprefix("//") if path.startswith("///") else path
        if not path:
            raise ValueError(_LISTEN_FORMS)
        return Listen(socket=Path(path).expanduser())
    if "://" in text:
        raise ValueError(f"{_LISTEN_FORMS}, without a scheme; TLS is switched on by tls.cert and tls.key")
    host, _, port = ("127.0.0.1", "", text) if text.isascii() and text.isdigit() else text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        ipaddress.IPv6Address(host)
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets, as in [::1]:3000")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or re.search(r"[\s/]", host):
        raise ValueError(_LISTEN_FORMS)
    return Listen(host=host or "0.0.0.0", port=int(port))  # noqa: S104  ":3000" asks for it, and warns


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """What the store is: a folder (`path`), or else memory of at most `limit` bytes."""

    path: Path | None
    limit: int = 1 << 30

    def __str__(self) -> str:
        return str(self.path) if self.path is not None else f"memory:{self.limit}"


def parse_store(value: object) -> StoreSpec:
    """A folder, `memory:` (1 GiB) or `memory:512MiB`. Raises ValueError."""
    if isinstance(value, StoreSpec):
        return value
    if isinstance(value, Path):
        return StoreSpec(path=value)
    forms = 'a store is a folder, "memory:" or "memory:512MiB"'
    if not isinstance(value, str) or not value.strip():
        raise ValueError(forms)
    text = value.strip()
    if text == "memory" or text.startswith("memory:"):
        size = text.removeprefix("memory").removeprefix(":")
        spec = StoreSpec(path=None, limit=parse_size(size)) if size else StoreSpec(path=None)
        if spec.limit <= 0:
            raise ValueError(f"{forms}; a store of no bytes keeps nothing")
        return spec
    scheme, separator, rest = text.partition("://")
    if separator and scheme != "file":
        raise ValueError(f"{forms}; {scheme}:// stores are not supported")
    return StoreSpec(path=Path(rest if separator else text).expanduser())
