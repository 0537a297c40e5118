"""The exchange of a signed statement for a token, with a real HTTPS server that checks the signature."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

from modgate.errors import Invalid, Unavailable
from modgate.transport.credentials import Entry
from modgate.transport.credentials.github_app import api_address
from tests.support.certificates import certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from modgate.transport.credentials import HostCredentials
    from tests.transport.credentials.conftest import Bench

HOST = "github.corp.example"


@dataclass(slots=True)
class GitHub:
    """An API with one app and one installation; its clock is `ahead` seconds of the test's."""

    key: RSAKey
    bench: Bench
    ahead: float = 0.0
    answer: Callable[[], web.Response] | None = None
    url: str = ""
    statements: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    asked: int = 0
    wait: asyncio.Event | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if self.wait is not None:
            await self.wait.wait()
        if self.answer is not None:
            self.asked += 1
            return self.answer()
        now = self.bench.now + self.ahead
        date = {"Date": formatdate(now, usegmt=True)}
        scheme, _, token = request.headers["Authorization"].partition(" ")
        assert scheme == "Bearer"
        claims = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        self.statements.append(claims)
        in_time = claims["iat"] <= now < claims["exp"] <= now + 600
        if request.method != "POST" or claims["iss"] != "12345" or not in_time:
            return web.json_response({"message": "'Expiration time' claim"}, status=401, headers=date)
        if request.path != "/api/v3/app/installations/678/access_tokens":
            return web.json_response({"message": "Not Found"}, status=404, headers=date)
        self.tokens += 1
        expires = formatted(now + 3600)
        body = {"token": f"ghs_s3cret{self.tokens}", "expires_at": expires, "permissions": {}}
        return web.json_response(body, status=201, headers=date)


def formatted(moment: float) -> str:
    import datetime as dt  # noqa: PLC0415

    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@asynccontextmanager
async def github(bench: Bench) -> AsyncIterator[tuple[GitHub, HostCredentials]]:
    key = RSAKey.generate_key(2048)
    server = GitHub(key, bench)
    cert, cert_key = certificate(bench.folder / "tls")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, cert_key)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
    server.url = f"https://127.0.0.1:{runner.addresses[0][1]}/api/v3"
    pem = bench.file("app.pem", key.as_pem(private=True).decode())
    trusting = ssl.create_default_context(cafile=str(cert))
    yield server, bench.credentials(app_entry(server.url, pem), tls=trusting)
    await runner.cleanup()


def app_entry(api: str, key: Path) -> Entry:
    return Entry(HOST, "github-app", app_id="12345", installation_id="678", key_file=key, api=api)


async def test_a_signed_statement_becomes_a_token_that_is_kept_until_shortly_before_its_end(
    bench: Bench,
) -> None:
    async with github(bench) as (server, found):
        first = await found.https(HOST, 443, "/team/lib.git")
        assert first is not None
        assert (first.username, first.password.reveal()) == ("x-access-token", "ghs_s3cret1")
        assert first.source == "GitHub App 12345, installation 678"
        claims = server.statements[0]
        assert claims["iss"] == "12345"
        assert claims["exp"] - claims["iat"] <= 600
        bench.now += 3600 - 301
        assert await found.https(HOST, 443, "/other.git") == first
        bench.now += 2
        second = await found.https(HOST, 443, "/team/lib.git")
        assert second is not None
        assert second.password.reveal() == "ghs_s3cret2"
        assert bench.told == []
        assert await found.https("127.0.0.1", 443, "/") is None


