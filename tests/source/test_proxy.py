"""An upstream proxy's answers: what is not what was asked for is broken, never absent, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modgate.errors import Absent, Denied, Unavailable
from modgate.gomod.protocol import Kind, checked
from modgate.model import Context
from modgate.source.proxy import MAX_ZIP, ProxySource
from modgate.transport.memory import MemoryStream, MemoryUpstream
from tests.support.sources import read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CTX = Context()
PATH = "example.test/m"
REQUESTS = {
    "list": checked(Kind.LIST, PATH),
    "latest": checked(Kind.LATEST, PATH),
    "info": checked(Kind.INFO, PATH, "v1.0.0"),
    "mod": checked(Kind.MOD, PATH, "v1.0.0"),
    "zip": checked(Kind.ZIP, PATH, "v1.0.0"),
    "query": checked(Kind.QUERY, PATH, "main"),
}
HTML = b"<!doctype html><html><title>Sign in</title></html>\n"


def source(kind: str, body: bytes | Exception) -> ProxySource:
    return ProxySource(MemoryUpstream("http://upstream", {REQUESTS[kind].url_path: body}))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("list", HTML),
        ("list", b"Please sign in\n"),
        ("list", b"\x00\x01"),
        ("latest", HTML),
        ("latest", b"{}"),
        ("latest", b""),
        ("latest", b'{"Version":"main"}'),
        ("info", HTML),
        ("info", b'{"Version":"v1.0.1"}'),
        ("info", b'{"Version":"v1.0.0","version":"v1.0.1"}'),
        ("info", b'["v1.0.0"]'),
        ("query", HTML),
        ("query", b'{"Version":""}'),
        ("mod", HTML),
        ("mod", b"Please sign in\n"),
        ("mod", b'{"error":"nope"}\n'),
        ("mod", b"\x00\x01\x02"),
        ("mod", b"module example.test/m\nrequire (\n"),
    ],
)
async def test_a_body_that_is_not_what_was_asked_for_is_broken(kind: str, body: bytes) -> None:
    with pytest.raises(Unavailable, match="a broken answer") as caught:
        await source(kind, body).fetch(CTX, REQUESTS[kind])
    assert caught.value.kind == "bad-answer"
    assert caught.value.where == f"http://upstream/{REQUESTS[kind].url_path}"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("list", b"", b""),
        ("list", b"v1.1.0\nv1.0.0 extra\n", b"v1.0.0\nv1.1.0\n"),
        ("latest", b'{"Version":"v1.0.0"}', None),
        ("info", b'{"Version":"v1.0.0","Time":"2024-05-06T07:08:09Z"}', None),
        ("query", b'{"Version":"v0.0.0-20240506070809-0123456789ab"}', None),
        ("mod", b"module example.test/m\nnewword x\n", None),
        ("mod", b"", None),
        ("mod", b"require example.test/a v1.0.0\n", None),
        ("zip", b"PK", None),
    ],
)
async def test_a_good_body_is_passed_on(kind: str, body: bytes, expected: bytes | None) -> None:
    answer = await source(kind, body).fetch(CTX, REQUESTS[kind])
    assert await read(answer) == (body if expected is None else expected)


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("error", [Absent("no"), Denied("no"), Unavailable("no")], ids=repr)
async def test_the_upstreams_errors_pass_unchanged(kind: str, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        await source(kind, error).fetch(CTX, REQUESTS[kind])
    assert caught.value is error


async def test_head_of_a_zip_and_a_mod_asks_for_the_head_only() -> None:
    for kind in ("mod", "zip"):
        answer = await source(kind, b"x" * 77).fetch(Context(head=True), REQUESTS[kind])
        assert answer.size == 77
        assert not isinstance(answer.body, bytes)


class _Zip(MemoryStream):
    """A zip's stream that says what the test wants of itself, and whether it was closed."""

    def __init__(self, *, size: int | None, kind: str = "", piece: int = 0) -> None:
        super().__init__(b"zip")
        self.size = size
        self.content_type = kind
        self.piece = piece
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        block = bytes(self.piece)
        while True:
            yield block

    async def aclose(self) -> None:
        self.closed = True


class _Zips(MemoryUpstream):
    def __init__(self, stream: _Zip) -> None:
        super().__init__("http://upstream")
        self.stream = stream

    async def open(self, ctx: Context, path: str) -> MemoryStream:  # noqa: ARG002  the protocol's
        return self.stream


@pytest.mark.parametrize(
    "stream",
    [
        _Zip(size=MAX_ZIP + 1),
        _Zip(size=100, kind="text/html"),
        _Zip(size=None, kind="application/json"),
    ],
    ids=["too long", "a page", "json"],
)
async def test_a_zip_that_cannot_be_one_is_refused_by_its_head_and_closed(stream: _Zip) -> None:
    with pytest.raises(Unavailable) as caught:
        await ProxySource(_Zips(stream)).fetch(CTX, REQUESTS["zip"])
    assert caught.value.kind == "bad-answer"
    assert stream.closed


async def test_a_zip_of_unknown_length_ends_at_the_limit_of_go() -> None:
    stream = _Zip(size=None, piece=64 << 20)
    answer = await ProxySource(_Zips(stream)).fetch(CTX, REQUESTS["zip"])
    got = 0

    async def consume() -> None:
        nonlocal got
        async for piece in answer.body:  # type: ignore[union-attr]
            got += len(piece)

    with pytest.raises(Unavailable, match="larger than the limit"):
        await consume()
    assert got <= MAX_ZIP
    assert stream.closed


async def test_the_operator_may_set_a_lower_limit_and_never_a_higher_one() -> None:
    for given, limit in ((1000, 1000), (MAX_ZIP * 2, MAX_ZIP)):
        proxy = ProxySource(_Zips(_Zip(size=limit + 1)), max_zip=given)
        with pytest.raises(Unavailable, match=f"more than the limit of {limit}"):
            await proxy.fetch(CTX, REQUESTS["zip"])
        proxy = ProxySource(_Zips(_Zip(size=limit)), max_zip=given)
        assert (await proxy.fetch(CTX, REQUESTS["zip"])).size == limit


async def test_a_zip_that_nobody_read_gives_its_connection_back() -> None:
    stream = _Zip(size=10)
    answer = await ProxySource(_Zips(stream)).fetch(CTX, REQUESTS["zip"])
    await answer.body.aclose()  # type: ignore[union-attr]
    assert stream.closed
