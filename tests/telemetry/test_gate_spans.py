"""What a collector receives from `modgate serve`: one test, one way that a request can go."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modgate.transport.admin import AdminClient
from tests.support.tampering import tampered

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate
    from tests.support.otlp import Collector, Received

ZIP = "GET /{module}/@v/{version}.zip"
MOD = "GET /{module}/@v/{version}.mod"
INFO = "GET /{module}/@v/{version}.info"
LIST = "GET /{module}/@v/list"


def _url(module: str, ending: str) -> str:
    return f"/example.test/{module}/@v/v1.0.0.{ending}"


def _all(told: Collector, name: str, module: str, count: int) -> list[Received]:
    """The spans of this name about one module, by start, once so many have come."""

    def found() -> list[Received]:
        named = told.named(name)
        return [span for span in named if span.attributes.get("module.name") == f"example.test/{module}"]

    told.until(lambda _: len(found()) >= count)
    assert len(found()) == count
    return found()


def _one(told: Collector, name: str, module: str) -> Received:
    return _all(told, name, module, 1)[0]


def test_a_miss_shows_the_store_the_upstream_the_check_and_the_commit(
    stage: Stage, gate: Gate, told: Collector
) -> None:
    reply = gate.ask(_url("miss", "zip"), headers={"X-Request-Id": "asked-by-me"})
    assert reply.status == 200
    span = _one(told, ZIP, "miss")
    assert span.kind == "server"
    assert not span.parent
    expected = {
        "http.request.method": "GET",
        "url.path": _url("miss", "zip"),
        "url.scheme": "http",
        "http.route": "/{module}/@v/{version}.zip",
        "http.response.status_code": 200,
        "http.response.body.size": len(reply.body),
        "client.address": "127.0.0.1",
        "module.name": "example.test/miss",
        "module.version": "v1.0.0",
        "cache.result": "miss",
        "checksum.valid": True,
        "modgate.verified": "sumdb",
        "modgate.request_id": "asked-by-me",
    }
    duration = span.attributes.pop("download.duration_ms")
    assert 0 < duration <= (span.end - span.start) / 1e6 + 1
    assert span.attributes == expected
    fill = _one(told, "fill", "miss")
    assert [each.name for each in told.children(span)] == ["store.get", "fill"]
    assert fill.attributes["modgate.bytes"] == len(reply.body)
    assert fill.attributes["checksum.valid"] is True
    steps = told.children(fill)
    assert sorted(each.name for each in steps) == ["GET", "checksum.lookup", "store.commit", "verify"]
    upstream = next(each for each in steps if each.kind == "client")
    assert upstream.attributes["server.address"] == "127.0.0.1"
    assert upstream.attributes["url.full"] == stage.upstream.url + _url("miss", "zip")
    assert upstream.attributes["http.response.status_code"] == 200
    assert {name for name, _ in upstream.events} & {"connected", "reused"}
    assert upstream.events[-1][0] == "head"
    lookup = _one(told, "checksum.lookup", "miss")
    assert {each.kind for each in told.children(lookup)} == {"client"}
    assert _one(told, "verify", "miss").attributes["checksum.valid"] is True
    assert not any(each.failed for each in told.spans if each.trace == span.trace)
    assert span.resource["service.name"] == "modgate"
    assert span.resource["service.version"]


@pytest.mark.parametrize("module", ["short", "long"])
def test_a_hit_in_the_short_way_has_its_span_and_no_steps(
    stage: Stage, gate: Gate, told: Collector, module: str
) -> None:
    built = stage.world.modules[f"example.test/{module}", "v1.0.0"]
    gate.ask(_url(module, "zip"))
    _one(told, "fill", module)
    gate.ask(_url(module, "zip"))
    for _ in range(2):
        reply = gate.ask(_url(module, "zip"))
        assert reply.body == built.zip
        # The ordinary way gives each answer an id.
        assert "x-request-id" not in reply.headers
    for span in _all(told, ZIP, module, 4)[2:]:
        assert told.children(span) == []
        assert span.attributes["cache.result"] == "hit"
        assert span.attributes["checksum.valid"] is True
        assert span.attributes["http.response.status_code"] == 200
        assert span.attributes["http.response.body.size"] == len(built.zip)
        assert span.attributes["download.duration_ms"] >= 0
        assert span.attributes["http.route"] == "/{module}/@v/{version}.zip"
        assert not span.events


def test_behind_a_trusted_proxy_the_client_is_named_in_either_way(gate: Gate, told: Collector) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7"}
    gate.ask(_url("proxied", "mod"), headers=headers)
    _one(told, "fill", "proxied")
    for _ in range(2):
        gate.ask(_url("proxied", "mod"), headers=headers)
    spans = _all(told, MOD, "proxied", 3)
    assert [each.attributes["cache.result"] for each in spans] == ["miss", "hit", "hit"]
    assert {each.attributes["client.address"] for each in spans} == {"192.0.2.7"}


def test_a_stale_list_is_answered_and_its_refresh_has_a_trace_of_its_own(gate: Gate, told: Collector) -> None:
    url = "/example.test/stale/@v/list"
    gate.ask(url)
    first = _one(told, "refresh", "stale")
    time.sleep(0.3)
    assert gate.ask(url).headers["modgate-cache"] == "stale"
    asked, span = _all(told, LIST, "stale", 2)
    refresh = _all(told, "refresh", "stale", 2)[1]
    assert first.parent == asked.id
    assert span.attributes["cache.result"] == "stale"
    assert "checksum.valid" not in span.attributes
    assert not refresh.parent
    assert refresh.trace != span.trace
    assert refresh.links == [(span.trace, span.id)]
    assert [each.kind for each in told.children(refresh)] == ["client"]


def test_what_is_absent_is_an_answer_and_no_failure(gate: Gate, told: Collector) -> None:
    assert gate.ask(_url("none", "zip")).status == 404
    span = _one(told, ZIP, "none")
    assert span.attributes["http.response.status_code"] == 404
    assert span.attributes["error.type"] == "Absent"
    assert span.attributes["cache.result"] == "error"
    fill = _one(told, "fill", "none")
    client = next(each for each in told.children(fill) if each.kind == "client")
    assert not any(each.failed for each in (span, fill, client))


def test_what_the_database_does_not_know_is_refused_and_says_so(gate: Gate, told: Collector) -> None:
    assert gate.ask(_url("unknown", "zip")).status == 403
    span = _one(told, ZIP, "unknown")
    assert span.attributes["http.response.status_code"] == 403
    assert span.attributes["error.type"] == "Unverified"
    assert span.attributes["checksum.valid"] is False
    assert not span.failed
    assert _one(told, "fill", "unknown").failed


def test_tampered_bytes_make_the_request_and_the_check_fail(
    stage: Stage, gate: Gate, told: Collector
) -> None:
    built = stage.world.modules["example.test/tampered", "v1.0.0"]
    stage.world.write(_url("tampered", "zip"), tampered(built.zip))
    assert gate.ask(_url("tampered", "zip")).status == 502
    for name in (ZIP, "verify", "fill"):
        span = _one(told, name, "tampered")
        assert span.failed
        assert span.status.startswith("Tampered: SECURITY")
        assert span.attributes["checksum.valid"] is False


def test_a_silent_upstream_shows_each_attempt(stage: Stage, gate: Gate, told: Collector) -> None:
    stage.upstream.fault("hang", _url("silent", "mod"))
    assert gate.ask(_url("silent", "mod")).status == 504
    span = _one(told, MOD, "silent")
    fill = _one(told, "fill", "silent")
    attempts = [each for each in told.children(fill) if each.kind == "client"]
    assert len(attempts) == 2
    for each in (span, fill, *attempts):
        assert each.failed
        assert each.attributes["error.type"] == "Unavailable"
        assert each.attributes["modgate.error.kind"] == "timeout"
    assert "http.response.status_code" not in attempts[0].attributes
    assert fill.events == [("retry", {"modgate.attempt": 1, "modgate.error.kind": "timeout"})]


def test_who_joins_a_fill_is_linked_to_it(stage: Stage, gate: Gate, told: Collector) -> None:
    stage.upstream.fault("throttle", _url("joined", "zip"), rate=1e6, delay=0.8)
    with ThreadPoolExecutor(3) as pool:
        replies = list(pool.map(lambda _: gate.ask(_url("joined", "zip")), range(3)))
    assert [each.status for each in replies] == [200] * 3
    fill = _one(told, "fill", "joined")
    asked = _all(told, ZIP, "joined", 3)
    assert [each.links for each in asked if each.id == fill.parent] == [[]]
    assert [each.links for each in asked if each.id != fill.parent] == [[(fill.trace, fill.id)]] * 2


def test_a_client_that_left_has_no_steps_that_began_after_it(
    stage: Stage, gate: Gate, told: Collector
) -> None:
    stage.upstream.fault("throttle", _url("left", "zip"), rate=1e6, delay=0.8)
    assert not gate.ask(_url("left", "zip"), wait=0.2).whole
    fill = _one(told, "fill", "left")
    assert not fill.failed
    verify = _one(told, "verify", "left")
    assert verify.parent == fill.id
    by_id = {each.id: each for each in told.spans}
    for each in told.spans:
        assert not each.parent or each.parent not in by_id or each.during(by_id[each.parent]), each


def test_an_operation_has_a_trace_of_its_own(gate: Gate, told: Collector) -> None:
    client = AdminClient(socket=Path(gate.store) / ".modgate" / "admin.sock")

    async def collect() -> None:
        async with aclosing(client.run("status", {})) as events:
            async for _ in events:
                pass

    asyncio.run(collect())
    span = told.one("operation status")
    assert not span.parent
    assert span.attributes["modgate.ok"] is True


def test_a_named_trace_is_joined_and_nonsense_is_not(gate: Gate, told: Collector) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    url = _url("joint", "mod")
    gate.ask(url, headers={"traceparent": f"00-{trace}-{parent}-01", "tracestate": "vendor=1"})
    _one(told, "fill", "joint")
    gate.ask(url, headers={"traceparent": f"00-{trace}-{parent}-00"})
    gate.ask(url, headers={"traceparent": f"00-{trace}-{parent}-01"})
    for nonsense in ("", "00-x", f"ff-{trace}-{parent}-01", f"00-{'0' * 32}-{parent}-01", "a" * 3000):
        assert gate.ask(url, headers={"traceparent": nonsense, "tracestate": "=" * 3000}).status == 200
    # One in the ordinary way, one in the short way; the second said that it is not to be recorded.
    spans = _all(told, MOD, "joint", 7)
    assert [each.parent for each in spans] == [parent] * 2 + [""] * 5
    assert [each.trace for each in spans[:2]] == [trace] * 2
    assert trace not in {each.trace for each in spans[2:]}


def test_fetching_ahead_has_traces_of_its_own(stage: Stage, collector: Collector) -> None:
    gate = stage.gate(environment=collector.environment)
    gate.ask(_url("ahead", "mod"))
    span = _one(collector, MOD, "ahead")
    for each in _all(collector, "prefetch", "ahead", 2):
        assert not each.parent
        assert each.trace != span.trace
        assert each.links == [(span.trace, span.id)]
        assert [child.name for child in collector.children(each)] == ["fill"]


def test_two_gates_in_a_chain_make_one_trace(stage: Stage, gate: Gate, told: Collector) -> None:
    environment = told.environment | {"OTEL_SERVICE_NAME": "branch"}
    config = stage.quick(prefetch={"enabled": False})
    branch = stage.gate(upstream=gate.url, environment=environment, config=config)
    # The first answer shows that the upstream is a gate; from then on it is told.
    branch.ask("/example.test/chain/@v/list")
    assert branch.ask(_url("chain", "zip")).status == 200
    first, second = _all(told, ZIP, "chain", 2)
    assert (first.resource["service.name"], second.resource["service.name"]) == ("branch", "modgate")
    assert second.trace == first.trace
    fills = _all(told, "fill", "chain", 2)
    assert {each.trace for each in fills} == {first.trace}
    asked = next(each for each in told.children(fills[0]) if each.kind == "client")
    assert second.parent == asked.id
    before = _all(told, LIST, "chain", 2)
    assert before[0].trace != before[1].trace
