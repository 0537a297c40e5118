"""Where the server listens, what it says when it cannot, and how it stops."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from modgate.errors import Invalid, Unavailable
from modgate.model.twins import MemoryBlob, MemorySource
from modgate.server import binding
from modgate.server.app import App
from modgate.server.listener import Listen, Listener, Tls
from tests.server.running import Running, head_of, read_all
from tests.support.authority import Authority
from tests.support.client import ask

if TYPE_CHECKING:
    from pathlib import Path

MOD = b"module example.com/a\n"
MOD_PATH = "/example.com/a/@v/v1.0.0.mod"
ZIP_PATH = "/example.com/a/@v/v1.0.0.zip"
ZIP = bytes(range(256)) * 8000


def app() -> App:
    return App(MemorySource({MOD_PATH[1:]: MOD, ZIP_PATH[1:]: MemoryBlob.of("z", ZIP)}))


def test_port_0_takes_a_free_port_and_the_url_names_it() -> None:
    with Running(app()) as first, Running(app()) as second:
        assert first.url != second.url
        assert first.url.startswith("http://127.0.0.1:")
        assert first.listener.url == first.url


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with Running(app(), Listen("[::1]:0", mount="/go")) as server:
        assert server.url.startswith("http://[::1]:")
        assert server.url.endswith("/go")


def test_a_port_in_use_is_one_line_with_the_next_step() -> None:
    with Running(app()) as server, pytest.raises(Unavailable) as caught:
        Listener(app(), Listen(f"127.0.0.1:{server.port}")).bind()
    assert "in use" in caught.value.what
    assert str(server.port) in caught.value.where
    assert "--listen" in caught.value.next_step
    assert "\n" not in caught.value.what


def test_an_address_of_another_machine_is_told_so() -> None:
    with pytest.raises(Unavailable, match="no such address"):
        Listener(app(), Listen("192.0.2.1:0")).bind()


def test_a_privileged_port_is_explained() -> None:
    denied = PermissionError(13, "Permission denied")
    error = binding._cannot_listen(denied, "0.0.0.0:80", 80)
    assert "below 1024" in error.what
    assert "CAP_NET_BIND_SERVICE" in error.next_step
    assert "below 1024" not in binding._cannot_listen(denied, "unix:/x", None).what


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1:", ":http", "127.0.0.1:99999", "::1:-1"])
def test_an_address_that_is_none_is_invalid(address: str) -> None:
    with pytest.raises(Invalid):
        Listener(app(), Listen(address)).bind()


def test_a_unix_socket_serves_and_is_removed_at_the_end(tmp_path: Path) -> None:
    address = f"unix:{tmp_path / 'gate.sock'}"
    with Running(app(), Listen(address)) as server:
        assert server.url == address
        for _ in range(3):
            assert ask(address, MOD_PATH).body == MOD
            assert ask(address, ZIP_PATH).body == ZIP
        with pytest.raises(Unavailable, match="in use"):
            Listener(app(), Listen(address)).bind()
    assert not (tmp_path / "gate.sock").exists()


def test_a_socket_file_that_a_killed_server_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with Running(app(), Listen(f"unix:{path}")) as server:
        assert ask(server.url, MOD_PATH).body == MOD


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(Unavailable, match="in use"):
        Listener(app(), Listen(f"unix:{path}")).bind()
    assert path.read_text() == "data"


def client_context(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file))


def test_tls_serves_hits_files_and_pages(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    tls = Tls(*authority.issue("server"))
    with Running(app(), Listen("127.0.0.1:0", tls=tls)) as server:
        assert server.url.startswith("https://")
        base = f"https://localhost:{server.port}"
        context = client_context(authority)
        for _ in range(3):
            assert ask(base, MOD_PATH, context=context).body == MOD
            reply = ask(base, ZIP_PATH, context=context)
            assert (reply.whole, reply.body) == (True, ZIP)
        assert f"GOPROXY={base}" in ask(base, "/", context=context).text


def test_a_client_certificate_is_demanded_where_an_authority_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    tls = Tls(*authority.issue("server"), client_ca=authority.file)
    with Running(app(), Listen("127.0.0.1:0", tls=tls)) as server:
        base = f"https://localhost:{server.port}"
        context = client_context(authority)
        assert not ask(base, MOD_PATH, context=context).whole
        context.load_cert_chain(*authority.issue("client"))
        assert ask(base, MOD_PATH, context=context).body == MOD


def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")
    certificate, key = old.issue("server")
    with Running(app(), Listen("127.0.0.1:0", tls=Tls(certificate, key))) as server:
        base = f"https://localhost:{server.port}"
        assert not ask(base, MOD_PATH, context=client_context(new)).whole
        new.issue("server")
        server.renew()
        assert ask(base, MOD_PATH, context=client_context(new)).body == MOD
        assert not ask(base, MOD_PATH, context=client_context(old)).whole
        key.write_text("broken")
        with pytest.raises(Unavailable):
            server.renew()
        assert ask(base, MOD_PATH, context=client_context(new)).body == MOD


def test_bad_tls_files_are_one_line_each(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, _ = authority.issue("one")
    _, other_key = authority.issue("two")
    broken = tmp_path / "broken.pem"
    broken.write_text("no pem")
    for pair in ((certificate, other_key), (broken, other_key), (certificate, tmp_path / "absent")):
        with pytest.raises(Unavailable) as caught:
            Listener(app(), Listen("127.0.0.1:0", tls=Tls(*pair)))
        assert "TLS" in caught.value.what
        assert caught.value.where
        assert caught.value.next_step


PROGRAM = """
import asyncio, sys
from modgate.model.twins import MemorySource, Stream
from modgate.server.app import App
from modgate.server.listener import Listen, Listener, new_event_loop
from modgate.telemetry import configure_logging

configure_logging("json")

async def main():
    stream = Stream([b"first", b"second"], size=11, gate=asyncio.Event())
    if sys.argv[1] != "never":
        asyncio.get_running_loop().call_later(float(sys.argv[1]), stream.gate.set)
    app = App(MemorySource({"example.com/a/@v/v1.0.0.zip": stream}))
    await Listener(app, Listen("127.0.0.1:0", grace=60)).serve()

with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
"""


class Process:
    """The listener in a process of its own, with one answer on its way."""

    def __init__(self, after: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, after],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline()
        self.client = socket.create_connection(("127.0.0.1", int(self.ready.rsplit(":", 1)[1])), 20)
        self.client.sendall(f"GET {ZIP_PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        self.got = self.client.recv(1000)

    def end(self) -> tuple[bytes, int, str]:
        with self.client:
            body = head_of(self.got + read_all(self.client))[2]
        rest, _ = self.process.communicate(timeout=20)
        return body, self.process.returncode, rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_answers_finish_and_the_process_ends_well(number: signal.Signals) -> None:
    running = Process("2")
    assert running.ready.startswith("modgate is ready at http://127.0.0.1:")
    running.process.send_signal(number)
    assert running.end() == (b"firstsecond", 0, "")


def test_a_second_ctrl_c_ends_at_once() -> None:
    running = Process("never")
    running.process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    body, status, _ = running.end()
    assert (body, status) == (b"first", 0)
