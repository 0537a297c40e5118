"""The endpoints over the real listener: URLs, statuses, headers, pages, counters."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from modgate import errors
from modgate.model import MirrorAnswer
from modgate.model.twins import MemoryBlob, MemoryMirror, MemorySource, Stream
from modgate.server.app import App, Settings
from modgate.server.memo import Memo
from tests.server.running import Running, head_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOD = b"module example.com/a\n"
ZIP = bytes(range(256)) * 1200
BASE = "/example.com/a/@v"
DATABASE = "sum.example.org"

ANSWERS: dict[str, Any] = {
    "example.com/a/@v/list": b"v1.0.0\nv1.1.0\n",
    "example.com/empty/@v/list": b"",
    "example.com/a/@latest": b'{"Version":"v1.1.0"}',
    "example.com/a/@v/v1.0.0.info": b'{"Version":"v1.0.0"}',
    "example.com/a/@v/v1.0.0.mod": MOD,
    "example.com/a/@v/v1.0.0.zip": MemoryBlob.of("z", ZIP, stored_at=1.7e9),
    "example.com/a/@v/main.info": b'{"Version":"v1.1.1-0.20240101000000-abcdefabcdef"}',
    "example.com/!upper/@v/v1.0.0.mod": b"module example.com/Upper\n",
    "example.com/gone/@v/list": errors.Absent("gone", gone=True),
    "example.com/denied/@v/v1.0.0.zip": errors.Denied("by policy", next_step="ask security"),
    "example.com/unknown/@v/v1.0.0.zip": errors.Unverified("not in the checksum database"),
    "example.com/login/@v/v1.0.0.zip": errors.Unauthenticated("present a token", scheme="Bearer"),
    "example.com/slow/@v/list": errors.Unavailable("upstream slow", kind="timeout"),
    "example.com/busy/@v/list": errors.Unavailable("busy", kind="overloaded", retry_after=7),
    "example.com/down/@v/list": errors.Unavailable("refused"),
    "example.com/full/@v/v1.0.0.zip": errors.Unavailable("no space", kind="storage-full"),
    "example.com/evil/@v/v1.0.0.zip": errors.Tampered("hash differs"),
    "example.com/bug/@v/v1.0.0.zip": ValueError("secret-in-traceback"),
    "example.com/cold/@v/v1.0.0.zip": Stream([b"a" * 10, b"b" * 10], size=20),
    "example.com/ansi/@v/list": errors.Denied("red\x1b[31m\nsecond\n\nthird"),
}
MIRROR: dict[tuple[str, str], Any] = {
    (DATABASE, "supported"): MirrorAnswer(b"", immutable=False),
    (DATABASE, "latest"): MirrorAnswer(b"go.sum database tree\n", immutable=False),
    (DATABASE, "lookup/example.com/!a@v1.0.0"): MirrorAnswer(b"1\nrecord\n", immutable=True),
    (DATABASE, "tile/8/0/001"): MirrorAnswer(b"\0" * 32, True, "application/octet-stream"),
    ("db.example.org/tree/two", "supported"): MirrorAnswer(b"", immutable=False),
}


class World:
    def __init__(self) -> None:
        self.source = MemorySource(ANSWERS)
        self.mirror = MemoryMirror(MIRROR)
        self.problems: list[str] = []
        self.app = App(self.source, self.mirror, settings=Settings(instance="gate-1"), ready=self._ready)

    async def _ready(self) -> list[str]:
        return self.problems


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[World, Running]]:
    world = World()
    with Running(world.app) as server:
        yield world, server


@pytest.fixture
def world(served: tuple[World, Running]) -> World:
    world = served[0]
    world.app.memo.clear()
    world.problems = []
    world.source.stale = False
    world.source.asked.clear()
    return world


@pytest.fixture
def server(served: tuple[World, Running], world: World) -> Running:
    return served[1]


GOOD = [
    (f"{BASE}/list", "text/plain; charset=utf-8", b"v1.0.0\nv1.1.0\n"),
    ("/example.com/empty/@v/list", "text/plain; charset=utf-8", b""),
    ("/example.com/a/@latest", "application/json", b'{"Version":"v1.1.0"}'),
    (f"{BASE}/v1.0.0.info", "application/json", b'{"Version":"v1.0.0"}'),
    (f"{BASE}/v1.0.0.mod", "text/plain; charset=utf-8", MOD),
    (f"{BASE}/v1.0.0.zip", "application/zip", ZIP),
    (f"{BASE}/main.info", "application/json", ANSWERS["example.com/a/@v/main.info"]),
    ("/example.com/!upper/@v/v1.0.0.mod", "text/plain; charset=utf-8", b"module example.com/Upper\n"),
    ("/example.com/%21upper/@v/v1.0.0.mod", "text/plain; charset=utf-8", b"module example.com/Upper\n"),
    ("/example.com/cold/@v/v1.0.0.zip", "application/zip", b"a" * 10 + b"b" * 10),
    (f"/sumdb/{DATABASE}/supported", "text/plain; charset=utf-8", b""),
    (f"/sumdb/{DATABASE}/latest", "text/plain; charset=utf-8", b"go.sum database tree\n"),
    (f"/sumdb/{DATABASE}/lookup/example.com/!a@v1.0.0", "text/plain; charset=utf-8", b"1\nrecord\n"),
    (f"/sumdb/{DATABASE}/tile/8/0/001", "application/octet-stream", b"\0" * 32),
    ("/sumdb/db.example.org/tree/two/supported", "text/plain; charset=utf-8", b""),
    ("/cached-only/example.com/a/@v/v1.0.0.mod", "text/plain; charset=utf-8", MOD),
]


@pytest.mark.parametrize(("path", "content_type", "body"), GOOD)
def test_every_endpoint_answers_get_and_head_cold_and_hot(
    server: Running, path: str, content_type: str, body: bytes
) -> None:
    for _ in range(3):
        for method in ("HEAD", "GET"):
            reply = server.ask(path, method=method)
            assert (reply.status, reply.whole) == (200, True)
            assert reply.headers["content-type"] == content_type
            assert reply.headers["content-length"] == str(len(body))
            assert reply.headers["modgate-instance"] == "gate-1"
            assert reply.body == (body if method == "GET" else b"")


BAD = [
    ("/m/@v/foobar", 404),
    ("/example.com/a/@v/!!v1.0.0.info", 404),
    ("/foobar/@latest", 404),
    ("/example.com/Upper/@v/list", 404),
    ("/example.com/!F/@v/list", 404),
    ("/example.com/!!a/@v/list", 404),
    ("/example.com/a!/@v/list", 404),
    ("/example.com/a/@v/latest.info", 404),
    ("/example.com/a/@v/main.mod", 404),
    ("/example.com/a/@v/v2.0.0.zip", 404),
    ("/example.com/v2/@v/v1.0.0.zip", 404),
    ("/example.com/com1/@v/list", 404),
    ("/example.com/aux.foo/@v/list", 404),
    ("/example.com/z~0/@v/list", 404),
    ("/example.com/-a/@v/list", 404),
    ("/-example.com/a/@v/list", 404),
    ("/example.com/nothing/@v/list", 404),
    ("/example.com/gone/@v/list", 410),
    ("/example.com/a/@v/%00.info", 400),
    ("/example.com/a/@v/%2F..%2Fsecret.info", 400),
    ("/example.com%2Fa/@v/list", 400),
    ("/example.com/%5C../@v/list", 400),
    ("/example.com/../secret/@v/list", 400),
    ("/../../etc/passwd", 400),
    ("/example.com/%2e%2e/@v/list", 400),
    ("/example.com/a/@v/%zz.info", 400),
    ("/example.com/a/@v/%.info", 400),
    ("/example.com/%ff%fe/@v/list", 400),
    ("/example.com/%2521upper/@v/list", 404),
    ("/example.com//a/@v/list", 404),
    ("//example.com/a/@v/list", 404),
    ("/sumdb/evil.example.com/latest", 404),
    ("/sumdb/../latest", 400),
    (f"/sumdb/{DATABASE}/lookup/..%2f..%2fsecret", 400),
    (f"/sumdb/{DATABASE}/nothing", 404),
    (f"/sumdb/{DATABASE}", 404),
    ("/sumdb/", 404),
    ("/favicon.ico", 404),
    ("/healthz/", 404),
    ("/cached-only/", 404),
    ("/example.com/denied/@v/v1.0.0.zip", 403),
    ("/example.com/unknown/@v/v1.0.0.zip", 403),
    ("/example.com/login/@v/v1.0.0.zip", 401),
    ("/example.com/slow/@v/list", 504),
    ("/example.com/busy/@v/list", 503),
    ("/example.com/down/@v/list", 502),
    ("/example.com/full/@v/v1.0.0.zip", 507),
    ("/example.com/evil/@v/v1.0.0.zip", 502),
    ("/example.com/bug/@v/v1.0.0.zip", 500),
    ("/" + "a" * 9000 + ".com/@v/list", 400),
]


@pytest.mark.parametrize(("path", "status"), BAD, ids=lambda value: str(value)[:40])
def test_every_refusal_has_its_status_and_a_text_go_shows(server: Running, path: str, status: int) -> None:
    answer = server.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    got, headers, body = head_of(answer)
    assert got == status
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert 0 < len(body) <= 640
    text = body.decode("utf-8")
    assert len(text.splitlines()) <= 8
    assert not text.startswith("\n")
    assert all(char.isprintable() or char == "\n" for char in text)


NO_IO = [path for path, status in BAD if status == 400 and not path.startswith("/sumdb")]


@pytest.mark.parametrize("path", NO_IO, ids=lambda value: str(value)[:40])
def test_nonsense_never_reaches_a_source(server: Running, world: World, path: str) -> None:
    server.raw(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert world.source.asked == []


def test_a_long_path_is_not_reflected(server: Running) -> None:
    answer = server.raw(b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert b"xxxx" not in answer


def test_control_characters_of_an_upstream_are_visible_and_blank_lines_gone(server: Running) -> None:
    assert server.ask("/example.com/ansi/@v/list").body.startswith(b"red\\x1b[31m\nsecond\nthird\n")


def test_details_of_errors_reach_the_client(server: Running) -> None:
    assert server.ask("/example.com/busy/@v/list").headers["retry-after"] == "7"
    login = server.ask("/example.com/login/@v/v1.0.0.zip")
    assert login.headers["www-authenticate"] == 'Bearer realm="modgate"'
    assert b"ask security" in server.ask("/example.com/denied/@v/v1.0.0.zip").body


def test_an_internal_error_shows_only_the_request_id(server: Running) -> None:
    reply = server.ask("/example.com/bug/@v/v1.0.0.zip", headers={"X-Request-Id": "req-77"})
    assert b"secret" not in reply.body
    assert b"req-77" in reply.body
    assert reply.headers["x-request-id"] == "req-77"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_405(server: Running, world: World, method: str) -> None:
    reply = server.ask(f"{BASE}/v1.0.0.mod", method=method)
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD"
    assert world.source.asked == []


def test_head_asks_for_a_head_and_closes_a_cold_stream_unread(server: Running, world: World) -> None:
    stream = Stream([b"x" * 5], size=5)
    world.source.answers["example.com/head/@v/v1.0.0.zip"] = stream
    reply = server.ask("/example.com/head/@v/v1.0.0.zip", method="HEAD")
    assert (reply.status, reply.headers["content-length"]) == (200, "5")
    assert stream.sent == 0
    assert world.source.asked[-1][0].head


def test_queries_do_not_split_the_cache(server: Running, world: World) -> None:
    for query in ("", "?", "?a=1", "?go-get=1", "?a=1"):
        assert server.ask(f"{BASE}/v1.0.0.mod{query}").body == MOD
    assert len(world.source.asked) == 1


def test_hits_do_not_reach_the_source(server: Running, world: World) -> None:
    for path in (f"{BASE}/v1.0.0.mod", f"{BASE}/list"):
        world.source.asked.clear()
        replies = [server.ask(path) for _ in range(4)]
        assert len(world.source.asked) == 1
        assert [reply.headers["modgate-cache"] for reply in replies] == (
            ["hit"] * 4 if path.endswith("mod") else ["miss", "hit", "hit", "hit"]
        )


def test_only_the_canonical_spelling_is_remembered(server: Running, world: World) -> None:
    for _ in range(2):
        server.ask("/example.com/%21upper/@v/v1.0.0.mod")
    assert len(world.source.asked) == 2
    assert len(world.app.memo) == 0


def test_disable_module_fetch_reaches_the_source_and_is_not_remembered(server: Running, world: World) -> None:
    no_fetch = {"Disable-Module-Fetch": "true"}
    assert server.ask("/example.com/cold/@v/v1.0.0.zip", headers=no_fetch).status == 404
    assert server.ask("/cached-only/example.com/cold/@v/v1.0.0.zip").status == 404
    assert server.ask("/example.com/cold/@v/v1.0.0.zip").status == 200
    assert server.ask(f"{BASE}/list", headers=no_fetch).status == 200
    assert [ctx.fetch for ctx, _ in world.source.asked] == [False, False, True, False]
    assert len(world.app.memo) == 0


def test_the_source_learns_who_asked(server: Running, world: World) -> None:
    server.ask(f"{BASE}/v1.0.0.mod", headers={"X-Request-Id": "r1", "Modgate-Via": "other, third"})
    ctx = world.source.asked[-1][0]
    assert (ctx.consumer, ctx.request_id, ctx.via) == ("127.0.0.1", "r1", ("other", "third"))
    server.ask("/example.com/cold/@v/v1.0.0.zip", headers={"Modgate-Via": f"a b, ok, {'x' * 65}, (y)"})
    assert world.source.asked[-1][0].via == ("ok",)
    server.ask(f"{BASE}/v1.0.0.info", headers={"X-Forwarded-For": "6.6.6.6"})
    assert world.source.asked[-1][0].consumer == "127.0.0.1"


def test_a_request_that_came_through_this_gate_is_a_loop(server: Running, world: World) -> None:
    server.ask(f"{BASE}/v1.0.0.mod")
    world.source.asked.clear()
    reply = server.ask(f"{BASE}/v1.0.0.mod", headers={"Modgate-Via": "x, gate-1"})
    assert reply.status == 508
    assert b"loop" in reply.body
    assert world.source.asked == []


def test_what_is_stored_has_validators_hot_and_cold(server: Running) -> None:
    tag = f'"{hashlib.sha256(ZIP).hexdigest()}"'
    for _ in range(3):
        reply = server.ask(f"{BASE}/v1.0.0.zip")
        assert reply.headers["etag"] == tag
        assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert reply.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
        assert reply.headers["modgate-verified"] == "sumdb"
        assert server.ask(f"{BASE}/v1.0.0.zip", headers={"If-None-Match": tag}).status == 304
        part = server.ask(f"{BASE}/v1.0.0.zip", headers={"Range": "bytes=5-9"})
        assert (part.status, part.body) == (206, ZIP[5:10])
        assert server.ask(f"{BASE}/v1.0.0.zip", headers={"Range": "bytes=9999999-"}).status == 416
        assert server.ask(f"{BASE}/v1.0.0.zip", headers={"Range": "bytes=0-1,5-6"}).body == ZIP
    record = f"/sumdb/{DATABASE}/lookup/example.com/!a@v1.0.0"
    tag = server.ask(record).headers["etag"]
    assert server.ask(record, headers={"If-None-Match": tag}).status == 304


def test_a_cold_range_is_answered_whole(server: Running) -> None:
    reply = server.ask("/example.com/cold/@v/v1.0.0.zip", headers={"Range": "bytes=0-1"})
    assert (reply.status, len(reply.body)) == (200, 20)
    assert "accept-ranges" not in reply.headers
    assert "etag" not in reply.headers
    assert reply.headers["modgate-cache"] == "miss"


def test_a_stale_answer_says_so_and_is_asked_for_again(server: Running, world: World) -> None:
    world.source.stale = True
    for _ in range(2):
        reply = server.ask(f"{BASE}/list")
        assert reply.headers["modgate-cache"] == "stale"
        assert reply.headers["cache-control"] == "public, max-age=0"
    assert len(world.source.asked) == 2


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_rotten_blob_is_fetched_again_and_never_served(server: Running, world: World, size: int) -> None:
    rotten = MemoryBlob.of("r", b"g" * size)
    rotten.data = b"e" * size
    world.source.answers["example.com/rot/@v/v1.0.0.zip"] = rotten
    for headers in ({}, {"Range": "bytes=0-3"}):
        world.source.asked.clear()
        reply = server.ask("/example.com/rot/@v/v1.0.0.zip", headers=headers)
        assert reply.status == 502
        assert b"eee" not in reply.body
        assert len(world.source.asked) == 2


def test_health_is_about_being_alive_and_readiness_about_the_parts(server: Running, world: World) -> None:
    assert server.ask("/healthz").body == b"ok\n"
    good = server.ask("/readyz")
    assert (good.status, json.loads(good.body)) == (200, {"ready": True, "problems": []})
    world.problems = ["store: read-only"]
    bad = server.ask("/readyz")
    assert (bad.status, json.loads(bad.body)["problems"]) == (503, ["store: read-only"])
    assert server.ask("/healthz").status == 200


def test_hits_are_counted_whatever_way_they_take(server: Running, world: World) -> None:
    def hits() -> float:
        lines = server.ask("/metrics").text.splitlines()
        found = [line for line in lines if line.startswith('modgate_requests_total{kind="mod",result="hit"')]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    before = hits()
    for headers in ({}, {}, {}, {"X-Other": "slow way"}):
        server.ask(f"{BASE}/v1.0.0.mod", headers=headers)
    assert hits() == before + 4


def test_labels_never_come_from_clients(server: Running) -> None:
    for path in ("/evil.label/@v/v1.0.0.evil", "/sumdb/evil.label/latest", "/x.evil.label"):
        server.ask(path)
    assert "evil" not in server.ask("/metrics").text


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("", "Use it"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "使用"),
        ("en-US,zh;q=0.5", "Use it"),
        ("zh;q=0.1,en;q=0.9", "Use it"),
    ],
)
def test_the_page_says_how_to_use_this_address(server: Running, language: str, word: str) -> None:
    reply = server.ask("/", headers={"Accept-Language": language})
    assert word in reply.text
    assert f"go env -w GOPROXY={server.url}" in reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "http" not in reply.text.replace(server.url, "")


def test_the_page_shows_problems_escaped(server: Running, world: World) -> None:
    world.problems = ["<script>alert(1)</script>"]
    assert "<script>" not in server.ask("/").text
    assert "&lt;script&gt;" in server.ask("/").text


def test_without_a_mirror_the_go_command_is_sent_on() -> None:
    with Running(App(MemorySource({}))) as server:
        assert server.ask(f"/sumdb/{DATABASE}/supported").status == 404


def test_a_memo_that_is_given_is_the_one_that_is_used_although_it_is_empty() -> None:
    memo = Memo(clock=lambda: 0.0)
    assert App(MemorySource({}), memo=memo).memo is memo


def test_a_mount_prefix_moves_every_endpoint() -> None:
    app = App(MemorySource(ANSWERS), MemoryMirror(MIRROR), settings=Settings(mount="/go"))
    with Running(app) as server:
        for _ in range(3):
            assert server.ask(f"/go{BASE}/v1.0.0.mod").body == MOD
        for path in ("/go", "/go/", "/go/healthz", "/go/readyz", f"/go/sumdb/{DATABASE}/latest"):
            assert server.ask(path).status == 200
        assert f"GOPROXY={server.url}/go<" in server.ask("/go/").text
        for path in ("/", "/healthz", f"{BASE}/v1.0.0.mod", f"/gone{BASE}/list", "/go%2Fhealthz"):
            assert server.ask(path).status == 404
