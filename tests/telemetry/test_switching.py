"""When traces are on, how they are configured, and that a bad collector is nobody's trouble but its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from modgate.telemetry import tracing
from modgate.telemetry.traces import traces, wanted
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate
    from tests.support.otlp import Collector

LEAF = "/example.test/leaf/@v/v1.0.0"
URL = "http://127.0.0.1:4318"


def _asked(gate: Gate) -> None:
    for ending in ("zip", "mod", "info", "zip", "zip"):
        assert gate.ask(f"{LEAF}.{ending}").status == 200


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "modgate"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL}, ("otlp-http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, ("otlp-http",)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "  "}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, ("otlp-http",)),
        ({"OTEL_TRACES_EXPORTER": "console"}, ("console",)),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ("console", "otlp-http")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": URL}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "TRUE"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "false"}, ("otlp-http",)),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, ("otlp-http",)),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, ("otlp-grpc",)),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            ("otlp-http",),
        ),
    ],
)
def test_the_variables_decide(variables: dict[str, str], expected: tuple[str, ...]) -> None:
    assert wanted(variables) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
    ],
)
def test_what_is_not_here_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"OTEL_.*known are"):
        wanted(variables)


def test_nothing_of_opentelemetry_is_imported_while_traces_are_off(stage: Stage) -> None:
    gate = stage.gate(environment={"PYTHONPROFILEIMPORTTIME": "1", "OTEL_SERVICE_NAME": "x"})
    _asked(gate)
    gate.stop()
    assert "modgate.telemetry.tracing" in gate.output
    for name in ("opentelemetry", "google.protobuf", "requests"):
        assert f" {name}" not in gate.output


def test_layers_that_mark_spans_do_not_import_prometheus() -> None:
    code = (
        "import sys, modgate.telemetry.tracing; "
        "print([n for n in ('prometheus_client', 'structlog', 'opentelemetry') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert done.stdout.strip() == "[]"


def test_the_standard_variables_reach_the_collector(stage: Stage, collector: Collector) -> None:
    environment = collector.environment | {
        "OTEL_SERVICE_NAME": "front",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.version=ours",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20s3cret,broken",
    }
    gate = stage.gate(environment=environment)
    _asked(gate)
    span = collector.one("GET /{module}/@v/{version}.mod")
    assert span.resource["service.name"] == "front"
    assert span.resource["service.version"] == "ours"
    assert span.resource["deployment.environment.name"] == "test"
    assert gate.stop() == 0
    path, headers = collector.requests[0]
    assert path == "/v1/traces"
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == "Bearer s3cret"
    assert "s3cret" not in gate.output
    assert "broken" not in gate.output
    assert span.trace in gate.output
    assert f'"span_id": "{span.id}"' in gate.output


def test_the_sampler_is_the_variables(stage: Stage, collector: Collector) -> None:
    gate = stage.gate(environment=collector.environment | {"OTEL_TRACES_SAMPLER": "always_off"})
    _asked(gate)
    gate.stop()
    assert collector.requests == []


def test_what_is_left_is_sent_at_the_end(stage: Stage, collector: Collector) -> None:
    gate = stage.gate(environment=collector.environment | {"OTEL_BSP_SCHEDULE_DELAY": "600000"})
    _asked(gate)
    assert collector.spans == []
    assert gate.stop() == 0
    assert collector.named("GET /{module}/@v/{version}.mod")


def test_spans_on_the_console_leave_stdout_to_the_ready_line(stage: Stage) -> None:
    gate = stage.gate(environment={"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "20"})
    _asked(gate)
    gate.stop()
    assert '"name": "GET /{module}/@v/{version}.zip"' in gate.output


@pytest.mark.parametrize("how", ["down", "refusing", "silent"])
def test_a_bad_collector_costs_one_warning_and_no_request(
    stage: Stage, collector: Collector, how: str
) -> None:
    environment = collector.environment | {"OTEL_BSP_SCHEDULE_DELAY": "20", "OTEL_BSP_MAX_QUEUE_SIZE": "8"}
    environment |= {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
    if how == "down":
        environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://key:s3cret@127.0.0.1:9/?token=s3cret"
    elif how == "refusing":
        collector.status = 401
    else:
        collector.pause = 30.0
    gate = stage.gate(environment=environment)
    began = time.monotonic()
    for _ in range(60):
        assert gate.ask(f"{LEAF}.zip").status == 200
    spent = time.monotonic() - began
    time.sleep(0.5)
    stopped = time.monotonic()
    assert gate.stop() == 0
    # Far from the ten seconds that one attempt to send may take, and from the half minute of the SDK's end.
    assert spent < 8
    assert time.monotonic() - stopped < 8
    assert "Traceback" not in gate.output
    assert "s3cret" not in gate.output
    told = [line for line in gate.output.splitlines() if "traces" in line and '"warning"' in line]
    assert len(told) == 1, told
    if how == "down":
        assert "refused" in told[0] or "Queue full" in told[0]
    if how == "refusing":
        assert "401" in told[0] or "Queue full" in told[0]


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"OTEL_TRACES_EXPORTER": "jaeger"}, "known are otlp, console, none"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, "max_queue_size"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "modgate[otlp-grpc]"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_the_gate_goes_on(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], why: str
) -> None:
    if "grpc" in variables.values() and find_spec("grpc") is not None:
        pytest.skip("gRPC is installed here")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as lines, traces(os.environ):
        assert not tracing.on()
    assert len(lines) == 1
    assert lines[0]["log_level"] == "warning"
    assert lines[0]["event"].startswith("no traces are sent: ")
    assert why in lines[0]["event"]
