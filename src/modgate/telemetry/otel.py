"""Traces by the OpenTelemetry SDK, as the standard OTEL_* variables say.

Rules:

- This module is imported only where the variables switch traces on (`telemetry.traces`).
- The SDK reads its own variables: sampler, limits, batches, endpoint, headers, time-outs, compression,
  certificates. Here stand only the choices that are a program's: the default name of the service, HTTP
  as the protocol where none is named, the console's stream.
- What goes wrong on the way to the collector is the operator's to know and nobody's to wait for: spans
  are queued and sent by a thread, dropped when the queue is full, and all that the SDK has to say about
  it becomes one warning a minute. Its messages may quote headers, which hold secrets, so only what is
  known to be harmless of them is told.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from typing import TYPE_CHECKING, cast

import structlog
from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from modgate.telemetry.tracing import NO_SPAN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace.export import SpanExporter

    from modgate.telemetry.tracing import Kind, Span, Value

__all__ = ["OtelSpan", "OtelTracer", "quiet"]

_TEXT = 512
_PAUSE = 60.0
_FLUSH = 3.0
_KINDS = {
    "internal": api.SpanKind.INTERNAL,
    "server": api.SpanKind.SERVER,
    "client": api.SpanKind.CLIENT,
}
_WORDS = re.compile(r"[A-Za-z ]{1,40}")


def _clean(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {
        name: value[:_TEXT] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


class OtelSpan:
    """One span of the SDK (`tracing.Span`)."""

    __slots__ = ("inner", "over", "recording")

    def __init__(self, inner: api.Span) -> None:
        self.inner = inner
        self.recording = inner.is_recording()
        self.over = False

    def set(self, attributes: Mapping[str, Value | None]) -> None:
        """Add attributes."""
        if self.recording:
            self.inner.set_attributes(_clean(attributes))

    def event(self, name: str, attributes: Mapping[str, Value | None] | None = None) -> None:
        """Something happened now."""
        if self.recording:
            self.inner.add_event(name, _clean(attributes or {}))

    def link(self, other: Span) -> None:
        """It has to do with another."""
        if self.recording and isinstance(other, OtelSpan):
            self.inner.add_link(other.inner.get_span_context())

    def broken(self, text: str) -> None:
        """Its status is ERROR."""
        if self.recording:
            self.inner.set_status(api.Status(api.StatusCode.ERROR, text[:_TEXT]))

    def end(self) -> None:
        """It is done."""
        if not self.over:
            self.over = True
            self.recording = False
            self.inner.end()


class OtelTracer:
    """Makes spans and sends them (`tracing.Tracer`). Raises ValueError for variables that make no sense.

    `service` names the process where no variable does; `exporters` are made here, after the noise of
    theirs is kept down.
    """

    def __init__(
        self,
        exporters: Sequence[Callable[[], SpanExporter]],
        *,
        service: str,
        version: str,
    ) -> None:
        own = Resource({"service.version": version})
        resource = own.merge(Resource.create())
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": service}))
        # Its own hook at exit would wait half a minute for a collector that is down.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        for make in exporters:
            self._provider.add_span_processor(BatchSpanProcessor(make()))
        self._tracer = self._provider.get_tracer("modgate", version)
        named = os.environ.get("OTEL_PROPAGATORS", "tracecontext")
        wanted = "tracecontext" in {name.strip().lower() for name in named.split(",")}
        self._propagator = TraceContextTextMapPropagator() if wanted else None

    def begin(
        self,
        name: str,
        attributes: Mapping[str, Value | None],
        *,
        kind: Kind,
        parent: Span,
        links: Sequence[Span],
        carrier: Mapping[str, str] | None,
    ) -> OtelSpan:
        """A new span."""
        context = Context()
        if isinstance(parent, OtelSpan):
            context = api.set_span_in_context(parent.inner, context)
        elif carrier and self._propagator is not None:
            context = self._propagator.extract(carrier, context)
        known = [api.Link(each.inner.get_span_context()) for each in links if isinstance(each, OtelSpan)]
        return OtelSpan(
            self._tracer.start_span(
                name, context=context, kind=_KINDS[kind], attributes=_clean(attributes), links=known
            )
        )

    def carried(self, span: Span) -> dict[str, str]:
        """The headers `traceparent` and `tracestate`."""
        headers: dict[str, str] = {}
        if self._propagator is not None and isinstance(span, OtelSpan):
            self._propagator.inject(headers, api.set_span_in_context(span.inner, Context()))
        return headers

    def ids(self, span: Span) -> tuple[str, str]:
        """Trace id and span id in hex."""
        if span is NO_SPAN or not isinstance(span, OtelSpan):
            return ("", "")
        context = span.inner.get_span_context()
        return (api.format_trace_id(context.trace_id), api.format_span_id(context.span_id))

    def close(self, seconds: float = _FLUSH) -> None:
        """Send what is left, for at most so long."""
        # The SDK's own bound is half a minute, and its thread cannot be told to stop waiting.
        thread = threading.Thread(target=self._provider.shutdown, name="modgate-traces-end", daemon=True)
        thread.start()
        thread.join(seconds)


def console() -> SpanExporter:
    """Spans as JSON on stderr, because stdout carries the one ready line."""
    return ConsoleSpanExporter(out=sys.stderr)


def otlp_http() -> SpanExporter:
    """Protobuf over HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return OTLPSpanExporter()


