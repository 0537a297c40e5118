"""A URL as it is asked: taken apart, its path escaped as go escapes it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from modgate.client.findings import Phase
from modgate.client.net.facts import Failure, FailureKind
from modgate.client.net.resolve import is_address
from modgate.client.net.wire import Ended

__all__ = ["Target"]

_IN_PATH = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    authority: str
    path: str
    user_info: str

    @classmethod
    def of(cls, url: str) -> Target:
        """Raises Ended where it is no http or https URL."""
        try:
            split: SplitResult = urlsplit(url)
            port = split.port
            host = _ascii(split.hostname or "")
        except (ValueError, UnicodeError) as error:
            raise Ended(Failure(Phase.CONFIG, FailureKind.SETTING, str(error))) from error
        if split.scheme not in {"http", "https"} or not host:
            raise Ended(
                Failure(Phase.CONFIG, FailureKind.SETTING, f"unsupported URL scheme {split.scheme!r}")
            )
        shown = f"[{host}]" if ":" in host else host
        path = quote(split.path, safe=_IN_PATH) or "/"
        if split.query:
            path += "?" + quote(split.query, safe=_IN_PATH + "?")
        return cls(
            url,
            split.scheme,
            host,
            port or (443 if split.scheme == "https" else 80),
            shown if port is None else f"{shown}:{port}",
            path,
            split.netloc.rpartition("@")[0],
        )

    def same_place(self, other: Target) -> bool:
        """Credentials may follow a redirect to the same host or below it."""
        return self.host == other.host or self.host.endswith(f".{other.host}")


def _ascii(host: str) -> str:
    return host if is_address(host) else host.encode("idna").decode()
