"""What hostile pages, servers and files can do to the tools on a machine: nothing, nor hold them up."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from typing import TYPE_CHECKING

import pytest

from modgate.client.doctor.project import find_project
from modgate.client.faults.content import DRILL, DrillContent
from modgate.client.faults.kinds import parse_fault
from modgate.client.faults.server import FaultServer
from modgate.client.machine.host import System
from modgate.client.machine.recorded import RecordedHost
from modgate.client.machine.vscode import EditorScope, settings_file
from modgate.client.net.trust import Trust
from modgate.client.trace.tap import Tap
from modgate.gomod.proxylist import parse_proxy_list

if TYPE_CHECKING:
    from pathlib import Path

LIST = "example.com/modgate/drill/@v/list"


async def _said(port: int, request: str) -> bytes:
    """What a server on loopback answers to these bytes until it closes; nothing else is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode("latin-1"))
    writer.write_eof()
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def _port(url: str) -> int:
    return int(url.split(":")[2].partition("/")[0])


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:8080", "127.0.0.1.evil.example", "10.0.0.1"]
)
async def test_a_page_whose_name_leads_to_loopback_reads_nothing_from_the_drill(host: str) -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        port = _port(await server.url(parse_fault("ok")))
        said = await _said(port, f"GET /ok/{LIST} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 421 ")
    assert DRILL.version.encode() not in said


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:80", ""])
async def test_the_drill_answers_to_this_machine(host: str) -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server:
        port = _port(await server.url(parse_fault("ok")))
        said = await _said(port, f"GET /ok/{LIST} HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_neither_server_listens_beyond_loopback() -> None:
    async with FaultServer(DrillContent(), clock=time.monotonic) as server, _tap("https://h.test") as tap:
        assert server.origin.startswith("http://127.0.0.1:")
        assert tap.chain.startswith("http://127.0.0.1:")
        for listening in (*server._servers, tap._server):
            assert listening is not None
            assert {bound.getsockname()[0] for bound in listening.sockets} == {"127.0.0.1"}


def _tap(chain: str) -> Tap:
    return Tap(
        parse_proxy_list(chain),
        clock=time.monotonic,
        context=ssl.create_default_context(),
        authorization=lambda _: None,
    )


@pytest.mark.parametrize(
    "request_line",
    [
        "GET / HTTP/1.1",
        "GET",
        "",
        " ",
        "GET http://127.0.0.1:9/x HTTP/1.1",
        "GET //127.0.0.1:9/x HTTP/1.1",
        "CONNECT 127.0.0.1:9 HTTP/1.1",
        "POST /SECRET/0/x HTTP/1.1",
        "GET /SECRET/7/x HTTP/1.1",
        "GET /SECRET/1/x HTTP/1.1",
        "GET /SECRET/00/x HTTP/1.1",
        f"GET /SECRET/{'9' * 6000}/x HTTP/1.1",
        "GET /SECRET/\xb2/x HTTP/1.1",
    ],
)
async def test_the_tap_asks_nobody_for_what_go_did_not_ask(request_line: str) -> None:
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    async with _tap("http://127.0.0.1:9,direct") as tap:
        secret = tap.chain.split("/")[3]
        line = request_line.replace("SECRET", secret)
        hidden = "GET /x HTTP/1.1\r\n\r\n"
        said = await _said(_port(tap.chain), f"{line}\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}")
    assert tap.seen == []
    assert not said or said.startswith(b"HTTP/1.1 404 ")
    assert failures == []


async def test_a_head_without_an_end_costs_the_tap_a_bounded_memory() -> None:
    async with _tap("http://127.0.0.1:9") as tap:
        assert await _said(_port(tap.chain), "GET /" + "x" * (1 << 18)) == b""
        assert tap.seen == []


def test_a_go_mod_that_no_person_wrote_is_left_alone() -> None:
    short = RecordedHost(files={"/home/me/go.mod": "module a.test/b\n"})
    assert find_project(short) is not None
    lines = "".join(f"\tx.test/m{index} v1.0.0\n" for index in range(60000))
    long = RecordedHost(files={"/home/me/go.mod": f"module a.test/b\nrequire (\n{lines})\n"})
    assert find_project(long) is None


def test_settings_that_no_person_wrote_are_left_alone() -> None:
    files = {
        "/s.json": '{"a": 1}',
        "/long.json": '{"a": "' + "x" * (3 << 20) + '"}',
        "/deep.json": "[" * 300000,
    }
    host = RecordedHost(files=files)
    read = {
        name: settings_file(host, EditorScope.USER, host.path(name))
        for name in ("/s.json", "/long.json", "/deep.json")
    }
    flaws = [file.flaw is not None for file in read.values() if file is not None]
    assert flaws == [False, True, True]


def test_a_pipe_in_place_of_the_authorities_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    trust = Trust({"SSL_CERT_FILE": str(tmp_path / "pipe")}, System.LINUX, time.time)
    assert trust.context(()).verify_mode is ssl.CERT_REQUIRED
