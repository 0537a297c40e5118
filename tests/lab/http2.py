"""HTTP/2 that gives up: an answer begins, and its stream is reset in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.lab.web import App, Break, Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

__all__ = ["speak"]


async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, app: App) -> None:
    """Serve one connection."""
    connection = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
    )
    connection.initiate_connection()
    writer.write(connection.data_to_send())
    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
                await _answer(connection, event.stream_id, _text(event.headers or ()), app)
            elif isinstance(event, h2.events.ConnectionTerminated):
                writer.close()
                return
        writer.write(connection.data_to_send())
        await writer.drain()


async def _answer(
    connection: h2.connection.H2Connection, stream: int, headers: dict[str, str], app: App
) -> None:
    request = Request(headers[":method"], headers[":authority"].partition(":")[0], headers[":path"], headers)
    reply = await app(request)
    length = str(len(reply.body))
    connection.send_headers(
        stream, [(":status", str(reply.status)), ("content-type", reply.type), ("content-length", length)]
    )
    body = reply.body[: len(reply.body) // 2] if reply.breaks is Break.CUT else reply.body
    for start in range(0, len(body), 16000):
        connection.send_data(stream, body[start : start + 16000])
    if reply.breaks is Break.CUT:
        connection.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
    else:
        connection.end_stream(stream)


def _text(headers: Iterable[tuple[object, object]]) -> dict[str, str]:
    return {str(name): str(value) for name, value in headers}
