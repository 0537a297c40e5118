"""A private repository behind the gate, and a client that knows nothing of it but the gate's address.

The client has no GOPRIVATE, no credentials and no version control: the gate fetches, with the operator's
token or key, and its own checksum log proves to go what go.sum says.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.corp import (
    LOG,
    MODULE,
    OTHER,
    TOKEN,
    Children,
    Corp,
    lookups,
    make_corp,
    nothing_holds,
    secret_file,
)
from tests.support.git_http import Answer, Seen
from tests.support.modules import World
from tests.support.tampering import Between, replace, tampered

if TYPE_CHECKING:
    from tests.e2e.conftest import Stage
    from tests.support.gate import Gate

pytestmark = [pytest.mark.go, pytest.mark.skipif(os.name == "nt", reason="POSIX programs")]


@pytest.fixture
def corp(furnished: Stage, tmp_path: Path) -> Corp:
    return make_corp(furnished, tmp_path / "corp")


def build_is_proved(corp: Corp, gate: Gate) -> None:
    """go builds with the private module, and each line of go.sum was looked up in the gate's log."""
    client = corp.client(gate)
    client.module({MODULE: "v1.0.0"})
    assert client.run("env", "GOPRIVATE", "GONOSUMDB", "GONOPROXY", "GOINSECURE").stdout.strip() == ""
    client.run("mod", "tidy")
    client.run("build", "./...")
    client.run("mod", "verify")
    sums = client.sums()
    assert {line.rpartition(" ")[0] for line in sums} >= {
        f"{MODULE} v1.0.0",
        f"{MODULE} v1.0.0/go.mod",
        "example.test/leaf v1.0.0",
        "example.test/leaf v1.0.0/go.mod",
    }
    assert {f"{MODULE}@v1.0.0", "example.test/leaf@v1.0.0"} <= set(lookups(gate))
    record = gate.ask(f"/sumdb/{LOG}/lookup/{MODULE}@v1.0.0").body.decode()
    assert {line for line in sums if line.startswith(f"{MODULE} ")} <= set(record.splitlines())
    listed = client.run("list", "-m", "-versions", MODULE).stdout
    assert listed.split() == [MODULE, "v1.0.0", "v1.1.0", "v1.2.0"]


def test_a_private_module_over_https_is_built_and_proved_by_the_gates_own_log(corp: Corp) -> None:
    server = corp.server(git=TOKEN)
    children = Children(TOKEN)
    server.answer = children.look
    gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server))
    build_is_proved(corp, gate)
    assert {seen.credentials for seen in server.requests if seen.status == 200} == {("git", TOKEN)}
    assert children.looks > 0
    assert children.found == []
    assert nothing_holds(TOKEN, corp, gate)


def test_a_private_module_over_ssh_is_built_and_proved_by_the_gates_own_log(corp: Corp) -> None:
    server = corp.sshd()
    gate = corp.gate(
        server.url("/team/lib.git"),
        {
            "host": "127.0.0.1",
            "kind": "ssh",
            "key_file": str(server.key),
            "known_hosts": str(server.known_hosts),
        },
        environment={"SSH_AUTH_SOCK": ""},
    )
    build_is_proved(corp, gate)
    assert set(server.commands) == {"git-upload-pack '/team/lib.git'"}


def test_an_ssh_host_with_another_key_than_the_known_one_is_refused_with_a_clear_text(corp: Corp) -> None:
    server = corp.sshd()
    server.stop()
    server.replace_host_key()
    server.start()
    gate = corp.gate(
        server.url("/team/lib.git"),
        {
            "host": "127.0.0.1",
            "kind": "ssh",
            "key_file": str(server.key),
            "known_hosts": str(server.known_hosts),
        },
        environment={"SSH_AUTH_SOCK": ""},
    )
    reply = gate.ask(f"/{MODULE}/@v/v1.0.0.info")
    assert reply.status == 502
    assert "known_hosts" in reply.body.decode()
    assert server.commands == []


