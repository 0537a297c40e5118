"""Every upstream under the one contract."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from modgate.transport.file import FileUpstream
from modgate.transport.http import HTTPUpstream
from modgate.transport.memory import MemoryUpstream
from tests.contract.upstream import PAGES, UpstreamContract
from tests.support.raw_upstream import Exchange, RawUpstream, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from modgate.model import Upstream


class TestHTTPUpstream(UpstreamContract):
    @pytest.fixture
    async def upstream(self) -> AsyncIterator[Upstream]:
        async def answer(exchange: Exchange) -> None:
            body = PAGES.get(exchange.target.removeprefix("/base/"))
            if body is None:
                await exchange.send(said(404, b"" if exchange.method == "HEAD" else b"not found\n"))
            elif exchange.method == "HEAD":
                await exchange.send(said(200, length=len(body)))
            else:
                await exchange.send(said(200, body))

        async with RawUpstream(answer) as server:
            upstream = HTTPUpstream(server.url.replace("://", "://user:password@") + "/base")
            yield upstream
            await upstream.close()


class TestFileUpstream(UpstreamContract):
    @pytest.fixture
    def upstream(self, tmp_path: Path) -> Upstream:
        for path, body in PAGES.items():
            place = tmp_path / unquote(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
        return FileUpstream(tmp_path.as_uri())


class TestMemoryUpstream(UpstreamContract):
    @pytest.fixture
    def upstream(self) -> Upstream:
        return MemoryUpstream("memory", PAGES)
