"""Scanners that are services, with a real HTTP server."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from modgate.errors import Unavailable
from modgate.gomod.types import ModulePath, ModuleVersion, Version
from modgate.model.credentials import Secret
from modgate.scan.service import ServiceScanner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_VERSION = ModuleVersion(ModulePath("example.test/lib"), Version("v1.0.0"))


class _Service:
    def __init__(self) -> None:
        self.answer: Any = {"clean": True, "summary": "fine"}
        self.status = 200
        self.seen: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((dict(request.headers), await request.read()))
        if self.status == 307:
            return web.Response(status=307, headers={"location": self.url})
        if isinstance(self.answer, str):
            return web.Response(text=self.answer, status=self.status)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def service() -> AsyncIterator[_Service]:
    made = _Service()
    app = web.Application(client_max_size=10 << 20)
    app.router.add_post("/scan", made.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/scan"
    yield made
    await runner.cleanup()


async def test_the_zip_is_posted_with_its_name_and_the_token(service: _Service) -> None:
    scanner = ServiceScanner(service.url, Secret("tok"), timeout=10)
    assert await scanner.scan(_VERSION, "h1:abc", io.BytesIO(b"bytes")) == (True, "fine")
    headers, body = service.seen[0]
    assert body == b"bytes"
    assert headers["Authorization"] == "Bearer tok"
    assert (headers["modgate-module"], headers["modgate-version"], headers["modgate-h1"]) == (
        "example.test/lib",
        "v1.0.0",
        "h1:abc",
    )


async def test_a_refusal_carries_its_summary_in_one_line(service: _Service) -> None:
    service.answer = {"clean": False, "summary": "a\nbad \x1b[31mthing"}
    scanner = ServiceScanner(service.url, None, timeout=10)
    assert await scanner.scan(_VERSION, "h1:abc", io.BytesIO(b"")) == (False, "bad ?[31mthing")


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (500, {"clean": True}),
        (200, "OK"),
        (200, {"summary": "x"}),
        (200, {"clean": "yes"}),
        (307, {"clean": True}),
    ],
)
async def test_whatever_else_it_says_is_no_verdict(service: _Service, status: int, answer: object) -> None:
    service.status, service.answer = status, answer
    with pytest.raises(Unavailable):
        await ServiceScanner(service.url, None, timeout=10).scan(_VERSION, "h1:abc", io.BytesIO(b""))
    assert len(service.seen) == 1


async def test_a_service_that_is_down_is_no_verdict() -> None:
    with pytest.raises(Unavailable, match="cannot be asked"):
        await ServiceScanner("http://127.0.0.1:9/", None, timeout=5).scan(_VERSION, "h1:abc", io.BytesIO(b""))
