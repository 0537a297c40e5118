"""The checks of the network against servers that really fail, each fault named by the one cause it has."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from modgate.client.causes import body, connect, content, headers, proxy, status, tls
from modgate.client.net.limits import Limits
from modgate.wiring.client import prober
from tests.client.net.scenes import findings, ids, scene
from tests.client.net.servers import (
    DAY,
    Authority,
    after,
    answering,
    closed_port,
    deaf_port,
    listening,
    now,
    reset,
    said,
    silent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.client.findings import Cause
    from modgate.client.net.prober import Prober
    from tests.client.net.servers import Serve

SHORT = Limits(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 2.5)
INFO = b'{"Version":"v1.5.2","Time":"2018-02-14T15:44:20Z"}'


async def goproxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that knows rsc.io/quote."""
    head = await reader.readuntil(b"\r\n\r\n")
    target = head.split(b" ")[1]
    known = {b"/@v/list": b"v1.5.2\n", b"/@v/v1.5.2.info": INFO}
    body = next((text for path, text in known.items() if target.endswith(path)), None)
    writer.write(said(200, body) if body is not None else said(404, b"not found"))
    await writer.drain()


@pytest.fixture
def net(tmp_path: Path) -> Callable[..., Prober]:
    def make(**environ: str) -> Prober:
        return prober({"SSL_CERT_FILE": str(tmp_path / "Corp-Inspection-CA.pem"), **environ}, limits=SHORT)

    return make


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.asynccontextmanager
async def refusing() -> AsyncIterator[int]:
    yield closed_port()


@contextlib.asynccontextmanager
async def deaf() -> AsyncIterator[int]:
    with deaf_port() as port:
        yield port


async def test_a_healthy_chain_gives_no_finding(net: Callable[..., Prober], authority: Authority) -> None:
    async with (
        listening(goproxy) as plain,
        listening(goproxy, tls=authority.context("127.0.0.1", "localhost")) as secure,
    ):
        chain = f"http://127.0.0.1:{plain}/x,https://localhost:{secure}|file:///nowhere,direct"
        assert await findings(scene(net(), chain, sumdb=("sum.test", f"https://127.0.0.1:{secure}"))) == []


@pytest.mark.parametrize(
    ("scheme", "serve", "cause"),
    [
        ("http", silent, headers.STALL),
        ("http", after(10, "close"), headers.CLOSED),
        ("http", after(10, "reset"), headers.RESET),
        ("http", after(10, "wait", b"SSH-2.0-OpenSSH_9.6\r\n"), headers.GARBAGE),
        ("http", answering(said(200, b"v1.", length=99)), body.CUT),
        ("http", answering(said(200, b"v1.", length=99), then="wait"), body.STALL),
        ("http", answering(said(200, b"v1.", length=99), then="reset"), body.RESET),
        ("http", answering(said(200, b"<!DOCTYPE html><html>Sign in</html>")), content.PORTAL),
        ("http", answering(said(200, b"hello there\n")), content.BAD_LIST),
        ("http", answering(said(401, b"who are you")), status.UNAUTHORIZED),
        ("http", answering(said(403, b"not here")), status.FORBIDDEN),
        ("http", answering(said(429, b"slowly")), status.TOO_MANY),
        ("http", answering(said(451, b"no")), status.LEGAL),
        ("http", answering(said(503, b"busy")), status.SERVER_ERROR),
        ("http", answering(said(418, b"tea")), status.OTHER),
        ("http", answering(said(302, b"", Location="/again")), status.REDIRECT_LOOP),
        ("https", silent, tls.TIMEOUT),
        ("https", after(10, "reset"), tls.RESET),
        ("https", after(10, "close"), tls.CLOSED),
        ("https", after(10, "wait", b"HTTP/1.0 400 Bad Request\r\n\r\n"), tls.NOT_TLS),
    ],
    ids=lambda value: getattr(value, "id", None),
)
async def test_a_server_that_fails_has_one_cause(
    net: Callable[..., Prober], scheme: str, serve: Serve, cause: Cause
) -> None:
    async with listening(serve) as port:
        found = await findings(scene(net(), f"{scheme}://127.0.0.1:{port}/p"))
    assert {finding.cause for finding in found} - {content.BAD_JSON} == {cause}
    assert all(finding.subject == f"{scheme}://127.0.0.1:{port}/p" for finding in found)


async def test_a_missing_module_is_no_fault_of_the_entry(net: Callable[..., Prober]) -> None:
    async with listening(answering(said(404, b"not found"))) as port:
        assert await ids(scene(net(), f"http://127.0.0.1:{port}")) == []


async def test_a_closed_port_and_a_deaf_one_are_told_apart(net: Callable[..., Prober]) -> None:
    for port_of, cause in ((refusing, connect.REFUSED), (deaf, connect.TIMEOUT)):
        async with port_of() as port:
            assert await ids(scene(net(), f"http://127.0.0.1:{port}")) == [cause.id]


