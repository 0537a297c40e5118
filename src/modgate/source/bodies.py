"""The body of an answer, whichever of its three forms it has: bytes, a stored blob, or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modgate.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from modgate.model import Answer, Blob

__all__ = ["close_body", "drain", "small_body", "stream_of"]


def stream_of(answer: Answer) -> AsyncIterator[bytes]:
    """The bytes of a blob or stream in pieces; not for answers whose body is bytes."""
    if hasattr(answer.body, "chunks"):
        return cast("Blob", answer.body).chunks()
    return cast("AsyncIterator[bytes]", answer.body)


async def small_body(answer: Answer) -> bytes:
    """The whole body of what is never streamed (all but zips).

    Raises Unavailable for a stream, which it closes, and what reading a blob raises.
    """
    if isinstance(answer.body, bytes):
        return answer.body
    if hasattr(answer.body, "read"):
        return await cast("Blob", answer.body).read()
    await close_body(answer)
    raise Unavailable("the answer came as a stream", where=answer.request.url_path, kind="bad-answer")


async def drain(answer: Answer) -> None:
    """Read a stream to its end, where it is known to be whole; nothing for bytes and blobs."""
    if isinstance(answer.body, bytes) or hasattr(answer.body, "meta"):
        return
    try:
        async for _ in stream_of(answer):
            pass
    finally:
        await close_body(answer)


async def close_body(answer: Answer) -> None:
    """Give back what an unread or half read body holds; nothing for bytes and blobs."""
    close = getattr(answer.body, "aclose", None)
    if close is not None:
        await close()
