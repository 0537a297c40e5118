"""The promises of an HTTP upstream: one base address, one error table, nothing half delivered.

What an answer's status means (the table every source relies on):

| upstream says | raised |
|---|---|
| 404 / 410 | Absent / Absent(gone=True), with its text |
| 403, 451 | Denied with its text (plain text only, cleaned, bounded) |
| 401 | Unavailable (`bad-answer`): the gate's own credentials are at fault, not the module |
| 508 | Unavailable (`loop`): it found itself in `Modgate-Via` |
| 429, 503 | Unavailable (`overloaded`), with Retry-After |
| 400, other 4xx, 5xx, redirect loops, nonsense | Unavailable (`bad-answer`) |
| no answer in time | Unavailable (`timeout`) |
| refused, DNS, TLS, reset, open breaker | Unavailable (`unreachable`) |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model.context import Context

__all__ = ["Upstream", "UpstreamStream"]


class UpstreamStream(Protocol):
    """The head of a 200 answer and its body, to be read once or closed."""

    @property
    def size(self) -> int | None:
        """Content-Length, where the upstream gave one."""

    @property
    def content_type(self) -> str:
        """The media type, lower case, without parameters; empty if absent."""

    def chunks(self) -> AsyncIterator[bytes]:
        """The body; ends normally only if it arrived whole. Raises Unavailable (short, stalled)."""

    async def aclose(self) -> None:
        """Give the connection back (whole body read) or drop it. Never raises."""


class Upstream(Protocol):
    """One HTTP server under one base URL. Retries, breaker and time-outs are inside."""

    @property
    def name(self) -> str:
        """Scheme, host and path without user info: for logs, metrics and error texts."""

    async def get(self, ctx: Context, path: str, *, limit: int) -> bytes:
        """The whole body at `path` (relative to the base, already escaped; a query may follow). Raises as
        in the table; a body above `limit` bytes is Unavailable (`bad-answer`).
        """

    async def open(self, ctx: Context, path: str) -> UpstreamStream:
        """Send GET and return when the head is there. Raises as in the table."""

    async def head(self, ctx: Context, path: str) -> int | None:
        """Send HEAD: the Content-Length, or None if not said. Raises as in the table."""

    async def ready(self) -> None:
        """Raises Unavailable while the breaker is open."""

    async def close(self) -> None:
        """Close connections."""
