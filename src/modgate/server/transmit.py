"""A response to ASGI messages: streams pass through, and a broken one never ends cleanly.

Rules: a chunk is sent when it comes and the next is asked for when the client took it (back-pressure
is the server's `send`); a stream that raises ends without its last message, upon which the server
cuts the connection, so that a short body is never taken for a whole one; a client that goes away
closes the stream; a client that cannot tell a cut body from a whole one gets it only when it is whole.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping

    from modgate.server.respond import Response

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["CutError", "DisconnectedError", "transmit"]

_PIECE = 256 * 1024
_IN_MEMORY = 1024 * 1024


class CutError(Exception):
    """The body broke off after the head was sent; its cause is chained. The connection must be cut."""


class DisconnectedError(Exception):
    """The client went away before the body was whole."""


async def transmit(
    response: Response, receive: Receive, send: Send, *, head: bool, old: bool, close: bool = False
) -> int:
    """Send it; the body bytes sent.

    Args:
        response: Its stream, if it has one, is closed whatever happens.
        receive: Of ASGI.
        send: Of ASGI.
        head: Send no body.
        old: The client speaks HTTP/1.0.
        close: Say that the connection ends with this response.

    Raises:
        CutError: The stream raised after the head had left.
        DisconnectedError: The client went away.
        Exception: What the stream raised before the head had left.
    """
    stream = None if isinstance(response.body, bytes) else response.body
    try:
        if stream is not None and response.size is None and old and not head:
            stream, response.size = await _collected(stream)
        headers = list(response.headers)
        if response.size is not None and response.status != 304:
            headers.append((b"content-length", str(response.size).encode("ascii")))
        if close:
            headers.append((b"connection", b"close"))
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        if head or stream is None or response.status == 304:
            body = b"" if head or stream is not None or response.status == 304 else response.body
            await send(start)
            await send({"type": "http.response.body", "body": body})
            return len(body) if isinstance(body, bytes) else 0
        return await _pass_on(stream, start, receive, send, response.size)
    finally:
        aclose = getattr(stream, "aclose", None)
        if aclose is not None:
            await aclose()


async def _pass_on(
    stream: AsyncIterator[bytes],
    start: MutableMapping[str, Any],
    receive: Receive,
    send: Send,
    size: int | None,
) -> int:
    task = asyncio.current_task()
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        # Whoever leaves after the last byte has everything, whatever the stream still tidies up.
        if task is not None and sent != size:
            gone = True
            task.cancel()

    sent = 0
    started = False
    watcher = asyncio.create_task(watch())
    try:
        # The first chunk is awaited before the head leaves: what fails until then gets a status.
        first = await anext(stream, None)
        started = True
        await send(start)
        if first is not None:
            await send({"type": "http.response.body", "body": first, "more_body": True})
            sent += len(first)
            del first
            async for chunk in stream:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                sent += len(chunk)
        _check_size(sent, size)
        watcher.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except asyncio.CancelledError:
        if gone and task is not None:
            task.uncancel()
            raise DisconnectedError from None
        raise
    except CutError:
        raise
    except Exception as error:
        if started:
            raise CutError(str(error)) from error
        raise
    finally:
        watcher.cancel()
    return sent


def _check_size(sent: int, size: int | None) -> None:
    if size is not None and sent != size:
        raise CutError(f"the body has {sent} bytes instead of {size}")


async def _collected(stream: AsyncIterator[bytes]) -> tuple[AsyncIterator[bytes], int]:
    """The whole stream, spooled to a temporary file, and its size."""
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed by `replay`
    size = 0
    try:
        async for chunk in stream:
            spool.write(chunk)
            size += len(chunk)
        spool.seek(0)
    except BaseException:
        spool.close()
        raise

    async def replay() -> AsyncIterator[bytes]:
        with spool:
            while piece := spool.read(_PIECE):
                yield piece

    return replay(), size
