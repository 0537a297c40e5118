"""Operations of a running server: who may ask for them, by which way, and how they end."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from modgate.errors import Denied, Invalid, Unauthenticated
from modgate.model.operations import Failure, Summary
from modgate.transport.admin import AdminClient
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modgate.model.operations import Event
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

TOKEN = "an-operator's-token-0123456789"


def _socket(gate: Gate) -> Path:
    return Path(gate.store) / ".modgate" / "admin.sock"


def _run(client: AdminClient, name: str, params: Mapping[str, Any] | None = None) -> list[Event]:
    async def collect() -> list[Event]:
        async with aclosing(client.run(name, params or {})) as events:
            return [event async for event in events]

    return asyncio.run(collect())


def _tokens(stage: Stage) -> dict[str, str]:
    file = stage.folder / "tokens"
    file.write_text(f"alice {TOKEN}\n", encoding="utf-8")
    return {"token_file": str(file)}


def _post(gate: Gate, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    where = urlsplit(gate.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_socket_is_its_owners_alone_and_gone_afterwards(furnished: Stage) -> None:
    gate = furnished.gate()
    found = _socket(gate).stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600
    (summary,) = _run(AdminClient(socket=_socket(gate)), "status")
    assert isinstance(summary, Summary)
    assert summary.facts["pid"] == gate.pid
    gate.stop()
    assert not _socket(gate).exists()


def test_a_folder_too_deep_for_a_socket_has_a_link_to_one(furnished: Stage) -> None:
    deep = furnished.folder / "/".join(["a-folder-with-a-long-name"] * 5)
    gate = furnished.gate(store=deep)
    place = deep / ".modgate" / "admin.sock"
    assert place.is_symlink()
    scratch = place.resolve().parent
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    (summary,) = _run(AdminClient(socket=place), "status")
    assert isinstance(summary, Summary)
    gate.stop()
    assert not scratch.exists()
    assert not place.is_symlink()


def test_a_socket_left_by_a_killed_server_is_taken_over_and_never_asked(furnished: Stage) -> None:
    gate = furnished.gate()
    gate.kill()
    assert _socket(gate).exists()
    again = furnished.gate(store=gate.store)
    assert isinstance(_run(AdminClient(socket=_socket(again)), "status")[0], Summary)


def test_nothing_is_there_for_the_network_without_tokens(furnished: Stage) -> None:
    gate = furnished.gate()
    assert _post(gate, "/admin/operations/status", b"{}", {})[0] in {404, 405}
    with pytest.raises(Invalid, match="takes no operations over the network"):
        _run(AdminClient(url=gate.url, token=TOKEN), "status")


def test_a_token_opens_the_network_s_way_and_no_files_of_the_server(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(admin=_tokens(furnished), prefix="/go"))
    assert isinstance(_run(AdminClient(url=gate.url, token=TOKEN), "status")[0], Summary)
    for wrong in ("", "x" * 30):
        with pytest.raises(Unauthenticated):
            _run(AdminClient(url=gate.url, token=wrong), "status")
    for name in ("import", "export"):
        with pytest.raises(Denied, match="files of the server's machine"):
            _run(AdminClient(url=gate.url, token=TOKEN), name, {"folder": "/etc"})
    assert TOKEN not in gate.output


@pytest.mark.parametrize(
    "path", ["/admin/operations/status", "/admin//operations/status", "/%61dmin/operations/status"]
)
def test_no_spelling_of_the_path_leads_past_the_token(furnished: Stage, path: str) -> None:
    gate = furnished.gate(config=furnished.quick(admin=_tokens(furnished)))
    status, body = _post(gate, path, b"{}", {})
    assert status in {401, 404, 405}
    assert b"pid" not in body


@pytest.mark.parametrize("url", ["", "localhost:3000", "ftp://gate.example", "https://"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(Invalid, match="no address of a server") as caught:
        AdminClient(url=url, token=TOKEN)
    assert "https://" in caught.value.next_step


def test_bad_parameters_and_names_are_told(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(admin=_tokens(furnished)))
    client = AdminClient(socket=_socket(gate))
    with pytest.raises(Invalid, match="no operation 'frobnicate'"):
        _run(client, "frobnicate")
    (failure,) = _run(client, "status", {"colour": "red"})
    assert isinstance(failure, Failure)
    assert "colour" in failure.what
    authorization = {"authorization": f"Bearer {TOKEN}"}
    assert _post(gate, "/admin/operations/status", b"[1]", authorization)[0] == 400
    assert _post(gate, "/admin/operations/status", b"\xff", authorization)[0] == 400


def test_the_socket_can_be_switched_off(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(admin={"socket": False}))
    assert not _socket(gate).exists()
    ran = _command(gate, "status")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr


def test_a_server_that_dies_under_an_operation_is_told(furnished: Stage) -> None:
    gate = furnished.gate()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(_socket(gate)))
        connection.sendall(b"POST /admin/operations/status HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
        time.sleep(0.2)
        gate.kill()
        assert connection.recv(100) == b""


def _command(gate: Gate, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MODGATE_")}
    return subprocess.run(
        [sys.executable, "-m", "modgate", *arguments, "--set", f"store={gate.store}"],
        cwd=REPOSITORY,
        env=environ | {"HOME": str(Path(gate.store).parent), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_asks_the_server_that_holds_the_store(furnished: Stage) -> None:
    gate = furnished.gate()
    ran = _command(gate, "status", "--json")
    assert json.loads(ran.stdout)["pid"] == gate.pid


def test_no_page_in_a_browser_may_post_operations_with_a_remembered_password(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(admin=_tokens(furnished)))
    password = base64.b64encode(f"alice:{TOKEN}".encode()).decode()
    headers = {"authorization": f"Basic {password}", "content-type": "text/plain"}
    assert _post(gate, "/admin/operations/status", b"{}", headers)[0] == 200
    assert _post(gate, "/admin/operations/status", b"{}", headers | {"origin": "https://evil.test"})[0] == 403
    assert _post(gate, "/admin/operations/status", b"{}", headers | {"origin": "null"})[0] == 403


def test_operations_have_one_spelling_one_host_and_parameters_of_a_sane_depth(furnished: Stage) -> None:
    gate = furnished.gate(config=furnished.quick(admin=_tokens(furnished)))
    bearer = {"authorization": f"Bearer {TOKEN}"}
    deep = b'{"a":' + b"[" * 20_000
    assert _post(gate, "/admin/operations/status", deep, bearer)[0] == 400
    assert _post(gate, "/admin/operations/status", b"{}", bearer | {"host": "one, two"})[0] == 400
    for other in ("/admin/operations/status/", "/admin//operations/status", "/ADMIN/operations/status"):
        assert _post(gate, other, b"{}", bearer)[0] in {404, 405}
    assert _post(gate, "/admin/operations/status", b"{}", bearer)[0] == 200