def test_a_private_proxy_is_given_its_token_and_what_it_serves_is_proved_by_the_gates_own_log(
    corp: Corp,
) -> None:
    world = World(corp.folder / "proxy")
    world.add("tools.example/gen", "v1.0.0")
    world.finish()
    server = corp.server()
    told = f"Bearer {TOKEN}"

    def answer(seen: Seen) -> Answer:
        if seen.authorization != told:
            return Answer(401, body=b"who are you?\n")
        file = world.root / seen.path.lstrip("/")
        return Answer(200, body=file.read_bytes()) if file.is_file() else Answer(404, body=b"not found\n")

    server.answer = answer
    gate = corp.gate(
        server.url + "/team/lib.git",
        {**corp.token_for(server), "bearer": True},
        routes=[{"match": ["tools.example/*"], "source": server.url, "private": True}],
    )
    client = corp.client(gate)
    client.module({"tools.example/gen": "v1.0.0"})
    client.run("mod", "tidy")
    client.run("build", "./...")
    assert "tools.example/gen@v1.0.0" in lookups(gate)
    assert {seen.authorization for seen in server.requests} == {told}
    secret_file(corp.folder / "fresh", OTHER).replace(corp.token)
    reply = gate.ask("/tools.example/gen/@v/v1.0.1.info")
    assert reply.status == 502
    assert "[[credentials]]" in reply.body.decode()
    assert "tools.example" not in "".join(corp.stage.upstream.counts())
    assert nothing_holds(TOKEN, corp, gate)


def test_a_zip_that_someone_changes_between_the_gate_and_go_is_refused_by_go(corp: Corp) -> None:
    server = corp.server(git=TOKEN)
    gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server))
    with Between(gate.url) as between:
        client = corp.client(between.url)
        client.module({MODULE: "v1.0.0"})
        honest = client.run("mod", "download", MODULE, check=False)
        assert honest.returncode == 0, honest.stderr
        between.tampers = True
        victim = corp.client(between.url)
        victim.module({MODULE: "v1.0.0"})
        refused = victim.run("mod", "download", MODULE, check=False)
    assert refused.returncode != 0
    assert "SECURITY ERROR" in refused.stderr
    assert LOG in refused.stderr
    assert not (victim.work / "go.sum").exists()


def test_a_zip_that_was_changed_in_the_gates_store_never_becomes_a_build(corp: Corp) -> None:
    server = corp.server(git=TOKEN)
    with ExitStack() as first:
        gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server))
        first.callback(gate.stop)
        corp.client(gate).run("mod", "download", f"{MODULE}@v1.0.0")
        folder = Path(gate.store)
    file = folder / MODULE / "@v" / "v1.0.0.zip"
    changed = tampered(file.read_bytes())
    again = corp.stage.gate(
        folder=folder.parent,
        config=corp.stage.quick(
            routes=[{"match": ["corp.example/*"], "source": "direct"}],
            vcs={"enabled": False},
            checksum_log={"key_file": str(corp.key_file)},
        ),
        upstream=corp.stage.upstream.url,
    )
    replace(folder, file, changed)
    victim = corp.client(again)
    victim.module({MODULE: "v1.0.0"})
    refused = victim.run("mod", "download", MODULE, check=False)
    assert refused.returncode != 0
    assert "SECURITY ERROR" in refused.stderr
    assert not (victim.work / "go.sum").exists()


def test_without_the_gates_log_a_client_that_asks_a_public_database_is_told_what_to_do(corp: Corp) -> None:
    server = corp.server(git=TOKEN)
    gate = corp.gate(server.url + "/team/lib.git", corp.token_for(server), log=False)
    client = corp.stage.client(gate)
    client.module({MODULE: "v1.0.0"})
    failed = client.run("mod", "download", MODULE, check=False)
    assert failed.returncode != 0
    assert "GONOSUMDB" in failed.stderr or "GOPRIVATE" in failed.stderr, failed.stderr
    named = corp.stage.client(gate, GONOSUMDB="corp.example/*")
    named.module({MODULE: "v1.0.0"})
    named.run("mod", "tidy")
    named.run("build", "./...")
    assert "corp.example" not in "".join(corp.stage.upstream.counts())
