"""The layer that marks spans, with the SDK behind it and a list in memory behind that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from structlog.testing import capture_logs

from modgate.errors import Absent, Tampered, Unavailable
from modgate.model import Context
from modgate.telemetry import configure_logging, otel, tracing
from modgate.transport.http import HTTPUpstream
from modgate.transport.settings import TransportSettings
from tests.support.raw_upstream import RawUpstream, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.support.raw_upstream import Exchange

    Ended = Callable[[], list[ReadableSpan]]


@pytest.fixture
def ended() -> Iterator[Ended]:
    """Traces are on; the spans that have ended, by start."""
    exporter = InMemorySpanExporter()
    tracer = otel.OtelTracer([lambda: exporter], service="test", version="1")
    tracing.install(tracer)

    def spans() -> list[ReadableSpan]:
        tracing.install(None)
        tracer.close()
        return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

    yield spans
    tracing.install(None)
    tracer.close()


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    number: int = span.context.span_id
    return number


def test_off_nothing_is_begun() -> None:
    assert not tracing.on()
    with tracing.span("a") as span, tracing.span("b", root=True) as inner:
        assert span is inner is tracing.current() is tracing.NO_SPAN
        span.set({"a": 1})
        span.event("b")
        span.link(inner)
        tracing.fail(span, ValueError("c"))
    assert tracing.begin("a") is tracing.NO_SPAN
    assert tracing.ids() == ("", "")
    assert tracing.carried(tracing.NO_SPAN) == {}


def test_a_span_within_another_is_its_child(ended: Ended) -> None:
    with tracing.span("outer", {"text": "x" * 5000, "none": None, "number": 3}):
        with tracing.span("inner"):
            pass
        assert tracing.current().recording
    outer, inner = ended()
    assert inner.parent is not None
    assert inner.parent.span_id == _id(outer)
    assert outer.attributes is not None
    assert dict(outer.attributes) == {"text": "x" * 512, "number": 3}


def test_a_root_is_linked_and_not_a_child(ended: Ended) -> None:
    with tracing.span("outer") as outer, tracing.span("own", root=True), tracing.span("child"):
        pass
    first, own, child = ended()
    assert outer.over
    assert own.parent is None
    assert [link.context.span_id for link in own.links] == [_id(first)]
    assert child.parent is not None
    assert child.parent.span_id == _id(own)


async def test_what_begins_after_its_parent_has_ended_is_never_its_child(ended: Ended) -> None:
    later = asyncio.Event()

    async def background() -> None:
        with tracing.span("early"):
            await later.wait()
        with tracing.span("late"):
            pass

    with tracing.span("request"):
        task = asyncio.create_task(background())
        await asyncio.sleep(0)
    later.set()
    await task
    request, early, late = ended()
    assert early.parent is not None
    assert early.parent.span_id == _id(request)
    assert late.parent is None
    assert [link.context.span_id for link in late.links] == [_id(request)]


@pytest.mark.parametrize(
    ("error", "failed", "attributes"),
    [
        (Absent("no such version"), False, {"error.type": "Absent", "modgate.error": "no such version"}),
        (
            Unavailable("it hangs", where="https://user:s3cret@host", kind="timeout"),
            True,
            {"error.type": "Unavailable", "modgate.error": "it hangs", "modgate.error.kind": "timeout"},
        ),
        (
            Tampered("other bytes"),
            True,
            {"error.type": "Tampered", "modgate.error": "other bytes", "checksum.valid": False},
        ),
        (ValueError("s3cret"), True, {"error.type": "ValueError"}),
    ],
)
def test_what_is_raised_makes_a_span_fail_unless_it_is_proved_absence(
    ended: Ended, error: Exception, failed: bool, attributes: dict[str, object]
) -> None:
    with contextlib.suppress(Exception), tracing.span("work"):
        raise error
    (span,) = ended()
    assert (span.status.status_code is StatusCode.ERROR) is failed
    assert span.attributes is not None
    assert dict(span.attributes) == attributes
    assert "s3cret" not in span.to_json()


async def test_who_is_cancelled_did_not_fail(ended: Ended) -> None:
    async def work() -> None:
        with tracing.span("work"):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    (span,) = ended()
    assert span.attributes is not None
    assert dict(span.attributes) == {"modgate.cancelled": True}
    assert span.status.status_code is StatusCode.UNSET


def test_log_lines_name_the_span_they_are_about(ended: Ended, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    try:
        structlog.get_logger().info("before")
        with tracing.span("work"):
            trace, span = tracing.ids()
            structlog.get_logger().info("within")
            logging.getLogger("elsewhere").warning("from a library")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = []
    before, within, library = capsys.readouterr().err.splitlines()
    assert "trace_id" not in before
    for line in (within, library):
        assert f'"trace_id": "{trace}"' in line
        assert f'"span_id": "{span}"' in line


@pytest.mark.parametrize(("named", "joined"), [("tracecontext,baggage", True), ("none", False)])
def test_without_its_propagator_a_trace_is_neither_joined_nor_carried_on(
    monkeypatch: pytest.MonkeyPatch, named: str, joined: bool
) -> None:
    monkeypatch.setenv("OTEL_PROPAGATORS", named)
    exporter = InMemorySpanExporter()
    tracer = otel.OtelTracer([lambda: exporter], service="test", version="1")
    tracing.install(tracer)
    try:
        carrier = {"traceparent": f"00-{'4b' * 16}-{'00f0' * 4}-01"}
        with tracing.span("request", kind="server", carrier=carrier) as span:
            assert (tracing.ids()[0] == "4b" * 16) is joined
            assert bool(tracing.carried(span)) is joined
    finally:
        tracing.install(None)
        tracer.close()


async def test_a_trace_is_carried_to_an_upstream_that_is_a_gate_and_to_nobody_else(ended: Ended) -> None:
    heard: list[tuple[str, str]] = []
    other: list[str] = []
    headers: dict[str, str] = {}

    async def elsewhere(exchange: Exchange) -> None:
        other.append(exchange.headers.get("traceparent", ""))
        await exchange.send(said(body=b"there", headers={"Modgate-Instance": "somebody"}))

    async with RawUpstream(elsewhere) as far:

        async def answer(exchange: Exchange) -> None:
            heard.append((exchange.target, exchange.headers.get("traceparent", "")))
            if exchange.target == "/away":
                moved = {"Location": far.url.replace("127.0.0.1", "localhost") + "/x", **headers}
                await exchange.send(said(302, headers=moved))
            else:
                await exchange.send(said(body=b"here", headers=headers))

        async with RawUpstream(answer) as near:
            upstream = HTTPUpstream(near.url, TransportSettings(redirect_hosts=("localhost",)))
            try:
                with tracing.span("request"):
                    trace, _ = tracing.ids()
                    for path in ("1", "2"):
                        await upstream.get(Context(), path, limit=100)
                    headers["Modgate-Instance"] = "0123456789abcdef"
                    for path in ("3", "4", "away"):
                        await upstream.get(Context(), path, limit=100)
                    headers.clear()
                    for path in ("5", "6"):
                        await upstream.get(Context(), path, limit=100)
            finally:
                await upstream.close()
    told = {target: parent for target, parent in heard if parent}
    assert sorted(told) == ["/4", "/5", "/away"]
    by_id = {f"{_id(span):016x}": span for span in ended()}
    for parent in told.values():
        assert parent.split("-")[1] == trace
        assert by_id[parent.split("-")[2]].name == "GET"
    assert other == [""]


@pytest.mark.parametrize(
    ("name", "message", "arguments", "said_of_it"),
    [
        (
            "opentelemetry.exporter.otlp",
            "Failed to export %s batch code: %s, reason: %s",
            ("spans", 401, "Unauthorized"),
            "Failed to export spans batch code: 401, reason: Unauthorized",
        ),
        (
            "opentelemetry.exporter.otlp",
            "Transient error %s encountered, %s batch, %.2fs.",
            (ConnectionRefusedError(111, "s3cret"), "spans", 1.5),
            "Transient error ConnectionRefusedError (Connection refused) encountered, spans batch, 1.5s.",
        ),
        ("opentelemetry.exporter.otlp", "to %s", ("https://user:s3cret@host",), "to …"),
        ("opentelemetry.util.re", "Header format invalid: %s", ("secret",), "Header format invalid: …"),
        ("opentelemetry.sdk.x", "Queue full, dropping %s.", ("Span",), "Queue full, dropping …."),
    ],
)
def test_what_the_sdk_says_is_told_without_what_may_be_secret(
    name: str, message: str, arguments: tuple[object, ...], said_of_it: str
) -> None:
    otel.quiet()
    with capture_logs() as lines:
        logging.getLogger(name).error(message, *arguments)
    assert [line["why"] for line in lines] == [said_of_it]


def test_the_sdk_is_heard_once_a_minute() -> None:
    now = 0.0
    otel.quiet(lambda: now)
    logger = logging.getLogger("opentelemetry.sdk.trace")
    with capture_logs() as lines:
        for now in (0.0, 1.0, 59.0, 61.0):  # noqa: B007  the clock reads it
            logger.warning("Queue full")
        logging.getLogger("opentelemetry.trace.span").warning("a client's nonsense")
    assert [line.get("unsaid") for line in lines] == [None, 2]
