"""Errors to HTTP: every row of the table, and texts the go command shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate import errors
from modgate.server.respond import error_response, error_text, status_of

TABLE: list[tuple[errors.ModgateError, int]] = [
    (errors.Invalid("no such endpoint"), 404),
    (errors.Invalid("nonsense", malformed=True), 400),
    (errors.Absent("not there"), 404),
    (errors.Absent("not there any more", gone=True), 410),
    (errors.Denied("by policy"), 403),
    (errors.Unverified("not in the database"), 403),
    (errors.Unauthenticated("who are you"), 401),
    (errors.Unavailable("down", kind="unreachable"), 502),
    (errors.Unavailable("nonsense", kind="bad-answer"), 502),
    (errors.Unavailable("busy", kind="overloaded"), 503),
    (errors.Unavailable("bye", kind="stopping"), 503),
    (errors.Unavailable("round", kind="loop"), 508),
    (errors.Unavailable("slow", kind="timeout"), 504),
    (errors.Unavailable("full", kind="storage-full"), 507),
    (errors.Tampered("other bytes"), 502),
]


@pytest.mark.parametrize(("error", "status"), TABLE, ids=lambda value: str(value).replace(" ", "-"))
def test_every_error_has_its_status(error: errors.ModgateError, status: int) -> None:
    assert status_of(error) == status
    assert error_response(error).status == status


def test_only_absent_and_invalid_are_not_found() -> None:
    """Anything else as 404 would let the go command fall through to the next proxy."""
    for error, status in TABLE:
        assert (status in {404, 410}) == isinstance(error, errors.Absent | errors.Invalid) or status == 400


def test_what_is_not_ours_is_500_and_never_shown() -> None:
    response = error_response(KeyError("secret-token"), "abc")
    assert response.status == 500
    assert isinstance(response.body, bytes)
    assert b"secret" not in response.body
    assert b"request abc" in response.body


def test_an_error_says_what_and_where_and_the_next_step_and_the_request() -> None:
    error = errors.Denied("withdrawn", where="example.com/a@v1.0.0", next_step="go get example.com/a@v1.0.1")
    assert error_response(error, "id1").body == (
        b"example.com/a@v1.0.0: withdrawn\ngo get example.com/a@v1.0.1\nrequest id1\n"
    )


def test_retry_after_is_rounded_up_and_at_least_a_second() -> None:
    for seconds, said in ((0.2, b"1"), (2.1, b"3"), (30, b"30")):
        headers = dict(error_response(errors.Unavailable("busy", retry_after=seconds)).headers)
        assert headers[b"retry-after"] == said
    assert b"retry-after" not in dict(error_response(errors.Unavailable("busy")).headers)


def test_401_names_the_scheme_and_nothing_else_from_the_error() -> None:
    assert dict(error_response(errors.Unauthenticated("x", scheme="Bearer")).headers)[
        b"www-authenticate"
    ] == (b'Bearer realm="modgate"')
    evil = errors.Unauthenticated("x", scheme="A\r\nSet-Cookie: b")
    assert dict(error_response(evil).headers)[b"www-authenticate"] == b'Basic realm="modgate"'


@given(st.lists(st.text(max_size=900), max_size=12), st.text(alphabet="0123456789abcdef", max_size=16))
def test_every_text_is_one_the_go_command_shows(lines: list[str], request_id: str) -> None:
    last = f"request {request_id}" if request_id else ""
    text = error_text(lines, last=last)
    assert len(text) <= 640
    decoded = text.decode("utf-8")
    shown = decoded.split("\n")
    assert shown.pop() == ""
    assert len(shown) <= 8
    assert all(line.strip() for line in shown)
    assert all(char.isprintable() for line in shown for char in line)
    if last:
        assert shown[-1] == last


def test_escape_sequences_become_visible() -> None:
    assert error_text(["a\x1b[31mred\x07\u202e"]) == b"a\\x1b[31mred\\x07\\u202e\n"


def test_texts_are_plain_and_never_cached() -> None:
    headers = dict(error_response(errors.Absent("x")).headers)
    assert headers[b"content-type"] == b"text/plain; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"


def test_an_upstreams_own_words_about_absence_are_all_a_client_is_shown() -> None:
    error = errors.Absent("404 page not found", where="https://proxy.example/x", verbatim=True)
    assert error_response(error, "abc").body == b"404 page not found\n"
    assert b"abc" in bytes(error_response(errors.Absent("not here"), "abc").body)  # type: ignore[arg-type]
