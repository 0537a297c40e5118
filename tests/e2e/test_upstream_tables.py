"""An upstream with a CA of its own that asks for a certificate and a token: the real go, the real gate."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.authority import Authority
from tests.support.corp import secret_file
from tests.support.gate import Gate, GateFailedError
from tests.support.tls_folder import TlsFolder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Stage

pytestmark = pytest.mark.go

TOKEN = "first-s3cretT0kenOfTheGate"
OTHER = "other-s3cretT0kenOfTheGate"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def server(furnished: Stage, authority: Authority) -> Iterator[TlsFolder]:
    """The modules and their checksum database, for who shows the gate's certificate and token."""
    root, issued = furnished.world.root, authority.issue("server")
    with TlsFolder(root, issued, authority.file, token=f"Bearer {TOKEN}") as running:
        yield running


@pytest.fixture
def table(server: TlsFolder, authority: Authority, tmp_path: Path) -> dict[str, Any]:
    cert, key = authority.issue("gate")
    return {
        "url": server.url,
        "ca": str(authority.file),
        "client_cert": str(cert),
        "client_key": str(key),
        "secret_file": str(secret_file(tmp_path / "token", f"{TOKEN}\n")),
    }


def _said(gate: Gate, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in gate.output:
        assert time.monotonic() < deadline, gate.output
        time.sleep(0.05)


def test_go_downloads_from_an_upstream_that_asks_for_certificate_and_token(
    furnished: Stage, server: TlsFolder, table: dict[str, Any], tmp_path: Path
) -> None:
    gate = furnished.gate(
        upstream=server.url,
        sumdb=furnished.database.spec(f"{server.url}/db"),
        config=furnished.quick(upstreams=[table]),
    )
    client = furnished.client(gate)
    client.module({"example.test/root": "v1.0.0"})
    client.run("mod", "tidy")
    assert {asked.subject for asked in server.asked} == {"gate"}
    assert {asked.authorization for asked in server.asked} == {f"Bearer {TOKEN}"}
    assert any(asked.path.startswith("/db/lookup/example.test/root@") for asked in server.asked)

    server.token = f"Bearer {OTHER}"
    reply = gate.ask("/example.test/cmd/hello/@v/v1.0.0.mod")
    assert reply.status == 502
    assert "refuses the secret of upstreams, table 1 (Bearer) with 401" in reply.text
    assert f"put a valid one into {tmp_path / 'token'}" in reply.text
    secret_file(tmp_path / "token", OTHER)
    for _ in range(100):  # a broken answer is remembered for a moment
        if gate.ask("/example.test/cmd/hello/@v/v1.0.0.info").status == 200:
            break
        time.sleep(0.1)
    client.run("install", "example.test/cmd/hello@v1.0.0")
    told = gate.ask("/metrics").text
    for secret in (TOKEN, OTHER):
        assert secret not in told + gate.output
        files = (each for each in Path(gate.store).parent.rglob("*") if each.is_file())
        assert [str(each) for each in files if secret.encode() in each.read_bytes()] == []


def test_a_table_that_cannot_be_used_keeps_the_gate_from_starting(
    server: TlsFolder, table: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "gate.key").write_text("no key\n")
    with pytest.raises(GateFailedError) as caught:
        Gate(tmp_path / "gate", upstream=server.url, config={"upstreams": [table]})
    assert f"{tmp_path / 'gate.key'}: there is no key of the client certificate in it" in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert server.asked == []


def test_a_ca_that_changes_on_disk_counts_from_then_on_and_a_broken_one_does_not(
    server: TlsFolder, table: dict[str, Any], authority: Authority, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(Authority(tmp_path, "stranger").file.read_bytes())
    config = {"upstreams": [{**table, "ca": str(ca)}], "fetch": {"retries": 0}}
    path = "/example.test/leaf/@v/v1.0.0"
    with Gate(tmp_path / "gate", upstream=server.url, config=config) as gate:
        refused = gate.ask(f"{path}.mod")
        assert refused.status == 502
        assert "its certificate is refused" in refused.text
        ca.write_bytes(b"nothing")
        _said(gate, "configuration not loaded")
        assert f"{ca}: the file of CAs holds no certificate" in gate.output
        ca.write_bytes(authority.file.read_bytes())
        _said(gate, "configuration loaded")
        assert gate.ask(f"{path}.zip").status == 200


def test_config_show_has_no_secret_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "modgate.toml"
    path.write_text(
        '[[upstreams]]\nurl = "https://host"\nsecret_env = "T0KEN"\n'
        f'proxy = "http://me:{TOKEN}@proxy.corp:3128"\n'
    )
    for extra in ((), ("--json",)):
        done = subprocess.run(
            [sys.executable, "-m", "modgate", "config", "show", "--config", str(path), *extra],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "T0KEN": OTHER},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "http://***@proxy.corp:3128" in done.stdout
        assert "T0KEN" in done.stdout
        assert TOKEN not in done.stdout + done.stderr
        assert OTHER not in done.stdout + done.stderr
