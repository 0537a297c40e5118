"""HTTP/1.1 on a connection: uvicorn's protocol class, with a short way for hot answers and limits.

Everything is parsed by llhttp (strict: bare LF, Content-Length beside Transfer-Encoding and malformed
heads end the connection) and everything but a hit goes the ordinary way through the ASGI application.
A hit goes one of two shorter ways, both without a task:

1. A parsed request whose headers change nothing about the answer is answered from the memo at once.
2. A received piece of data that is exactly one whole request head seen before, at a moment when the
   connection is between two requests, needs no parsing either: the same bytes parse the same way.

What a client was given is counted on both (`firewall.tally`); who it is, its `Asker` knows.

Small bodies are written with their head. Big ones are sent from the open file by the kernel, at most
`_PIECE` bytes a turn, and the rest whenever the client has made room, so that a slow reader costs no
memory. Under TLS, and where the kernel cannot do it, they take the ordinary way.

Nothing waits for a client for ever: see `shared.Limits`.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modgate.server.asker import Asker
from modgate.server.exchange import certificate_name
from modgate.server.naming import UNIX

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application
    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from modgate.firewall.tally import Account
    from modgate.server.memo import Hot, OpenFile
    from modgate.server.shared import Shared

__all__ = ["GateProtocol"]

_PIECE = 1024 * 1024
_PIPELINED = 64
_HEAD_END = b"\r\n\r\n"
_CAN_SENDFILE = sys.platform == "linux"
# Whatever is not among these may change the answer, or says that a body follows.
_HARMLESS = frozenset({
    b"host", b"user-agent", b"accept", b"accept-encoding", b"accept-language", b"x-forwarded-for",
    b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-real-ip", b"x-request-id",
    b"traceparent", b"tracestate", b"forwarded", b"via", b"cache-control", b"pragma", b"dnt",
})  # fmt: skip


class _NoEvent:
    """For nobody waits for the request body of an answer that needs none."""

    def set(self) -> None:
        """Nothing."""


class _FileCycle:
    """A file on its way out; stands where uvicorn expects the request that is being answered."""

    __slots__ = (
        "account",
        "at",
        "body",
        "disconnected",
        "file",
        "keep_alive",
        "mark",
        "more_body",
        "response_complete",
        "size",
    )

    message_event = _NoEvent()

    def __init__(self, file: OpenFile, size: int, account: Account, mark: str) -> None:
        self.file = file
        self.account = account
        self.mark = mark
        self.at = 0
        self.size = size
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = True
        self.body = b""
        self.more_body = False


class GateProtocol(HttpToolsProtocol):
    """One connection."""

    cycle: Any

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        shared: Shared,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._shared = shared
        self._memo = shared.memo
        self._between = True
        self._hot: Hot | None = None
        self._data = b""
        self._head_bytes = 0
        self._since = shared.monotonic()
        self._progress = (0, 0)
        self._out: socket.socket | None = None
        self._file: _FileCycle | None = None
        self._active: RequestResponseCycle | None = None
        self._waiting = False
        self._plain = False
        self._too_large = False
        self._in_body = False
        self._asker = Asker(shared, UNIX, "")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._plain = _CAN_SENDFILE and transport.get_extra_info("sslcontext") is None
        peer = UNIX if self.client is None else str(self.client[0])
        self._asker = Asker(self._shared, peer, certificate_name(transport.get_extra_info("peercert")))
        if len(self.connections) > self._shared.limits.connections:
            self._refuse(503, "too many connections", "too-many")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        self._end_file()
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._active is not None and not self._active.response_complete:
            # uvicorn tells only the last of several pipelined requests.
            self._active.disconnected = True
            self._active.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._active = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client: a known head, or food for the parser."""
        if self._between:
            hot, asker = self._memo.recall(data), self._asker
            if hot is None and asker.own:
                hot = asker.recall(data, self._memo)
            if hot is not None and self._idle():
                if asker.naming is not self._shared.naming:
                    asker.introduce()
                account = asker.account or asker.accounts.get(data)
                if account is not None and self._send_hot(hot, account):
                    return
            self._since = self._shared.monotonic()
            self._data = data
        else:
            self._data = b""
        limits = self._shared.limits
        self._head_bytes += len(data)
        transport = self.transport
        super().data_received(data)
        if self._between:
            self._head_bytes = 0
        elif self._head_bytes > limits.head_bytes and not transport.is_closing():
            self._refuse(431, "the request head is too large", "header-size")

    def send_400_response(self, msg: str) -> None:
        """The parser refused the bytes. In the middle of an answer, a text would become part of it."""
        if self._too_large:
            self._refuse(431, "the request head is too large", "header-size")
            return
        self._shared.metrics.refused("malformed")
        if self._idle():
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if not self._between:
            self._data = b""
        self._between = False
        self._in_body = False
        super().on_message_begin()
        if self._asker.principal:
            self.scope["extensions"] = {"modgate.principal": {"name": self._asker.principal}}

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head. What stands behind a chunked body is none (RFC 9110, 6.5.1)."""
        # Whoever strips or checks heads before us has not seen it.
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """A whole head: answer from the memo, or start the application."""
        self._in_body = True
        if self._head_bytes > self._shared.limits.head_bytes:
            # More than one request may have come at once: this one's own size counts.
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._shared.limits.head_bytes:
                self._too_large = True
                raise ValueError("the request head is too large")
        self._head_bytes = 0
        if self._shared.shortcuts and self._is_plain_get() and self._idle():
            hot = self._memo.get(self.url) or self._own_hot()
            if hot is not None and self._can_send(hot):
                self._hot = hot
                return
        self._check_head()
        if len(self.pipeline) >= _PIPELINED:
            # Each answer lets more be read, so requests would pile up as long as the client sends them.
            raise ValueError("too many requests before their answers")
        super().on_headers_complete()

    def _check_head(self) -> None:
        """What llhttp lets pass, or notices only after the application would have started."""
        if self.parser.get_http_version() not in {"1.1", "1.0"}:
            raise ValueError("not HTTP/1.1 or HTTP/1.0")
        body = False
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                raise ValueError("no such transfer coding")
            body = body or name == b"transfer-encoding" or (name == b"content-length" and value != b"0")
        if body and self.parser.should_upgrade():
            # llhttp takes what follows for another protocol, and then for the next request.
            raise ValueError("a body and an upgrade")

    def on_body(self, body: bytes) -> None:
        """Part of a request body, which nothing here reads."""
        self._head_bytes = 0
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of a request."""
        self._between = True
        hot, self._hot = self._hot, None
        if hot is None:
            super().on_message_complete()
            return
        data = self._data
        account = self._asker.of(self.headers)
        if data.endswith(_HEAD_END) and data.count(_HEAD_END) == 1:
            self._asker.remember(bytes(data), hot, account, self._memo)
        self._send_hot(hot, account)

    def _own_hot(self) -> Hot | None:
        """What the consumer of the request that was just parsed is given, and nobody else."""
        consumer = self._asker.of(self.headers).consumer
        return self._memo.get(self.url, consumer) if consumer else None

    def _is_plain_get(self) -> bool:
        parser = self.parser
        if (
            parser.get_method() != b"GET"
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
        ):
            return False
        hosts, named_by = 0, self._shared.naming.header
        for name, value in self.headers:
            if name == b"host":
                hosts += bool(value)
            elif name not in _HARMLESS and name != named_by:
                return False
        return hosts == 1

    def _idle(self) -> bool:
        return (self.cycle is None or self.cycle.response_complete) and not self.pipeline

    def _can_send(self, hot: Hot) -> bool:
        waiting = self.transport.get_write_buffer_size()
        return waiting <= HIGH_WATER_LIMIT if hot.file is None else self._plain and waiting == 0

    def _send_hot(self, hot: Hot, account: Account) -> bool:
        """Answer, if it can be done without waiting; False to go the ordinary way."""
        transport = self.transport
        if transport.is_closing():
            return True
        if not self._can_send(hot):
            return False
        shared = self._shared
        head = shared.status_line + hot.head(self._memo.clock())
        if hot.file is None:
            self._unset_keepalive_if_required()
            transport.write(head + hot.body)
            self._since = shared.monotonic()
            mark = hot.mark
            if mark:
                # Account.count, written out: each call costs as much again as what it does.
                times = account.counts.get(mark)
                if times is None:
                    account.begin(mark)
                else:
                    account.counts[mark] = times + 1
        else:
            self._send_file(head, hot, hot.file, account)
        hot.cell.count += 1
        hot.cell.size += hot.size
        return True

    def _send_file(self, head: bytes, hot: Hot, file: OpenFile, account: Account) -> None:
        out = self._out
        if out is None:
            # uvloop guards its own descriptors: a second one may be waited for and sent on.
            number = self.transport.get_extra_info("socket").fileno()
            out = self._out = socket.socket(fileno=os.dup(number))
        self._unset_keepalive_if_required()
        self.cycle = self._file = _FileCycle(file.acquire(), hot.size, account, hot.mark)
        try:
            written = out.send(head, socket.MSG_MORE | socket.MSG_DONTWAIT)
        except BlockingIOError:
            written = 0
        except OSError:
            self._end_file()
            self.transport.abort()
            return
        if written < len(head):
            # The socket is full although nothing of ours waits: let the transport do it, in order.
            self.transport.write(head[written:])
            self._wait_for_room(out)
            return
        self._more_file()

    def _wait_for_room(self, out: socket.socket) -> None:
        if not self._waiting:
            self._waiting = True
            self.flow.pause_reading()
            self.loop.add_writer(out.fileno(), self._more_file)

    def _more_file(self) -> None:
        cycle, out = self._file, self._out
        if cycle is None or out is None or self.transport.get_write_buffer_size():
            return
        left = cycle.size - cycle.at
        try:
            sent = os.sendfile(out.fileno(), cycle.file.fd, cycle.at, min(_PIECE, left))
        except BlockingIOError:
            self._wait_for_room(out)
            return
        except OSError:
            sent = 0
        if sent == 0:
            # The client is gone, or the file became shorter: nothing more may look like its rest.
            self._end_file()
            self.transport.abort()
            return
        cycle.at += sent
        if sent < left:
            self._wait_for_room(out)
            return
        self._end_file()
        cycle.response_complete = True
        if cycle.mark:
            cycle.account.count(cycle.mark)
        if not cycle.keep_alive:
            self.transport.close()
        elif self.pipeline:
            self.on_response_complete()
        else:
            self.flow.resume_reading()
            self._since = self._shared.monotonic()

    def _end_file(self) -> None:
        """No more of the file will be sent."""
        if self._waiting and self._out is not None:
            self._waiting = False
            self.loop.remove_writer(self._out.fileno())
        cycle, self._file = self._file, None
        if cycle is not None:
            cycle.file.release()

    def on_response_complete(self) -> None:
        """An answer is out: the next request, or a pause."""
        super().on_response_complete()
        # The sweep below ends idle connections: one timer a connection and answer is too many.
        self._unset_keepalive_if_required()
        self._since = self._shared.monotonic()

    def sweep(self, now: float) -> None:
        """Called every second or so: end what has made no progress for too long."""
        limits = self._shared.limits
        waited = now - self._since
        if self._idle():
            if self.transport.get_write_buffer_size():
                self._check_progress(now)
            elif self._between and waited > limits.idle_seconds:
                self.transport.close()
            elif not self._between and waited > limits.head_seconds:
                self._refuse(408, "the request head took too long", "slow")
        elif self._file is not None or self.flow.write_paused:
            self._check_progress(now)
        else:
            self._since = now

    def _check_progress(self, now: float) -> None:
        at = (self._file.at if self._file is not None else 0, self.transport.get_write_buffer_size())
        if self._progress != at:
            self._progress = at
            self._since = now
        elif now - self._since > self._shared.limits.stall_seconds:
            self._shared.metrics.refused("stalled")
            self.transport.abort()

    def _refuse(self, status: int, text: str, reason: str) -> None:
        self._shared.metrics.refused(reason)
        if not self._idle():
            self.transport.abort()
            return
        phrase = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}
        body = f"{text}\n".encode()
        self.transport.write(
            b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n%s"
            b"connection: close\r\n\r\n%s"
            % (
                status,
                phrase[status].encode(),
                len(body),
                b"retry-after: 5\r\n" if status == 503 else b"",
                body,
            )
        )
        self.transport.close()
