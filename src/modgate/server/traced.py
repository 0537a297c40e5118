"""Connections while traces are on: hits keep the short way, and each has its span.

Rule: whole request heads are not remembered by their bytes, since those say nothing of whose trace a
request belongs to; so each is parsed, and answered from the memo as ever. A span ends when the last byte
was given to the kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modgate.server.exchange import read_exchange
from modgate.server.spans import answered, asked_by, begin_request
from modgate.server.wire import GateProtocol
from modgate.telemetry import tracing

if TYPE_CHECKING:
    from modgate.server.memo import Hot

__all__ = ["TracedProtocol"]


class TracedProtocol(GateProtocol):
    """One connection."""

    def __init__(self, *args: Any, mount: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self._mount = mount
        self._span: tracing.Span = tracing.NO_SPAN
        self._answering: Hot | None = None
        self._began = 0.0

    def on_message_complete(self) -> None:
        """The end of a request: a hit is answered here."""
        hot = self._hot
        if hot is None:
            super().on_message_complete()
            return
        self._data = b""
        path = self.url.decode("latin-1")
        self._span = span = begin_request("GET", path, self._mount, self.headers)
        if span.recording:
            asked = {**self.scope, "method": "GET", "raw_path": self.url}
            asked_by(span, read_exchange(asked, self._shared.naming))
            self._began = self._shared.monotonic()
            self._answering = hot
        super().on_message_complete()
        if self._file is None:
            self._over(hot.size)

    def _end_file(self) -> None:
        sent = 0 if self._file is None else self._file.at
        super()._end_file()
        self._over(sent)

    def _over(self, sent: int) -> None:
        """The answer is out, or the client is gone."""
        hot, self._answering = self._answering, None
        if hot is None:
            return
        seconds = self._shared.monotonic() - self._began
        answered(self._span, 200, "hit", hot.rep.extra, size=sent, seconds=seconds, about=hot.rep.about)
        if sent < hot.size:
            self._span.event("client went away")
        self._span.end()
