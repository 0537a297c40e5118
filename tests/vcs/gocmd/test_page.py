"""The page that tells go where a repository is: for its paths, to whom has the password."""

from __future__ import annotations

import asyncio
import base64
from urllib.parse import urlsplit

from modgate.vcs.gocmd import Place
from modgate.vcs.gocmd.page import go_import_page

PLACE = Place("code.test/m", "hg", "https://hg.test/a&b", "sub", told=True, host="hg.test", port=443)


async def say(proxy: str, request: str, password: str | None = None) -> str:
    url = urlsplit(proxy)
    secret = base64.b64encode(f"{url.username}:{password or url.password}".encode()).decode()
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port)
    writer.write(f"{request} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic {secret}\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def test_the_paths_of_the_repository_are_answered() -> None:
    async with go_import_page(PLACE) as proxy:
        for path in ("m", "m/sub", "m/sub/v2"):
            answer = await say(proxy, f"GET http://code.test/{path}?go-get=1")
            assert answer.startswith("HTTP/1.1 200 ")
            assert 'content="code.test/m hg https://hg.test/a&amp;b sub"' in answer


async def test_nothing_else_is_answered() -> None:
    async with go_import_page(PLACE) as proxy:
        assert "404" in (await say(proxy, "GET http://code.test/mm?go-get=1")).splitlines()[0]
        assert "404" in (await say(proxy, "GET http://other.test/m?go-get=1")).splitlines()[0]
        assert "502" in (await say(proxy, "CONNECT code.test:443")).splitlines()[0]
        assert "502" in (await say(proxy, "GET /m?go-get=1")).splitlines()[0]
        refused = await say(proxy, "GET http://code.test/m?go-get=1", password="wrong")
        assert "407" in refused.splitlines()[0]
        assert "go-import" not in refused
        assert await say(proxy, "nonsense") == ""
