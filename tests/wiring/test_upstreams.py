"""The upstreams of a configuration: which table counts for each, and what is checked before a request."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from modgate.config import Config
from modgate.errors import Unavailable
from modgate.model import Context
from modgate.telemetry import Metrics
from modgate.transport.credentials import HostCredentials
from modgate.wiring.upstreams import Upstreams, transport_settings
from tests.support.authority import Authority
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.support.tls_folder import TlsFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Build = Callable[..., Upstreams]

CTX = Context()
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Build]:
    """Makes the upstreams of tables; closes them."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    made: list[Upstreams] = []

    def make(*tables: dict[str, Any], upstream: str = NOBODY, **sections: dict[str, Any]) -> Upstreams:
        config = configured(*tables, upstream=upstream, **sections)
        held = HostCredentials([], clock=lambda: 0.0)
        made.append(Upstreams(config, "me", Metrics(), held))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def configured(*tables: dict[str, Any], upstream: str = NOBODY, **sections: dict[str, Any]) -> Config:
    settings: dict[str, Any] = {"store": "memory", "upstream": upstream, "sumdb": "off", **sections}
    return Config.model_validate({**settings, "upstreams": json.dumps(tables, default=str)})


def test_limits_of_a_table_come_before_those_of_fetch() -> None:
    config = configured(
        {"url": "https://host", "concurrency": 2, "connect_timeout": 1, "total_timeout": "1h"},
        {"url": "https://host/go", "head_timeout": 3, "stall_timeout": 4},
        fetch={"concurrency": 7, "connect_timeout": 11, "head_timeout": 12},
    )
    first, second = (transport_settings(config, table) for table in config.upstreams)
    plain = transport_settings(config)
    assert (first.connections, first.connect, first.head, first.total) == (2, 1.0, 12.0, 3600.0)
    assert (second.connections, second.connect, second.head, second.stall) == (7, 11.0, 3.0, 4.0)
    assert (plain.connections, plain.connect, plain.head, plain.stall) == (7, 11.0, 12.0, 20.0)
    assert (first.retries, first.breaker_failures) == (plain.retries, plain.breaker_failures)


