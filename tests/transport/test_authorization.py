"""What an upstream proxy is told: the credential of its own address, over https, and no one else's."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.model import Context
from modgate.model.credentials import Credential, Secret, SshAccess
from tests.support.certificates import certificate
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.transport.conftest import QUICK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()


@dataclass(slots=True)
class Known:
    """Credentials by (host, port); asked for anything else there is nothing."""

    by_place: dict[tuple[str, int], Credential]
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    broken: bool = False

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        self.asked.append((host, port, path))
        if self.broken:
            raise Unavailable("the file with the secret cannot be used", where="/secret")
        return self.by_place.get((host, port))

    def ssh(self, _host: str) -> SshAccess:
        return SshAccess()

    def describe(self, _host: str) -> str:
        return ""

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def serving(
    folder: Path, answer: Callable[[Exchange], Awaitable[bool | None]] | None = None
) -> AsyncIterator[tuple[RawUpstream, ssl.SSLContext]]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not cert.exists():
        certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    async with RawUpstream(answer or RawUpstream.saying(said(200, b"x")).answer, context) as server:
        yield server, trusting


def known(server: RawUpstream, *, bearer: bool = False) -> Known:
    return Known({("127.0.0.1", server.port): Credential("me", Secret("s3cret"), "test", bearer=bearer)})


async def test_an_upstream_is_told_the_credential_of_its_address(make: Make, tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, trusting):
        base = f"https://127.0.0.1:{server.port}/base"
        found = known(server)
        assert await make(base, tls=trusting, credentials=found).get(CTX, "p", limit=10) == b"x"
        assert found.asked == [("127.0.0.1", server.port, "/base/p")]
        bearer = known(server, bearer=True)
        await make(base, tls=trusting, credentials=bearer).get(CTX, "p", limit=10)
        named = make(base.replace("://", "://a:b@"), tls=trusting, credentials=found)
        await named.get(CTX, "p", limit=10)
        told = [seen.headers["authorization"] for seen in server.seen]
        assert told == ["Basic bWU6czNjcmV0", "Bearer s3cret", "Basic YTpi"]


async def test_plain_http_is_told_nothing(make: Make) -> None:
    async with RawUpstream.saying(said(200, b"x")) as server:
        found = known(server)
        await make(server.url, credentials=found).get(CTX, "p", limit=10)
        assert found.asked == []
        assert "authorization" not in server.seen[0].headers


async def test_a_redirect_carries_it_to_nobody_else(make: Make, tmp_path: Path) -> None:
    async with serving(tmp_path) as (other, _):

        async def answer(exchange: Exchange) -> None:
            await exchange.send(said(302, headers={"Location": f"https://127.0.0.1:{other.port}/z"}))

        async with serving(tmp_path, answer) as (server, trusting):
            found = known(server)
            found.by_place["127.0.0.1", other.port] = found.by_place["127.0.0.1", server.port]
            settings = replace(QUICK, redirect_hosts=("127.0.0.1",))
            upstream = make(f"https://127.0.0.1:{server.port}", settings, tls=trusting, credentials=found)
            assert await upstream.get(CTX, "p", limit=10) == b"x"
            assert server.seen[0].headers["authorization"] == "Basic bWU6czNjcmV0"
            assert "authorization" not in other.seen[0].headers
            assert [place[1] for place in found.asked] == [server.port]


async def test_a_broken_credential_is_said_at_once_and_nobody_is_asked_anonymously(
    make: Make, tmp_path: Path
) -> None:
    async with serving(tmp_path) as (server, trusting):
        found = known(server)
        found.broken = True
        upstream = make(f"https://127.0.0.1:{server.port}", tls=trusting, credentials=found)
        for _ in range(10):
            with pytest.raises(Unavailable, match="cannot be used"):
                await upstream.get(CTX, "p", limit=10)
        assert len(found.asked) == 10
        assert server.seen == []
        found.broken = False
        assert await upstream.get(CTX, "p", limit=10) == b"x"
