"""No program leaves but by the guarded way out, and no host hears another's secret."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Unavailable
from modgate.gomod.protocol import Kind
from modgate.model.credentials import Credential, Secret, SshAccess
from tests.support.certificates import certificate
from tests.vcs.gocmd.world import a_world, answering, needs_hg, needs_svn, status, tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SYSTEMS = [pytest.param("hg", marks=needs_hg), pytest.param("svn", marks=needs_svn)]
PASSWORD = "s3cret-%41;#$HOME=:[x]"


@dataclass
class OneHost:
    """Credentials of one host, and who was asked about."""

    host: str
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    password: str = PASSWORD

    async def https(self, host: str, port: int, path: str) -> Credential | None:
        self.asked.append((host, port, path))
        return Credential("gopher", Secret(self.password), "a test") if host == self.host else None

    def ssh(self, host: str) -> SshAccess:
        raise AssertionError(host)

    def describe(self, host: str) -> str:
        return host

    async def close(self) -> None:
        pass


@contextlib.asynccontextmanager
async def behind_a_password(folder: Path, inner: int) -> AsyncIterator[tuple[int, list[str]]]:
    """A TLS server that lets in who names itself, and passes on to a port; the port and what it heard."""
    heard: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = [line for line in head.split("\r\n") if line.lower().startswith("authorization:")]
            heard.extend(line.partition(": ")[2] for line in lines)
            if not lines:
                writer.write(status("401 Who", 'WWW-Authenticate: Basic realm="m"'))
            else:
                near, far = await asyncio.open_connection("127.0.0.1", inner)
                # Behind a proxy Mercurial asks in absolute-form even within TLS; its own server knows none.
                head = head.replace(" https://localhost/", " /", 1)
                far.write((head[:-2] + "Connection: close\r\n\r\n").encode("latin-1"))
                writer.write(await near.read())
                far.close()
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()


@pytest.mark.parametrize("vcs", SYSTEMS)
async def test_a_redirect_to_an_internal_address_is_not_followed(tmp_path: Path, vcs: str) -> None:
    async with answering(status("404 No")) as (inner, reached):
        redirect = status("301 Moved", f"Location: http://127.0.0.1:{inner}/secret")
        async with answering(redirect) as (outer, heard), a_world(tmp_path, {"v.test": outer}) as world:
            world.put("code.test/m", vcs, "http://v.test/m")
            with pytest.raises(Unavailable) as caught:
                await world.ask(Kind.LATEST, "code.test/m")
            assert heard
            assert reached == [], caught.value


@needs_hg
async def test_mercurial_over_https_with_a_password(tmp_path: Path, hg_port: int) -> None:
    credentials = OneHost("localhost")
    async with behind_a_password(tmp_path / "tls", hg_port) as (port, heard):
        environ = dict(os.environ) | {"SSL_CERT_FILE": str(tmp_path / "tls" / "cert.pem")}
        async with a_world(
            tmp_path / "cache", {"localhost:443": port}, environ=environ, credentials=credentials, insecure=""
        ) as world:
            world.put("code.test/hello", "hg", "https://localhost/hello")
            assert await world.list("code.test/hello") == ["v1.0.0", "v1.1.0", "v1.2.0-rc.1"]
    assert set(heard) == {"Basic " + base64.b64encode(f"gopher:{PASSWORD}".encode()).decode()}
    assert set(credentials.asked) == {("localhost", 443, "hello")}
    kept = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert kept
    assert not [file for file in kept if b"s3cret" in file.read_bytes()]


@needs_hg
@pytest.mark.long
async def test_a_certificate_of_nobody_is_broken(tmp_path: Path, hg_port: int) -> None:
    async with behind_a_password(tmp_path / "tls", hg_port) as (port, heard):
        async with a_world(tmp_path, {"localhost:443": port}, insecure="") as world:
            world.put("code.test/hello", "hg", "https://localhost/hello")
            with pytest.raises(Unavailable, match=r"CERTIFICATE_VERIFY_FAILED|certificate"):
                await world.list("code.test/hello")
        assert heard == []


@needs_hg
async def test_a_password_goes_to_its_own_host_and_not_over_http(tmp_path: Path) -> None:
    answer = status("401 Who", 'WWW-Authenticate: Basic realm="m"')
    async with answering(answer) as (port, heard):
        credentials = OneHost("hg.test")
        async with a_world(tmp_path, {"hg.test": port}, credentials=credentials) as world:
            world.put("code.test/hello", "hg", "http://hg.test/hello")
            with pytest.raises(Unavailable, match="credentials"):
                await world.list("code.test/hello")
        assert heard
        assert not [head for head in heard if b"uthorization" in head]


async def test_a_credential_that_a_system_cannot_be_given_is_said(tmp_path: Path) -> None:
    environ = tool(tmp_path / "bin", "svn", "raise SystemExit(1)\n")
    async with a_world(
        tmp_path, {"svn.test": 1}, environ=environ, credentials=OneHost("svn.test"), insecure=""
    ) as world:
        world.put("code.test/m", "svn", "https://svn.test/m")
        with pytest.raises(Unavailable, match="git and Mercurial only"):
            await world.list("code.test/m")


@pytest.mark.parametrize("password", ["two\nlines", "[hooks]\npre-pull=touch x", "", "a b", "\u00fc"])
async def test_a_password_cannot_write_settings(tmp_path: Path, password: str) -> None:
    environ = tool(tmp_path / "bin", "hg", "raise SystemExit(1)\n")
    credentials = OneHost("hg.test", password=password)
    async with a_world(
        tmp_path, {"hg.test": 1}, environ=environ, credentials=credentials, insecure=""
    ) as world:
        world.put("code.test/m", "hg", "https://hg.test/m")
        with pytest.raises(Unavailable, match="characters") as caught:
            await world.list("code.test/m")
        assert "lines" not in str(caught.value)
