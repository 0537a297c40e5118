"""Pages over real TLS on loopback: redirects, credentials, guards, what is broken."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import Denied, Unavailable
from modgate.model.credentials import Credential, Secret, SshAccess
from modgate.transport.guarded import GuardedResolver
from modgate.transport.pages import Pages
from modgate.transport.reach import NOWHERE, Reach
from modgate.transport.settings import TransportSettings
from tests.support.certificates import certificate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from aiohttp.abc import ResolveResult

QUICK = TransportSettings(connect=2.0, head=2.0)
HTML = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"


def moved(location: str, status: int = 302) -> bytes:
    """A redirect."""
    return f"HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


class _Ported(GuardedResolver):
    """The guard itself; then the ports of a site stand for 443 and 80."""

    def __init__(self, site: Site, reach: Reach) -> None:
        super().__init__(reach, site.resolve)
        self._site = site

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        return [{**entry, "port": self._site.ports.get(port, port)} for entry in found]


class Site:
    """A server whose answers are raw bytes by `host/path`, under many names, with and without TLS."""

    def __init__(self, stack: AsyncExitStack, pem: tuple[Path, Path]) -> None:
        self.stack = stack
        self.pem = pem
        self.ports: dict[int, int] = {}
        self.answers: dict[str, bytes] = {}
        self.heads: list[bytes] = []
        self.names: dict[str, list[list[str]]] = {}
        self.looked: list[str] = []

    async def start(self) -> None:
        """Listen on both ports."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*self.pem)
        for port, context in ((443, tls), (80, None)):
            server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
            self.stack.callback(server.close)
            self.ports[port] = server.sockets[0].getsockname()[1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            path = head.split(b" ")[1].decode().partition("?")[0]
            host = head.lower().partition(b"\r\nhost: ")[2].partition(b"\r\n")[0].decode()
            answer = self.answers.get(host + path, b"HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def resolve(self, host: str, _port: int) -> list[str]:
        """The next answer for a name; loopback for all others."""
        self.looked.append(host)
        answers = self.names.get(host, [["127.0.0.1"]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if not found:
            raise OSError(-2, "Name or service not known")
        return found

    def pages(self, reach: Reach | None = None, **more: Any) -> Pages:
        """Pages that know the site's names and certificate."""
        allowed = Reach(["*.test"]) if reach is None else reach
        trust = ssl.create_default_context(cafile=str(self.pem[0]))
        proxies: Mapping[str, str] = more.pop("proxies", {})
        built = Pages(
            allowed,
            settings=QUICK,
            resolver=_Ported(self, allowed),
            proxies=lambda: proxies,
            tls=more.pop("tls", trust),
            **more,
        )
        self.stack.push_async_callback(built.close)
        return built


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.sleep, 0)
        built = Site(stack, certificate(tmp_path, "go.test", "www.go.test", "other.test", "rebound.example"))
        await built.start()
        yield built


class Told:
    """Credentials for go.test and other.test (`model.Credentials`)."""

    def __init__(self, *, bearer: bool = False, broken: bool = False) -> None:
        self.bearer = bearer
        self.broken = broken
        self.asked: list[tuple[str, int, str]] = []

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        """One for each test host."""
        self.asked.append((host, port, path))
        if self.broken:
            raise Unavailable("the token's file cannot be read")
        return Credential("me", Secret(f"{host}-secret"), "a test", bearer=self.bearer)

    def ssh(self, _host: str) -> SshAccess:
        """Nothing."""
        return SshAccess()

    def describe(self, _host: str) -> str:
        """Nothing."""
        return ""

    async def close(self) -> None:
        """Nothing is held."""


async def test_a_page_is_fetched_whole(site: Site) -> None:
    site.answers["go.test/lib"] = (HTML + "hello").encode()
    page = await site.pages().get("https://go.test/lib?go-get=1")
    assert (page.url, page.status, page.body) == ("https://go.test/lib", 200, b"hello")
    assert (page.cut, page.moved, page.credential) == (False, False, False)
    assert page.headers["content-type"] == "text/html"
    assert site.heads[0].startswith(b"GET /lib?go-get=1 HTTP/1.1\r\n")
    assert b"Accept-Encoding: identity\r\n" in site.heads[0]


async def test_every_status_is_an_answer(site: Site) -> None:
    page = await site.pages().get("https://go.test/none?go-get=1")
    assert page.status == 404


async def test_a_long_page_is_cut(site: Site) -> None:
    site.answers["go.test/lib"] = (HTML + "x" * 200).encode()
    page = await site.pages(limit=100).get("https://go.test/lib")
    assert (len(page.body), page.cut) == (100, True)


async def test_redirects_are_followed_to_other_hosts(site: Site) -> None:
    site.answers["go.test/lib"] = moved("https://other.test/elsewhere?x=y#z")
    site.answers["other.test/elsewhere"] = (HTML + "there").encode()
    page = await site.pages().get("https://go.test/lib?go-get=1")
    assert (page.url, page.body, page.moved) == ("https://other.test/elsewhere", b"there", True)


async def test_www_is_no_other_host(site: Site) -> None:
    site.answers["go.test/lib"] = moved("https://www.go.test/lib")
    site.answers["www.go.test/lib"] = (HTML + "there").encode()
    assert not (await site.pages().get("https://go.test/lib")).moved


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://go.test/lib", "from https to http"),
        ("https://169.254.169.254/latest/meta-data", "not public"),
        ("https://[fd00:ec2::254]/latest", "not public"),
        ("https://[::ffff:169.254.169.254]/x", "not public"),
        ("https://100.100.100.200/x", "not public"),
        ("https://metadata.google.internal/x", "not public"),
        ("https://rebound.example/x", "rebound.example resolves to 169.254.169.254, which is not public"),
        ("https://nat64.example/x", "not public"),
        ("https://mapped.example/x", "not public"),
        ("https://x.test/x", "x.test resolves to fd00:ec2::254, which is not public"),
        ("https://localhost/x", "not public"),
        ("https://2130706433/x", "not public"),
        ("file:///etc/passwd", "no http or https address"),
        ("ftp://go.test/", "no http or https address"),
        ("", "no http or https address"),
        ("/lib", "stopped after 10 redirects"),
    ],
)
async def test_a_redirect_to_where_it_must_not_lead_is_refused(site: Site, location: str, said: str) -> None:
    site.answers["go.test/lib"] = moved(location)
    site.names["rebound.example"] = [["169.254.169.254"]]
    site.names["nat64.example"] = [["64:ff9b::a9fe:a9fe"]]
    site.names["mapped.example"] = [["::ffff:169.254.169.254"]]
    site.names["x.test"] = [["fd00:ec2::254"]]
    with pytest.raises(Unavailable, match=said):
        await site.pages().get("https://go.test/lib")
    assert {head.split(b" ")[1] for head in site.heads} == {b"/lib"}


@pytest.mark.parametrize("host", ["evil.example", "10.0.0.1", "127.0.0.1", "[::1]", "169.254.169.254"])
async def test_a_host_inside_is_denied_unless_named(site: Site, host: str) -> None:
    with pytest.raises(Denied, match="not public") as caught:
        await site.pages(NOWHERE).get(f"https://{host}/lib")
    assert "vcs.internal_hosts" in caught.value.next_step
    assert site.heads == []


async def test_a_rebound_name_gains_nothing(site: Site) -> None:
    """The second look says loopback; there is none, and each new connection is looked at again."""
    site.names["rebound.example"] = [["10.255.255.1"], ["127.0.0.1"]]
    site.answers["rebound.example/lib"] = (HTML + "hello").encode()
    with pytest.raises(Denied):
        await site.pages(NOWHERE).get("https://rebound.example/lib")
    assert site.looked == ["rebound.example"]
    with pytest.raises(Denied):
        await site.pages(NOWHERE).get("https://rebound.example/lib")
    assert site.heads == []


@pytest.mark.parametrize("bearer", [False, True])
async def test_a_credential_goes_to_its_host_alone(site: Site, bearer: bool) -> None:
    site.answers["go.test/lib"] = moved("/again")
    site.answers["go.test/again"] = moved("https://other.test/x")
    credentials = Told(bearer=bearer)
    page = await site.pages(credentials=credentials).get("https://go.test/lib?go-get=1")
    assert page.credential
    value = b"Bearer go.test-secret" if bearer else b"Basic bWU6Z28udGVzdC1zZWNyZXQ="
    assert [b"Authorization: " + value in head for head in site.heads] == [True, True, False]
    assert b"uthorization" not in site.heads[2]
    assert credentials.asked == [("go.test", 443, "/lib")]


async def test_a_credential_that_cannot_be_had_is_told(site: Site) -> None:
    with pytest.raises(Unavailable, match="the token's file cannot be read"):
        await site.pages(credentials=Told(broken=True)).get("https://go.test/lib")
    assert site.heads == []


async def test_http_is_tried_where_it_is_allowed_and_without_credentials(site: Site) -> None:
    site.answers["untrusted.test/lib"] = (HTML + "plain").encode()
    with pytest.raises(Unavailable, match="certificate"):
        await site.pages().get("https://untrusted.test/lib")
    page = await site.pages(credentials=Told()).get("https://untrusted.test/lib", insecure=True)
    assert (page.url, page.body) == ("http://untrusted.test/lib", b"plain")
    assert b"uthorization" not in site.heads[-1]


async def test_where_both_fail_both_are_told(site: Site) -> None:
    site.answers["untrusted.test/lib"] = moved("https://10.0.0.1/")
    with pytest.raises(
        Unavailable, match=r"certificate is refused.*; over http: it redirects, which is refused"
    ):
        await site.pages().get("https://untrusted.test/lib", insecure=True)


async def test_what_is_broken_is_unavailable(site: Site) -> None:
    site.answers["go.test/cut"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx"
    site.answers["go.test/odd"] = b"hello\r\n\r\n"
    site.answers["go.test/zip"] = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"
    site.names["gone.test"] = [[]]
    for address in ("go.test/cut", "go.test/odd", "go.test/zip", "gone.test/x"):
        with pytest.raises(Unavailable):
            await site.pages().get(f"https://{address}")
    with pytest.raises(Unavailable, match="does not resolve"):
        await site.pages().get("https://gone.test/x")


async def test_a_silent_host_is_a_time_out(site: Site) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    site.stack.callback(server.close)
    site.ports[443] = server.sockets[0].getsockname()[1]
    settings = TransportSettings(connect=0.1, head=0.1)
    reach = Reach(["*.test"])
    pages = Pages(reach, settings=settings, resolver=_Ported(site, reach), proxies=dict)
    with pytest.raises(Unavailable) as caught:
        await pages.get("https://go.test/lib")
    assert caught.value.kind == "timeout"
    await pages.close()
    with pytest.raises(Unavailable) as caught:
        await pages.get("https://go.test/lib")
    assert caught.value.kind == "stopping"


async def test_behind_a_proxy_what_is_inside_is_not_asked_for(site: Site) -> None:
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    site.stack.callback(server.close)
    proxies = {"https": f"http://me:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}"}
    pages = site.pages(NOWHERE, proxies=proxies)
    for host in ("169.254.169.254", "metadata.google.internal", "nexus", "10.0.0.1", "git.internal"):
        with pytest.raises(Denied):
            await pages.get(f"https://{host}/x")
    assert heads == []
    with pytest.raises(Unavailable, match="proxy") as caught:
        await pages.get("https://public.example/x")
    assert "secret" not in str(caught.value)
    assert heads[0].startswith(b"CONNECT public.example:443 ")
    assert site.looked == []
