"""Measured exchanges: reuse, redirects, credentials, proxies, HTTP/2, as go would do them."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import pytest

from modgate.client.findings import Phase
from modgate.client.net.facts import FailureKind, Resolution
from modgate.client.net.limits import Limits
from modgate.client.net.session import Session
from modgate.wiring.client import outfit
from tests.client.net.servers import Authority, answering, closed_port, deaf_port, listening, said

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modgate.client.net.session import Outfit
    from tests.client.net.servers import Serve

SHORT = Limits(0.5, 0.9, 0.5, 0.5, 0.5, 0.5, 2.5)


def dressed(environ: Mapping[str, str] | None = None, **hosts: str) -> Outfit:
    """An outfit with names of its own: `proxy_test="127.0.0.1 ::1"`."""
    known = {name.replace("_", "."): tuple(addresses.split()) for name, addresses in hosts.items()}

    async def resolve(host: str) -> Resolution:
        return Resolution(host, "system", known[host], 0.001)

    return replace(outfit(environ or {}, limits=SHORT), resolve=resolve)


async def test_a_warm_exchange_has_no_connection_to_make() -> None:
    async with listening(answering(said(200, b"hello"), then="keep")) as port, Session(dressed()) as session:
        cold = await session.fetch(f"http://127.0.0.1:{port}/x")
        warm = await session.fetch(f"http://127.0.0.1:{port}/x")
    assert (cold.reused, warm.reused) == (False, True)
    assert [step.name for step in cold.steps] == ["connect", "request", "first-byte", "body"]
    assert [step.name for step in warm.steps] == ["request", "first-byte", "body"]


async def test_an_idle_connection_that_died_is_replaced() -> None:
    async with listening(answering(said(200, b"hello"))) as port, Session(dressed()) as session:
        await session.fetch(f"http://127.0.0.1:{port}/x")
        await asyncio.sleep(0.05)
        again = await session.fetch(f"http://127.0.0.1:{port}/x")
    assert (again.status, again.reused, again.failure) == (200, False, None)


async def test_credentials_of_a_url_are_sent_to_its_host_alone() -> None:
    first: list[bytes] = []
    second: list[bytes] = []
    async with listening(answering(said(200, b"there"), seen=second)) as other:
        moved = said(302, b"", Location=f"http://other.test:{other}/y")
        async with (
            listening(answering(moved, seen=first)) as port,
            Session(dressed(first_test="127.0.0.1", other_test="127.0.0.1")) as session,
        ):
            exchange = await session.fetch(f"http://me:pass%40word@first.test:{port}/x")
    assert exchange.body == b"there"
    assert exchange.redirects == (f"http://other.test:{other}/y",)
    token = base64.b64encode(b"me:pass@word")
    assert b"Authorization: Basic " + token in first[0]
    assert b"uthorization" not in second[0]


async def test_netrc_is_for_https_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    seen: list[bytes] = []
    worn = replace(
        dressed({"SSL_CERT_FILE": str(authority.file)}), authorization=lambda host: f"Basic {host}"
    )
    async with (
        listening(answering(said(), seen=seen), tls=authority.context("127.0.0.1")) as port,
        Session(worn) as session,
    ):
        await session.fetch(f"https://127.0.0.1:{port}/x")
    async with listening(answering(said(), seen=seen)) as port, Session(worn) as session:
        await session.fetch(f"http://127.0.0.1:{port}/x")
    assert b"Authorization: Basic 127.0.0.1" in seen[0]
    assert b"uthorization" not in seen[1]


async def test_the_tenth_redirect_is_not_followed() -> None:
    seen: list[bytes] = []
    async with (
        listening(answering(said(301, b"", Location="/again"), seen=seen)) as port,
        Session(dressed()) as session,
    ):
        exchange = await session.fetch(f"http://127.0.0.1:{port}/x")
    assert len(seen) == 10
    assert exchange.failure is not None
    assert (exchange.failure.phase, exchange.failure.kind) == (Phase.STATUS, FailureKind.REDIRECT)


async def test_what_no_url_may_hold_is_escaped_as_go_does() -> None:
    seen: list[bytes] = []
    async with listening(answering(said(), seen=seen)) as port, Session(dressed()) as session:
        await session.fetch(f"http://127.0.0.1:{port}/a b，c/!x/@v/list")
    assert seen[0].startswith(b"GET /a%20b%EF%BC%8Cc/!x/@v/list HTTP/1.1\r\n")


def tunnelling(asked: list[bytes], to: int) -> Serve:
    """An HTTP proxy that leads everything to one port of this machine."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", to)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        pumps = [
            asyncio.ensure_future(pump(reader, inner_writer)),
            asyncio.ensure_future(pump(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            inner_writer.close()

    return serve


async def test_https_goes_through_connect_with_the_password_of_the_variable(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    asked: list[bytes] = []
    context = authority.context("goproxy.test")
    async with (
        listening(answering(said(200, b"hello")), tls=context) as target,
        listening(tunnelling(asked, target)) as port,
    ):
        environ = {
            "SSL_CERT_FILE": str(authority.file),
            "https_proxy": f"http://me:secret@127.0.0.1:{port}",
        }
        async with Session(dressed(environ)) as session:
            exchange = await session.fetch("https://goproxy.test/x")
    assert exchange.body == b"hello"
    assert exchange.proxy == f"http://127.0.0.1:{port}"
    assert asked[0].startswith(b"CONNECT goproxy.test:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:secret") in asked[0]
    assert [step.name for step in exchange.steps][:3] == ["connect", "proxy", "tls"]


async def test_http_is_sent_to_the_proxy_as_a_whole_url() -> None:
    seen: list[bytes] = []
    async with (
        listening(answering(said(200, b"hello"), seen=seen)) as port,
        Session(dressed({"HTTP_PROXY": f"127.0.0.1:{port}"})) as session,
    ):
        exchange = await session.fetch("http://goproxy.test/x")
    assert exchange.body == b"hello"
    assert seen[0].startswith(b"GET http://goproxy.test/x HTTP/1.1\r\nHost: goproxy.test\r\n")


@pytest.mark.parametrize(("reply", "text"), [(0, ""), (2, "connection not allowed by ruleset")])
async def test_socks_is_asked_for_the_target_by_name(reply: int, text: str) -> None:
    asked: list[bytes] = []

    async def socks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        await reader.readexactly(count)
        assert version == 5
        writer.write(b"\x05\x02")
        (_, length) = await reader.readexactly(2)
        user = await reader.readexactly(length)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x01\x00")
        head = await reader.readexactly(4)
        name = await reader.readexactly((await reader.readexactly(1))[0])
        asked.extend((user, password, head, name, await reader.readexactly(2)))
        writer.write(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said(200, b"hello"))
        await writer.drain()

    async with listening(socks) as port:
        environ = {"HTTP_PROXY": f"socks5h://me:secret@127.0.0.1:{port}"}
        async with Session(dressed(environ)) as session:
            exchange = await session.fetch("http://goproxy.test:81/x")
    assert asked == [b"me", b"secret", b"\x05\x01\x00\x03", b"goproxy.test", b"\x00\x51"]
    if reply:
        assert exchange.failure is not None
        assert (exchange.failure.phase, exchange.failure.kind) == (Phase.PROXY, FailureKind.SOCKS)
        assert exchange.failure.text == text
    else:
        assert exchange.body == b"hello"


async def test_the_second_family_gets_its_turn_when_the_first_is_silent() -> None:
    with deaf_port() as deaf:
        async with (
            listening(answering(said(200, b"four")), host="::1", port=deaf),
            Session(dressed(both_test="127.0.0.1 ::1")) as session,
        ):
            exchange = await session.fetch(f"http://both.test:{deaf}/x")
    assert (exchange.body, exchange.address) == (b"four", "::1")
    assert exchange.step("connect") >= 0.25


async def test_of_several_addresses_one_that_works_is_enough() -> None:
    async with (
        listening(answering(said(200, b"hello"))) as port,
        Session(dressed(many_test="127.0.0.9 127.0.0.1")) as session,
    ):
        exchange = await session.fetch(f"http://many.test:{port}/x")
    assert (exchange.status, exchange.address) == (200, "127.0.0.1")


async def test_the_failure_is_that_of_the_first_address() -> None:
    async with Session(dressed(many_test="127.0.0.1 ::1")) as session:
        exchange = await session.fetch(f"http://many.test:{closed_port()}/x")
    assert exchange.failure is not None
    assert (exchange.failure.kind, exchange.address) == (FailureKind.REFUSED, "127.0.0.1")


async def test_a_url_that_is_none_is_a_fault_of_the_setting() -> None:
    async with Session(dressed()) as session:
        for url in ("ftp://127.0.0.1/x", "https:///x", "http://127.0.0.1:port/x"):
            exchange = await session.fetch(url)
            assert exchange.failure is not None
            assert (exchange.failure.phase, exchange.failure.kind) == (Phase.CONFIG, FailureKind.SETTING)


def speaking_h2(act: str) -> Serve:
    """An HTTP/2 server: `ok`, or it breaks off: `reset`, `cut` (in the body), `goaway`, `close`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        writer.write(state.data_to_send())
        while data := await reader.read(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    _answer(state, event.stream_id, act)
                    writer.write(state.data_to_send())
                    if act == "close":
                        return
            writer.write(state.data_to_send())
            await writer.drain()

    return serve


def _answer(state: h2.connection.H2Connection, stream: int, act: str) -> None:
    if act == "reset":
        state.reset_stream(stream, 2)
    elif act == "goaway":
        state.close_connection(11, last_stream_id=0)
    elif act in {"ok", "cut"}:
        state.send_headers(stream, [(":status", "200"), ("x-a", "1"), ("x-a", "2")])
        state.send_data(stream, b"hello", end_stream=act == "ok")
        if act == "cut":
            state.reset_stream(stream, 2)


@pytest.mark.parametrize(
    ("act", "phase", "text"),
    [
        ("ok", None, ""),
        ("reset", Phase.HEADERS, "stream error: stream ID 1; INTERNAL_ERROR"),
        ("goaway", Phase.HEADERS, "GOAWAY ENHANCE_YOUR_CALM"),
        ("cut", Phase.BODY, "stream error: stream ID 1; INTERNAL_ERROR"),
        ("close", Phase.HEADERS, "unexpected EOF"),
    ],
)
async def test_http2_is_spoken_where_the_server_chooses_it(
    act: str, phase: Phase | None, text: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    context = authority.context("127.0.0.1", protocols=["h2"])
    async with (
        listening(speaking_h2(act), tls=context) as port,
        Session(dressed({"SSL_CERT_FILE": str(authority.file)})) as session,
    ):
        exchange = await session.fetch(f"https://127.0.0.1:{port}/x")
        if phase is None:
            assert (exchange.http_version, exchange.body) == ("HTTP/2", b"hello")
            assert exchange.headers["x-a"] == "1, 2"
            assert (await session.fetch(f"https://127.0.0.1:{port}/x")).reused
            return
    assert exchange.failure is not None
    assert (exchange.failure.phase, exchange.failure.text) == (phase, text)


async def test_http2_can_be_switched_off_as_in_go(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    environ = {"SSL_CERT_FILE": str(authority.file), "GODEBUG": "netdns=go,http2client=0"}
    context = authority.context("127.0.0.1", protocols=["h2", "http/1.1"])
    async with (
        listening(answering(said(200, b"hello")), tls=context) as port,
        Session(dressed(environ)) as session,
    ):
        exchange = await session.fetch(f"https://127.0.0.1:{port}/x")
    assert exchange.http_version == "HTTP/1.1"