async def test_what_a_table_names_is_checked_before_anything_is_asked(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    cert, key = authority.issue("gate")
    secret = tmp_path / "secret"
    secret.write_text("token\n")
    secret.chmod(0o600)
    good = {"ca": authority.file, "client_cert": cert, "client_key": key, "secret_file": secret}
    build({"url": "https://host", **good}).check()
    empty = tmp_path / "empty"
    empty.write_text("\n")
    monkeypatch.setenv("SET", "token")
    monkeypatch.delenv("UNSET", raising=False)
    build({"url": "https://host", "secret_env": "SET"}).check()
    for fields, where, why in (
        ({"ca": tmp_path / "none"}, "none", "the file of CAs cannot be read: No such file"),
        ({"client_cert": cert, "client_key": tmp_path / "none"}, "none", "cannot be read: No such file"),
        ({"client_cert": cert, "client_key": cert}, cert.name, "there is no key"),
        ({"secret_file": tmp_path / "none"}, "none", "the file with the secret cannot be used: No such file"),
        ({"secret_file": empty}, "empty", "the file with the secret cannot be used: it is empty"),
        ({"secret_env": "UNSET"}, "", "the variable UNSET is empty or not set"),
    ):
        with pytest.raises(Unavailable) as caught:
            build({"url": "https://fine"}, {"url": "https://host", **fields}).check()
        assert caught.value.where == (str(tmp_path / where) if where else "")
        assert why in caught.value.what


async def test_an_address_is_given_the_table_that_says_most_of_it(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOST", "DEEP"):
        monkeypatch.setenv(name, f"{name}-token")
    async with RawUpstream.saying(said(200, b"x")) as server, RawUpstream.saying(said(200, b"x")) as other:
        upstreams = build(
            {"url": server.url, "secret_env": "HOST"},
            {"url": f"{server.url}/deep/er/", "secret_env": "DEEP", "username": "me"},
        )
        chain = f"{server.url}/deep/er,{server.url}/deep/erosion,{other.url}"
        for upstream, _ in upstreams.proxies(chain):
            await upstream.get(CTX, "p", limit=10)
        told = [seen.headers.get("authorization") for seen in [*server.seen, *other.seen]]
        assert told == ["Basic bWU6REVFUC10b2tlbg==", "Bearer HOST-token", None]


async def test_the_table_of_a_feed_is_found_by_its_whole_address(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED", "feed-token")
    async with RawUpstream.saying(said(200, b"x")) as server:
        upstreams = build({"url": f"{server.url}/index", "secret_env": "FEED"})
        feed = upstreams.at(f"{server.url}/", written=f"{server.url}/index?include=all")
        await feed.get(CTX, "index?since=x", limit=10)
        await feed.get(CTX, "other", limit=10)
        told = [(seen.target, seen.headers.get("authorization")) for seen in server.seen]
        assert told == [("/index?since=x", "Bearer feed-token"), ("/other", None)]


async def test_no_more_connections_than_the_table_allows(build: Build) -> None:
    open_now: list[int] = []
    under_way = 0
    enough = asyncio.Event()

    async def answer(exchange: Exchange) -> None:
        nonlocal under_way
        under_way += 1
        open_now.append(under_way)
        if len(open_now) >= 2:
            enough.set()
        await enough.wait()
        await asyncio.sleep(0.01)
        under_way -= 1
        await exchange.send(said(200, b"x"))

    async with RawUpstream(answer) as server:
        upstream = build({"url": server.url, "concurrency": 2}).at(server.url)
        found = await asyncio.gather(*(upstream.get(CTX, f"p{number}", limit=10) for number in range(9)))
        assert found == [b"x"] * 9
        assert max(open_now) == 2
        assert server.connections == 2


async def test_an_upstream_is_as_patient_as_its_table(build: Build) -> None:
    async def silent(_exchange: Exchange) -> bool:
        await asyncio.Event().wait()
        return False

    async def stalls(exchange: Exchange) -> bool:
        await exchange.send(said(200, b"x", length=9))
        await asyncio.Event().wait()
        return False

    patient = {"fetch": {"connect_timeout": 600, "head_timeout": 600, "stall_timeout": 600, "retries": 0}}
    async with RawUpstream(silent) as quiet, RawUpstream(stalls) as stuck:
        upstreams = build(
            {"url": quiet.url, "connect_timeout": "50ms", "head_timeout": "50ms"},
            {"url": stuck.url, "stall_timeout": "100ms"},
            **patient,
        )
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable, match="no answer in time"):
                await upstreams.at(quiet.url).get(CTX, "p", limit=10)
            with pytest.raises(Unavailable, match="stalled after 1 bytes"):
                await upstreams.at(stuck.url).get(CTX, "p", limit=10)


async def test_a_table_with_certificates_opens_an_upstream_that_asks_for_them(
    build: Build, tmp_path: Path
) -> None:
    authority = Authority(tmp_path, "authority")
    cert, key = authority.issue("gate")
    (tmp_path / "p").write_bytes(b"whole")
    secret = tmp_path / "secret"
    secret.write_text("token\n")
    server = TlsFolder(tmp_path, authority.issue("server"), authority.file, token="Bearer token")
    with server:
        upstreams = build(
            {
                "url": server.url,
                "ca": authority.file,
                "client_cert": cert,
                "client_key": key,
                "secret_file": secret,
            }
        )
        upstreams.check()
        assert server.asked == []
        assert await upstreams.at(server.url).get(CTX, "p", limit=10) == b"whole"
        secret.write_text("another token\n")
        with pytest.raises(Unavailable, match="refuses the secret of upstreams, table 1") as caught:
            await upstreams.at(server.url).get(CTX, "p", limit=10)
        assert "another" not in str(caught.value)
        server.token = "Bearer another token"
        assert await upstreams.at(server.url).get(CTX, "p", limit=10) == b"whole"
        assert {asked.subject for asked in server.asked} == {"gate"}
