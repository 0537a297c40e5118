from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from modgate.client.chain.rehearse import observe
from modgate.client.faults.content import DRILL, DrillContent, FolderContent, UpstreamContent, drill_files
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer, Rules, Served
from modgate.errors import Unavailable
from modgate.gomod.module import check
from modgate.gomod.proxylist import EntryKind, ProxyEntry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.client.faults.content import Content

INFO = "example.com/modgate/drill/@v/v1.0.0.info"
ZIP = "example.com/modgate/drill/@v/v1.0.0.zip"

# Fault -> words of go's own error.
SAID = {
    "401": "401 Unauthorized",
    "403": "server response: modgate drill: 403 as told",
    "404": "404 Not Found",
    "410": "410 Gone",
    "429": "429 Too Many Requests",
    "451": "451 Unavailable For Legal Reasons",
    "500": "500 Internal Server Error",
    "502": "502 Bad Gateway",
    "503": "503 Service Unavailable",
    "504": "504 Gateway Timeout",
    "500-then-ok": "500 Internal Server Error",
    "reset": "connection reset by peer",
    "eof": "EOF",
    "garbage": "malformed HTTP response",
    "html": "invalid character '<' looking for beginning of value",
    "badzip": "zip: not a valid zip file",
    "truncated": "unexpected EOF",
    "truncated:zip": "unexpected EOF",
    "redirect-loop": "stopped after 10 redirects",
    "wrong-version": "instead of requested version",
    "refused": "connect: connection refused",
    "tls-untrusted": "x509: certificate signed by unknown authority",
    "tls-name": "x509: certificate is valid for 192.0.2.1, not 127.0.0.1",
    "tls-expired": "x509: certificate has expired or is not yet valid",
    "tls-reset": "connection reset by peer",
    "tls-plain": "http: server gave HTTP response to HTTPS client",
}


def _server(**rules: object) -> tuple[FaultServer, list[Served]]:
    seen: list[Served] = []
    made = Rules(**rules)  # type: ignore[arg-type]
    return FaultServer(DrillContent(), clock=time.monotonic, rules=made, seen=seen.append), seen


async def _get(url: str) -> tuple[int, bytes, Mapping[str, str]]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.read(), dict(answer.headers)


@pytest.mark.parametrize("fault", SAID)
async def test_go_says_of_each_fault_what_it_says_of_the_real_one(go_command: str, fault: str) -> None:
    server, _ = _server()
    async with server:
        entry = ProxyEntry(EntryKind.PROXY, await server.url(parse_fault(fault)))
        environ = {"PATH": os.environ["PATH"], "HOME": "/"}
        seen = await observe(go_command, (entry,), str(DRILL), environ=environ, patience=20)
    assert not seen.good
    assert SAID[fault] in seen.error


async def test_ok_serves_the_small_module(go_command: str) -> None:
    server, seen = _server()
    async with server:
        entry = ProxyEntry(EntryKind.PROXY, await server.url(parse_fault("ok")))
        ran = await observe(
            go_command, (entry,), str(DRILL), environ={"PATH": os.environ["PATH"]}, patience=20
        )
    assert ran.good
    assert [(one.endpoint, one.status, one.did) for one in seen] == [
        ("info", 200, "ok"),
        ("mod", 200, "ok"),
        ("zip", 200, "ok"),
    ]


async def test_every_prefix_is_served_at_once_and_an_unknown_one_is_served_well() -> None:
    server, _ = _server()
    async with server:
        assert (await _get(f"{server.origin}/410/{INFO}"))[0] == 410
        assert (await _get(f"{server.origin}/ok/{INFO}"))[0] == 200
        assert (await _get(f"{server.origin}/{INFO}"))[0] == 200
        assert (await _get(f"{server.origin}/ok/example.com/other/@v/list"))[0] == 404


async def test_a_401_asks_for_credentials_and_a_503_names_a_time() -> None:
    server, _ = _server()
    async with server:
        assert "Basic" in (await _get(f"{server.origin}/401/{INFO}"))[2]["WWW-Authenticate"]
        assert (await _get(f"{server.origin}/503/{INFO}"))[2]["Retry-After"] == "5"


