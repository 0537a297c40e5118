"""What each client was given is counted exactly, whichever way its answer took."""

from __future__ import annotations

import ipaddress
import threading
from typing import TYPE_CHECKING

import pytest

from modgate.firewall.tally import Tally
from modgate.model.twins import MemoryBlob, MemorySource
from modgate.server.app import App, Settings
from modgate.server.naming import Naming
from tests.server.running import Running, head_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from modgate.model.consumers import Fetches

MOD = b"module example.com/a\n"
MOD_PATH = "/example.com/a/@v/v1.0.0.mod"
ZIP_PATH = "/example.com/a/@v/v1.0.0.zip"
BIG = bytes(range(256)) * 4096
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
PIPELINED = 50


class Counting:
    """A server, and what its tally has."""

    def __init__(self, folder: Path, naming: Naming, *, access_log: str = "misses", big: bytes = BIG) -> None:
        blob = MemoryBlob.of("z", big, stored_at=1.7e9)
        blob.path = folder / "stored.zip"
        blob.path.write_bytes(big)
        small = MemoryBlob.of("m", MOD, stored_at=1.7e9)
        source = MemorySource({MOD_PATH[1:]: small, ZIP_PATH[1:]: blob, "example.com/a/@v/list": b"v1.0.0\n"})
        self.tally = Tally(clock=lambda: 1.0)
        settings = Settings(naming=naming, instance="x", access_log=access_log)
        self.running = Running(App(source, settings=settings, tally=self.tally))

    def counts(self) -> dict[tuple[str, str], int]:
        """Times by consumer and kind."""
        found: dict[tuple[str, str], int] = {}
        done = threading.Event()
        rows: list[Fetches] = []

        def take() -> None:
            self.tally._gather()
            rows.extend(self.tally._waiting.values())
            done.set()

        self.running.call(take)
        assert done.wait(10)
        for row in rows:
            assert (row.path, row.version) == ("example.com/a", "v1.0.0")
            found[row.consumer, row.kind] = found.get((row.consumer, row.kind), 0) + row.times
        return found


@pytest.fixture(params=["misses", "all"])
def counting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counting]:
    """Believes X-Team from proxies on this machine; with the shortcuts and without."""
    made = Counting(tmp_path, Naming(LOOPBACK, header="x-team"), access_log=request.param)
    with made.running:
        yield made


def get(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: a", *headers, "", ""]).encode()


def ask(client: socket.socket, request: bytes, *, head: bool = False) -> int:
    client.sendall(request)
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(1 << 16)
    status, headers, rest = head_of(data)
    left = (0 if head or status == 304 else int(headers["content-length"])) - len(rest)
    while left > 0:
        left -= len(client.recv(1 << 16))
    return status


def test_every_get_is_counted_for_the_consumer_that_its_head_names(counting: Counting) -> None:
    with counting.running.connect() as one, counting.running.connect() as two:
        for _ in range(7):
            assert ask(one, get(MOD_PATH, "X-Team: red")) == 200
            assert ask(one, get(MOD_PATH, "X-Team: blue")) == 200
            assert ask(two, get(MOD_PATH, "X-Team: red")) == 200
            assert ask(two, get(ZIP_PATH)) == 200
            assert ask(two, get(ZIP_PATH, "X-Forwarded-For: 203.0.113.9")) == 200
        assert ask(two, get("/example.com/a/@v/list", "X-Team: red")) == 200
        assert ask(two, get(MOD_PATH)) == 200  # a big file is counted when its last byte was sent
    assert counting.counts() == {
        ("red", "mod"): 14,
        ("blue", "mod"): 7,
        ("127.0.0.1", "zip"): 7,
        ("127.0.0.1", "mod"): 1,
        ("203.0.113.9", "zip"): 7,
    }


def test_heads_conditions_and_failures_are_not_counted_and_ranges_are(counting: Counting) -> None:
    with counting.running.connect() as client:
        assert ask(client, get(ZIP_PATH, "X-Team: red")) == 200
        etag = counting.running.ask(ZIP_PATH, headers={"x-team": "other"}).headers["etag"]
        assert ask(client, get(ZIP_PATH, "X-Team: red", method="HEAD"), head=True) == 200
        assert ask(client, get(ZIP_PATH, "X-Team: red", f"If-None-Match: {etag}")) == 304
        assert ask(client, get(ZIP_PATH, "X-Team: red", "Range: bytes=0-9")) == 206
        assert ask(client, get(ZIP_PATH, "X-Team: red", "Range: bytes=99999999-")) == 416
        assert ask(client, get(ZIP_PATH.replace("v1.0.0", "v9.9.9"), "X-Team: red")) == 404
        assert ask(client, get(MOD_PATH, "X-Team: red")) == 200
    assert counting.counts() == {("red", "zip"): 2, ("red", "mod"): 1, ("other", "zip"): 1}


def test_pipelined_requests_of_two_connections_are_counted_one_by_one(counting: Counting) -> None:
    batch = get(MOD_PATH, "X-Team: red") * (PIPELINED // 2) + get(MOD_PATH, "X-Team: blue") * (PIPELINED // 2)

    def flood() -> None:
        with counting.running.connect() as client:
            for _ in range(10):
                client.sendall(batch)
                got = b""
                while got.count(MOD) < PIPELINED:
                    got += client.recv(1 << 16)

    threads = [threading.Thread(target=flood) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counting.counts() == {("red", "mod"): 10 * PIPELINED, ("blue", "mod"): 10 * PIPELINED}


def test_a_header_is_not_believed_from_anybody_else(tmp_path: Path) -> None:
    elsewhere = (ipaddress.ip_network("10.0.0.0/8"),)
    counting = Counting(tmp_path, Naming(elsewhere, header="x-team"))
    with counting.running, counting.running.connect() as client:
        for _ in range(3):
            ask(client, get(MOD_PATH, "X-Team: red", "X-Forwarded-For: 203.0.113.9"))
        assert counting.counts() == {("127.0.0.1", "mod"): 3}


def test_another_naming_holds_from_the_next_request_of_an_open_connection(tmp_path: Path) -> None:
    counting = Counting(tmp_path, Naming())
    with counting.running, counting.running.connect() as client:
        ask(client, get(MOD_PATH))
        ask(client, get(MOD_PATH))
        done = threading.Event()

        def rename() -> None:
            counting.running.listener._shared.naming = Naming(pseudonym=lambda _name: "p-x")
            done.set()

        counting.running.call(rename)
        assert done.wait(10)
        ask(client, get(MOD_PATH))
        assert counting.counts() == {("127.0.0.1", "mod"): 2, ("p-x", "mod"): 1}


def test_an_http_1_0_client_is_counted(counting: Counting) -> None:
    data = counting.running.raw(b"GET %s HTTP/1.0\r\n\r\n" % MOD_PATH.encode())
    assert head_of(data)[2] == MOD
    assert counting.counts() == {("127.0.0.1", "mod"): 1}


@pytest.mark.parametrize("access_log", ["misses", "all"])
def test_a_zip_that_is_not_taken_to_its_end_is_not_counted(tmp_path: Path, access_log: str) -> None:
    # More than the kernel holds for a client that takes nothing.
    counting = Counting(tmp_path, Naming(), access_log=access_log, big=BIG * 32)
    with counting.running:
        with counting.running.connect(receive_buffer=4096) as client:
            client.sendall(get(ZIP_PATH))
            client.recv(1000)
        assert counting.counts() == {}