async def test_certificates_are_judged_in_the_order_of_go(
    net: Callable[..., Prober], authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "Somebody Else")
    cases = [
        (stranger.context("127.0.0.1"), tls.UNKNOWN_AUTHORITY),
        (stranger.context("other.test"), tls.WRONG_NAME),
        (authority.context("other.test"), tls.WRONG_NAME),
        (stranger.context("other.test", begin=now() + DAY, end=now() + 2 * DAY), tls.NOT_YET_VALID),
        (authority.context("127.0.0.1", begin=now() - 3 * DAY, end=now() - DAY), tls.EXPIRED),
        (authority.context(common_name="127.0.0.1"), tls.OTHER_CERTIFICATE),
    ]
    for context, cause in cases:
        async with listening(goproxy, tls=context) as port:
            (found,) = await findings(scene(net(), f"https://127.0.0.1:{port}"))
        assert found.cause is cause
        assert len(found.evidence) == 2
        if cause is tls.UNKNOWN_AUTHORITY:
            assert found.values["issuer"] == "Somebody Else"
        if cause is tls.WRONG_NAME:
            assert found.values["names"] == "other.test"


async def test_a_name_that_is_reset_while_another_is_answered_is_blocked_by_name(
    net: Callable[..., Prober], authority: Authority
) -> None:
    context = authority.context("www.example.com")

    async def filtered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = await reader.read(4096)
        if b"localhost" in hello:
            reset(writer)
            return
        # A box lets the other name pass to the server behind it.
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
        try:
            inner_writer.write(hello)
            for _ in range(2):
                writer.write(await inner_reader.read(65536))
                await writer.drain()
                inner_writer.write(await reader.read(65536))
        finally:
            inner_writer.close()
            await inner_writer.wait_closed()

    async with listening(silent, tls=context) as behind, listening(filtered) as port:
        assert await ids(scene(net(), f"https://localhost:{port}")) == [tls.SNI_BLOCKED.id]


async def test_http_to_a_tls_port_is_named(net: Callable[..., Prober], authority: Authority) -> None:
    async with listening(goproxy, tls=authority.context("127.0.0.1")) as port:
        assert await ids(scene(net(), f"http://127.0.0.1:{port}")) == [headers.TLS_PORT.id]


async def test_a_redirect_to_plain_http_is_refused_as_go_does(
    net: Callable[..., Prober], authority: Authority
) -> None:
    moved = answering(said(302, b"", Location="http://127.0.0.1:1/x"))
    async with listening(moved, tls=authority.context("127.0.0.1")) as port:
        (found,) = await findings(scene(net(), f"https://127.0.0.1:{port}"))
    assert found.cause is status.REDIRECT_INSECURE
    assert found.values["target"] == "http://127.0.0.1:1/x"


async def test_a_redirect_to_a_host_that_fails_is_the_fault_of_who_redirects(
    net: Callable[..., Prober],
) -> None:
    target = f"http://127.0.0.1:{closed_port()}/x"
    async with listening(answering(said(302, b"", Location=target))) as port:
        (found,) = await findings(scene(net(), f"http://127.0.0.1:{port}"))
    assert found.cause is status.OTHER
    assert found.values["status"] == "3xx"


@pytest.mark.parametrize(
    ("serve", "cause"),
    [
        (answering(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), proxy.AUTH_REQUIRED),
        (answering(b"HTTP/1.1 403 Forbidden\r\n\r\n"), proxy.CONNECT_REFUSED),
        (answering(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), proxy.CONNECT_REFUSED),
        (after(10, "wait", b"SSH-2.0-OpenSSH_9.6\r\n"), proxy.BROKEN_ANSWER),
        (after(10, "close"), proxy.BROKEN_ANSWER),
        (after(10, "reset"), proxy.BROKEN_ANSWER),
        (silent, proxy.HANGS),
    ],
    ids=lambda value: getattr(value, "id", None),
)
async def test_a_proxy_that_fails_has_one_cause(
    net: Callable[..., Prober], serve: Serve, cause: Cause
) -> None:
    async with listening(serve) as port:
        environ = {"HTTPS_PROXY": f"http://me:secret@127.0.0.1:{port}"}
        found = await findings(scene(net(**environ), "https://goproxy.test", environ=environ))
    assert {finding.cause for finding in found} == {cause}
    assert "secret" not in str(found)


async def test_a_dead_proxy_is_named_and_socks_apart(net: Callable[..., Prober]) -> None:
    for scheme, cause in (("http", proxy.UNREACHABLE), ("socks5", proxy.SOCKS_FAILED)):
        environ = {"HTTPS_PROXY": f"{scheme}://127.0.0.1:{closed_port()}"}
        assert await ids(scene(net(**environ), "https://goproxy.test", environ=environ)) == [cause.id]
