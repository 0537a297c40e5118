"""Redirects: followed where they may lead, refused where not, and never with another host's password."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Unavailable
from modgate.model import Context
from tests.support.certificates import certificate
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()


def moved(to: str, status: int = 302) -> bytes:
    return said(status, b"over there", {"Location": to} if to else None)


async def refusal(upstream: HTTPUpstream) -> str:
    with pytest.raises(Unavailable) as caught:
        await upstream.get(CTX, "p", limit=100)
    assert caught.value.kind == "bad-answer"
    return str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_on_the_same_host_is_followed_with_credentials(make: Make, status: int) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(moved("/there", status) if exchange.target == "/base/p" else said(200, b"x"))

    async with RawUpstream(answer) as server:
        upstream = make(server.url.replace("://", "://a:b@") + "/base")
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        assert server.targets() == ["/base/p", "/there"]
        assert [exchange.headers["authorization"] for exchange in server.seen] == ["Basic YTpi"] * 2
        assert server.connections == 1 or server.seen[0].connection != server.seen[1].connection


async def test_a_host_the_operator_named_is_followed_without_credentials(make: Make) -> None:
    async with (
        RawUpstream.saying(said(200, b"x")) as other,
        RawUpstream.saying(moved(other.url + "/q")) as server,
    ):
        for name in ("127.0.0.1", f"127.0.0.1:{other.port}"):
            upstream = make(
                server.url.replace("://", "://a:b@"), replace(QUICK, redirect_hosts=(name,)), instance="me"
            )
            assert await upstream.get(CTX, "p", limit=10) == b"x"
        assert all("authorization" not in exchange.headers for exchange in other.seen)
        assert {exchange.headers["accept-encoding"] for exchange in other.seen} == {"identity"}


async def test_user_info_of_a_redirect_is_not_sent(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as other:
        async with RawUpstream.saying(moved(other.url.replace("://", "://x:y@"))) as server:
            upstream = make(server.url, replace(QUICK, redirect_hosts=("127.0.0.1",)))
            assert await upstream.get(CTX, "p", limit=10) == b"x"
        assert "authorization" not in other.seen[0].headers


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "metadata.google.internal",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "nexus",
    ],
)
async def test_an_internal_host_nobody_named_is_refused_without_a_connection(make: Make, host: str) -> None:
    async with RawUpstream.saying(said(200, b"x")) as other:
        async with RawUpstream.saying(moved(f"http://{host}:{other.port}/q")) as server:
            assert "not public" in await refusal(make(server.url))
            assert len(server.seen) == 1
        assert other.connections == 0


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1", "127.0.0.1"], ["10.0.0.7", "fe80::1", "::1"]])
async def test_a_public_name_that_resolves_to_internal_addresses_is_refused_at_connect_time(
    make: Make, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    def rebound(_host: str, port: int, *_rest: object, **_options: object) -> list[tuple[Any, ...]]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    async with RawUpstream.saying(said(200, b"x")) as other:
        async with RawUpstream.saying(moved(f"http://cdn.example.com:{other.port}/q")) as server:
            monkeypatch.setattr(socket, "getaddrinfo", rebound)
            upstream = make(server.url, replace(QUICK, breaker_failures=1))
            assert "not public" in await refusal(upstream)
            assert len(server.seen) == 1
            await upstream.ready()
        assert other.connections == 0


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("file:///etc/passwd", "no http"),
        ("ftp://example.com/x", "no http"),
        ("javascript:alert(1)", "no http"),
        ("http://[::1", "names no"),
        ("http://a:99999999/", "names no"),
        ("", "names no"),
    ],
)
async def test_a_redirect_to_no_http_address_is_refused(make: Make, target: str, why: str) -> None:
    async with RawUpstream.saying(moved(target)) as server:
        assert why in await refusal(make(server.url))
        assert len(server.seen) == 1


async def test_a_loop_of_redirects_ends_and_is_not_tried_again(make: Make) -> None:
    async with RawUpstream.saying(moved("/p")) as server:
        assert "stopped after 10 redirects" in await refusal(make(server.url))
        assert len(server.seen) == 11


async def test_https_never_leads_to_http_and_the_certificate_is_checked(make: Make, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with RawUpstream.saying(said(200, b"x")) as plain:
        settings = replace(QUICK, redirect_hosts=("127.0.0.1",))
        async with RawUpstream(RawUpstream.saying(moved(plain.url)).answer, serving) as server:
            assert "from https to http" in await refusal(make(server.url, settings, tls=trusting))
            with pytest.raises(Unavailable, match="certificate is refused") as caught:
                await make(server.url, settings).get(CTX, "p", limit=10)
            assert caught.value.kind == "unreachable"
        assert plain.connections == 0


async def test_http_may_lead_to_https(make: Make, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with (
        RawUpstream(RawUpstream.saying(said(200, b"x")).answer, serving) as safe,
        RawUpstream.saying(moved(safe.url)) as server,
    ):
        upstream = make(server.url, replace(QUICK, redirect_hosts=("127.0.0.1",)), tls=trusting)
        assert await upstream.get(CTX, "p", limit=10) == b"x"
