"""The connection itself: attacks on the parser, pipelining, slow clients, cut bodies, files."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modgate.errors import Tampered, Unavailable
from modgate.model.twins import MemoryBlob, MemorySource, Stream
from modgate.server.app import App, Settings
from modgate.server.listener import Listen, new_event_loop
from modgate.server.shared import Limits
from tests.server.running import Running, head_of, read_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MOD = b"module example.com/a\n"
MOD_PATH = "/example.com/a/@v/v1.0.0.mod"
ZIP_PATH = "/example.com/a/@v/v1.0.0.zip"
BIG = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(100_000))


def get(path: str, *headers: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: a", *headers, "", ""]).encode()


def source_with_file(folder: Path, data: bytes = BIG) -> MemorySource:
    blob = MemoryBlob.of("z", data, stored_at=1.7e9)
    blob.path = folder / "stored.zip"
    blob.path.write_bytes(data)
    return MemorySource({MOD_PATH[1:]: MOD, ZIP_PATH[1:]: blob})


@pytest.fixture(params=[new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    factory: Callable[[], asyncio.AbstractEventLoop] = request.param
    return factory


@pytest.fixture
def source(tmp_path: Path) -> MemorySource:
    return source_with_file(tmp_path)


@pytest.fixture
def server(source: MemorySource, loop: Callable[[], asyncio.AbstractEventLoop]) -> Iterator[Running]:
    with Running(App(source), loop=loop) as running:
        yield running


def answers_in(data: bytes) -> list[tuple[int, bytes]]:
    """Statuses and bodies of answers that follow each other with a Content-Length."""
    found = []
    while data:
        status, headers, rest = head_of(data)
        size = int(headers["content-length"])
        found.append((status, rest[:size]))
        data = rest[size:]
    return found


def read_answers(client: socket.socket, count: int) -> list[tuple[int, bytes]]:
    stream = client.makefile("rb")
    found = []
    for _ in range(count):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = stream.readline()
            assert line, head
            head += line
        status, headers, _ = head_of(head)
        found.append((status, stream.read(int(headers["content-length"]))))
    return found


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
ATTACKS = {
    "length and chunked": get(MOD_PATH, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "two lengths": get(MOD_PATH, "Content-Length: 5", "Content-Length: 6") + b"12345",
    "bad length": get(MOD_PATH, "Content-Length: +5") + b"12345",
    "unknown coding": get(MOD_PATH, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare line feed in a header": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
    "zero byte": b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "wrong version": b"GET / HTTP/3.7\r\nHost: a\r\n\r\n",
    "nonsense": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "http2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "non-ascii path": b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_malformed_request_ends_the_connection_and_nothing_after_it_is_served(
    server: Running, source: MemorySource, name: str
) -> None:
    for warm in (False, True):
        if warm:
            server.raw(get(MOD_PATH, "Connection: close"))
            source.asked.clear()
        answer = server.raw(ATTACKS[name] + SMUGGLED)
        assert answer[:12] in {b"HTTP/1.1 400", b""}, answer
        assert answer.count(b"HTTP/1.1 ") <= 1
        assert source.asked == []


def test_a_body_is_never_read_as_the_next_request(server: Running) -> None:
    for _ in range(2):
        answer = server.raw(get(MOD_PATH, f"Content-Length: {len(SMUGGLED)}") + SMUGGLED)
        assert answers_in(answer) == [(200, MOD)]


@pytest.mark.parametrize("framing", [f"Content-Length: {len(SMUGGLED)}", "Transfer-Encoding: chunked"])
def test_a_body_beside_an_upgrade_is_never_read_as_the_next_request(server: Running, framing: str) -> None:
    with server.connect() as client:
        client.sendall(
            get(MOD_PATH, "Connection: Upgrade", "Upgrade: h2c", framing).replace(b"GET", b"PUT", 1)
        )
        assert read_all(client).startswith(b"HTTP/1.1 400")
    with server.connect() as client:
        client.sendall(get(MOD_PATH, "Connection: Upgrade, close", "Upgrade: h2c"))
        assert read_all(client).startswith(b"HTTP/1.1 200")


def test_what_stands_behind_a_body_is_no_header(server: Running) -> None:
    trailer = "Disable-Module-Fetch: true\r\nHost: b\r\nX-Request-Id: trailer\r\n\r\n"
    with server.connect() as client:
        client.sendall(get(MOD_PATH, "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n" + trailer.encode())
        status, headers, body = head_of(read_all(client))
    assert (status, body) == (200, MOD)
    assert headers["x-request-id"] != "trailer"


def test_a_head_of_any_form_has_a_bound(server: Running) -> None:
    for attack in (
        get("/", "X: " + "a" * 70_000),
        get("/", *["X: a"] * 9000),
        get("/" + "a" * 70_000),
        b"GET / HTTP/1.1\r\nX: " + b"a" * 400_000,
    ):
        answer = server.raw(attack)
        assert answer[:12] in {b"HTTP/1.1 431", b""}


def test_garbage_in_the_middle_of_an_answer_never_becomes_part_of_it() -> None:
    gate = asyncio.Event()
    stream = Stream([b"a" * 50, b"b" * 50], size=100, gate=gate)
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server, server.connect() as client:
        client.sendall(get(ZIP_PATH))
        got = client.recv(65536)
        while b"a" not in got:
            got += client.recv(65536)
        client.sendall(b"\x00\x01garbage\r\n\r\n")
        body = head_of(got + read_all(client))[2]
        assert body == b"a" * 50


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    paths = [
        MOD_PATH,
        "/healthz",
        ZIP_PATH,
        MOD_PATH,
        ZIP_PATH,
        ZIP_PATH,
        "/nothing.example/@v/list",
        MOD_PATH,
    ]
    for _ in range(3):
        with server.connect() as client:
            client.sendall(b"".join(get(path) for path in paths))
            answers = read_answers(client, len(paths))
            assert [status for status, _ in answers] == [200] * 6 + [404, 200]
            assert [answers[number][1] for number in (0, 3, 7)] == [MOD] * 3
            assert all(answers[number][1] == BIG for number in (2, 4, 5))


def test_a_request_split_anywhere_is_the_same_request(server: Running) -> None:
    request = get(MOD_PATH)
    server.ask(MOD_PATH)
    with server.connect() as client:
        for cut in range(1, len(request), 7):
            client.sendall(request[:cut])
            time.sleep(0.001)
            client.sendall(request[cut:])
            assert read_answers(client, 1) == [(200, MOD)]


def test_a_known_head_is_recognised_only_between_requests(server: Running) -> None:
    """The bytes of a request inside the body of another are a body."""
    known = get(MOD_PATH)
    with server.connect() as client:
        for _ in range(3):
            client.sendall(known)
            assert read_answers(client, 1) == [(200, MOD)]
        client.sendall(get("/healthz", f"Content-Length: {len(known)}"))
        time.sleep(0.05)
        client.sendall(known)
        assert answers_in(read_all(client)) == [(200, b"ok\n")]


def test_a_known_head_that_continues_another_request_is_part_of_it(server: Running) -> None:
    known = get(MOD_PATH)
    for _ in range(3):
        server.ask(MOD_PATH)
        with server.connect() as client:
            client.sendall(known)
            assert read_answers(client, 1) == [(200, MOD)]
            client.sendall(b"GET /healthz HTTP/1.1\r\nX: ")
            time.sleep(0.05)
            client.sendall(known)
            assert read_answers(client, 1) == [(200, b"ok\n")]


def test_a_known_head_waits_for_the_answer_before_it() -> None:
    gate = asyncio.Event()
    stream = Stream([b"first", b"second"], size=11, gate=gate)
    source = MemorySource({ZIP_PATH[1:]: stream, MOD_PATH[1:]: MOD})
    with Running(App(source)) as server, server.connect() as client:
        for _ in range(3):
            client.sendall(get(MOD_PATH))
            assert read_answers(client, 1) == [(200, MOD)]
        client.sendall(get(ZIP_PATH))
        got = client.recv(65536)
        while b"first" not in got:
            got += client.recv(65536)
        client.sendall(get(MOD_PATH))
        time.sleep(0.1)
        server.call(gate.set)
        while not got.endswith(MOD):
            got += client.recv(65536)
        assert answers_in(got) == [(200, b"firstsecond"), (200, MOD)]


@pytest.mark.parametrize(("wanted", "lines"), [("all", 4), ("misses", 1), ("none", 0)])
def test_the_access_log_has_the_lines_it_promises(wanted: str, lines: int) -> None:
    source = MemorySource({MOD_PATH[1:]: Stream([MOD])})
    app = App(source, settings=Settings(access_log=wanted))
    with structlog.testing.capture_logs() as logged, Running(app) as server:
        server.ask(MOD_PATH)
        source.answers[MOD_PATH[1:]] = MOD
        for _ in range(3):
            server.ask(MOD_PATH)
    assert sum(line["event"] == "answer" for line in logged) == lines


def test_hot_and_ordinary_answers_are_the_same(server: Running) -> None:
    cold = server.ask(MOD_PATH)
    hot = server.ask(MOD_PATH)
    ordinary = server.ask(MOD_PATH, headers={"X-Way": "ordinary"})
    names = set(cold.headers) - {"x-request-id", "date"}
    for reply in (hot, ordinary):
        assert reply.body == cold.body
        assert {name: reply.headers[name] for name in names} == {name: cold.headers[name] for name in names}
    assert "date" in hot.headers
    assert "x-request-id" not in hot.headers


def test_headers_that_matter_are_honoured_on_hot_answers(server: Running) -> None:
    tag = server.ask(ZIP_PATH).headers["etag"]
    for _ in range(2):
        assert server.ask(ZIP_PATH).body == BIG
        assert server.ask(ZIP_PATH, headers={"If-None-Match": tag}).status == 304
        assert server.ask(ZIP_PATH, headers={"Range": "bytes=-3"}).body == BIG[-3:]
        assert server.ask(ZIP_PATH, method="HEAD").body == b""
        answer = server.raw(get(MOD_PATH, "Connection: close"))
        assert head_of(answer)[2] == MOD


def test_http_1_0_is_answered_and_closed_hot_and_cold(server: Running) -> None:
    for _ in range(3):
        for path, body in ((MOD_PATH, MOD), (ZIP_PATH, BIG)):
            status, headers, got = head_of(server.raw(f"GET {path} HTTP/1.0\r\n\r\n".encode()))
            assert (status, got) == (200, body)
            assert headers["content-length"] == str(len(body))
            assert "transfer-encoding" not in headers


def test_http_1_0_gets_a_stream_of_unknown_length_whole_or_not_at_all() -> None:
    good = Stream([b"a" * 700_000, b"b" * 700_000])
    bad = Stream([b"a" * 10], error=Unavailable("broke off"))
    source = MemorySource({ZIP_PATH[1:]: good, "example.com/b/@v/v1.0.0.zip": bad})
    with Running(App(source)) as server:
        status, headers, body = head_of(server.raw(f"GET {ZIP_PATH} HTTP/1.0\r\n\r\n".encode()))
        assert (status, headers["content-length"], len(body)) == (200, "1400000", 1_400_000)
        assert source.asked[-1][0].whole
        answer = server.raw(b"GET /example.com/b/@v/v1.0.0.zip HTTP/1.0\r\n\r\n")
        assert head_of(answer)[0] == 502


CUTS: list[tuple[str, Stream, int]] = [
    ("fails with a length", Stream([b"a" * 10], size=20, error=Tampered("hash")), 10),
    ("fails without a length", Stream([b"a" * 10], error=Tampered("hash")), 10),
    ("fails at its very end", Stream([b"a" * 20], size=20, error=Tampered("hash")), 20),
    ("ends short", Stream([b"a" * 10], size=20), 10),
    ("runs over", Stream([b"a" * 10, b"b" * 20], size=20), 10),
    ("bug", Stream([b"a" * 10], size=20, error=ValueError("bug")), 10),
]


@pytest.mark.parametrize(("name", "stream", "_sent"), CUTS, ids=[name for name, _, _ in CUTS])
def test_a_broken_stream_never_ends_as_a_whole_answer(name: str, stream: Stream, _sent: int) -> None:
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server:
        reply = server.ask(ZIP_PATH)
        if name == "fails at its very end":
            # The length was already there: only the one who holds the tail back can prevent this.
            assert "modgate_cut_responses_total 1.0" in server.ask("/metrics").text
            return
        assert (reply.status, reply.whole) == (200, False)
        assert len(reply.body) < 20
        assert stream.closed.is_set()
        assert "modgate_cut_responses_total 1.0" in server.ask("/metrics").text


def test_a_stream_that_fails_before_its_first_byte_gets_a_status() -> None:
    stream = Stream([], size=20, error=Unavailable("upstream broke", kind="timeout"))
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server:
        reply = server.ask(ZIP_PATH)
        assert (reply.status, reply.whole) == (504, True)
        assert b"upstream broke" in reply.body


def test_a_stream_of_unknown_length_arrives_chunked_and_piece_by_piece() -> None:
    gate = asyncio.Event()
    stream = Stream([b"first", b"second"], gate=gate)
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server, server.connect() as client:
        client.sendall(get(ZIP_PATH))
        got = client.recv(65536)
        while b"first" not in got:
            got += client.recv(65536)
        assert b"second" not in got
        server.call(gate.set)
        while not got.endswith(b"0\r\n\r\n"):
            got += client.recv(65536)
        assert b"transfer-encoding: chunked" in got
        assert b"6\r\nsecond\r\n" in got


@pytest.mark.parametrize("pipelined", [False, True])
def test_a_client_that_goes_away_closes_the_stream(pipelined: bool) -> None:
    gate = asyncio.Event()
    stream = Stream([b"first", b"second"], gate=gate)
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server:
        with server.connect() as client:
            client.sendall(get(ZIP_PATH) + (get(MOD_PATH) if pipelined else b""))
            got = client.recv(65536)
            while b"first" not in got:
                got += client.recv(65536)
        until(stream.closed.is_set)
        assert stream.sent == len(b"first")


def until(condition: Callable[[], Any], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_slow_reader_of_a_stream_holds_it_back() -> None:
    pieces = [b"x" * 65536] * 800
    stream = Stream(pieces, size=65536 * 800)
    with Running(App(MemorySource({ZIP_PATH[1:]: stream}))) as server:
        with server.connect(receive_buffer=8192) as client:
            client.sendall(get(ZIP_PATH))
            assert client.recv(100)
            until(lambda: stable(lambda: stream.sent))
            assert stream.sent < 20_000_000
            body = 0
            while piece := client.recv(1 << 20):
                body += len(piece)
                if body > 65536 * 790:
                    break
        assert stream.sent > 65536 * 780


def stable(value: Callable[[], int]) -> bool:
    before = value()
    time.sleep(0.2)
    return value() == before


def test_a_slow_reader_of_a_file_gets_every_byte(server: Running) -> None:
    server.ask(ZIP_PATH)
    with server.connect(receive_buffer=8192) as client:
        client.sendall(get(ZIP_PATH) + get(MOD_PATH))
        time.sleep(0.3)
        assert server.ask(MOD_PATH).body == MOD
        assert read_answers(client, 2) == [(200, BIG), (200, MOD)]


def test_a_client_that_leaves_a_file_costs_nothing_more(server: Running) -> None:
    server.ask(ZIP_PATH)
    for _ in range(20):
        with server.connect(receive_buffer=8192) as client:
            client.sendall(get(ZIP_PATH))
            client.recv(1000)
    assert server.ask(ZIP_PATH).body == BIG
    hot = server.app.memo.get(ZIP_PATH.encode())
    assert hot is not None
    assert hot.file is not None
    file = hot.file
    until(lambda: file._users == 1)


def test_a_file_that_became_shorter_is_cut_not_padded(tmp_path: Path) -> None:
    source = source_with_file(tmp_path)
    with Running(App(source)) as server:
        for _ in range(2):
            assert server.ask(ZIP_PATH).body == BIG
        (tmp_path / "stored.zip").write_bytes(BIG[:5000])
        reply = server.ask(ZIP_PATH)
        assert not reply.whole
        assert reply.body == BIG[:5000]


def test_a_flood_of_pipelined_hits_without_reading_is_bounded(tmp_path: Path) -> None:
    mod = b"m" * 60_000
    with Running(App(MemorySource({MOD_PATH[1:]: mod}))) as server:
        server.ask(MOD_PATH)
        request = get(MOD_PATH)
        flood = request * 2000
        with server.connect(receive_buffer=8192) as client:
            client.settimeout(1)
            sent = 0
            try:
                while sent < 20 * len(flood):
                    sent += client.send(flood)
            except (TimeoutError, ConnectionError):
                pass  # the server reads no more, or has ended what piles up more requests than it answers
            lines = server.ask("/metrics").text.splitlines()
            size = sum(
                float(line.split()[1])
                for line in lines
                if line.startswith('modgate_response_bytes_total{kind="mod"')
            )
            assert size < 30_000_000
            assert server.ask(MOD_PATH).body == mod


LIMITS = Limits(connections=5, head_seconds=0.5, idle_seconds=0.5, stall_seconds=0.5)


def test_a_head_that_never_ends_is_given_up() -> None:
    with Running(App(MemorySource()), Listen("127.0.0.1:0", limits=LIMITS)) as server:
        with server.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n")
            end = time.monotonic() + 20
            try:
                while time.monotonic() < end:
                    client.sendall(b"X: y\r\n")
                    time.sleep(0.05)
            except OSError:
                pass
            assert time.monotonic() < end
        assert 'refused_connections_total{reason="slow"} 1.0' in server.ask("/metrics").text


def test_an_idle_connection_is_closed() -> None:
    with Running(App(MemorySource()), Listen("127.0.0.1:0", limits=LIMITS)) as server:
        with server.connect() as client:
            assert client.recv(10) == b""
        with server.connect() as client:
            client.sendall(get("/healthz"))
            assert read_answers(client, 1)[0][0] == 200
            assert client.recv(10) == b""


@pytest.mark.parametrize("way", ["file", "stream"])
def test_a_client_that_takes_nothing_is_given_up(tmp_path: Path, way: str) -> None:
    source = source_with_file(tmp_path, BIG * 8)
    if way == "stream":
        source.answers[ZIP_PATH[1:]] = Stream([BIG] * 20, size=len(BIG) * 20)
    with Running(App(source), Listen("127.0.0.1:0", limits=LIMITS)) as server:
        if way == "file":
            server.ask(ZIP_PATH)
        with server.connect(receive_buffer=8192) as client:
            client.sendall(get(ZIP_PATH))
            until(lambda: 'reason="stalled"} 1.0' in server.ask("/metrics").text)
            assert len(read_all(client)) < len(BIG) * 8


def test_connections_are_bounded_and_the_refusal_says_so() -> None:
    with Running(App(MemorySource()), Listen("127.0.0.1:0", limits=Limits(connections=3))) as server:
        clients = [server.connect() for _ in range(3)]
        for client in clients:
            client.sendall(get("/healthz"))
            assert read_answers(client, 1)[0][0] == 200
        with server.connect() as refused:
            status, headers, body = head_of(read_all(refused))
            assert (status, headers["retry-after"]) == (503, "5")
            assert b"too many" in body
        for client in clients:
            client.close()
        until(lambda: server.ask("/healthz").status == 200)


def test_a_file_answer_finishes_before_a_graceful_stop(tmp_path: Path) -> None:
    source = source_with_file(tmp_path, BIG * 4)
    with Running(App(source), Listen("127.0.0.1:0", grace=20)) as server:
        server.ask(ZIP_PATH)
        with server.connect(receive_buffer=8192) as client:
            client.sendall(get(ZIP_PATH))
            got = client.recv(1000)
            server.stop()
            time.sleep(0.4)
            got += read_all(client)
            assert head_of(got)[2] == BIG * 4
        server.join()


def test_a_stream_finishes_before_a_graceful_stop_and_new_clients_are_refused() -> None:
    gate = asyncio.Event()
    stream = Stream([b"first", b"second"], size=11, gate=gate)
    with Running(App(MemorySource({ZIP_PATH[1:]: stream})), Listen("127.0.0.1:0", grace=20)) as server:
        with server.connect() as client, server.connect() as idle:
            client.sendall(get(ZIP_PATH))
            got = client.recv(1000)
            server.stop()
            assert idle.recv(10) == b""
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            server.call(gate.set)
            assert head_of(got + read_all(client))[2] == b"firstsecond"
        server.join()


def test_what_does_not_finish_in_time_is_cut() -> None:
    stream = Stream([b"first", b"second"], size=11, gate=asyncio.Event())
    with Running(App(MemorySource({ZIP_PATH[1:]: stream})), Listen("127.0.0.1:0", grace=1)) as server:
        with server.connect() as client:
            client.sendall(get(ZIP_PATH))
            got = client.recv(1000)
            server.stop()
            assert head_of(got + read_all(client))[2] == b"first"
        server.join()
        assert stream.closed.is_set()


def test_a_file_nobody_takes_is_cut_when_the_time_is_up(tmp_path: Path) -> None:
    source = source_with_file(tmp_path, BIG * 8)
    with Running(App(source), Listen("127.0.0.1:0", grace=1)) as server:
        server.ask(ZIP_PATH)
        hot = server.app.memo.get(ZIP_PATH.encode())
        assert hot is not None
        assert hot.file is not None
        with server.connect(receive_buffer=8192) as client:
            client.sendall(get(ZIP_PATH))
            got = client.recv(1000)
            server.stop()
            server.join()
            assert hot.file._users == 0
            assert len(got + read_all(client)) < len(BIG) * 8


SEEDS = [
    get(MOD_PATH),
    get("/"),
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    f"GET http://a{MOD_PATH} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n".encode(),
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
    get("/", "Connection: Upgrade", "Upgrade: h2c"),
    get("/x?y", "Expect: 100-continue", "Content-Length: 3") + b"abc",
]
DAMAGE = st.sampled_from([b"\r\n", b"\n", b"\0", b" ", b"%2f", b"/../", b"\xff", b":", b"Host: b\r\n", b""])


@pytest.fixture(scope="module")
def sturdy() -> Iterator[Running]:
    with Running(App(MemorySource({MOD_PATH[1:]: MOD}))) as running:
        yield running


@given(
    st.lists(st.sampled_from(SEEDS), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5), DAMAGE), max_size=4),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_requests_never_break_the_server(
    sturdy: Running, requests: list[bytes], damages: list[tuple[int, int, bytes]]
) -> None:
    data = bytearray(b"".join(requests))
    for at, removed, added in damages:
        data[at : at + removed] = added
    with sturdy.connect() as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.settimeout(0.05)
        try:
            answer = client.recv(65536)
        except (TimeoutError, ConnectionResetError):
            answer = b""
    assert answer[:12] != b"HTTP/1.1 500"
    assert sturdy.ask("/healthz").status == 200


def test_requests_do_not_pile_up_before_their_answers(server: Running) -> None:
    some = get("/nothing") * 65
    with server.connect() as client:
        client.sendall(some)
        assert [status for status, _ in read_answers(client, 65)] == [404] * 65
    with server.connect() as client:
        client.sendall(get("/nothing") * 1000)
        assert len(answers_in(read_all(client))) < 1000
    assert server.ask("/healthz").status == 200