def otlp_grpc() -> SpanExporter:
    """Protobuf over gRPC. Raises ImportError without the extra `otlp-grpc`."""
    from importlib import import_module  # noqa: PLC0415

    module = import_module("opentelemetry.exporter.otlp.proto.grpc.trace_exporter")
    return cast("SpanExporter", module.OTLPSpanExporter())


def quiet(clock: Callable[[], float] = time.monotonic) -> None:
    """Let the SDK's loggers tell the operator at most one thing a minute."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers[:] = [_Noise(clock)]
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    # A client may send any nonsense as its trace; that is nobody's to hear of.
    logging.getLogger("opentelemetry.trace").setLevel(logging.CRITICAL + 1)


class _Noise(logging.Handler):
    """One warning a minute, of words that hold no secret."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._said = float("-inf")
        self._silent = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Say it, or count it."""
        now = self._clock()
        if now - self._said < _PAUSE:
            self._silent += 1
            return
        unsaid, self._silent, self._said = self._silent, 0, now
        more = {"unsaid": unsaid} if unsaid else {}
        structlog.get_logger("modgate.traces").warning("traces", why=_told(record), **more)


def _told(record: logging.LogRecord) -> str:
    """The message with only numbers, kinds of errors and plain words in it."""
    template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    if not record.args:
        return template if "%" not in template and not record.exc_info else template.partition(":")[0]
    arguments = record.args.values() if isinstance(record.args, dict) else record.args
    plain = record.name.startswith("opentelemetry.exporter.")
    told = [_harmless(value, plain=plain) for value in arguments]
    text = re.sub(r"%[-+ #0]*\d*(?:\.\d+)?[a-zA-Z]", lambda _: told.pop(0) if told else "…", template)
    return text[:_TEXT]


def _harmless(value: object, *, plain: bool) -> str:
    if isinstance(value, BaseException):
        return _cause(value)
    if isinstance(value, int | float):
        return f"{value:g}"
    if plain and isinstance(value, str) and _WORDS.fullmatch(value):
        return value
    return "…"


def _cause(error: BaseException) -> str:
    """The kind of an error, and what the system says of it where it is one of its own."""
    name = type(error).__name__
    seen: BaseException | None = error
    for _ in range(10):
        if seen is None:
            break
        if isinstance(seen, OSError) and seen.errno:
            return f"{name} ({os.strerror(seen.errno)})"
        inner = next((each for each in seen.args if isinstance(each, BaseException)), None)
        reason = getattr(seen, "reason", None)
        seen = (
            inner
            or (reason if isinstance(reason, BaseException) else None)
            or seen.__cause__
            or seen.__context__
        )
    return name
