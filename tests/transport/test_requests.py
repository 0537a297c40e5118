"""What a request says, how often it is made, and what becomes of its connection."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.model import Context
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()


async def test_identity_is_asked_for_and_the_gates_on_the_way_are_named(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstream = make(server.url + "/base/", instance="me")
        await upstream.get(Context(via=("a", "b")), "example.test/!m/@v/v1.0.0%23x.mod", limit=10)
        seen = server.seen[0]
        assert seen.target == "/base/example.test/!m/@v/v1.0.0%23x.mod"
        assert seen.headers["accept-encoding"] == "identity"
        assert seen.headers["modgate-via"] == "a, b, me"
        assert "authorization" not in seen.headers
        assert "cookie" not in seen.headers


async def test_without_an_instance_no_gate_is_named(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        await make(server.url).get(CTX, "p", limit=10)
        assert "modgate-via" not in server.seen[0].headers


async def test_head_brings_the_length_and_no_body(make: Make) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(said(200, length=12345) if exchange.method == "HEAD" else said(500))

    async with RawUpstream(answer) as server:
        upstream = make(server.url)
        assert await upstream.head(CTX, "p") == 12345
        assert await upstream.head(CTX, "p") == 12345
        assert server.connections == 1
        assert {exchange.method for exchange in server.seen} == {"HEAD"}


async def test_cookies_are_not_kept(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x", {"Set-Cookie": "a=b"})) as server:
        upstream = make(server.url)
        await upstream.get(CTX, "p", limit=10)
        await upstream.get(CTX, "p", limit=10)
        assert "cookie" not in server.seen[1].headers


async def test_a_read_body_gives_its_connection_back_and_an_unread_one_drops_it(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x" * 1_000_000)) as server:
        upstream = make(server.url, replace(QUICK, connections=1))
        for _ in range(3):
            stream = await upstream.open(CTX, "p")
            assert stream.size == 1_000_000
            assert sum([len(chunk) async for chunk in stream.chunks()]) == 1_000_000
            await stream.aclose()
            await stream.aclose()
        assert server.connections == 1
        for _ in range(3):
            await (await upstream.open(CTX, "p")).aclose()
        assert server.connections == 3


async def test_the_text_of_a_404_gives_its_connection_back(make: Make) -> None:
    async with RawUpstream.saying(said(404, b"no")) as server:
        upstream = make(server.url)
        for _ in range(3):
            with pytest.raises(Absent):
                await upstream.get(CTX, "p", limit=10)
        assert server.connections == 1


async def test_cancelled_requests_leave_no_connection_behind(make: Make) -> None:
    reached = asyncio.Event()

    async def half(exchange: Exchange) -> None:
        await exchange.send(said(404, b"half", length=9) if exchange.target == "/text" else b"")
        reached.set()
        await exchange.reader.read()

    async with RawUpstream(half) as server:
        upstream = make(server.url, replace(QUICK, connections=1, retries=0))
        for path in ("head", "text", "head", "text"):
            reached.clear()
            task = asyncio.create_task(upstream.get(CTX, path, limit=10))
            await reached.wait()
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert server.targets() == ["/head", "/text", "/head", "/text"]


async def test_a_broken_answer_is_tried_again_and_then_given_up(make: Make) -> None:
    async with RawUpstream.saying(said(500), said(502), said(200, b"x")) as server:
        assert await make(server.url).get(CTX, "p", limit=10) == b"x"
        assert len(server.seen) == 3
    async with RawUpstream.saying(said(500), said(502), said(200, b"x")) as server:
        with pytest.raises(Unavailable):
            await make(server.url, replace(QUICK, retries=1)).get(CTX, "p", limit=10)
        assert len(server.seen) == 2


async def test_credentials_of_the_base_are_sent_and_never_shown(make: Make) -> None:
    async with RawUpstream.saying(said(500)) as server:
        upstream = make(server.url.replace("://", "://m%C3%A9:s3cr%3At@") + "/base")
        with pytest.raises(Unavailable) as caught:
            await upstream.get(CTX, "p", limit=10)
        assert server.seen[0].headers["authorization"] == "Basic bcOpOnMzY3I6dA=="
        for text in (upstream.name, str(caught.value), repr(caught.value.__cause__)):
            assert "s3cr" not in text
        assert upstream.name == f"{server.url}/base"


async def test_netrc_gives_credentials_to_the_machine_it_names_only(
    make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstream = make(server.url)
        netrc.write_text("machine other.test login a password b\ndefault login c password d\n")
        await upstream.get(CTX, "p", limit=10)
        assert "authorization" not in server.seen[-1].headers
        netrc.write_text(
            "macdef init\nmachine 127.0.0.1 login x password y\n\nmachine 127.0.0.1\n login a password b\n"
        )
        await upstream.get(CTX, "p", limit=10)
        assert server.seen[-1].headers["authorization"] == "Basic YTpi"
        await make(server.url.replace("://", "://u:v@")).get(CTX, "p", limit=10)
        assert server.seen[-1].headers["authorization"] == "Basic dTp2"


async def test_after_close_nothing_is_asked(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstream = make(server.url)
        await upstream.get(CTX, "p", limit=10)
        await upstream.close()
        await upstream.close()
        with pytest.raises(Unavailable) as caught:
            await upstream.get(CTX, "p", limit=10)
        assert caught.value.kind == "stopping"
        assert len(server.seen) == 1
