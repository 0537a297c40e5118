"""What is particular to one upstream: trust, certificate, proxy and secret, for it and nobody else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yarl

from modgate.errors import ModgateError, Unavailable
from modgate.model import Context
from modgate.model.credentials import Credential, Secret
from modgate.transport.credentials.secrets import SecretFile, SecretVariable
from modgate.transport.particulars import Particulars
from modgate.transport.prefixes import place_of
from modgate.transport.tls import client_context
from tests.support.authority import Authority
from tests.support.raw_upstream import Exchange, RawUpstream, said
from tests.support.tls_folder import TlsFolder
from tests.transport.conftest import QUICK
from tests.transport.test_authorization import Known

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from modgate.transport.http import HTTPUpstream

    Make = Callable[..., HTTPUpstream]

CTX = Context()
SECRET = "s3cretOfTheTable"
ELSEWHERE = replace(QUICK, redirect_hosts=("127.0.0.1",))
_BODY = said(200, b"x")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def serving(
    authority: Authority,
    answer: Callable[[Exchange], Awaitable[bool | None]] | None = None,
    *,
    clients: Authority | None = None,
    asks: ssl.VerifyMode = ssl.CERT_REQUIRED,
    days: float = 2,
) -> RawUpstream:
    """A server with a certificate of the authority; `clients` are those whose certificates it wants."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", days=days))
    if clients is not None:
        context.load_verify_locations(clients.file)
        context.verify_mode = asks
    return RawUpstream(answer or RawUpstream.saying(_BODY).answer, context)


def base_of(server: RawUpstream, path: str = "") -> str:
    """The server by its name: 127.0.0.1 is another host."""
    return server.url.replace("127.0.0.1", "localhost") + path


def table(url: str, **fields: Any) -> Particulars:
    return Particulars("upstreams, table 1", place_of(url), **fields)


def subject(exchange: Exchange) -> str:
    """The common name of the certificate that came with a request; empty for none."""
    found = exchange.writer.get_extra_info("ssl_object").getpeercert() or {}
    return next((value for part in found.get("subject", ()) for name, value in part), "")


async def failure(upstream: HTTPUpstream) -> ModgateError:
    with pytest.raises(ModgateError) as caught:
        await upstream.get(CTX, "p", limit=10)
    return caught.value


async def test_a_private_ca_is_trusted_for_its_upstream(make: Make, authority: Authority) -> None:
    async with serving(authority) as server:
        own = table(base_of(server), tls=client_context(authority.file))
        assert await make(base_of(server), particulars=own).get(CTX, "p", limit=10) == b"x"
        error = await failure(make(base_of(server)))
        assert "its certificate is refused" in error.what


async def test_its_own_ca_stands_instead_of_others(make: Make, authority: Authority, tmp_path: Path) -> None:
    async with serving(authority) as server:
        stranger = Authority(tmp_path, "stranger")
        own = table(base_of(server), tls=client_context(stranger.file))
        # Trust that would do for the rest does not help.
        upstream = make(base_of(server), particulars=own, tls=client_context(authority.file))
        error = await failure(upstream)
        assert "its certificate is refused" in error.what
        assert server.seen == []


async def test_an_expired_certificate_is_called_so(make: Make, authority: Authority) -> None:
    async with serving(authority, days=-1) as server:
        own = table(base_of(server), tls=client_context(authority.file))
        error = await failure(make(base_of(server), particulars=own))
        assert "certificate has expired" in error.what


async def test_a_certificate_is_presented_where_it_is_required(make: Make, authority: Authority) -> None:
    async with serving(authority, clients=authority) as server:
        context = client_context(authority.file, *authority.issue("gate"))
        upstream = make(base_of(server), particulars=table(base_of(server), tls=context))
        assert await upstream.get(CTX, "p", limit=10) == b"x"
        assert subject(server.seen[0]) == "gate"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("none", "it requires a client certificate"),
        ("stranger", "it refuses this gate's client certificate: it does not trust who issued it"),
        ("expired", "it refuses this gate's client certificate: it has expired"),
    ],
)
async def test_a_certificate_that_the_upstream_refuses(
    make: Make, authority: Authority, tmp_path: Path, kind: str, why: str
) -> None:
    issued = {
        "none": (),
        "stranger": Authority(tmp_path, "stranger").issue("gate"),
        "expired": authority.issue("old", days=-1),
    }[kind]
    with TlsFolder(tmp_path, authority.issue("server"), clients=authority.file) as server:
        own = table(server.url, tls=client_context(authority.file, *issued))
        error = await failure(make(server.url, particulars=own))
        assert isinstance(error, Unavailable)
        assert error.what == f"TLS failed: {why}"
        assert "client_cert" in error.next_step
        assert server.asked == []


