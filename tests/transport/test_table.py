"""Every row of the table in `modgate.model.upstream`, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, ModgateError, Unavailable
from modgate.model import Context
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import Callable

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()
PATH = "example.test/m/@v/v1.0.0.zip"


async def failure(upstream: HTTPUpstream, path: str = PATH) -> ModgateError:
    with pytest.raises(ModgateError) as caught:
        await upstream.get(CTX, path, limit=1 << 20)
    return caught.value


async def body_of(upstream: HTTPUpstream, path: str = PATH) -> bytes:
    stream = await upstream.open(CTX, path)
    try:
        return b"".join([chunk async for chunk in stream.chunks()])
    finally:
        await stream.aclose()


@pytest.mark.parametrize(("status", "gone"), [(404, False), (410, True)])
async def test_not_found_is_absent_with_its_text(make: Make, status: int, gone: bool) -> None:
    async with RawUpstream.saying(said(status, b"no such version\n")) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Absent)
        assert error.gone is gone
        assert error.what == "no such version"
        assert len(server.seen) == 1


@pytest.mark.parametrize("status", [403, 451])
async def test_a_refusal_is_denied_with_its_text(make: Make, status: int) -> None:
    async with RawUpstream.saying(said(status, b"GPL is not allowed here\n")) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Denied)
        assert error.what == "GPL is not allowed here"
        assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (400, "bad-answer", 1),
        (401, "bad-answer", 1),
        (405, "bad-answer", 1),
        (418, "bad-answer", 1),
        (204, "bad-answer", 1),
        (206, "bad-answer", 1),
        (304, "bad-answer", 1),
        (429, "overloaded", 3),
        (500, "bad-answer", 3),
        (502, "bad-answer", 3),
        (503, "overloaded", 3),
        (504, "timeout", 3),
        (508, "loop", 1),
    ],
)
async def test_any_other_status_is_unavailable(make: Make, status: int, kind: str, requests: int) -> None:
    async with RawUpstream.saying(said(status, b"" if status in {204, 304} else b"secret page")) as server:
        counted: list[tuple[str, str]] = []
        error = await failure(make(server.url, failed=lambda *what: counted.append(what)))
        assert isinstance(error, Unavailable)
        assert error.kind == kind
        assert counted == [(server.url, kind)] * requests
        assert "secret page" not in str(error)
        assert len(server.seen) == requests


async def test_html_is_never_shown_as_the_text_of_a_404(make: Make) -> None:
    async with RawUpstream.saying(said(404, b"<html>x</html>", kind="text/html")) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Absent)
        assert error.what == "HTTP status 404"


async def test_a_text_in_two_pieces_is_shown_whole(make: Make) -> None:
    async def answer(exchange: Exchange) -> None:
        whole = said(404, b"first line\nsecond line\n", kind="Text/Plain")
        await exchange.send(whole[:-12])
        await asyncio.sleep(0.05)
        await exchange.send(whole[-12:])

    async with RawUpstream(answer) as server:
        assert (await failure(make(server.url))).what == "first line\nsecond line"


async def test_control_characters_of_a_text_are_dropped_and_it_is_cut(make: Make) -> None:
    text = b"\x1b[31mred\x07\n\n" + b"\n".join([b"x" * 200] * 20)
    async with RawUpstream.saying(said(403, text)) as server:
        what = (await failure(make(server.url))).what
        assert "\x1b" not in what
        assert what.startswith("[31mred\nxxx")
        assert len(what) <= 600
        assert len(what.splitlines()) <= 6


@pytest.mark.parametrize("name", ["Retry-After", "retry-after"])
async def test_retry_after_is_told_and_a_long_one_ends_the_tries(make: Make, name: str) -> None:
    async with RawUpstream.saying(said(503, headers={name: "120"})) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Unavailable)
        assert error.retry_after == 120.0
        assert len(server.seen) == 1


@pytest.mark.parametrize("value", ["soon", "Mon, 01 Jan 99999999 00:00:00 GMT", "-5", "1e9", ""])
async def test_a_nonsense_retry_after_is_ignored(make: Make, value: str) -> None:
    async with RawUpstream.saying(said(429, headers={"Retry-After": value})) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Unavailable)
        assert error.retry_after is None
        assert len(server.seen) == 3


async def test_a_refused_connection_is_unreachable(make: Make) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        error = await failure(make(f"http://127.0.0.1:{held.getsockname()[1]}"))
    assert isinstance(error, Unavailable)
    assert error.kind == "unreachable"


async def test_a_name_that_does_not_resolve_is_unreachable(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    error = await failure(make("http://goproxy.example.test"))
    assert isinstance(error, Unavailable)
    assert error.kind == "unreachable"
    assert "does not resolve" in error.what


async def test_no_head_in_time_is_a_timeout(make: Make) -> None:
    async def hang(_exchange: Exchange) -> None:
        await asyncio.Event().wait()

    async with RawUpstream(hang) as server:
        error = await failure(make(server.url, replace(QUICK, connect=0.05, head=0.05)))
        assert isinstance(error, Unavailable)
        assert error.kind == "timeout"
        assert len(server.seen) == 3


async def test_a_reset_and_an_early_end_are_unreachable(make: Make) -> None:
    async def reset(exchange: Exchange) -> bool:
        exchange.reset()
        return False

    async def end(_exchange: Exchange) -> bool:
        return False

    for answer in (reset, end):
        async with RawUpstream(answer) as server:
            error = await failure(make(server.url))
            assert isinstance(error, Unavailable)
            assert error.kind == "unreachable"
            # The client itself asks once more on a kept connection that turned out dead.
            assert 3 <= len(server.seen) <= 6


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x15\x03\x01\x00\x02\x02\x28 this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    ],
    ids=["not http", "long header", "header flood", "negative length"],
)
async def test_what_is_no_http_is_a_broken_answer(make: Make, garbage: bytes) -> None:
    async def answer(exchange: Exchange) -> bool:
        await exchange.send(garbage)
        return False

    async with RawUpstream(answer) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Unavailable)
        assert error.kind == "bad-answer"


@pytest.mark.parametrize(
    "broken",
    [
        said(200, b"half", length=8),
        said(200, b"4\r\nhalf\r\n", {"Transfer-Encoding": "chunked"}, length=-1),
        # The HTTP client notices this one only when nothing more comes.
        said(200, b"zz\r\nhalf\r\n", {"Transfer-Encoding": "chunked"}, length=-1),
    ],
    ids=["short body", "cut chunks", "nonsense chunk"],
)
async def test_a_body_that_breaks_off_is_an_error_and_tried_again(make: Make, broken: bytes) -> None:
    async def answer(exchange: Exchange) -> bool:
        head, blank, body = (broken if len(server.seen) < 3 else said(200, b"whole")).partition(b"\r\n\r\n")
        await exchange.send(head + blank)
        await asyncio.sleep(0.05)
        await exchange.send(body)
        return False

    async with RawUpstream(answer) as server:
        upstream = make(server.url, replace(QUICK, stall=0.5))
        assert await upstream.get(CTX, PATH, limit=100) == b"whole"
        assert len(server.seen) == 3
        server.seen.clear()
        with pytest.raises(Unavailable) as caught:
            await body_of(upstream)
        assert caught.value.kind in {"bad-answer", "timeout"}
        assert len(server.seen) == 1


async def test_bytes_behind_the_announced_length_never_become_an_answer(make: Make) -> None:
    async with RawUpstream.saying(
        said(200, b"right") + said(200, b"smuggled"), said(200, b"second")
    ) as server:
        upstream = make(server.url)
        assert await upstream.get(CTX, PATH, limit=100) == b"right"
        await asyncio.sleep(0.05)
        assert await upstream.get(CTX, PATH, limit=100) == b"second"


async def test_a_body_above_the_limit_is_a_broken_answer_and_not_asked_for_again(make: Make) -> None:
    endless = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"64\r\n" + b"x" * 100 + b"\r\n") * 50
    )
    for answer in (said(200, b"x" * 200), endless):
        async with RawUpstream.saying(answer) as server:
            upstream = make(server.url)
            with pytest.raises(Unavailable, match="larger than 100 bytes") as caught:
                await upstream.get(CTX, PATH, limit=100)
            assert caught.value.kind == "bad-answer"
            assert len(server.seen) == 1


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {"content-encoding": "identity, br"}])
async def test_a_compressed_body_is_refused_unread(make: Make, headers: dict[str, str]) -> None:
    async with RawUpstream.saying(said(200, b"\x1f\x8b", headers)) as server:
        error = await failure(make(server.url))
        assert isinstance(error, Unavailable)
        assert error.kind == "bad-answer"
        assert "compressed" in error.what
        assert len(server.seen) == 1


async def test_one_byte_now_and_then_is_a_stall(make: Make) -> None:
    async def drip(exchange: Exchange) -> bool:
        await exchange.send(said(200, b"", length=10_000))
        while True:
            await exchange.send(b"x")
            await asyncio.sleep(0.01)

    async with RawUpstream(drip) as server:
        upstream = make(server.url, replace(QUICK, stall=0.1, stall_bytes=1000))
        with pytest.raises(Unavailable, match="stalled") as caught:
            await body_of(upstream)
        assert caught.value.kind == "timeout"


async def test_silence_in_the_body_is_a_stall(make: Make) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.send(said(200, b"half", length=8))
        await asyncio.Event().wait()

    async with RawUpstream(hang) as server:
        with pytest.raises(Unavailable, match="stalled after 4 bytes") as caught:
            await body_of(make(server.url, replace(QUICK, stall=0.05)))
        assert caught.value.kind == "timeout"


async def test_a_transfer_that_takes_too_long_as_a_whole_ends(make: Make) -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.send(said(200, b"", length=10_000_000))
        while True:
            await exchange.send(b"x" * 5000)
            await asyncio.sleep(0.01)

    async with RawUpstream(slow) as server:
        with pytest.raises(Unavailable, match="took longer than"):
            await body_of(make(server.url, replace(QUICK, total=0.2)))