async def test_many_tasks_share_one_exchange_and_none_of_them_owns_it(bench: Bench) -> None:
    async with github(bench) as (server, found):
        server.wait = asyncio.Event()
        tasks = [asyncio.create_task(found.https(HOST, 443, f"/{n}.git")) for n in range(20)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        server.wait.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert len({repr(each) for each in results[1:]}) == 1
        assert server.tokens == 1


@pytest.mark.parametrize("ahead", [-900.0, 900.0, 86_400.0 * 3])
async def test_clocks_that_disagree_cost_one_more_exchange_and_are_told(bench: Bench, ahead: float) -> None:
    async with github(bench) as (server, found):
        server.ahead = ahead
        credential = await found.https(HOST, 443, "/")
        assert credential is not None
        assert len(server.statements) == 2
        assert len(bench.told) == 1
        assert ("behind" if ahead > 0 else "ahead of") in bench.told[0]
        assert "s3cret" not in bench.told[0]
        # The hour counts by either clock: kept now, asked for again at its end.
        bench.now += 3000
        await found.https(HOST, 443, "/")
        assert server.tokens == 1
        bench.now += 400
        await found.https(HOST, 443, "/")
        assert server.tokens == 2


async def test_a_key_that_is_not_the_apps_is_refused_once_with_the_reason(bench: Bench) -> None:
    async with github(bench) as (server, found):
        said = {"message": "A JSON web token could not be decoded \x1b[31m"}
        date = {"Date": formatdate(bench.now - 29, usegmt=True)}
        server.answer = lambda: web.json_response(said, status=401, headers=date)
        with pytest.raises(Unavailable, match="status 401") as caught:
            await found.https(HOST, 443, "/")
        assert "could not be decoded" in caught.value.what
        assert "\x1b" not in str(caught.value)
        assert "app_id and key_file" in caught.value.next_step
        assert server.asked == 1


async def test_a_wrong_clock_and_a_refusal_are_told_together(bench: Bench) -> None:
    async with github(bench) as (server, found):
        date = {"Date": formatdate(bench.now - 500, usegmt=True)}
        server.answer = lambda: web.json_response({"message": "no"}, status=401, headers=date)
        with pytest.raises(Unavailable, match="status 401") as caught:
            await found.https(HOST, 443, "/")
        assert "500 s ahead of" in caught.value.next_step
        assert server.asked == 2
        assert bench.told == []


@pytest.mark.parametrize(
    ("status", "headers", "kind", "says"),
    [
        (404, {}, "bad-answer", "installation_id"),
        (403, {}, "bad-answer", "suspended"),
        (429, {"Retry-After": "7"}, "overloaded", ""),
        (500, {}, "bad-answer", ""),
        (302, {"Location": "https://attacker.test/"}, "bad-answer", ""),
        (200, {}, "bad-answer", ""),
    ],
)
async def test_other_answers_are_broken_and_never_absent_and_no_redirect_is_followed(
    bench: Bench, status: int, headers: dict[str, str], kind: str, says: str
) -> None:
    async with github(bench) as (server, found):
        server.answer = lambda: web.Response(status=status, headers=headers)
        with pytest.raises(Unavailable, match=f"status {status}") as caught:
            await found.https(HOST, 443, "/")
        assert caught.value.kind == kind
        assert says in caught.value.next_step
        assert caught.value.retry_after == (7.0 if status == 429 else None)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"token": 5, "expires_at": "2030-01-01T00:00:00Z"}', b'{"token": "x"}'],
)
async def test_an_answer_without_a_token_is_broken(bench: Bench, body: bytes) -> None:
    async with github(bench) as (server, found):
        server.answer = lambda: web.Response(status=201, body=body)
        with pytest.raises(Unavailable, match="no installation token"):
            await found.https(HOST, 443, "/")


async def test_what_is_no_private_key_is_said_without_showing_it(bench: Bench) -> None:
    pem = "-----BEGIN RSA PRIVATE KEY-----\nczNjcmV0czNjcmV0\n-----END RSA PRIVATE KEY-----\n"
    for text in (pem, "s3cret", json.dumps({"kty": "RSA"})):
        key = bench.file("bad.pem", text)
        with pytest.raises(Unavailable, match="private key") as caught:
            await bench.credentials(app_entry("https://127.0.0.1:1", key)).https(HOST, 443, "/")
        assert caught.value.where == str(key)
        assert text[:20] not in str(caught.value)


async def test_a_server_that_nobody_vouches_for_is_told_nothing(bench: Bench) -> None:
    async with github(bench) as (server, _):
        distrusting = bench.credentials(app_entry(server.url, bench.folder / "app.pem"))
        with pytest.raises(Unavailable, match="certificate is refused"):
            await distrusting.https(HOST, 443, "/")
        assert server.statements == []


async def test_closing_ends_an_exchange(bench: Bench) -> None:
    async with github(bench) as (server, found):
        server.wait = asyncio.Event()
        task = asyncio.create_task(found.https(HOST, 443, "/"))
        await asyncio.sleep(0.05)
        await found.close()
        with pytest.raises(Unavailable, match="stopping"):
            await task
        with pytest.raises(Unavailable, match="stopping"):
            await found.https(HOST, 443, "/")
        server.wait.set()


@pytest.mark.parametrize("api", ["http://github.corp.example/api/v3", "https://u:s3cret@github.corp.example"])
async def test_an_api_over_plain_http_or_with_a_password_is_a_mistake(bench: Bench, api: str) -> None:
    with pytest.raises(Invalid, match="no plain https") as caught:
        bench.credentials(app_entry(api, bench.file("k", "x")))
    assert "s3cret" not in str(caught.value)


def test_the_usual_addresses_of_the_api() -> None:
    assert api_address("github.com") == "https://api.github.com"
    assert api_address("octo.ghe.com") == "https://api.octo.ghe.com"
    assert api_address("github.corp.example") == "https://github.corp.example/api/v3"
    assert api_address("github.corp.example", 8443) == "https://github.corp.example:8443/api/v3"
