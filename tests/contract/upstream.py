"""The promises of an upstream (`modgate.model.upstream`), for every implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Unavailable
from modgate.model import Context

if TYPE_CHECKING:
    from modgate.model import Upstream

__all__ = ["BIG", "PAGES", "UpstreamContract"]

CTX = Context()
BIG = bytes(range(256)) * 4000
PAGES = {
    "example.test/!m/@v/list": b"v1.0.0\n",
    "example.test/!m/@v/empty.mod": b"",
    "example.test/!m/@v/v1.0.0.zip": BIG,
    "example.test/!m/@v/a%23b.info": b"{}",
}


class UpstreamContract:
    """Derive, and give a fixture `upstream` that holds `PAGES`."""

    @pytest.mark.parametrize("path", PAGES)
    async def test_get_brings_the_whole_body(self, upstream: Upstream, path: str) -> None:
        assert await upstream.get(CTX, path, limit=len(BIG)) == PAGES[path]

    async def test_get_refuses_a_body_above_the_limit(self, upstream: Upstream) -> None:
        with pytest.raises(Unavailable) as caught:
            await upstream.get(CTX, "example.test/!m/@v/v1.0.0.zip", limit=len(BIG) - 1)
        assert caught.value.kind == "bad-answer"

    async def test_open_streams_the_body_in_pieces(self, upstream: Upstream) -> None:
        stream = await upstream.open(CTX, "example.test/!m/@v/v1.0.0.zip")
        assert stream.size in {len(BIG), None}
        assert stream.content_type == stream.content_type.lower()
        pieces = [piece async for piece in stream.chunks()]
        assert b"".join(pieces) == BIG
        assert len(pieces) > 1
        assert b"" not in pieces
        await stream.aclose()
        await stream.aclose()

    async def test_a_stream_may_be_closed_unread_or_half_read(self, upstream: Upstream) -> None:
        await (await upstream.open(CTX, "example.test/!m/@v/v1.0.0.zip")).aclose()
        stream = await upstream.open(CTX, "example.test/!m/@v/v1.0.0.zip")
        assert BIG.startswith(await anext(stream.chunks()))
        await stream.aclose()
        assert await upstream.get(CTX, "example.test/!m/@v/list", limit=100) == b"v1.0.0\n"

    async def test_head_says_the_length(self, upstream: Upstream) -> None:
        assert await upstream.head(CTX, "example.test/!m/@v/v1.0.0.zip") in {len(BIG), None}

    async def test_what_is_not_there_is_absent(self, upstream: Upstream) -> None:
        for path in ("example.test/!m/@v/v2.0.0.zip", "example.test/other/@v/list"):
            with pytest.raises(Absent):
                await upstream.get(CTX, path, limit=100)
            with pytest.raises(Absent):
                await upstream.open(CTX, path)
            with pytest.raises(Absent):
                await upstream.head(CTX, path)

    async def test_it_is_ready_and_its_name_holds_no_user_info(self, upstream: Upstream) -> None:
        await upstream.ready()
        assert "@" not in upstream.name
        assert not upstream.name.endswith("/")

    async def test_it_may_be_closed_twice(self, upstream: Upstream) -> None:
        await upstream.close()
        await upstream.close()