async def test_rules_narrow_a_fault_to_endpoints_modules_and_later_requests() -> None:
    server, _ = _server(only=frozenset({"zip"}))
    async with server:
        assert (await _get(f"{server.origin}/500/{INFO}"))[0] == 200
        assert (await _get(f"{server.origin}/500/{ZIP}"))[0] == 500
    server, _ = _server(module="corp.test/*")
    async with server:
        assert (await _get(f"{server.origin}/500/{INFO}"))[0] == 200
        assert (await _get(f"{server.origin}/500/corp.test/a/@v/v1.0.0.info"))[0] == 500
    server, _ = _server(after=2)
    async with server:
        assert [(await _get(f"{server.origin}/500/{INFO}"))[0] for _ in range(3)] == [200, 200, 500]


async def test_500_then_ok_fails_each_file_once_until_it_is_forgotten() -> None:
    server, _ = _server()
    async with server:
        url = f"{server.origin}/500-then-ok/{INFO}"
        assert [(await _get(url))[0] for _ in range(3)] == [500, 200, 200]
        server.forget()
        assert (await _get(url))[0] == 500


async def test_a_slow_body_comes_whole_in_the_end() -> None:
    server, _ = _server(rate=20000, delay=0.0)
    async with server:
        status, body, _ = await _get(f"{server.origin}/slow/{ZIP}")
    assert (status, body) == (200, drill_files()[ZIP])


async def test_a_folder_is_served_and_nothing_outside_of_it(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"outside")
    content = FolderContent(tmp_path / "root")
    assert await (await content.open("a")).body() == b"inside"
    assert (await content.open("../secret")).status == 404
    assert (await content.open("missing")).status == 404


async def test_a_real_upstream_is_passed_on_with_the_fault_only_where_it_was_asked_for() -> None:
    upstream, _ = _server()
    async with upstream:
        server = FaultServer(UpstreamContent(f"{upstream.origin}/ok"), clock=time.monotonic)
        async with server:
            assert (await _get(f"{server.origin}/404:zip/{INFO}"))[1] == drill_files()[INFO]
            assert (await _get(f"{server.origin}/404:zip/{ZIP}"))[0] == 404
            with pytest.raises(aiohttp.ClientPayloadError):
                await _get(f"{server.origin}/truncated/{ZIP}")


async def test_an_upstream_that_is_away_is_a_502_and_not_an_absence() -> None:
    server = FaultServer(UpstreamContent("http://127.0.0.1:9"), clock=time.monotonic)
    async with server:
        status, body, _ = await _get(f"{server.origin}/ok/{INFO}")
    assert status == 502
    assert b"127.0.0.1:9" in body


async def test_a_taken_port_is_told() -> None:
    first, _ = _server()
    async with first:
        second, _ = _server()
        with pytest.raises(Unavailable, match="cannot be used"):
            await second.start(int(first.origin.rpartition(":")[2]))
        await second.close()


async def test_a_fault_can_stand_twice_in_a_chain_with_contents_of_its_own() -> None:
    server, _ = _server()
    async with server:
        one = await server.url(parse_fault("404:zip"), tag="entry1")
        two = await server.url(
            parse_fault("404:zip"), tag="entry2", content=FolderContent(Path("/nonexistent"))
        )
        assert one != two
        assert (await _get(f"{one}/{INFO}"))[0] == 200
        assert (await _get(f"{two}/{INFO}"))[0] == 404


@pytest.mark.parametrize("kind", ["folder", "memory"])
async def test_a_path_is_found_as_go_writes_it_in_a_url(kind: str, tmp_path: Path) -> None:
    version = check("github.com/BurntSushi/toml", "v1.0.0")
    content: Content = DrillContent(version)
    if kind == "folder":
        for name, body in drill_files(version).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(body)
        content = FolderContent(tmp_path)
    for bang in ("!", "%21"):
        reply = await content.open(f"github.com/{bang}burnt{bang}sushi/toml/@v/v1.0.0.mod")
        assert await reply.body() == b"module github.com/BurntSushi/toml\n\ngo 1.21\n"


async def test_a_glob_narrows_a_fault_to_modules_with_capitals_too() -> None:
    rules = Rules(module="github.com/BurntSushi/*")
    async with FaultServer(DrillContent(), clock=time.monotonic, rules=rules) as server:
        url = await server.url(parse_fault("503"))
        async with aiohttp.ClientSession() as session:
            path = "github.com/%21burnt%21sushi/toml/@v/list"
            assert (await session.get(URL(f"{url}/{path}", encoded=True))).status == 503
            assert (await session.get(f"{url}/github.com/other/toml/@v/list")).status == 404
