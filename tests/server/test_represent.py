"""Validators, freshness, ranges and conditions."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from modgate.model.twins import MemoryBlob
from modgate.server.represent import Representation, respond

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA = bytes(range(256)) * 4
SHA = hashlib.sha256(DATA).hexdigest()
ETAG = f'"{SHA}"'.encode()
STORED = 1_700_000_000.5
DATE = b"Tue, 14 Nov 2023 22:13:20 GMT"


def stored() -> Representation:
    blob = MemoryBlob.of("k", DATA, stored_at=STORED)
    return Representation(
        b"application/zip", blob, len(DATA), [(b"modgate-verified", b"sumdb")], True, SHA, STORED
    )


def mutable(age: float, rest: float | None) -> Representation:
    return Representation(b"text/plain", b"v1.0.0\n", 7, [], False, age=age, rest=rest)


async def body_of(
    rep: Representation, headers: dict[bytes, bytes], *, head: bool = False
) -> tuple[int, bytes]:
    response = respond(rep, headers, head=head)
    if isinstance(response.body, bytes):
        return response.status, response.body
    return response.status, b"".join([piece async for piece in response.body])


RANGES = [
    (b"bytes=0-0", 206, DATA[:1], b"bytes 0-0/1024"),
    (b"bytes=10-19", 206, DATA[10:20], b"bytes 10-19/1024"),
    (b"bytes=1000-", 206, DATA[1000:], b"bytes 1000-1023/1024"),
    (b"bytes=1000-99999", 206, DATA[1000:], b"bytes 1000-1023/1024"),
    (b"bytes=-24", 206, DATA[-24:], b"bytes 1000-1023/1024"),
    (b"bytes=-99999", 206, DATA, b"bytes 0-1023/1024"),
    (b"bytes=1024-", 416, b"", b"bytes */1024"),
    (b"bytes=5000-6000", 416, b"", b"bytes */1024"),
    (b"bytes=-0", 416, b"", b"bytes */1024"),
    (b"bytes=0-1,3-4", 200, DATA, None),
    (b"bytes=0-1, 3-4", 200, DATA, None),
    (b"bytes=5-2", 200, DATA, None),
    (b"bytes=-", 200, DATA, None),
    (b"bytes=a-b", 200, DATA, None),
    (b"lines=0-1", 200, DATA, None),
    (b"bytes=" + b"9" * 40 + b"-", 200, DATA, None),
    (b"", 200, DATA, None),
]


@pytest.mark.parametrize(("asked", "status", "body", "content_range"), RANGES)
async def test_ranges_of_a_stored_object(
    asked: bytes, status: int, body: bytes, content_range: bytes | None
) -> None:
    response = respond(stored(), {b"range": asked}, head=False)
    assert response.status == status
    assert dict(response.headers).get(b"content-range") == content_range
    assert await body_of(stored(), {b"range": asked}) == (status, body)
    assert response.size == len(body)


CONDITIONS: list[tuple[dict[bytes, bytes], int]] = [
    ({b"if-none-match": ETAG}, 304),
    ({b"if-none-match": b"W/" + ETAG}, 304),
    ({b"if-none-match": b'"other", ' + ETAG}, 304),
    ({b"if-none-match": b"*"}, 304),
    ({b"if-none-match": b'"other"'}, 200),
    ({b"if-none-match": b'"other"', b"if-modified-since": DATE}, 200),
    ({b"if-modified-since": DATE}, 304),
    ({b"if-modified-since": b"Wed, 15 Nov 2023 22:13:20 GMT"}, 304),
    ({b"if-modified-since": b"Mon, 13 Nov 2023 22:13:20 GMT"}, 200),
    ({b"if-modified-since": b"yesterday"}, 200),
    ({b"if-modified-since": b"Tue, 14 Nov 99999999999999 22:13:20 GMT"}, 200),
    ({b"range": b"bytes=0-1", b"if-range": ETAG}, 206),
    ({b"range": b"bytes=0-1", b"if-range": b"W/" + ETAG}, 200),
    ({b"range": b"bytes=0-1", b"if-range": b'"other"'}, 200),
    ({b"range": b"bytes=0-1", b"if-range": DATE}, 206),
    ({b"range": b"bytes=0-1", b"if-range": b"Wed, 15 Nov 2023 22:13:20 GMT"}, 200),
    ({b"range": b"bytes=0-1", b"if-none-match": ETAG}, 304),
]


@pytest.mark.parametrize(("headers", "status"), CONDITIONS)
async def test_conditions_on_a_stored_object(headers: dict[bytes, bytes], status: int) -> None:
    response = respond(stored(), headers, head=False)
    assert response.status == status
    if status == 304:
        assert response.body == b""
        assert dict(response.headers)[b"etag"] == ETAG


def test_what_never_changes_says_so() -> None:
    headers = dict(stored().headers())
    assert headers[b"cache-control"] == b"public, max-age=31536000, immutable"
    assert headers[b"etag"] == ETAG
    assert headers[b"last-modified"] == DATE
    assert headers[b"accept-ranges"] == b"bytes"
    assert headers[b"modgate-verified"] == b"sumdb"


@pytest.mark.parametrize(
    ("age", "rest", "said"),
    [
        (0.0, 60.0, b"public, max-age=60"),
        (20.0, 40.0, b"public, max-age=60"),
        (0.0, 600.0, b"public, max-age=60"),
        (500.0, 100.0, b"public, max-age=560"),
        (100.0, 0.0, b"public, max-age=100"),
        (0.0, None, b"no-cache"),
    ],
)
def test_what_changes_is_fresh_for_a_minute_at_most(age: float, rest: float | None, said: bytes) -> None:
    headers = dict(mutable(age, rest).headers())
    assert headers[b"cache-control"] == said
    assert headers.get(b"age") == (None if rest is None else str(int(age)).encode())
    assert b"etag" not in headers


@pytest.mark.parametrize("headers", [{b"range": b"bytes=0-1"}, {b"if-none-match": b"*"}])
async def test_what_changes_is_always_answered_whole(headers: dict[bytes, bytes]) -> None:
    assert await body_of(mutable(0, 60), headers) == (200, b"v1.0.0\n")


async def test_a_stream_is_never_cut_into_ranges() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"abc"

    rep = Representation(b"application/zip", stream(), 3, [], True)
    assert b"accept-ranges" not in dict(rep.headers())
    assert await body_of(rep, {b"range": b"bytes=0-1"}) == (200, b"abc")


@pytest.mark.parametrize("wanted", [b"bytes=" + b" " * 60_000 + b"x", b"bytes=1-" + b" " * 60_000 + b"x"])
def test_a_range_full_of_blanks_is_read_once_and_not_in_every_split(wanted: bytes) -> None:
    # Read in every split, these would take some ten seconds each, in which nobody is served.
    assert respond(stored(), {b"range": wanted}, head=False).status == 200


def test_head_ignores_ranges() -> None:
    response = respond(stored(), {b"range": b"bytes=0-1"}, head=True)
    assert (response.status, response.size) == (200, len(DATA))
