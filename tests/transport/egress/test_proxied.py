"""The guard behind a proxy of the environment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transport.egress.conftest import Town


class Proxy:
    """An HTTP proxy that pipes every CONNECT to one place, or answers otherwise."""

    def __init__(self, town: Town, target: int, answer: bytes = b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n") -> None:
        self.town = town
        self.target = target
        self.answer = answer
        self.heads: list[bytes] = []

    async def start(self) -> str:
        """Its address."""
        return f"http://me:secret@127.0.0.1:{await self.town.serve(self.serve)}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        if b" 200 " not in self.answer:
            writer.write(self.answer)
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            writer.write(self.answer)
            far_writer.write(await reader.read(100))
            writer.write(await far_reader.read(100))
        finally:
            far_writer.transport.abort()


async def test_https_goes_through_the_proxy_which_resolves(town: Town) -> None:
    proxy = Proxy(town, await town.echo())
    gate = town.gate((), proxies={"https": await proxy.start()})
    async with gate.passage(quota=1000) as passage:
        socks = town.socks(passage)
        assert await socks.connect("public.example", 443) == 0
        socks.writer.write(b"hello")
        assert await socks.reader.readexactly(5) == b"hello"
    assert town.asked == []
    assert proxy.heads == [
        (
            b"CONNECT public.example:443 HTTP/1.1\r\nHost: public.example:443\r\n"
            b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n"
        )
    ]


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "metadata.google.internal", "localhost", "10.0.0.1", "nexus", "::1", "127.1"]
)
async def test_what_is_inside_is_not_asked_of_a_proxy(town: Town, host: str) -> None:
    proxy = Proxy(town, 1)
    gate = town.gate((), proxies={"https": await proxy.start()})
    async with gate.passage(quota=1000) as passage:
        code = await town.socks(passage).connect(host, 8443)
        # localhost and loopback are never proxied, and do not resolve here.
        assert code in {2, 4}
        assert passage.refusals
    assert proxy.heads == []


async def test_a_named_host_may_be_asked_of_a_proxy(town: Town) -> None:
    proxy = Proxy(town, await town.echo())
    gate = town.gate(("git.internal",), proxies={"https": await proxy.start()})
    async with gate.passage(quota=1000) as passage:
        assert await town.socks(passage).connect("git.internal", 443) == 0


async def test_what_no_proxy_names_goes_straight(town: Town) -> None:
    port = await town.echo()
    proxies = {"https": "http://127.0.0.1:1", "no": "good.test"}
    async with town.gate(proxies=proxies).passage(quota=1000) as passage:
        assert await town.socks(passage).connect("good.test", port) == 0


async def test_ssh_goes_straight(town: Town) -> None:
    port = await town.echo()
    gate = town.gate(proxies={"https": "http://127.0.0.1:1"})
    async with gate.passage(quota=1000) as passage:
        user = passage.environment["MODGATE_EGRESS_PASSAGE"].split(":")[1]
        assert await town.socks(passage, user=user).connect("good.test", port) == 0
        assert await town.socks(passage).connect("good.test", port) == 4


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused it with status 403"),
        (b"HTTP/1.1 407 Who\r\n\r\n", "refused it with status 407"),
        (b"SSH-2.0\r\n\r\n", "speaks no HTTP"),
        (b"", "closed the connection"),
        (b"x" * 400_000, "closed the connection"),
    ],
)
async def test_a_proxy_that_refuses_is_told(town: Town, answer: bytes, said: str) -> None:
    proxy = Proxy(town, 1, answer)
    gate = town.gate(proxies={"https": await proxy.start()})
    async with gate.passage(quota=1000) as passage:
        assert await town.socks(passage).connect("good.test", 443) == 4
        assert passage.refusals == [f"the proxy on the way to good.test:443 {said}"]


async def test_a_proxy_that_is_down_or_none_is_told_without_its_password(town: Town) -> None:
    for address in ("http://me:secret@127.0.0.1:1", "socks5://me:secret@127.0.0.1:1"):
        async with town.gate(proxies={"https": address}).passage(quota=1000) as passage:
            assert await town.socks(passage).connect("good.test", 443) == 4
            assert "proxy" in passage.refusals[0]
            assert "secret" not in passage.refusals[0]
