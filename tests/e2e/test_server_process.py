"""The server as a process: where it listens, when it refuses to start, and how it ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import certificate
from tests.support.gate import GateFailedError
from tests.support.upstreams import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.conftest import Stage

ZIP = "/example.test/leaf/@v/v1.0.0.zip"
BIG = "/example.test/big/@v/v1.0.0.zip"
SIZE = 6 << 20


def test_a_store_in_memory_leaves_nothing_on_disk(furnished: Stage) -> None:
    gate = furnished.gate(store="memory:")
    right = furnished.world.modules["example.test/leaf", "v1.0.0"].zip
    assert gate.ask(ZIP).body == right
    furnished.upstream.kill()
    assert gate.ask(ZIP).body == right
    gate.stop()
    left = {file for file in (furnished.folder / "gate1").rglob("*") if file.is_file()}
    # The go command, asked for its settings, counts that in the home folder.
    assert {file.name for file in left if "telemetry" not in file.parts} == {"modgate.toml"}


@pytest.mark.go
def test_go_works_over_tls(furnished: Stage) -> None:
    cert, key = certificate(furnished.folder / "tls")
    gate = furnished.gate(config=furnished.quick(tls={"cert": str(cert), "key": str(key)}))
    assert gate.url.startswith("https://")
    gate.context = ssl.create_default_context(cafile=cert)
    assert gate.ask(ZIP).status == 200
    client = furnished.client(gate, SSL_CERT_FILE=str(cert))
    client.run("mod", "download", "example.test/leaf@v1.0.0")


def test_a_unix_socket_serves_and_is_gone_afterwards(furnished: Stage) -> None:
    place = furnished.folder / "s"
    gate = furnished.gate(listen=f"unix:{place}")
    assert gate.url == f"unix:{place}"
    assert gate.ask(ZIP).body == furnished.world.modules["example.test/leaf", "v1.0.0"].zip
    assert gate.stop() == 0
    assert not place.exists()


def test_a_second_server_on_one_folder_is_refused_with_the_reason(furnished: Stage) -> None:
    gate = furnished.gate()
    with pytest.raises(GateFailedError, match=r"(?i)lock|in use|another|holds") as caught:
        furnished.gate(store=gate.store)
    assert "Traceback" not in str(caught.value)
    assert gate.ask(ZIP).status == 200


def test_a_port_in_use_is_refused_with_the_address(furnished: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(GateFailedError, match=str(port)) as caught:
            furnished.gate(listen=f"127.0.0.1:{port}")
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("where", ["under-a-file", "proc"])
def test_a_folder_that_cannot_be_written_is_refused_with_its_name(furnished: Stage, where: str) -> None:
    file = furnished.folder / "plain"
    file.write_bytes(b"")
    store = file / "store" if where == "under-a-file" else Path("/proc/modgate-store")
    with pytest.raises(GateFailedError, match=str(store)) as caught:
        furnished.gate(store=store)
    assert "Traceback" not in str(caught.value)
    assert "exit status 1" in str(caught.value)


def _big(stage: Stage, rate: float = 4e6) -> Stage:
    stage.world.add("example.test/big", "v1.0.0", padding=SIZE)
    stage.world.add("example.test/leaf", "v1.0.0")
    stage.seal()
    stage.upstream.fault("throttle", BIG, rate=rate)
    return stage


def _until_half(stage: Stage) -> None:
    while stage.upstream.counts().get(BIG, (0, 0, 0))[2] < SIZE // 2:
        time.sleep(0.01)


def test_sigterm_lets_a_running_download_finish(stage: Stage) -> None:
    gate = _big(stage).gate()
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(gate.ask, BIG, wait=60)
        _until_half(stage)
        gate.terminate()
        reply = download.result()
    assert (reply.status, reply.whole) == (200, True)
    assert reply.body == stage.world.modules["example.test/big", "v1.0.0"].zip
    assert gate.wait() == 0


def test_a_kill_in_the_middle_of_a_download_leaves_nothing_half(stage: Stage) -> None:
    right = _big(stage).world.modules["example.test/big", "v1.0.0"].zip
    gate = stage.gate()
    with ThreadPoolExecutor(1) as pool:
        download = pool.submit(gate.ask, BIG, wait=60)
        _until_half(stage)
        gate.kill()
        assert not download.result().whole
    stage.upstream.heal()
    again = stage.gate(folder=stage.folder / "gate1")
    assert again.ask(BIG, headers={"Disable-Module-Fetch": "true"}).status == 404
    assert isinstance(again.store, Path)
    assert not [file for file in again.store.glob(".modgate/tmp/*") if file.is_file()]
    reply = again.ask(BIG)
    assert (reply.status, reply.body) == (200, right)


def test_a_client_that_reads_slowly_holds_up_nobody_else(stage: Stage) -> None:
    gate = _big(stage).gate()
    stage.upstream.heal()
    host, port = gate.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(f"GET {BIG} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reply = gate.ask(BIG, wait=60)
        assert reply.body == stage.world.modules["example.test/big", "v1.0.0"].zip
        assert gate.ask(ZIP).status == 200


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "modgate-test", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_hits_go_on_and_it_heals(stage: Stage, small_disk: Path) -> None:
    world = _big(stage).world
    stage.upstream.heal()
    gate = stage.gate(store=small_disk / "store")
    assert gate.ask(ZIP).status == 200
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    reply = gate.ask("/example.test/leaf/@v/v1.0.0.mod")
    full = gate.ask(BIG)
    # What is verified in memory may be answered without being stored; what needs the disk may not.
    assert reply.status == 507 or reply.body == world.modules["example.test/leaf", "v1.0.0"].mod
    assert full.status == 507 or (full.status == 200 and not full.whole), full.status
    assert gate.ask(BIG).status == 507
    assert gate.ask(ZIP).body == world.modules["example.test/leaf", "v1.0.0"].zip
    gate.stop()

    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    healed = stage.gate(store=small_disk / "store")
    assert healed.ask(BIG).body == world.modules["example.test/big", "v1.0.0"].zip


def test_space_that_returns_is_used_without_a_restart(stage: Stage, small_disk: Path) -> None:
    world = _big(stage).world
    stage.upstream.heal()
    gate = stage.gate(store=small_disk / "store")
    assert gate.ask(BIG).status in {200, 507}
    assert gate.ask(BIG).status == 507
    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    deadline = time.monotonic() + 10
    while (reply := gate.ask(BIG)).status != 200 or not reply.whole:
        assert time.monotonic() < deadline, reply.text
        time.sleep(0.1)
    assert reply.body == world.modules["example.test/big", "v1.0.0"].zip


def test_health_and_metrics_are_served_beside_the_modules(furnished: Stage) -> None:
    gate = furnished.gate()
    assert gate.ask("/healthz").status == 200
    assert gate.ask("/readyz").status == 200
    gate.ask(ZIP)
    gate.ask(ZIP)
    assert "modgate_" in gate.ask("/metrics").text


def test_unknown_flags_and_keys_are_named_before_anything_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modgate", "serve", "--lisen", "127.0.0.1:0"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "--listen" in done.stderr


def test_a_hundred_idle_connections_do_not_keep_it_from_stopping(furnished: Stage) -> None:
    gate = furnished.gate()
    host, port = gate.url.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(100)]
    assert gate.ask(ZIP).status == 200
    assert gate.stop() == 0
    for connection in idle:
        connection.close()
