"""A request of go's to a module proxy, as a log or a tap shows it: what `trace` and `log` draw and print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modgate.gomod.harmless import harmless
from modgate.gomod.proxylist import redacted

if TYPE_CHECKING:
    from modgate.client.findings import Phase

__all__ = ["SeenRequest", "request_json"]


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request.

    Attributes:
        url: As go asked.
        module: Unescaped path, empty where the URL names none (the checksum database's tiles).
        version: Unescaped, empty for lists and `@latest`.
        endpoint: `list`, `latest`, `info`, `mod`, `zip`, `sumdb-supported`, `sumdb-latest`, `sumdb-lookup`,
            `sumdb-tile`, `git`, `go-import`, or `other`.
        phase: Where it failed; `ok` where it did not.
        status: HTTP status, None where no head came or none was seen.
        seconds: Until the head (logs) or the end of the body (tap); None where unknown or unfinished.
        start: Seconds since the first request, None where the source has no times.
        body_seconds: Of the body alone, where a tap saw it.
        size: Bytes of body, where a tap saw it.
        error: go's words, empty where none.
        proxy: Index of the chain's entry, None where it cannot be told.
    """

    url: str
    module: str
    version: str
    endpoint: str
    phase: Phase
    status: int | None = None
    seconds: float | None = None
    start: float | None = None
    body_seconds: float | None = None
    size: int | None = None
    error: str = ""
    proxy: int | None = None


def request_json(request: SeenRequest) -> dict[str, object]:
    """One element of `requests` in the output of `trace` and `log`, schema 1."""
    row: dict[str, object] = {
        "url": harmless(redacted(request.url)),
        "module": request.module,
        "version": request.version,
        "endpoint": request.endpoint,
        "phase": request.phase.value,
        "status": request.status,
        "seconds": request.seconds,
    }
    optional = {"start": request.start, "body_seconds": request.body_seconds, "size": request.size}
    return row | {name: value for name, value in optional.items() if value is not None}
