from __future__ import annotations

import pytest

from modgate.errors import Unavailable
from modgate.gomod import module
from modgate.gomod.versionlist import MAX_LIST, encode_list, parse_list

PATH = module.check_path("x.y/z")


@pytest.mark.parametrize(
    ("data", "versions"),
    [
        (b"", ()),
        (b"\n \r\n", ()),
        (b"v1.10.0\nv1.9.0\n", ("v1.9.0", "v1.10.0")),
        (b"v1.0.0\r\nv1.0.0\r\n", ("v1.0.0",)),
        (b"v1.0.0 2024-01-01T00:00:00Z\n\tv0.1.0", ("v0.1.0", "v1.0.0")),
        (b"v1.0.0\nv1\nv1.2\nv1.2.3+meta\nnonsense\nV1.3.0", ("v1.0.0",)),
        (b"v1.0.0\nv1.0.1-0.20240101000000-abcdef123456\n", ("v1.0.0",)),
        (b"v0.0.0-20240101000000-abcdef123456\n", ()),
        (b"v1.0.0\nv2.0.0\nv2.0.0+incompatible\nv1.0.1+incompatible", ("v1.0.0", "v2.0.0+incompatible")),
    ],
)
def test_a_list_holds_the_tagged_versions_of_its_path(data: bytes, versions: tuple[str, ...]) -> None:
    assert parse_list(data, PATH) == versions
    assert parse_list(encode_list(versions), PATH) == versions


def test_a_list_keeps_to_the_major_version_of_its_path() -> None:
    path = module.check_path("x.y/z/v2")
    assert parse_list(b"v1.0.0\nv2.1.0\nv3.0.0\nv2.0.0+incompatible", path) == ("v2.1.0",)


def test_the_longest_list_that_is_read() -> None:
    assert parse_list(b"v1.0.0".ljust(MAX_LIST), PATH) == ("v1.0.0",)


def test_versions_stand_one_a_line() -> None:
    assert encode_list(["v1.0.0", "v1.1.0"]) == b"v1.0.0\nv1.1.0\n"
    assert encode_list([]) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"<html>v1.0.0</html>",
        b"\n <!DOCTYPE html>\nv1.0.0\n",
        b"PK\x03\x04v1.0.0",
        b"v1.0.0\n\x00",
        b"v1.0.0\n\xff",
        b"not found: v1.0.0",
        b'{"error": "login"}',
        b"v1.0.0\n" * (MAX_LIST // 7 + 1),
    ],
    ids=["html", "page", "zip", "nul", "latin-1", "prose", "json", "long"],
)
def test_what_is_no_list_is_a_broken_source_and_never_an_empty_module(data: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        parse_list(data, PATH)
    assert caught.value.kind == "bad-answer"
