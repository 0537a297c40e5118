"""HTTP CONNECT and absolute-form through the guard."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from modgate.model.egress import Passage
    from tests.transport.egress.conftest import Town


def pair(passage: Passage) -> str:
    """The passage's name and password as a client sends them."""
    text = passage.http_proxy.removeprefix("http://").partition("@")[0]
    return "Basic " + base64.b64encode(text.encode()).decode()


async def say(passage: Passage, *lines: str, then: bytes = b"") -> bytes:
    """Everything that is answered."""
    port = int(passage.http_proxy.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + then)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


async def test_connect_pipes(town: Town) -> None:
    port = await town.echo()
    async with town.passage() as passage:
        said = await say(
            passage,
            f"CONNECT good.test:{port} HTTP/1.1",
            "Host: good.test",
            f"Proxy-Authorization: {pair(passage)}",
            then=b"hello",
        )
    assert said == b"HTTP/1.1 200 Connection established\r\n\r\nhello"


async def test_credentials_are_asked_for_and_taken_on_the_same_connection(town: Town) -> None:
    port = await town.echo()
    async with town.passage() as passage:
        head = f"CONNECT good.test:{port} HTTP/1.1"
        said = await say(passage, head, "", head, f"proxy-authorization: {pair(passage)}", then=b"x")
    assert said.startswith(b"HTTP/1.1 407 ")
    assert b'Proxy-Authenticate: Basic realm="modgate"' in said
    assert said.endswith(b"HTTP/1.1 200 Connection established\r\n\r\nx")


@pytest.mark.parametrize(
    "value", ["Basic eDp5", "Basic ###", "Bearer x", "Basic", "", "Basic " + base64.b64encode(b"x").decode()]
)
async def test_without_the_password_nothing_is_done(town: Town, value: str) -> None:
    async with town.passage() as passage:
        said = await say(passage, "CONNECT good.test:443 HTTP/1.1", f"Proxy-Authorization: {value}")
    assert said.startswith(b"HTTP/1.1 407 ")
    assert town.asked == []


async def test_a_refusal_says_why(town: Town) -> None:
    town.names["evil.example"] = [["169.254.169.254"]]
    async with town.passage() as passage:
        proof = f"Proxy-Authorization: {pair(passage)}"
        said = await say(passage, "CONNECT evil.example:443 HTTP/1.1", proof)
        assert said.startswith(b"HTTP/1.1 403 ")
        assert said.endswith(b"evil.example resolves to 169.254.169.254, which is not public\n")
        said = await say(passage, "CONNECT nowhere.example:443 HTTP/1.1", proof)
        assert said.startswith(b"HTTP/1.1 502 ")
        said = await say(passage, "CONNECT [::1]:443 HTTP/1.1", proof)
        assert said.startswith(b"HTTP/1.1 403 ")
        assert len(passage.refusals) == 3


async def test_a_plain_request_is_passed_on_without_what_is_the_proxys(town: Town) -> None:
    heard = b""

    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(4)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    port = await town.serve(web)
    async with town.passage() as passage:
        said = await say(
            passage,
            f"POST http://good.test:{port}/a?b=c HTTP/1.1",
            f"Host: good.test:{port}",
            "Proxy-Connection: keep-alive",
            "Connection: keep-alive",
            f"Proxy-Authorization: {pair(passage)}",
            "Content-Length: 4",
            then=b"body",
        )
    assert said.endswith(b"\r\n\r\nok")
    expected = f"POST /a?b=c HTTP/1.1\r\nHost: good.test:{port}\r\nContent-Length: 4\r\nConnection: close\r\n"
    assert heard == expected.encode() + b"\r\nbody"


@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "GET https://good.test/ HTTP/1.1",
        "GET ftp://good.test/ HTTP/1.1",
        "GET http:///x HTTP/1.1",
        "GET http://u:p@good.test/ HTTP/1.1",
        "GET http://u@good.test/ HTTP/1.1",
        "CONNECT good.test HTTP/1.1",
        "CONNECT good.test:0 HTTP/1.1",
        "CONNECT good.test:99999 HTTP/1.1",
        "CONNECT good.test:4 43 HTTP/1.1",
        "CONNECT good.test:443 HTTP/2",
        "CONNECT g\xf6\xf6d.test:443 HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
async def test_nonsense_is_cut_off(town: Town, request_line: str) -> None:
    async with town.passage() as passage:
        try:
            said = await say(passage, request_line, f"Proxy-Authorization: {pair(passage)}")
        except ConnectionError:
            said = b""
    assert said == b""
    assert town.asked == []


async def test_an_endless_head_is_cut_off(town: Town) -> None:
    async with town.passage() as passage:
        try:
            said = await say(passage, "CONNECT good.test:443 HTTP/1.1", "X: " + "y" * 400_000)
        except ConnectionError:
            said = b""
    assert b" 200 " not in said
