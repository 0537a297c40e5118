"""Publishing end to end: the real server, the real command, the real go; kills and full disks included."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from modgate.sumdb.note import generate_key
from tests.server.running import head_of, read_all
from tests.source.publishing import PATH, tree, version, zipped
from tests.support.certificates import certificate
from tests.support.gate import Gate, GoClient
from tests.support.modules import make_zip, noise, zip_h1
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

TOKEN = "the-token-of-the-ci"
HOST = "corp.example"


def gate_in(folder: Path, *, store: Path | None = None, **more: Mapping[str, Any]) -> Gate:
    (folder / "tokens").parent.mkdir(parents=True, exist_ok=True)
    (folder / "tokens").write_text(f"ci {TOKEN}\n", encoding="utf-8")
    settings = {"enabled": True, "match": [HOST], "token_file": str(folder / "tokens")}
    return Gate(folder / "gate", upstream="off", store=store, config={"publish": settings, **more})


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    with gate_in(tmp_path) as running:
        yield running


def plant(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def publish(
    gate: Gate | str, folder: Path, text: str, *more: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`modgate publish`, as a process."""
    to = gate if isinstance(gate, str) else gate.url
    return subprocess.run(
        [sys.executable, "-m", "modgate", "publish", str(folder), text, "--to", to, *more],
        cwd=REPOSITORY,
        env={**os.environ, "MODGATE_PUBLISH_TOKEN": TOKEN, "LC_ALL": "C", "COLUMNS": "200"}
        | dict(environment or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def published(gate: Gate, folder: Path, text: str) -> dict[str, Any]:
    done = publish(gate, folder, text, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def connect(gate: Gate) -> socket.socket:
    client = socket.socket()
    client.settimeout(30)
    host, _, port = gate.url.removeprefix("http://").rpartition(":")
    client.connect((host, int(port)))
    return client


def put(gate: Gate, text: str, data: bytes) -> tuple[int, bytes]:
    """PUT over a plain socket: status (0 where none came) and body."""
    head = f"PUT /{PATH}/@v/{text} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {TOKEN}\r\n"
    try:
        with connect(gate) as client:
            client.sendall(f"{head}Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = read_all(client)
    except OSError:
        return 0, b""
    if not answer:
        return 0, b""
    status, _, body = head_of(answer)
    return status, body


@pytest.mark.go
def test_what_is_published_is_what_go_gets(gate: Gate, tmp_path: Path, go_command: str) -> None:
    files = tree() | {
        "doc/größe.txt": b"x",
        "sub/go.mod": b"module x\n",
        "sub/x.go": b"package x\n",
        "vendor/modules.txt": b"# x\n",
        "vendor/example.com/x/x.go": b"package x\n",
        "testdata/noise.bin": noise("e2e", 300_000),
    }
    work = plant(tmp_path / "work", files)
    (work / "link.go").symlink_to("lib.go")
    sums = published(gate, work, "v1.0.0")
    client = GoClient(go_command, tmp_path / "client", gate.url)
    client.module()
    found = json.loads(client.run("mod", "download", "-json", f"{PATH}@v1.0.0").stdout)
    assert (found["Sum"], found["GoModSum"]) == (sums["h1"], sums["h1_mod"])
    client.module({PATH: "v1.0.0"})
    client.run("get", f"{PATH}@latest")
    client.run("build", "./...")
    assert any(line.startswith(f"{PATH} v1.0.0 {sums['h1']}") for line in client.sums())
    # The store serves by itself, list included, with the server away.
    gate.stop()
    offline = GoClient(go_command, tmp_path / "offline", f"file://{gate.store}")
    offline.module()
    found = json.loads(offline.run("mod", "download", "-json", f"{PATH}@v1").stdout)
    assert found["Sum"] == sums["h1"]


@pytest.mark.go
def test_the_h1_is_that_of_the_same_tree_in_version_control(tmp_path: Path, go_command: str) -> None:
    """GOPROXY=direct makes the zip of a tag; the working tree of that tag must give the same sums."""
    repository = plant(
        tmp_path / "repository",
        tree("corp.example/tool.git")
        | {
            "a/b/c.go": b"package b\n",
            "nested/go.mod": b"module corp.example/tool.git/nested\n",
            "nested/n.go": b"package nested\n",
            "vendor/modules.txt": b"# x\n",
            "vendor/x/y/z.go": b"package y\n",
            ".hidden/file": b"x",
            "LICENSE": b"free\n",
            "run.sh": b"#!/bin/sh\r\n",
        },
    )
    (repository / "link").symlink_to("LICENSE")
    (repository / "run.sh").chmod(0o755)
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e@example.com"]
    for command in (["init", "-q"], ["add", "-f", "."], ["commit", "-q", "-m", "m"], ["tag", "v1.0.0"]):
        subprocess.run([*git, *command], check=True, capture_output=True)
    done = publish("http://127.0.0.1:1", repository, "v1.0.0", "--dry-run", "--json")
    mine = json.loads(done.stdout)
    # git itself leads go to the folder: nothing leaves the machine.
    client = GoClient(go_command, tmp_path / "client", "direct")
    client.environment |= {
        "GOVCS": "*:git",
        "GONOSUMDB": "*",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.file://{repository}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://corp.example/tool",
        "GIT_CONFIG_KEY_1": "protocol.allow",
        "GIT_CONFIG_VALUE_1": "always",
        "GIT_ALLOW_PROTOCOL": "https:file",
    }
    client.module()
    found = json.loads(client.run("mod", "download", "-json", "corp.example/tool.git@v1.0.0").stdout)
    assert (found["Sum"], found["GoModSum"]) == (mine["h1"], mine["h1_mod"])


@pytest.mark.go
def test_a_higher_version_takes_a_lower_one_back(gate: Gate, tmp_path: Path, go_command: str) -> None:
    work = plant(tmp_path / "work", tree())
    for text in ("v1.0.0", "v1.1.0"):
        published(gate, work, text)
    client = GoClient(go_command, tmp_path / "client", gate.url)
    client.module({PATH: "v1.1.0"})
    client.run("mod", "download", PATH)
    (work / "go.mod").write_text(f"module {PATH}\n\ngo 1.21\n\nretract v1.1.0 // it eats data\n")
    published(gate, work, "v1.2.0")
    told = client.run("list", "-m", "-u", "-retracted", "-json", PATH).stdout
    found = json.loads(told)
    assert found["Retracted"] == ["it eats data"]
    assert found["Update"]["Version"] == "v1.2.0"
    listed = client.run("list", "-m", "-versions", PATH).stdout.split()
    assert listed == [PATH, "v1.0.0", "v1.2.0"]
    assert gate.ask(f"/{PATH}/@v/list").text == "v1.0.0\nv1.1.0\nv1.2.0\n"


@pytest.mark.go
def test_go_sees_a_version_the_moment_it_is_published(gate: Gate, tmp_path: Path, go_command: str) -> None:
    work = plant(tmp_path / "work", tree())
    client = GoClient(go_command, tmp_path / "client", gate.url)
    client.module()
    assert client.run("list", "-m", f"{PATH}@latest", check=False).returncode != 0
    for number in range(3):
        text = f"v1.0.{number}"
        published(gate, work, text)
        for query in ("latest", "v1", "v1.0"):
            assert client.run("list", "-m", f"{PATH}@{query}").stdout.split() == [PATH, text]


@pytest.mark.go
def test_go_verifies_a_published_module_with_the_gates_own_log(tmp_path: Path, go_command: str) -> None:
    key, verifier = generate_key("sum.corp.example", b"p" * 32)
    (tmp_path / "log.key").write_text(f"{key}\n", encoding="utf-8")
    (tmp_path / "log.key").chmod(0o600)
    work = plant(tmp_path / "work", tree())
    with gate_in(tmp_path, checksum_log={"key_file": str(tmp_path / "log.key")}) as gate:
        sums = published(gate, work, "v1.0.0")
        record = gate.ask(f"/sumdb/sum.corp.example/lookup/{PATH}@v1.0.0")
        assert sums["h1"] in record.text
        assert gate.ask(f"/{PATH}/@v/v1.0.0.zip").headers["modgate-verified"] == "log"
        client = GoClient(go_command, tmp_path / "client", gate.url, sumdb=verifier)
        client.module({PATH: "v1.0.0"})
        client.run("mod", "download", PATH)
        assert any(line.startswith(f"{PATH} v1.0.0 {sums['h1']}") for line in client.sums())


def test_the_command_tells_a_conflict_and_a_wrong_token(gate: Gate, tmp_path: Path) -> None:
    work = plant(tmp_path / "work", tree())
    published(gate, work, "v1.0.0")
    (work / "more.go").write_text("package lib\n")
    done = publish(gate, work, "v1.0.0")
    assert done.returncode == 1
    assert "409" in done.stderr
    (tmp_path / "tokens").write_text("ci another-token-for-the-ci\n", encoding="utf-8")
    done = publish(gate, work, "v1.0.1")
    assert "401" in done.stderr
    assert TOKEN not in gate.output + done.stdout + done.stderr


def test_over_tls_a_certificate_that_is_not_trusted_gets_no_token(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path / "tls")
    work = plant(tmp_path / "work", tree() | {"noise.bin": noise("tls", 3_000_000)})
    with gate_in(tmp_path, tls={"cert": str(cert), "key": str(key)}) as gate:
        done = publish(gate, work, "v1.0.0")
        assert done.returncode == 1
        assert "the certificate is not trusted" in done.stderr
        done = publish(gate, work, "v1.0.0", environment={"SSL_CERT_FILE": str(cert)})
        assert done.returncode == 0, done.stdout + done.stderr
        done = publish(
            gate,
            work,
            "v1.0.1",
            environment={"SSL_CERT_FILE": str(cert), "MODGATE_PUBLISH_TOKEN": "another-token-for-the-ci"},
        )
        assert "401" in done.stderr


def whole_or_not_to_be_had(gate: Gate, text: str, data: bytes) -> bool:
    """Whether the version is visible; fails for anything between."""
    seen = {kind: gate.ask(f"/{PATH}/@v/{text}.{kind}") for kind in ("info", "mod", "zip")}
    listed = gate.ask(f"/{PATH}/@v/list")
    statuses = {reply.status for reply in seen.values()}
    # 502: from the ledger's word on it belongs to its content, and is not absent.
    assert statuses in ({200}, {404}, {502}), {kind: reply.status for kind, reply in seen.items()}
    visible = statuses == {200}
    if visible:
        assert seen["zip"].body == data
        assert json.loads(seen["info"].body)["Version"] == text
    else:
        assert text not in listed.text.split() or listed.status == 404
    return visible


def _killed(gate: Gate, text: str, data: bytes, when: Callable[[Path], bool]) -> None:
    """PUT, and SIGKILL the server at the moment that `when` sees in the store."""
    sender = threading.Thread(target=put, args=(gate, text, data))
    sender.start()
    store = gate.store
    deadline = time.monotonic() + 20
    while not when(store) and time.monotonic() < deadline and sender.is_alive():  # type: ignore[arg-type]
        pass
    os.kill(gate.pid, signal.SIGKILL)
    sender.join(30)
    gate.kill()


def _stage(name: str, text: str) -> Callable[[Path], bool]:
    folder = f"{PATH}/@v"

    def reached(store: Path) -> bool:
        if name == "body":
            return any(entry.stat().st_size > 300_000 for entry in (store / ".modgate/tmp").glob("*"))
        return (store / folder / f"{text}.{name}").exists()

    return reached


@pytest.mark.parametrize("stage", ["body", "zip", "mod", "info"])
def test_a_kill_at_any_moment_leaves_nothing_half_and_the_same_content_completes_it(
    tmp_path: Path, stage: str
) -> None:
    store = tmp_path / "store"
    data = zipped(version(), tree() | {"noise.bin": noise(stage, 2_000_000)})
    running = gate_in(tmp_path, store=store)
    _killed(running, "v1.0.0", data, _stage(stage, "v1.0.0"))
    with gate_in(tmp_path, store=store) as gate:
        visible = whole_or_not_to_be_had(gate, "v1.0.0", data)
        if stage == "info":
            assert visible
        if stage == "body":
            assert not visible
        status, body = put(gate, "v1.0.0", data)
        assert status == (200 if visible else 201), body
        assert whole_or_not_to_be_had(gate, "v1.0.0", data)
        assert "v1.0.0" in gate.ask(f"/{PATH}/@v/list").text.split()
        assert put(gate, "v1.0.0", zipped(version()))[0] == 409
        assert list((store / ".modgate" / "tmp").iterdir()) == []


@pytest.mark.long
def test_kills_at_random_moments(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for number in range(20):
        text = f"v1.0.{number}"
        data = zipped(version(text), tree() | {"noise.bin": noise(text, 1_000_000)})
        running = gate_in(tmp_path, store=store)
        end = time.monotonic() + number * 0.003
        _killed(running, text, data, lambda _store, end=end: time.monotonic() > end)  # type: ignore[misc]
        with gate_in(tmp_path, store=store) as gate:
            visible = whole_or_not_to_be_had(gate, text, data)
            assert put(gate, text, data)[0] == (200 if visible else 201)
            assert whole_or_not_to_be_had(gate, text, data)


def test_many_senders_of_one_version_agree(gate: Gate) -> None:
    one = zipped(version(), tree() | {"noise.bin": noise("one", 500_000)})
    two = zipped(version(), tree() | {"noise.bin": noise("two", 500_000)})
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: put(gate, "v1.0.0", (one, two)[number % 2]), range(8)))
    statuses = sorted(status for status, _ in answers)
    assert statuses == [200, 200, 200, 201, 409, 409, 409, 409]
    assert zip_h1(gate.ask(f"/{PATH}/@v/v1.0.0.zip").body) in {zip_h1(one), zip_h1(two)}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        pytest.skip(f"mounting a small tmpfs needs root: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=False, capture_output=True)


def test_a_full_disk_is_507_and_heals(small_disk: Path, tmp_path: Path) -> None:
    small = zipped(version())
    of = version("v1.1.0")
    large = make_zip({f"{of}/noise.bin": noise("large", 80 << 20)}, store=True)
    with gate_in(tmp_path, store=small_disk / "store") as gate:
        assert put(gate, "v1.0.0", small)[0] == 201
        free = shutil.disk_usage(small_disk).free
        status, body = put(gate, "v1.1.0", large)
        assert status == 507, body
        assert b"full" in body
        assert whole_or_not_to_be_had(gate, "v1.0.0", small)
        assert not whole_or_not_to_be_had(gate, "v1.1.0", large)
        deadline = time.monotonic() + 10
        while shutil.disk_usage(small_disk).free < free - (1 << 20) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list((small_disk / "store" / ".modgate" / "tmp").iterdir()) == []
        fitting = zipped(version("v1.1.0"), tree() | {"noise.bin": noise("fits", 20 << 20)})
        assert put(gate, "v1.1.0", fitting)[0] == 201
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
        status, body = put(gate, "v1.2.0", zipped(version("v1.2.0"), tree() | {"n": noise("n", 400_000)}))
        assert status in {502, 507}, body
        assert whole_or_not_to_be_had(gate, "v1.1.0", fitting)
        filler.unlink()
        data = zipped(version("v1.2.0"), tree() | {"n": noise("n", 400_000)})
        assert put(gate, "v1.2.0", data)[0] == 201
        assert whole_or_not_to_be_had(gate, "v1.2.0", data)


def test_a_sender_that_is_killed_leaves_nothing(gate: Gate) -> None:
    head = f"PUT /{PATH}/@v/v1.0.0 HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {TOKEN}\r\n"
    with connect(gate) as client:
        client.sendall(f"{head}Content-Length: 5000000\r\n\r\n".encode() + zipped(version()) + bytes(900_000))
    deadline = time.monotonic() + 10
    temporary = gate.store / ".modgate" / "tmp"  # type: ignore[operator]
    while list(temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(temporary.iterdir()) == []
    assert gate.ask(f"/{PATH}/@v/list").status == 404


def test_a_gate_without_a_store_or_without_tokens_does_not_start(tmp_path: Path) -> None:
    serving = ["--listen", "127.0.0.1:0", "--upstream", "off", "--store", str(tmp_path / "s")]
    serving += ["--sumdb", "off", "--set", "publish.enabled=true", "--set", f"publish.match={HOST}"]
    for more, text in (
        (["--set", "publish.token_file=/nonexistent"], "cannot be read"),
        (["--set", "publish.token_env=NO_SUCH_VARIABLE"], "no token"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "modgate", "serve", *serving, *more],
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=REPOSITORY,
        )
        assert done.returncode != 0
        assert text in done.stderr
