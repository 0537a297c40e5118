"""Sizes, durations, addresses, stores: every form that is promised, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modgate.config.values import (
    Listen,
    StoreSpec,
    parse_duration,
    parse_list,
    parse_listen,
    parse_prefix,
    parse_size,
    parse_store,
    redact,
)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1048576, 1 << 20),
        ("1048576", 1 << 20),
        ("512MiB", 512 << 20),
        ("512 mib", 512 << 20),
        ("2g", 2 << 30),
        ("1.5GB", 1_500_000_000),
        ("0", 0),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_a_size_is_bytes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize("written", ["", "many", "5 parsecs", "-1", True, None, 1.5, "1e3"])
def test_nonsense_is_no_size(written: object) -> None:
    with pytest.raises(ValueError, match="a size is"):
        parse_size(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (30, 30.0),
        ("30", 30.0),
        ("30s", 30.0),
        ("1m30s", 90.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
    ],
)
def test_a_duration_is_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "s", "-5s", "5 minutes", "1m 30s", True, None, "30s!"])
def test_nonsense_is_no_duration(written: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("written", "host", "port", "loopback"),
    [
        ("127.0.0.1:3000", "127.0.0.1", 3000, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:0", "::1", 0, True),
        (":3000", "0.0.0.0", 3000, False),
        ("3000", "127.0.0.1", 3000, True),
        (3000, "127.0.0.1", 3000, True),
        ("10.0.0.1:80", "10.0.0.1", 80, False),
        ("[::]:80", "::", 80, False),
        ("gate.example:443", "gate.example", 443, False),
    ],
)
def test_an_address_says_whether_others_can_connect(
    written: object, host: str, port: int, loopback: bool
) -> None:
    listen = parse_listen(written)
    assert (listen.host, listen.port, listen.loopback) == (host, port, loopback)
    assert parse_listen(str(listen)) == listen


@pytest.mark.parametrize("written", ["unix:/run/modgate.sock", "unix:///run/modgate.sock"])
def test_a_unix_socket_is_an_address_of_this_machine(written: str) -> None:
    listen = parse_listen(written)
    assert listen == Listen(socket=Path("/run/modgate.sock"))
    assert listen.loopback
    assert str(listen) == "unix:/run/modgate.sock"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "localhost",
        "::1:3000",
        "[::1",
        "127.0.0.1:65536",
        "a b:1",
        "http://x:1",
        "unix:",
        ":x",
        "[x]:1",
        True,
    ],
)
def test_nonsense_is_no_address(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_listen(written)


def test_a_store_is_a_folder_or_memory() -> None:
    assert parse_store("/data") == StoreSpec(Path("/data"))
    assert parse_store("file:///data") == StoreSpec(Path("/data"))
    assert parse_store("~/x").path == Path("~/x").expanduser()
    assert parse_store("memory:") == parse_store("memory") == StoreSpec(None, 1 << 30)
    assert parse_store(str(parse_store("memory:2GiB"))).limit == 2 << 30
    assert parse_store("memory:1MiB") == StoreSpec(None, 1 << 20)


@pytest.mark.parametrize("written", ["", "s3://bucket", "memory:lots", "memory:0", None])
def test_nonsense_is_no_store(written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_store(written)


@pytest.mark.parametrize(("written", "prefix"), [("", ""), ("/", ""), ("go", "/go"), ("/a/b/", "/a/b")])
def test_a_prefix_starts_with_a_slash_and_ends_without(written: str, prefix: str) -> None:
    assert parse_prefix(written) == prefix


@pytest.mark.parametrize("written", ["/a b", "/../x", "/a//b", "/%2e", "http://x", 3])
def test_a_prefix_is_a_plain_path(written: object) -> None:
    with pytest.raises(ValueError, match="a URL path"):
        parse_prefix(written)


def test_a_list_is_written_as_a_list_or_with_commas() -> None:
    assert parse_list("a, b,,c ") == ("a", "b", "c")
    assert parse_list(["a", " ", "b"]) == ("a", "b")
    with pytest.raises(ValueError, match="a list of texts"):
        parse_list([1])


_WORD = st.text(
    st.characters(codec="ascii", exclude_characters="/@", categories=["L", "N", "P", "Zs"]), min_size=1
)


@given(user=_WORD, password=_WORD)
def test_no_part_of_a_password_survives_redaction(user: str, password: str) -> None:
    secret = f"{user}:{password}#secret"
    assert redact(f"a,https://{secret}@host/x|direct") == "a,https://***@host/x|direct"


def test_a_password_with_an_at_sign_is_redacted_wholly() -> None:
    assert redact("https://u:p@ss w@rd@host/x") == "https://***@host/x"
