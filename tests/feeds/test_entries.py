"""Lines of an index, good and bad."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.feeds.entries import SECOND, read_page, read_time, write_time

NOW = 1_790_000_000 * SECOND


def line(
    path: str = "example.com/lib", version: str = "v1.0.0", at: object = "2026-09-01T00:00:00Z"
) -> bytes:
    return json.dumps({"Path": path, "Version": version, "Timestamp": at}).encode() + b"\n"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2019-04-10T19:08:52.997264Z", 1_554_923_332_997_264_000),
        ("2019-04-10T12:08:52.997264-07:00", 1_554_923_332_997_264_000),
        ("2019-04-10t19:08:52.997264001z", 1_554_923_332_997_264_001),
        ("2019-04-10T19:08:52.9972640019Z", 1_554_923_332_997_264_001),
        ("2019-04-10T19:08:52.5+00:00", 1_554_923_332_500_000_000),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, at: int) -> None:
    assert read_time(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2019-04-10",
        "2019-04-10 19:08:52Z",
        "2019-04-10T19:08:52",
        "2019-13-10T19:08:52Z",
        "2019-04-10T25:08:52Z",
        "2019-04-10T19:08:60Z",
        "2019-04-10T19:08:52+99:00",
        "0000-04-10T19:08:52Z",
        "٢٠١٩-04-10T19:08:52Z",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


@given(st.integers(min_value=0, max_value=253_402_300_799 * SECOND))
def test_a_time_that_is_written_is_read_as_the_same(at: int) -> None:
    assert read_time(write_time(at)) == at


def test_times_beyond_what_can_be_written_are_held_to_it() -> None:
    assert write_time(-1) == "1970-01-01T00:00:00.000000000Z"
    assert write_time(10**30).startswith("9999-12-31")


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("example.com/Lib\u001b[31m", "v1.0.0"),
        ("../../etc", "v1.0.0"),
        ("example.com/lib", "latest"),
        ("example.com/lib", "v1"),
        ("example.com/lib/v2", "v3.0.0"),
        ("", ""),
        ("example.com/" + "x" * 5000, "v1.0.0"),
    ],
)
def test_what_go_would_refuse_is_passed_over_and_the_rest_is_read(path: str, version: str) -> None:
    page = read_page(line() + line(path, version, "2026-09-02T00:00:00Z") + line(), until=NOW)
    assert [str(entry.version) for entry in page.entries] == ["example.com/lib@v1.0.0"] * 2
    assert (page.lines, page.refused, page.fault) == (3, 1, "")


def test_the_time_of_a_refused_version_counts() -> None:
    page = read_page(line(version="nonsense"), until=NOW)
    assert page.entries == ()
    assert page.last == page.newest == read_time("2026-09-01T00:00:00Z")


@pytest.mark.parametrize(
    "at", ["2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "soon", "2018-12-31T23:59:59Z"]
)
def test_a_time_that_cannot_be_does_not_count(at: str) -> None:
    page = read_page(line(at=at), until=NOW)
    assert len(page.entries) == 1
    assert page.entries[0].at == page.last == page.newest == 0


def test_the_last_and_the_newest_time_are_told_apart() -> None:
    page = read_page(line(at="2026-09-05T00:00:00Z") + line(at="2026-09-03T00:00:00Z"), until=NOW)
    assert (write_time(page.last)[:10], write_time(page.newest)[:10]) == ("2026-09-03", "2026-09-05")


@pytest.mark.parametrize(
    "between",
    [b"<html>\n", b"[1]\n", b'{"Path":1,"Version":"v1.0.0","Timestamp":""}\n', b"[" * 100_000 + b"\n"],
)
def test_a_line_that_is_none_is_passed_over(between: bytes) -> None:
    page = read_page(line() + between + line(), until=NOW)
    assert (len(page.entries), page.refused, page.fault) == (2, 1, "")


def test_a_page_whose_last_line_is_cut_is_told() -> None:
    page = read_page(line() + line()[:-20], until=NOW)
    assert (len(page.entries), page.fault) == (1, "its page is cut")


@pytest.mark.parametrize(
    "body", [b"<!doctype html>\n<p>\n", b"\x00\xff" * 40, b"404 page not found", b"null\n"]
)
def test_what_is_no_index_is_told(body: bytes) -> None:
    page = read_page(body, until=NOW)
    assert (page.entries, page.newest, page.fault) == ((), 0, "its answer is no module index")


def test_an_empty_page_is_whole() -> None:
    assert read_page(b"", until=NOW).fault == ""
    assert read_page(b"\n \n", until=NOW).lines == 0


def test_the_same_line_has_the_same_mark_and_others_do_not() -> None:
    page = read_page(line() + line() + line(at="2026-09-01T00:00:01Z"), until=NOW)
    marks = [entry.mark for entry in page.entries]
    assert marks[0] == marks[1] != marks[2]


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    read_page(body, until=NOW)


@given(st.lists(st.sampled_from([line(), line(version="x"), line(at="2099-01-01T00:00:00Z"), b"{\n", b"\n"])))
def test_nothing_that_can_be_used_comes_from_beyond(lines: list[bytes]) -> None:
    page = read_page(b"".join(lines), until=NOW)
    assert 0 <= page.last <= page.newest <= NOW
    assert len(page.entries) + page.refused == page.lines
