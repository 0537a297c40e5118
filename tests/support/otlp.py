"""A collector of traces for tests: takes OTLP over HTTP (protobuf, packed or plain) and keeps the spans.

`status` and `pause` make it a bad one: it refuses, or keeps everybody waiting.
"""

from __future__ import annotations

import gzip
import threading
import time
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

__all__ = ["Collector", "Received"]

_KINDS = {1: "internal", 2: "server", 3: "client"}


@dataclass(frozen=True, slots=True)
class Received:
    """One span as it arrived. Ids are hex, times nanoseconds, `links` pairs of trace and span id."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    failed: bool
    status: str
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]
    links: list[tuple[str, str]]
    resource: dict[str, Any] = field(repr=False)

    def during(self, other: Received) -> bool:
        """Whether it began while the other one went on."""
        return other.start <= self.start <= other.end


class Collector:
    """`with Collector() as collector:` listens at `collector.url` on loopback."""

    def __init__(self) -> None:
        self._spans: list[Received] = []
        self._lock = threading.Lock()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.status = 200
        self.pause = 0.0
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                collector._take(self)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that send spans here, soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}

    @property
    def spans(self) -> list[Received]:
        """All that arrived, by start."""
        with self._lock:
            return sorted(self._spans, key=lambda span: span.start)

    def named(self, name: str) -> list[Received]:
        """The spans of this name that arrived."""
        return [span for span in self.spans if span.name == name]

    def children(self, span: Received) -> list[Received]:
        """The spans under one, by start."""
        return [each for each in self.spans if each.trace == span.trace and each.parent == span.id]

    def clear(self) -> None:
        """Forget what arrived."""
        with self._lock:
            self._spans.clear()

    def until(self, wanted: Callable[[Collector], bool], seconds: float = 20.0) -> None:
        """Wait for spans. Fails with what there is."""
        deadline = time.monotonic() + seconds
        while not wanted(self):
            if time.monotonic() > deadline:
                raise AssertionError("\n".join(map(str, self.spans)) or "no spans came")
            time.sleep(0.02)

    def one(self, name: str, **attributes: Any) -> Received:
        """The one span of this name with these attributes (`__` for a dot), when it has come."""
        asked = {key.replace("__", "."): value for key, value in attributes.items()}

        def found() -> list[Received]:
            return [
                span
                for span in self.named(name)
                if all(span.attributes.get(key) == value for key, value in asked.items())
            ]

        self.until(lambda _: bool(found()))
        spans = found()
        assert len(spans) == 1, spans
        return spans[0]

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        time.sleep(self.pause)
        self.requests.append((handler.path, {name.lower(): value for name, value in handler.headers.items()}))
        if self.status == 200:
            body = _plain(body, handler.headers.get("content-encoding", ""))
            with self._lock:
                self._spans += _spans(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        try:
            handler.send_response(self.status)
            handler.send_header("content-type", "application/x-protobuf")
            handler.send_header("content-length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except OSError:
            handler.close_connection = True


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


def _spans(request: ExportTraceServiceRequest) -> list[Received]:
    return [
        Received(
            name=span.name,
            kind=_KINDS.get(span.kind, "other"),
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            failed=span.status.code == 2,
            status=span.status.message,
            attributes=_values(span.attributes),
            events=[(event.name, _values(event.attributes)) for event in span.events],
            links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
            resource=_values(group.resource.attributes),
        )
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in attributes:
        kind = attribute.value.WhichOneof("value")
        found[attribute.key] = getattr(attribute.value, kind) if kind else None
    return found
