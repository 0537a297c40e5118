"""PUT as clients on a wire do it: known, measured, patient to a point, and never half."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from modgate.errors import ModgateError, Unavailable
from modgate.ledger.memory import MemoryLedger
from modgate.server import publish as server_publish
from modgate.server.app import App, Settings
from modgate.server.publish import Patience, Publishing
from modgate.server.tokens import Tokens
from modgate.source.publish import Publisher
from modgate.source.published import PublishedSource
from modgate.storage.memory import MemoryStore
from tests.gomod.zip_cases import CASES
from tests.server.running import Running, head_of, read_all
from tests.source.publishing import PATH, tarred, tree, version, zipped

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "the-token-of-the-ci"
AUTH = f"Authorization: Bearer {TOKEN}"
URL = f"/{PATH}/@v/v1.0.0"
BIG = zipped(version(), tree() | {"noise.bin": bytes((i * i * 7 + i // 251) % 251 for i in range(3 << 20))})


@dataclass
class Served:
    server: Running
    store: MemoryStore
    patience: Patience

    def put(self, data: bytes, *lines: str, url: str = URL) -> tuple[int, dict[str, str], bytes]:
        """One whole request with these further header lines."""
        head = "\r\n".join([f"PUT {url} HTTP/1.1", "Host: gate", *lines, "", ""]).encode()
        status, headers, body = head_of(self.server.raw(head + data))
        return status, dict(headers), body

    def take(self, data: bytes, *lines: str, url: str = URL) -> tuple[int, dict[str, str], bytes]:
        """The same with a length and the token, on a connection that ends."""
        length = f"Content-Length: {len(data)}"
        return self.put(data, length, AUTH, "Connection: close", *lines, url=url)

    @property
    def stored(self) -> list[str]:
        return sorted(self.store._objects)

    def settled(self) -> None:
        """Wait until nothing temporary is held."""
        for _ in range(500):
            if self.store.used == sum(len(blob.data) for blob in self.store._objects.values()):
                return
            time.sleep(0.01)
        pytest.fail("a temporary object was left behind")


def make(
    patience: Patience | None = None, *, mount: str = "", **more: Any
) -> tuple[App, MemoryStore, Patience]:
    store = MemoryStore(256 << 20)
    ledger = MemoryLedger(clock=time.time)
    publisher = Publisher(store, ledger, clock=time.time, patterns="corp.example,example.com/m", **more)
    patience = patience or Patience()
    publishing = Publishing(
        publisher,
        Tokens(variable=("CI", TOKEN)),
        monotonic=time.monotonic,
        patience=patience,
    )
    app = App(
        PublishedSource(store, ledger),
        settings=Settings(mount=mount, access_log="all"),
        publishing=publishing,
    )
    return app, store, patience


@pytest.fixture
def served() -> Iterator[Served]:
    app, store, patience = make()
    with Running(app) as server:
        found = Served(server, store, patience)
        yield found
        found.settled()


def test_a_zip_is_taken_and_read_back(served: Served) -> None:
    data = zipped(version())
    status, headers, body = served.take(data, "Content-Type: application/zip")
    assert status == 201
    assert headers["content-type"] == "application/json"
    assert headers["location"] == "v1.0.0.info"
    document = json.loads(body)
    assert (document["module"], document["version"], document["status"]) == (PATH, "v1.0.0", "created")
    assert document["size"] == len(data)
    assert document["h1"].startswith("h1:")
    assert served.server.ask(f"{URL}.zip").body == data
    assert served.server.ask(f"/{PATH}/@v/list").text == "v1.0.0\n"
    status, _, body = served.take(data)
    assert (status, json.loads(body)["status"]) == (200, "exists")


def test_other_content_is_409_in_a_text(served: Served) -> None:
    assert served.take(zipped(version()))[0] == 201
    status, headers, body = served.take(zipped(version(), tree(more_go="package lib\n")))
    assert status == 409
    assert headers["content-type"].startswith("text/plain")
    assert b"h1:" in body


def test_a_tree_is_taken(served: Served) -> None:
    assert served.take(tarred(tree()), "Content-Type: application/x-tar")[0] == 201


def test_a_chunked_body_without_a_length_is_taken(served: Served) -> None:
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(p), p) for p in (BIG[i : i + 9999] for i in range(0, len(BIG), 9999))
    )
    status, _, _ = served.put(chunks + b"0\r\n\r\n", AUTH, "Transfer-Encoding: chunked", "Connection: close")
    assert status == 201
    assert served.server.ask(f"{URL}.zip").body == BIG


def test_the_connection_goes_on_after_a_body_that_was_read(served: Served) -> None:
    data = zipped(version())
    bad = zipped(version("v1.0.1"))
    one = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    two = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nContent-Length: {len(bad)}\r\n\r\n".encode()
    three = f"GET {URL}.mod HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n".encode()
    answer = served.server.raw(one + data + two + bad + three)
    assert answer.count(b"HTTP/1.1 ") == 3
    assert [answer.find(status) >= 0 for status in (b" 201 ", b" 400 ", b" 200 ")] == [True] * 3
    assert answer.endswith(tree()["go.mod"])


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("X-Nothing: x", 401),
        ("Authorization: Bearer wrong-wrong-wrong", 401),
        ("Authorization: Basic " + base64.b64encode(b"u:wrong-wrong").decode(), 401),
        ("Authorization: Basic " + base64.b64encode(f"u:{TOKEN}".encode()).decode(), 201),
    ],
)
def test_the_token_decides(served: Served, header: str, status: int) -> None:
    data = zipped(version())
    got, headers, body = served.put(data, header, f"Content-Length: {len(data)}", "Connection: close")
    assert got == status
    if status == 401:
        assert "www-authenticate" in headers
        assert served.stored == []
        assert TOKEN.encode() not in body


def test_two_authorization_headers_are_nobodys(served: Served) -> None:
    data = zipped(version())
    assert served.take(data, "Authorization: Bearer x")[0] == 401


def test_expect_gets_its_100_only_after_the_head_was_looked_at(served: Served) -> None:
    data = zipped(version())
    head = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(data)}\r\nExpect: 100-continue\r\n"
    with served.server.connect() as client:
        client.sendall(f"{head}{AUTH}\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(data)
        assert head_of(read_all(client))[0] == 201
    for url, lines, status in (
        (URL, "", 401),
        (f"/other.example{URL}", AUTH + "\r\n", 403),
        (f"/{PATH}/@v/v1.0", AUTH + "\r\n", 400),
    ):
        refused = head.replace(URL, url)
        answer = served.server.raw(f"{refused}{lines}\r\n".encode())
        assert head_of(answer)[0] == status
        assert b"100 Continue" not in answer


def test_a_refusal_reaches_a_client_that_is_still_writing(served: Served) -> None:
    data = bytes(20 << 20)
    status, headers, _ = served.put(data, f"Content-Length: {len(data)}")
    assert status == 401
    assert headers["connection"] == "close"


def test_the_rest_of_a_refused_body_is_never_a_request(served: Served) -> None:
    inner = f"GET /{PATH}/@v/list HTTP/1.1\r\nHost: gate\r\n\r\n".encode()
    answer = served.server.raw(
        f"PUT {URL} HTTP/1.1\r\nHost: gate\r\nContent-Length: {len(inner) + 5}\r\n\r\n".encode() + inner,
        b"12345" + inner,
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert head_of(answer)[0] == 401


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding : chunked",),
        ("Transfer-Encoding: xchunked",),
    ],
)
def test_two_readings_of_a_body_are_refused(served: Served, lines: tuple[str, ...]) -> None:
    status, _, _ = served.put(b"5\r\nhello\r\n0\r\n\r\n", AUTH, *lines)
    assert status == 400
    assert served.stored == []


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (("Content-Encoding: gzip",), 400),
        (("Content-Range: bytes 0-9/100",), 400),
        (("Content-Type: text/html",), 400),
        (("Content-Type: application/x-tar",), 400),
    ],
)
def test_what_is_not_taken_is_said(served: Served, lines: tuple[str, ...], status: int) -> None:
    assert served.take(zipped(version()), *lines)[0] == status
    assert served.stored == []


def test_sizes_are_judged_before_and_while_they_come(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    assert served.put(b"", AUTH, "Connection: close", "Content-Length: 0")[0] == 400
    assert served.put(b"", AUTH, "Connection: close")[0] == 400
    assert served.put(b"", AUTH, "Content-Length: 999999999999", "Expect: 100-continue")[0] == 413
    monkeypatch.setattr("modgate.gomod.modzip.MAX_ZIP_FILE", 1 << 20)
    assert served.take(BIG)[0] == 413


@pytest.mark.parametrize(
    ("method", "url", "status", "allow"),
    [
        ("POST", URL, 405, "GET, HEAD, PUT"),
        ("DELETE", URL, 405, "GET, HEAD, PUT"),
        ("PUT", f"{URL}.zip", 405, "GET, HEAD"),
        ("PUT", f"{URL}.info", 405, "GET, HEAD"),
        ("PUT", f"{URL}.mod", 405, "GET, HEAD"),
        ("PUT", f"/{PATH}/@v/list", 405, "GET, HEAD"),
        ("PUT", f"/{PATH}/@latest", 405, "GET, HEAD"),
        ("PUT", "/", 405, "GET, HEAD"),
        ("PUT", "/metrics", 405, "GET, HEAD"),
        ("PUT", f"/cached-only{URL}", 405, "GET, HEAD"),
        ("PUT", "/sumdb/x/@v/v1.0.0", 405, "GET, HEAD"),
        ("PUT", f"{URL}/more", 405, "GET, HEAD"),
        ("GET", URL, 404, None),
    ],
)
def test_put_is_for_versions_alone(
    served: Served, method: str, url: str, status: int, allow: str | None
) -> None:
    request = f"{method} {url} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nConnection: close\r\n\r\n"
    got, headers, _ = head_of(served.server.raw(request.encode()))
    assert (got, headers.get("allow")) == (status, allow)


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/corp.example/Lib/@v/v1.0.0", 400),
        ("/corp.example/lib/@v/v1.0.0%2F..%2F..%2Fx", 400),
        ("/corp.example/../lib/@v/v1.0.0", 400),
        ("/corp.example//lib/@v/v1.0.0", 400),
        ("/corp.example/lib%00/@v/v1.0.0", 400),
        ("/corp.example/lib/@v/v1.0.0%0d%0aX:y", 400),
        ("/corp.example/lib/@v/v2.0.0", 400),
        ("/corp.example/lib/@v/v1.0.0+incompatible", 400),
        ("/corp.example/lib/@v/v0.0.0-20240506070809-0123456789ab", 400),
        ("/corp.example/lib/@v/main", 400),
        ("/corp.example/" + "a" * 9000 + "/@v/v1.0.0", 400),
        ("/other.example/lib/@v/v1.0.0", 403),
        ("/corp.example.evil.example/lib/@v/v1.0.0", 403),
    ],
)
def test_urls_that_lead_elsewhere_are_refused(served: Served, url: str, status: int) -> None:
    got, _, body = served.take(zipped(version()), url=url)
    assert got == status
    assert len(body) < 700
    assert served.stored == []


def test_every_spelling_of_an_allowed_module_is_the_same_module(served: Served) -> None:
    of = version(path="corp.example/UPPER")
    assert served.take(zipped(of), url="/corp.example/!u!p!p!e!r/@v/v1.0.0")[0] == 201
    assert served.take(zipped(of), url="/corp.example/%21u%21p%21p%21e%21r/@v/v1.0.0")[0] == 200
    assert served.server.ask("/corp.example/!u!p!p!e!r/@v/v1.0.0.mod").status == 200


def test_every_hostile_zip_is_a_400_and_leaves_nothing(served: Served) -> None:
    for name, case in CASES.items():
        if case.verdict != "good" and case.data:
            status, _, body = served.take(case.data, url="/example.com/m/@v/v1.0.0")
            assert status == 400, name
            assert body.isascii() or body.decode().replace("\n", "").isprintable(), name
    assert served.stored == []


def test_without_publishing_there_is_no_put() -> None:
    with Running(App(PublishedSource(MemoryStore(1 << 20), MemoryLedger(clock=time.time)))) as server:
        data = zipped(version())
        answer = server.raw(
            f"PUT {URL} HTTP/1.1\r\nHost: g\r\n{AUTH}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        )
    status, headers, _ = head_of(answer)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_behind_a_prefix_the_url_has_the_prefix() -> None:
    app, store, patience = make(mount="/goproxy")
    with Running(app) as server:
        served = Served(server, store, patience)
        assert served.take(zipped(version()))[0] == 405
        assert served.take(zipped(version()), url=f"/goproxy{URL}")[0] == 201


def test_a_sender_that_stalls_is_told_and_cut_off() -> None:
    app, store, patience = make(Patience(stall=0.3))
    with Running(app) as server:
        with server.connect() as client:
            client.sendall(
                f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nContent-Length: 10000\r\n\r\n".encode()
                + zipped(version())[:100]
            )
            status, headers, _ = head_of(client.recv(5000))
            assert status == 408
            assert headers["connection"] == "close"
        served = Served(server, store, patience)
        served.settled()
        assert served.stored == []


def test_a_sender_that_drips_is_cut_off_in_the_end() -> None:
    app, _, _ = make(Patience(stall=5.0, total=0.5))
    with Running(app) as server, server.connect() as client:
        client.sendall(f"PUT {URL} HTTP/1.1\r\nHost: g\r\n{AUTH}\r\nContent-Length: 9999\r\n\r\n".encode())
        client.settimeout(0.05)
        answer = b""
        for byte in zipped(version()):
            try:
                client.sendall(bytes([byte]))
                answer = client.recv(5000)
                break
            except TimeoutError:
                continue
        assert head_of(answer)[0] == 408


@pytest.mark.parametrize("sent", [0, 100, 100_000, len(BIG) - 1])
def test_a_sender_that_goes_away_leaves_nothing(served: Served, sent: int) -> None:
    with served.server.connect() as client:
        head = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nContent-Length: {len(BIG)}\r\n\r\n"
        client.sendall(head.encode() + BIG[:sent])
    served.settled()
    assert served.stored == []
    assert served.take(BIG)[0] == 201


def test_a_body_that_is_shorter_than_announced_is_no_body_although_it_reads_like_one(served: Served) -> None:
    data = zipped(version())
    with served.server.connect() as client:
        head = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nContent-Length: {len(data) + 1}\r\n\r\n"
        client.sendall(head.encode() + data)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
    with served.server.connect() as client:
        head = f"PUT {URL} HTTP/1.1\r\nHost: gate\r\n{AUTH}\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(data), data))
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""
    served.settled()
    assert served.stored == []


def test_a_body_is_read_only_as_fast_as_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that does not write makes the sender wait, instead of memory grow."""
    app, store, patience = make()
    gate = threading.Event()
    create = store.create

    async def slow(key: str) -> Any:
        while not gate.is_set():
            await asyncio.sleep(0.01)
        return await create(key)

    monkeypatch.setattr(store, "create", slow)
    with Running(app) as server:
        with server.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
            client.sendall(
                f"PUT {URL} HTTP/1.1\r\nHost: g\r\n{AUTH}\r\nContent-Length: {64 << 20}\r\n\r\n".encode()
            )
            client.settimeout(1.0)
            taken = 0
            with contextlib.suppress(TimeoutError):
                while taken < 64 << 20:
                    taken += client.send(BIG[: 64 * 1024])
            gate.set()
        Served(server, store, patience).settled()
    assert taken < 16 << 20


