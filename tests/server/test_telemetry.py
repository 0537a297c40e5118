"""Numbers with bounded labels, and logs that are one line each."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING

import pytest
import structlog

from modgate.telemetry import Metrics, configure_logging, new_request_id

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_every_number_is_published_under_its_name() -> None:
    metrics = Metrics()
    metrics.cell("mod", "hit", 200).count += 3
    metrics.request("zip", "miss", 200, size=5, seconds=0.1)
    metrics.inc_fill("stored")
    metrics.observe_upstream("https://up.example", "head", 0.2)
    metrics.inc_upstream_error("https://up.example", "timeout")
    metrics.verification("sumdb")
    metrics.prefetch("stored", 11)
    metrics.cut()
    metrics.refused("slow")
    text = metrics.render().decode()
    for line in (
        'modgate_requests_total{kind="mod",result="hit",status="2xx"} 3.0',
        'modgate_response_bytes_total{kind="zip",result="miss",status="2xx"} 5.0',
        'modgate_fills_total{result="stored"} 1.0',
        'modgate_upstream_seconds_count{phase="head",upstream="https://up.example"} 1.0',
        'modgate_upstream_errors_total{kind="timeout",upstream="https://up.example"} 1.0',
        'modgate_verifications_total{result="sumdb"} 1.0',
        'modgate_prefetch_bytes_total{result="stored"} 11.0',
        "modgate_cut_responses_total 1.0",
        'modgate_refused_connections_total{reason="slow"} 1.0',
    ):
        assert line in text


def test_two_servers_in_one_process_have_numbers_of_their_own() -> None:
    one, two = Metrics(), Metrics()
    one.inc_fill("stored")
    assert "modgate_fills_total{" in one.render().decode()
    assert "modgate_fills_total{" not in two.render().decode()


def test_the_number_of_upstream_series_is_bounded() -> None:
    metrics = Metrics()
    for number in range(200):
        metrics.inc_upstream_error(f"https://host{number}.example", "timeout")
    lines = [line for line in metrics.render().decode().splitlines() if "upstream_errors_total{" in line]
    assert len(lines) == 65
    assert 'modgate_upstream_errors_total{kind="timeout",upstream="other"} 136.0' in lines


def test_request_ids_are_new_each_time() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000


@pytest.mark.usefixtures("_logging_restored")
def test_json_logs_are_one_object_a_line_with_the_traceback_inside() -> None:
    out = io.StringIO()
    configure_logging("json", stream=out)
    log = structlog.get_logger("modgate.test")
    try:
        int("inner\nline")
    except ValueError:
        log.exception("it\nfailed", path="/a\x1b[31m")
    logging.getLogger("foreign").warning("from a library")
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert len(lines) == 2
    assert lines[0]["event"] == "it\nfailed"
    assert lines[0]["level"] == "error"
    assert lines[0]["exception"][0]["exc_type"] == "ValueError"
    assert lines[1]["event"] == "from a library"
    assert "\x1b" not in out.getvalue()


@pytest.mark.usefixtures("_logging_restored")
def test_human_logs_escape_what_a_terminal_would_obey() -> None:
    out = io.StringIO()
    configure_logging("human", stream=out)
    structlog.get_logger().info("answer", path="/a\x1b[31m\nforged line")
    assert "\x1b" not in out.getvalue()
    assert len(out.getvalue().splitlines()) == 1


@pytest.mark.usefixtures("_logging_restored")
def test_levels_are_kept() -> None:
    out = io.StringIO()
    configure_logging("human", level=logging.WARNING, stream=out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()