async def test_a_redirect_to_another_host_takes_neither_certificate_nor_secret_nor_trust_along(
    make: Make, authority: Authority
) -> None:
    async with serving(authority, clients=authority, asks=ssl.CERT_OPTIONAL) as other:

        async def answer(exchange: Exchange) -> None:
            await exchange.send(said(302, headers={"Location": f"{other.url}/q"}))

        async with serving(authority, answer, clients=authority) as server:
            own = table(
                base_of(server),
                tls=client_context(authority.file, *authority.issue("gate")),
                secret=SecretVariable("T", {"T": SECRET}),
            )
            upstream = make(base_of(server), ELSEWHERE, particulars=own, tls=client_context(authority.file))
            assert await upstream.get(CTX, "p", limit=10) == b"x"
            assert (subject(server.seen[0]), subject(other.seen[0])) == ("gate", "")
            assert server.seen[0].headers["authorization"] == f"Bearer {SECRET}"
            assert "authorization" not in other.seen[0].headers
            strict = make(base_of(server), ELSEWHERE, particulars=own)
            assert "its certificate is refused" in (await failure(strict)).what


@pytest.mark.parametrize("target", ["/other/p", "/go/../other/p", "/go/%2e%2e/other/p", "/gopher/p"])
async def test_a_redirect_out_of_the_prefix_loses_the_secret(
    make: Make, authority: Authority, target: str
) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(said(302, headers={"Location": target}) if exchange.target == "/go/p" else _BODY)

    async with serving(authority, answer) as server:
        own = table(
            base_of(server, "/go"),
            tls=client_context(authority.file),
            secret=SecretVariable("T", {"T": SECRET}),
        )
        await make(base_of(server, "/go"), particulars=own).get(CTX, "p", limit=10)
        told = [seen.headers.get("authorization", "") for seen in server.seen]
        assert told == [f"Bearer {SECRET}", ""]


async def test_a_redirect_within_the_prefix_keeps_the_secret(make: Make, authority: Authority) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.send(said(302, headers={"Location": "/b/p"}) if exchange.target == "/a/p" else _BODY)

    async with serving(authority, answer) as server:
        own = table(
            base_of(server), tls=client_context(authority.file), secret=SecretVariable("T", {"T": SECRET})
        )
        await make(base_of(server, "/a"), particulars=own).get(CTX, "p", limit=10)
        assert [seen.headers["authorization"] for seen in server.seen] == [f"Bearer {SECRET}"] * 2