def test_only_so_many_uploads_are_under_way() -> None:
    app, store, patience = make(Patience(uploads=1))
    with Running(app) as server:
        served = Served(server, store, patience)
        with server.connect() as client:
            client.sendall(
                f"PUT {URL} HTTP/1.1\r\nHost: g\r\n{AUTH}\r\nContent-Length: 9999\r\n"
                "Expect: 100-continue\r\n\r\n".encode()
            )
            assert b"100 Continue" in client.recv(100)
            status, headers, _ = served.take(zipped(version()))
            assert (status, headers["retry-after"]) == (503, "5")
        served.settled()
        assert served.take(zipped(version()))[0] == 201


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unavailable("the disk is full", kind="storage-full"), 507),
        (Unavailable("locked", kind="timeout"), 504),
        (RuntimeError(f"with {TOKEN}"), 500),
    ],
)
def test_what_is_broken_here_is_told_as_broken(error: Exception, status: int) -> None:
    async def logged(*_: object) -> None:
        raise error

    app, store, patience = make(logged=logged)
    with Running(app) as server:
        got, headers, body = Served(server, store, patience).take(zipped(version()))
    assert got == status
    assert TOKEN.encode() not in body
    assert headers["x-request-id"].encode() in body
    assert isinstance(error, ModgateError) == (status != 500)


def test_the_access_log_names_the_sender_and_never_the_token(
    served: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    served.take(zipped(version()))
    served.put(b"", f"Authorization: Bearer {TOKEN}x", "Content-Length: 5", "Expect: 100-continue")
    served.take(zipped(version(), tree(more_go="package lib\n")))
    out, err = capfd.readouterr()
    printed = out + err
    assert TOKEN not in printed
    answers = [line for line in printed.splitlines() if "answer" in line]
    assert sum("CI" in line for line in answers) == 2
    assert "published" in printed


def test_the_drain_ends(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    monkeypatch.setattr(server_publish, "_DRAIN_SECONDS", 0.3)
    with served.server.connect() as client:
        client.sendall(f"PUT {URL} HTTP/1.1\r\nHost: gate\r\nContent-Length: 10000\r\n\r\nx".encode())
        answer = read_all(client)
    assert head_of(answer)[0] == 401
