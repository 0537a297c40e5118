"""A response to ASGI messages, without a server that would notice mistakes as well."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from modgate.model.twins import Stream
from modgate.server.respond import Response
from modgate.server.transmit import CutError, DisconnectedError, transmit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping


class Client:
    """Collects messages; goes away when `gone` is set."""

    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []
        self.gone = asyncio.Event()
        self._asked = False

    async def receive(self) -> MutableMapping[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def ended(self) -> bool:
        return bool(self.messages) and not self.messages[-1].get("more_body", True)


async def give(stream: Stream, client: Client, *, old: bool = False, head: bool = False) -> int:
    response = Response(200, [], stream.chunks(), stream.size)
    return await transmit(response, client.receive, client.send, head=head, old=old)


@pytest.mark.parametrize("size", [9, 11])
async def test_a_body_of_another_length_is_never_ended(size: int) -> None:
    client = Client()
    with pytest.raises(CutError):
        await give(Stream([b"12345", b"67890"], size=size), client)
    assert not client.ended


async def test_a_whole_stream_is_ended_once() -> None:
    client = Client()
    assert await give(Stream([b"12345", b"67890"], size=10), client) == 10
    assert client.ended
    assert client.body == b"1234567890"
    assert (b"content-length", b"10") in client.messages[0]["headers"]


async def test_an_empty_stream_is_an_empty_body() -> None:
    client = Client()
    assert await give(Stream([]), client) == 0
    assert client.ended


async def test_a_client_that_left_ends_the_wait_for_the_next_piece() -> None:
    client = Client()
    stream = Stream([b"first", b"second"], size=11, gate=asyncio.Event())
    task = asyncio.create_task(give(stream, client))
    while not client.body:
        await asyncio.sleep(0)
    client.gone.set()
    with pytest.raises(DisconnectedError):
        await task
    assert stream.closed.is_set()
    assert not client.ended


async def test_a_client_that_leaves_with_everything_was_given_it() -> None:
    client, tidied = Client(), asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"12345"
        yield b"67890"
        client.gone.set()  # it has every byte, and closes while the store takes up what came
        for _ in range(10):
            await asyncio.sleep(0)
        tidied.set()

    response = Response(200, [], chunks(), 10)
    assert await transmit(response, client.receive, client.send, head=False, old=False) == 10
    assert tidied.is_set()


async def test_a_stop_of_the_server_is_not_taken_for_a_client_that_left() -> None:
    client = Client()
    stream = Stream([b"first", b"second"], size=11, gate=asyncio.Event())
    task = asyncio.create_task(give(stream, client))
    while not client.body:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.closed.is_set()


async def test_head_sends_no_body_and_reads_none() -> None:
    client = Client()
    stream = Stream([b"12345"], size=5)
    await give(stream, client, head=True)
    assert client.body == b""
    assert stream.sent == 0
    assert (b"content-length", b"5") in client.messages[0]["headers"]


async def test_an_old_client_gets_a_length_or_an_error_before_the_head() -> None:
    client = Client()
    await give(Stream([b"12345", b"67890"]), client, old=True)
    assert (b"content-length", b"10") in client.messages[0]["headers"]
    other = Client()
    with pytest.raises(ValueError, match="broke"):
        await give(Stream([b"12345"], error=ValueError("broke")), other, old=True)
    assert other.messages == []
