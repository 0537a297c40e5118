"""An HTTP request that leaves this gate, as a span: from its sending to the end of its body.

Rules: each hop and each attempt is a span of its own. What a URL says besides scheme, host and path is
left out, and of a redirect the path as well, since both may be signed. A trace is carried on to the
upstream only where that is a gate too, known by the header of its answers: nobody else is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from modgate.telemetry import tracing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import SimpleNamespace, TracebackType
    from typing import Any, Self

    import aiohttp
    import yarl

__all__ = ["INSTANCE", "Call", "end", "watch_connecting"]

INSTANCE = "Modgate-Instance"
"""The header by which a gate is known."""


class Call:
    """A block that is left when the answer's head is judged; `keep` gives the span to who reads the body."""

    __slots__ = ("_block", "_kept", "_span")

    def __init__(self, method: str, url: yarl.URL, *, home: bool) -> None:
        self._kept = False
        self._span: tracing.Span = tracing.NO_SPAN
        if tracing.on():
            plain = url.with_user(None).with_query(None).with_fragment(None)
            self._span = tracing.begin(
                method,
                {
                    "http.request.method": method,
                    "server.address": url.host,
                    "server.port": url.port,
                    "url.scheme": url.scheme,
                    "url.full": str(plain) if home else None,
                },
                kind="client",
            )
        self._block = tracing.use(self._span)

    def __enter__(self) -> Self:
        self._block.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._block.__exit__(kind, error, trace)
        if error is not None:
            end(self._span, error)
        elif not self._kept:
            self._span.end()

    def answered(self, status: int) -> None:
        """The head of the answer is there."""
        self._span.event("head")
        self._span.set({"http.response.status_code": status})

    def keep(self) -> tracing.Span:
        """The span, which goes on until `end`."""
        self._kept = True
        return self._span


def end(span: tracing.Span, error: BaseException | None = None) -> None:
    """The request is over, by an error or by the end of its body."""
    settled = getattr(error, "error", error)
    if isinstance(settled, Exception):
        tracing.fail(span, settled)
    elif settled is not None:
        span.set({"modgate.cancelled": True})
    span.end()


def watch_connecting(config: aiohttp.TraceConfig) -> None:
    """Have the steps to a connection told as events of the span that runs. Nothing while traces are off."""
    if not tracing.on():
        return

    def told(name: str) -> Callable[[aiohttp.ClientSession, SimpleNamespace, Any], Awaitable[None]]:
        async def tell(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
            tracing.current().event(name)

        return tell

    for signal, name in (
        (config.on_connection_queued_start, "queued"),
        (config.on_connection_create_start, "connect"),
        (config.on_connection_create_end, "connected"),
        (config.on_connection_reuseconn, "reused"),
    ):
        signal.append(told(name))
