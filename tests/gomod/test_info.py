from __future__ import annotations

import json

import pytest

from modgate.errors import Unavailable
from modgate.gomod import module
from modgate.gomod.info import MAX_INFO, Info, encode_info, is_rfc3339, parse_info

PATH = module.check_path("x.y/z")
V1 = module.check(PATH, "v1.0.0").version


def test_an_info_is_read_and_written() -> None:
    data = (
        b'{"Version":"v1.0.0","Time":"2024-02-29T12:00:00Z",'
        b'"Origin":{"VCS":"git","URL":"https://x.y/z","Hash":"ab"}}'
    )
    info = parse_info(data, asked="v1.0.0", path=PATH)
    assert info == Info(V1, "2024-02-29T12:00:00Z", {"VCS": "git", "URL": "https://x.y/z", "Hash": "ab"})
    assert encode_info(info) == data


@pytest.mark.parametrize(
    "data",
    [b'{"Version":"v1.0.0"}', b' {"version":"v1.0.0","TIME":null,"Origin":null,"Name":"x","Short":"y"}\n'],
)
def test_only_the_version_is_needed(data: bytes) -> None:
    assert parse_info(data, asked=None) == Info(V1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"<!DOCTYPE html><html>login</html>", "HTML"),
        (b" \n<html>", "HTML"),
        (b"not found", "not JSON"),
        (b'{"Version":"v1.0.0"', "not JSON"),
        (b'{"Version":"v1.0.0"}{}', "not JSON"),
        (b'\xef\xbb\xbf{"Version":"v1.0.0"}', "not JSON"),
        ('{"Version":"v1.0.0"}'.encode("utf-16"), "not JSON"),
        (b'{"Version":"v1.0.0","x":"\xff"}', "not JSON"),
        (b'{"Version":"v1.0.0","x":NaN}', "not JSON"),
        (b'{"Version":"v1.0.0","Version":"v1.0.1"}', "each key once"),
        (b'{"Version":"v1.0.0","version":"v1.0.1"}', "each key once"),
        (b"[" * 100_000, "not JSON"),
        (b'{"x":' * 100_000, "not JSON"),
        (b'{"Version":"v1.0.0","x":' + b"9" * 5000 + b"}", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "no full version"),
        (b'{"Version":""}', "no full version"),
        (b'{"Version":1}', "no full version"),
        (b'{"Version":"v1"}', "no full version"),
        (b'{"Version":"v1.0.0+meta"}', "no full version"),
        (b'{"Version":"v1.0.0\\n"}', "no full version"),
        (b'{"Version":"v1.0.1"}', 'about "v1.0.1"'),
        (b'{"Version":"v1.0.0","Time":""}', "RFC 3339"),
        (b'{"Version":"v1.0.0","Time":"yesterday"}', "RFC 3339"),
        (b'{"Version":"v1.0.0","Time":0}', "RFC 3339"),
        (b'{"Version":"v1.0.0","Origin":"git"}', "Origin"),
        (b'{"Version":"v1.0.0"}' + b" " * MAX_INFO, "longer"),
    ],
)
def test_what_is_no_info_is_a_broken_source_and_never_absence(data: bytes, says: str) -> None:
    with pytest.raises(Unavailable) as caught:
        parse_info(data, asked="v1.0.0")
    assert caught.value.kind == "bad-answer"
    assert says in str(caught.value)


@pytest.mark.parametrize("version", ["v2.0.0", "v3.0.0-pre"])
def test_a_version_of_another_major_version_is_a_broken_answer(version: str) -> None:
    with pytest.raises(Unavailable):
        parse_info(json.dumps({"Version": version}).encode(), asked=None, path=PATH)


def test_the_longest_info_that_is_read() -> None:
    assert parse_info(b'{"Version":"v1.0.0"}'.ljust(MAX_INFO), asked=None) == Info(V1)


def test_a_lone_surrogate_does_not_break_writing() -> None:
    info = parse_info(b'{"Version":"v1.0.0","Origin":{"Ref":"\\ud800"}}', asked=None)
    assert parse_info(encode_info(info), asked="v1.0.0").version == "v1.0.0"


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ("2024-02-29T23:59:59Z", True),
        ("2024-02-29T23:59:59.123456789+05:30", True),
        ("2023-02-29T00:00:00Z", False),
        ("2024-13-01T00:00:00Z", False),
        ("2024-01-01T24:00:00Z", False),
        ("2024-01-01T00:00:60Z", False),
        ("2024-01-01T00:00:00", False),
        ("2024-01-01 00:00:00Z", False),
        ("2024-01-01t00:00:00z", False),
        ("2024-01-01T00:00:00,5Z", False),
        ("2024-01-01T00:00:00Z\n", False),
        ("٢٠٢٤-01-01T00:00:00Z", False),
    ],
)
def test_times_are_rfc_3339(text: str, ok: bool) -> None:
    assert is_rfc3339(text) == ok
