"""`modgate serve` with a log of its own: one GOSUMDB for the real go, and the audit from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modgate.sumdb.note import generate_key
from tests.support.gate import Gate, GateFailedError, GoClient
from tests.support.modules import World
from tests.support.sumdb_server import TestDatabase, serve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.go

NAME = "go.corp.example"
PUBLIC = "example.com/Public"
PRIVATE = "corp.example/team/lib"


def _verify(folder: Path, url: str, key: str) -> dict[str, object]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOENV": "off"}
    command = [sys.executable, "-m", "modgate", "sumdb", "verify", url, "--key", key, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_public_and_exempt_modules_verify_against_the_gates_own_log_over_restarts(
    go_command: str, tmp_path: Path
) -> None:
    world = World(tmp_path / "modules")
    for path in (PUBLIC, PRIVATE):
        for version in ("v1.0.0", "v1.1.0"):
            world.add(path, version)
    world.finish()
    db = TestDatabase()
    db.add_filler(300)
    for (path, version), built in world.modules.items():
        if path == PUBLIC:
            db.add(path, version, built.h1, built.mod_h1)
    key, verifier_key = generate_key(NAME, b"g" * 32)
    file = tmp_path / "log.key"
    file.write_text(key + "\n")
    file.chmod(0o600)
    config = {"sumdb_exempt": "corp.example", "checksum_log": {"key_file": str(file)}}
    with serve(db, modules=world.root) as served:
        for turn, version in enumerate(("v1.0.0", "v1.1.0")):
            with Gate(
                tmp_path / "gate", upstream=world.root.as_uri(), sumdb=served.gosumdb, config=config
            ) as gate:
                client = GoClient(go_command, tmp_path / f"client{turn}", gate.url, verifier_key)
                client.module({PUBLIC: version, PRIVATE: version})
                client.run("mod", "tidy")
                client.run("mod", "verify")
                by_url = GoClient(
                    go_command,
                    tmp_path / f"url{turn}",
                    gate.url,
                    f"{verifier_key} {gate.url}/sumdb/{NAME}",
                )
                by_url.run("mod", "download", f"{PRIVATE}@{version}")
                assert gate.ask(f"/sumdb/{NAME}/lookup/example.com/nobody@v1.0.0").status == 404
                found = _verify(tmp_path, gate.url, verifier_key)
                assert (found["size"], found["whole"]) == (2 * (turn + 1), True)
                assert found["previous"] == 2 * turn
    assert not any("corp.example" in path for path in db.requests)
    offline = GoClient(go_command, tmp_path / "offline", (tmp_path / "gate" / "store").as_uri(), verifier_key)
    offline.run("mod", "download", f"{PRIVATE}@v1.0.0", f"{PUBLIC}@v1.1.0")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (generate_key(NAME, b"g" * 32)[0][:-6], "cannot be used"),
        (generate_key("sum.golang.org", b"g" * 32)[0], "is the public checksum database"),
        (generate_key(NAME, b"g" * 32)[1], "this is no signing key"),
    ],
)
def test_a_gate_does_not_start_with_a_key_that_is_none_or_not_its_own(
    tmp_path: Path, key: str, reason: str
) -> None:
    file = tmp_path / "log.key"
    file.write_text(key)
    file.chmod(0o600)
    config = {"checksum_log": {"key_file": str(file)}}
    with pytest.raises(GateFailedError) as caught:
        Gate(tmp_path / "gate", upstream="http://127.0.0.1:1", config=config)
    said = str(caught.value)
    assert reason in said
    assert str(file) in said
    assert "modgate sumdb keygen" in said
    assert key.rpartition("+")[2] not in said


def test_a_gate_whose_machine_is_its_own_client_verifies_against_the_public_database(tmp_path: Path) -> None:
    key, verifier_key = generate_key(NAME, b"g" * 32)
    file = tmp_path / "log.key"
    file.write_text(key)
    file.chmod(0o600)
    config = {"checksum_log": {"key_file": str(file)}}
    for sumdb in (verifier_key, f"{verifier_key} https://{NAME}/sumdb/{NAME}"):
        with Gate(tmp_path / "gate", upstream="http://127.0.0.1:1", sumdb=sumdb, config=config) as gate:
            assert gate.ask(f"/sumdb/{NAME}/supported").status == 200
            assert gate.ask("/sumdb/sum.golang.org/supported").status == 200
        assert "public modules are verified against sum.golang.org" in gate.output
