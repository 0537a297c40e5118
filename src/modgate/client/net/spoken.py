"""One request and its answer over an open wire, in HTTP/1.1 or HTTP/2.

What arrives is judged as go's client judges it: the first bytes decide whether it is HTTP at all, and the
end of the stream before, in and after the head are three different things. Bodies are not unpacked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h11

from modgate.client.findings import Phase
from modgate.client.net.facts import Failure, FailureKind
from modgate.client.net.tunnel import first_line
from modgate.client.net.wire import Ended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modgate.client.net.wire import Wire

__all__ = ["Head", "Http1", "Http2", "Request", "Spoken"]

_WINDOW = 1 << 24


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask. `target` is the path with the query, or the whole URL for a proxy."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Head:
    """A complete head; names of headers in lower case, repeated ones joined."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    version: str = "HTTP/1.1"


class Spoken(Protocol):
    """A connection on which requests follow each other. Raises Ended and OSError."""

    async def ask(self, request: Request) -> None:
        """Send a request."""

    async def head(self) -> Head:
        """The head of its answer; those of the 100s are passed over."""

    async def body(self) -> bytes:
        """Some more of the body; none at its end."""

    def reusable(self) -> bool:
        """After the body's end: whether another request may follow."""


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in pairs:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class Http1:
    """HTTP/1.1 and 1.0."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
        self._start = b""

    async def ask(self, request: Request) -> None:
        """As Spoken says."""
        headers = [("Host", request.authority), *request.headers]
        if request.content:
            headers.append(("Content-Length", str(len(request.content))))
        try:
            head = h11.Request(method=request.method, target=request.target, headers=headers)
            out = self._h11.send(head) or b""
        except h11.LocalProtocolError as error:
            raise Ended(Failure(Phase.CONFIG, FailureKind.SETTING, str(error))) from error
        if request.content:
            out += self._h11.send(h11.Data(data=request.content)) or b""
        out += self._h11.send(h11.EndOfMessage()) or b""
        self._start = b""
        await self._wire.write(out)

    async def head(self) -> Head:
        """As Spoken says."""
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                raise Ended(self._no_head(str(error))) from error
            if isinstance(event, h11.Response):
                pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in event.headers]
                version = f"HTTP/{event.http_version.decode()}"
                return Head(event.status_code, _joined(pairs), version)
            if event is h11.NEED_DATA:
                await self._more_head()
            elif not isinstance(event, h11.InformationalResponse):
                raise Ended(self._no_head(""))

    async def _more_head(self) -> None:
        data = await self._wire.read()
        self._start += data[: 512 - len(self._start)]
        if not data:
            raise Ended(self._no_head("unexpected EOF"))
        if len(self._start) >= 5 and not self._start.startswith(b"HTTP/"):
            raise Ended(self._no_head(""))
        self._h11.receive_data(data)

    def _no_head(self, text: str) -> Failure:
        start = self._start
        if not start:
            return Failure(Phase.HEADERS, FailureKind.CLOSED)
        if start[0] in {0x15, 0x16} and start[1:2] == b"\x03":
            return Failure(Phase.HEADERS, FailureKind.TLS_PORT)
        if start.startswith(b"HTTP/"):
            kind = FailureKind.CLOSED if text == "unexpected EOF" else FailureKind.GARBAGE
            return Failure(Phase.HEADERS, kind, text or first_line(start))
        return Failure(Phase.HEADERS, FailureKind.GARBAGE, first_line(start))

    async def body(self) -> bytes:
        """As Spoken says."""
        while True:
            try:
                event = self._h11.next_event()
                if event is h11.NEED_DATA:
                    self._h11.receive_data(await self._wire.read())
                    continue
            except h11.RemoteProtocolError as error:
                raise Ended(Failure(Phase.BODY, FailureKind.CUT, str(error))) from error
            if isinstance(event, h11.Data):
                if event.data:
                    return bytes(event.data)
                continue
            return b""

    def reusable(self) -> bool:
        """As Spoken says."""
        if self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE:
            self._h11.start_next_cycle()
            return True
        return False


class Http2:
    """HTTP/2, one stream after the other. `start` comes first."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True, header_encoding="utf-8", validate_inbound_headers=False
            )
        )
        self._stream = 0
        self._events: list[h2.events.Event] = []
        self._phase = Phase.HEADERS
        self._going = False
        self._ended = False

    async def start(self) -> None:
        """The preface. Raises OSError."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW)
        await self._flush()

    async def ask(self, request: Request) -> None:
        """As Spoken says."""
        self._stream = self._h2.get_next_available_stream_id()
        self._phase, self._ended = Phase.HEADERS, False
        headers = [
            (":method", request.method),
            (":scheme", request.scheme),
            (":authority", request.authority),
            (":path", request.target),
            *((name.lower(), value) for name, value in request.headers),
        ]
        if request.content:
            headers.append(("content-length", str(len(request.content))))
        self._h2.send_headers(self._stream, headers, end_stream=not request.content)
        self._h2.increment_flow_control_window(_WINDOW, self._stream)
        if request.content:
            self._h2.send_data(self._stream, request.content, end_stream=True)
        await self._flush()

    async def head(self) -> Head:
        """As Spoken says."""
        while True:
            event = await self._next()
            if isinstance(event, h2.events.ResponseReceived):
                pairs = [(str(name), str(value)) for name, value in event.headers or ()]
                status = next((value for name, value in pairs if name == ":status"), "0")
                self._phase = Phase.BODY
                plain = [(name, value) for name, value in pairs if not name.startswith(":")]
                return Head(int(status) if status.isdigit() else 0, _joined(plain), "HTTP/2")

    async def body(self) -> bytes:
        """As Spoken says."""
        while not self._ended:
            event = await self._next()
            if isinstance(event, h2.events.DataReceived):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, self._stream)
                await self._flush()
                if event.data:
                    return event.data
        return b""

    def reusable(self) -> bool:
        """As Spoken says."""
        return self._ended and not self._going

    async def _next(self) -> h2.events.Event:
        """The next event of this stream. Raises Ended for what ends it."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if isinstance(event, h2.events.ConnectionTerminated):
                    self._going = True
                    last = event.last_stream_id or 0
                    if last < self._stream or event.error_code:
                        raise self._end(f"GOAWAY {_code(event.error_code)}")
                elif getattr(event, "stream_id", None) == self._stream:
                    if isinstance(event, h2.events.StreamReset):
                        code = _code(event.error_code)
                        raise self._end(f"stream error: stream ID {self._stream}; {code}")
                    if isinstance(event, h2.events.StreamEnded):
                        self._ended = True
                    return event
            data = await self._wire.read()
            if not data:
                kind = FailureKind.CLOSED if self._phase is Phase.HEADERS else FailureKind.CUT
                raise Ended(Failure(self._phase, kind, "unexpected EOF"))
            try:
                self._events = self._h2.receive_data(data)
            except h2.exceptions.ProtocolError as error:
                raise self._end(str(error)) from error
            await self._flush()

    def _end(self, text: str) -> Ended:
        return Ended(Failure(self._phase, FailureKind.H2, text))

    async def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data:
            await self._wire.write(data)


def _code(code: object) -> str:
    return str(getattr(code, "name", code))