async def test_user_info_of_the_address_comes_first_and_then_the_table_the_credentials_and_netrc(
    make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login n password n\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(authority) as server:
        trust = client_context(authority.file)
        known = Known({("localhost", server.port): Credential("c", Secret("c"), "test")})
        named = base_of(server).replace("://", "://u:u@")
        own = table(base_of(server), tls=trust, username="t", secret=SecretVariable("T", {"T": "t"}))
        plain = replace(own, secret=None)
        for url, particulars, credentials in (
            (named, own, known),
            (base_of(server), own, known),
            (base_of(server), plain, known),
            (base_of(server), plain, None),
        ):
            await make(url, particulars=particulars, credentials=credentials).get(CTX, "p", limit=10)
        told = [
            base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")).decode()
            for seen in server.seen
        ]
        assert told == ["u:u", "t:t", "c:c", "n:n"]


async def test_a_changed_secret_file_is_read_again_and_a_broken_one_asks_nobody(
    make: Make, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    async with RawUpstream.saying(_BODY) as server:
        own = table(server.url, secret=SecretFile(file, named="[[upstreams]]"))
        upstream = make(server.url, particulars=own)
        await upstream.get(CTX, "p", limit=10)
        file.write_text("second, longer\n")
        await upstream.get(CTX, "p", limit=10)
        told = [seen.headers["authorization"] for seen in server.seen]
        assert told == ["Bearer first", "Bearer second, longer"]
        file.unlink()
        for _ in range(10):
            text = str(await failure(upstream))
            assert str(file) in text
            assert "[[upstreams]]" in text
        assert len(server.seen) == 2
        file.write_text("third\n")
        assert await upstream.get(CTX, "p", limit=10) == b"x"


async def test_a_refused_secret_is_named_and_not_shown(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(SECRET)
    async with RawUpstream.saying(said(401, f"bad token {SECRET}".encode())) as server:
        for username, how in (("", "Bearer"), ("robot", "Basic, robot")):
            own = table(server.url, username=username, secret=SecretFile(file))
            error = await failure(make(server.url, particulars=own))
            assert isinstance(error, Unavailable)
            assert error.what == f"the upstream refuses the secret of upstreams, table 1 ({how}) with 401"
            assert str(file) in error.next_step
            assert SECRET not in str(error)
            assert SECRET not in repr(own)
        assert len(server.seen) == 2
        named = make(server.url.replace("://", "://a:b@"), particulars=own)
        assert "table 1" not in str(await failure(named))


class Proxy(RawUpstream):
    """A proxy that carries CONNECT to one server, whatever name is asked for."""

    def __init__(self, port: int, password: str = "") -> None:
        super().__init__(self._tunnel)
        self._port = port
        self._password = password

    async def _tunnel(self, exchange: Exchange) -> bool:
        told = exchange.headers.get("proxy-authorization", "")
        if self._password and told != f"Basic {base64.b64encode(self._password.encode()).decode()}":
            await exchange.send(said(407, headers={"Proxy-Authenticate": "Basic realm=x"}))
            return False
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        await exchange.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        both = [
            asyncio.ensure_future(_copy(exchange.reader, writer)),
            asyncio.ensure_future(_copy(reader, exchange.writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        return False


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


async def test_a_proxy_of_its_own_carries_tls_and_the_certificate(
    make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    async with (
        serving(authority, clients=authority) as server,
        Proxy(server.port, "me:pr0xyPassword") as proxy,
    ):
        own = table(
            base_of(server),
            tls=client_context(authority.file, *authority.issue("gate")),
            secret=SecretVariable("T", {"T": SECRET}),
            proxy=yarl.URL(proxy.url.replace("://", "://me:pr0xyPassword@")),
        )
        assert await make(base_of(server), particulars=own).get(CTX, "p", limit=10) == b"x"
        assert proxy.targets() == [f"localhost:{server.port}"]
        assert "authorization" not in proxy.seen[0].headers
        assert subject(server.seen[0]) == "gate"
        assert "pr0xyPassword" not in repr(own)
        wrong = replace(own, proxy=yarl.URL(proxy.url.replace("://", "://me:wrongPassword@")))
        error = await failure(make(base_of(server), particulars=wrong))
        assert "the HTTP proxy on the way refused" in error.what
        assert "407" in error.what
        assert "wrongPassword" not in str(error)


async def test_a_proxy_of_its_own_is_not_for_redirects_elsewhere(make: Make, authority: Authority) -> None:
    async with serving(authority) as other:

        async def answer(exchange: Exchange) -> None:
            await exchange.send(said(302, headers={"Location": f"{other.url}/q"}))

        async with serving(authority, answer) as server, Proxy(server.port) as proxy:
            trust = client_context(authority.file)
            own = table(base_of(server), tls=trust, proxy=yarl.URL(proxy.url))
            upstream = make(base_of(server), ELSEWHERE, particulars=own, tls=trust)
            assert await upstream.get(CTX, "p", limit=10) == b"x"
            assert proxy.targets() == [f"localhost:{server.port}"]
            assert len(other.seen) == 1


async def test_direct_leaves_the_proxy_of_the_environment_aside(
    make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawUpstream.saying(said(500)) as proxy, serving(authority) as server:
        monkeypatch.setenv("https_proxy", proxy.url)
        monkeypatch.setattr("modgate.transport.environment._exempt", lambda *_: False)
        own = table(base_of(server), tls=client_context(authority.file))
        await failure(make(base_of(server), particulars=own))
        assert proxy.connections > 0
        before = proxy.connections
        direct = replace(own, direct=True)
        assert await make(base_of(server), particulars=direct).get(CTX, "p", limit=10) == b"x"
        assert proxy.connections == before


async def test_a_proxy_that_is_asked_over_tls_is_never_shown_the_certificate(
    make: Make, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(authority, clients=authority) as proxy:
        monkeypatch.setenv("https_proxy", base_of(proxy))
        context = client_context(authority.file, *authority.issue("gate"))
        own = table("https://goproxy.example.com", tls=context)
        error = await failure(make("https://goproxy.example.com", particulars=own))
        assert "HTTPS_PROXY is itself https://" in error.what
        assert proxy.connections == 0
