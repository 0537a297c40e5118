"""Proxies of the environment: which one for which address, and real ways through one."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yarl

from modgate.errors import Unavailable
from modgate.model import Context
from modgate.transport.environment import proxy_for
from tests.support.certificates import certificate
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()
PROXIES = {"http": "http://p.corp:3128", "https": "p.corp:3129"}


@pytest.mark.parametrize(
    ("url", "no_proxy", "expected"),
    [
        ("http://example.com/", "", "http://p.corp:3128"),
        ("https://example.com/", "", "http://p.corp:3129"),
        ("http://127.0.0.1:80/", "", None),
        ("http://[::1]/", "", None),
        ("http://localhost:99/", "", None),
        ("http://example.com/", "*", None),
        ("http://example.com/", "example.com", None),
        ("http://EXAMPLE.com/", " other.com , Example.com ", None),
        ("http://a.example.com/", "example.com", None),
        ("http://notexample.com/", "example.com", "http://p.corp:3128"),
        ("http://a.example.com/", ".example.com", None),
        ("http://example.com/", ".example.com", "http://p.corp:3128"),
        ("http://a.example.com/", "*.example.com", None),
        ("http://example.com:8080/", "example.com:8080", None),
        ("http://example.com/", "example.com:8080", "http://p.corp:3128"),
        ("http://10.1.2.3/", "10.0.0.0/8", None),
        ("http://11.1.2.3/", "10.0.0.0/8", "http://p.corp:3128"),
        ("http://10.1.2.3/", "10.1.2.3", None),
        ("http://10.1.2.3/", "3", "http://p.corp:3128"),
        ("http://[fd00::1]/", "fd00::/8", None),
        ("http://[fd00::1]/", "fd00::1", None),
        ("http://[fd00::1]:81/", "[fd00::1]:81", None),
        ("http://example.com/", "nonsense/8,,", "http://p.corp:3128"),
    ],
)
def test_the_proxy_of_an_address(url: str, no_proxy: str, expected: str | None) -> None:
    proxy = proxy_for(yarl.URL(url), {**PROXIES, "no": no_proxy})
    assert (None if proxy is None else str(proxy)) == expected


def test_without_proxies_everything_is_direct() -> None:
    assert proxy_for(yarl.URL("http://example.com"), {}) is None
    assert proxy_for(yarl.URL("https://example.com"), {"http": "http://p"}) is None


@pytest.mark.parametrize("proxy", ["socks5://user:secret@p:1080", "http://", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_said_and_never_passed_by(proxy: str) -> None:
    with pytest.raises(Unavailable, match="HTTP_PROXY") as caught:
        proxy_for(yarl.URL("http://example.com"), {"http": proxy})
    assert "secret" not in str(caught.value)


async def test_a_plain_address_goes_through_the_proxy_with_its_credentials(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawUpstream.saying(said(200, b"x")) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("://", "://u:s3cret@"))
        upstream = make("http://a:b@goproxy.example.com/base")
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        seen = proxy.seen[0]
        assert seen.target == "http://goproxy.example.com/base/p"
        assert seen.headers["proxy-authorization"] == "Basic dTpzM2NyZXQ="
        assert seen.headers["authorization"] == "Basic YTpi"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        async with RawUpstream.saying(said(200, b"direct")) as server:
            assert await make(server.url).get(CTX, "p", limit=10) == b"direct"
        assert len(proxy.seen) == 1


async def test_a_redirect_behind_a_proxy_with_an_internal_address_is_followed(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(exchange: Exchange) -> None:
        here = exchange.target.startswith("http://goproxy.example.com/")
        await exchange.send(
            said(302, headers={"Location": "http://storage.example.com/z"}) if here else said(200, b"x")
        )

    async with RawUpstream(answer) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert await make("http://a:b@goproxy.example.com").get(CTX, "p", limit=10) == b"x"
        assert proxy.targets() == ["http://goproxy.example.com/p", "http://storage.example.com/z"]
        assert "authorization" not in proxy.seen[1].headers


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.google.internal", "0xa9fea9fe"])
async def test_a_proxy_is_not_asked_for_an_internal_host_of_a_redirect(
    make: Make, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    async with RawUpstream.saying(said(302, headers={"Location": f"http://{host}/"})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(Unavailable, match="not public"):
            await make("http://goproxy.example.com").get(CTX, "p", limit=10)
        assert len(proxy.seen) == 1


async def test_https_goes_through_a_tunnel_and_the_proxy_sees_nothing_of_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    trusting.check_hostname = False

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()

    async def tunnel(exchange: Exchange) -> bool:
        assert exchange.method == "CONNECT"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        both = [
            asyncio.create_task(copy(exchange.reader, writer)),
            asyncio.create_task(copy(reader, exchange.writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return False

    async with (
        RawUpstream(RawUpstream.saying(said(200, b"x")).answer, serving) as server,
        RawUpstream(tunnel) as proxy,
    ):
        monkeypatch.setenv("https_proxy", proxy.url.replace("://", "://u:s3cret@"))
        upstream = make("https://a:b@goproxy.example.com", tls=trusting)
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        assert proxy.targets() == ["goproxy.example.com:443"]
        assert proxy.seen[0].headers["proxy-authorization"] == "Basic dTpzM2NyZXQ="
        assert "authorization" not in proxy.seen[0].headers
        assert server.seen[0].headers["authorization"] == "Basic YTpi"
        assert "proxy-authorization" not in server.seen[0].headers
        await upstream.close()


@pytest.mark.parametrize("answer", [said(407, b"who are you"), said(404, b"no"), said(503, b"no")])
async def test_a_proxy_that_refuses_a_tunnel_is_a_broken_way_and_never_absence(
    make: Make, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    async with RawUpstream.saying(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("://", "://u:s3cret@"))
        with pytest.raises(Unavailable) as caught:
            await make("https://goproxy.example.com", replace(QUICK, retries=0)).get(CTX, "p", limit=10)
        assert caught.value.kind == "unreachable"
        assert "s3cret" not in str(caught.value)


async def test_a_dead_proxy_is_unreachable(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    async with RawUpstream.saying(b"") as gone:
        monkeypatch.setenv("http_proxy", gone.url.replace("://", "://u:s3cret@"))
    with pytest.raises(Unavailable, match="proxy on the way") as caught:
        await make("http://goproxy.example.com").get(CTX, "p", limit=10)
    assert caught.value.kind == "unreachable"
    assert "s3cret" not in str(caught.value)
